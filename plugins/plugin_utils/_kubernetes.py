# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster. The modules of the collection kubernetes.core read and change it from the managed host."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._backends.api_answer import CONFLICT, code, complaint
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused
from ansible_collections.incident.response.plugins.module_utils._backends.deployment import Thing

Run = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Runs a module with its arguments on the host, and returns its result."""

_PATIENCE = 60.0  # the timeout of one call in seconds: the modules themselves would wait for ever


class Failed(Refused):
    """The cluster did not carry out a request. `refused`: it rejected the request, so nothing has changed. `conflict`: somebody else was faster."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.refused, self.conflict = 400 <= status < 500, status == CONFLICT


class Cluster:
    """One namespace of the cluster, selected by the options `context` and `kubeconfig`. All methods raise Failed."""

    def __init__(self, run: Run, options: Mapping[str, Any], host: str) -> None:
        self._run, self._host, self._namespace = run, host, options["namespace"]
        self._access = {key: options[key] for key in ("context", "kubeconfig") if options[key]}

    def find(self, kind: str, api_version: str = "apps/v1", *, name: str = "", labels: Sequence[str] = ()) -> list[dict[str, Any]]:
        """All objects of that kind, or those with that name or these labels."""
        wanted = {"kind": kind, "api_version": api_version, "namespace": self._namespace, **({"name": name} if name else {})}
        answer = self._ask("k8s_info", {**wanted, "label_selectors": list(labels)})
        if not answer.get("api_found", True):
            raise Failed(f"The cluster has no {kind} of {api_version}: what answers there is no Kubernetes API, or too old a one")
        found: list[dict[str, Any]] = answer["resources"]
        return found

    def replace(self, thing: Thing) -> None:
        """Replace the object with the same name and resourceVersion."""
        self._ask("k8s", {"resource_definition": dict(thing), "force": True})

    def merge(self, part: Thing) -> None:
        """Merge the change into the existing object."""
        self._ask("k8s", {"resource_definition": dict(part), "state": "patched"})

    def scale(self, deployment: str, *, before: int, then: int, timeout: float) -> bool:
        """Scale from `before` to `then` pods and wait for them. Returns whether the number was `before`. Pods that don't become ready are no
        failure."""
        wanted = {"kind": "Deployment", "api_version": "apps/v1", "namespace": self._namespace, "name": deployment}
        wait = {"wait": True, "wait_timeout": max(1, int(timeout)), "wait_sleep": 1}
        answer = self._run_in_time("k8s_scale", {**wanted, "replicas": then, "current_replicas": before, **wait}, _PATIENCE + timeout)
        if answer.get("failed") and "Resource scaling timed out" not in str(answer.get("msg")):
            raise self._failed(answer)
        return bool(answer.get("failed") or answer.get("changed"))

    def has_file(self, path: str) -> bool:
        """Whether the host has the file."""
        answer = self._run_in_time("ansible.builtin.stat", {"path": path, "get_checksum": False}, _PATIENCE)
        if answer.get("failed"):
            raise Failed(f"{path} on {self._host} can't be looked at: {answer.get('msg')}")
        return bool(answer["stat"]["exists"])

    def _ask(self, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self._run_in_time(module, arguments, _PATIENCE)
        if answer.get("failed"):
            raise self._failed(answer)
        return answer

    def _failed(self, answer: Mapping[str, Any]) -> Failed:
        return Failed(complaint(answer, self._host), code(answer))

    def _run_in_time(self, module: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any]:
        ours = "." not in module
        try:
            with _deadline(seconds):
                return self._run(f"kubernetes.core.{module}" if ours else module, {**arguments, **(self._access if ours else {})})
        except _TooLateError:
            text = f"The cluster gave no answer to {self._host} within {seconds:.0f} s. Check that it is up, and the way to it"
            raise Failed(text) from None


class _TooLateError(BaseException):
    """Not an Exception, so that no other code handles it as a connection failure and retries."""


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises _TooLateError in the body after that time. A timer of the task itself continues afterwards."""

    def over(_number: int, _frame: object) -> None:
        raise _TooLateError

    begun, handler = time.monotonic(), signal.signal(signal.SIGALRM, over)
    left, dummy = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - begun)))
