# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._backends import backend, rollout
from ansible_collections.incident.response.plugins.module_utils._backends import deployment as versions
from ansible_collections.incident.response.plugins.module_utils._backends.backend import State
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.plugin_utils import _controller_action
from ansible_collections.incident.response.plugins.plugin_utils._kubernetes import Cluster, Failed

_UNTOUCHED = "Nothing was touched."
_DELAY = 0.5  # seconds between two looks at a rollout
_TRIES = 5  # at a change, while the Deployment's status changes


@dataclass(slots=True)
class _Asked:
    params: dict[str, Any]
    check_mode: bool


class ActionModule(_controller_action.ControllerAction):
    """Decides on the controller, and runs modules of kubernetes.core on the host."""

    SPEC: ClassVar = {
        **backend.SPEC,
        "what": {"type": "str", "choices": ["version", "replicas", "restart"], "required": True},
        "deployment": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "default"},
        "container": {"type": "str", "default": ""},
        "context": {"type": "str"},
        "kubeconfig": {"type": "str"},
        "timeout": {"type": "float", "default": 300},
        "steady_for": {"type": "float", "default": 3},
        "force": {"type": "bool", "default": False},
        "migration_marker": {"type": "str", "default": "MIGRATION_PENDING"},
        "force_migrations": {"type": "bool", "default": False},
    }
    RULES: ClassVar = {"mutually_exclusive": backend.RULES["mutually_exclusive"]}
    _requires_connection = True

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        self._variables = variables
        host = str(variables.get("inventory_hostname", "this host"))
        if not self._shared_loader_obj.module_loader.find_plugin_with_context("kubernetes.core.k8s_info").resolved:
            need = "The backend kubernetes needs the collection kubernetes.core on the controller"
            raise _controller_action.Refused(f"{need}. {_UNTOUCHED} Install it: ansible-galaxy collection install kubernetes.core")
        service = Service(Cluster(self._module, params, host), params)
        try:
            return work(service, _Asked(params, self.check))
        except (backend.Refused, versions.NoWay) as error:
            text, touched = str(error), service.touched
            left = {} if self.check or not (params["wanted"] or params["what"] == "restart") else self._left(service, params, text)
            end = "It may have been changed" if touched else _UNTOUCHED.rstrip(".")
            raise _controller_action.Refused(text if _UNTOUCHED in text else f"{text}. {end}.", **left) from None

    def _left(self, service: Service, params: dict[str, Any], why: str) -> dict[str, Any]:
        """The state after a failed change, as far as the cluster reports it."""
        try:
            service.stale = True
            state = Template(service, params).look() if params["what"] == "version" else {}
            return service.seen({"state": {"replicas": rollout.replicas(service.deployment)} if params["what"] == "replicas" else state}, "")
        except (backend.Refused, versions.NoWay):
            return {"state": {}, "healthy": None, "exists": True, "instance": "", "detail": why, "evidence": ""}

    def _module(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run a module on the host. Its arguments may contain a pod's secrets, so they are kept out of the host's log."""
        quiet, self._task.no_log = self._task.no_log, True
        try:
            result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=self._variables)
            return result
        finally:
            self._task.no_log = quiet


class Service:
    """A Deployment, with its known versions."""

    def __init__(self, cluster: Cluster, params: dict[str, Any]) -> None:
        self.cluster, self.name, self.container = cluster, params["deployment"], params["container"]
        self.timeout, self.stale, self.touched, self._params = params["timeout"], True, False, params
        self.deployment: dict[str, Any] = {}
        self.revisions: list[versions.Revision] = []

    def look(self) -> versions.Revision:
        """The current version: the last known one, or a fresh one after a change."""
        if self.stale:
            self._see()
        try:
            return versions.current(self.deployment, self.revisions)
        except versions.NoWay:  # it is none of those that are known
            self.revisions = versions.revisions(self.deployment, self.cluster.find("ReplicaSet", labels=versions.selector(self.deployment)))
        return versions.current(self.deployment, self.revisions)

    def may_be_replaced(self) -> None:
        """Raises NoWay if nobody could see whether a rollout worked: the Deployment is paused or scaled to 0."""
        if self.stale:
            self._see()
        if self.deployment["spec"].get("paused"):
            raise versions.NoWay(f"The Deployment {self.name} is paused. Resume it first: kubectl rollout resume deployment/{self.name}")
        if not rollout.replicas(self.deployment):
            raise versions.NoWay(f"The Deployment {self.name} is scaled to 0, so nothing would show whether it works. Scale it up first")

    def change(self, make: Callable[[], None]) -> None:
        """Make the change. Retries if only the status of the Deployment has changed meanwhile. Raises Refused if its version has changed."""
        before, end = self.look(), time.monotonic() + self.timeout
        for attempt in range(1, _TRIES + 1):
            try:
                make()
                break
            except Failed as error:
                self.unsure(error)
                if not error.conflict or attempt == _TRIES or time.monotonic() > end:
                    raise
                if self.look() != before:
                    there = versions.name(versions.state_of(self.look(), self.container))
                    raise backend.Refused(f"It has moved since: it is at {there} now. {_UNTOUCHED}") from None
        self.touched = self.stale = True

    def unsure(self, error: Failed) -> None:
        """Handle a failed change: unless the cluster refused it, it may have been made."""
        self.stale, self.touched = True, self.touched or not error.refused

    def wait(self, excused: str = "") -> bool:
        """Wait until the rollout is over, or can't succeed. `excused`: what was overdue before it began."""
        end, trouble = time.monotonic() + self.timeout, None
        while True:
            try:
                found, trouble = self._judged(excused), None
            except Failed as error:  # it may answer again
                found, trouble = None, error
            if found is not None or time.monotonic() > end:
                break
            time.sleep(_DELAY)
        if trouble:
            raise trouble
        return bool(found)

    def overdue(self) -> str:
        return rollout.overdue(self.deployment)

    def seen(self, result: dict[str, Any], missing: str, trouble: str = "") -> dict[str, Any]:
        """The result, with the keys of incident.response.service_health_info."""
        now = self.look()
        pods = rollout.pods_of(self._pods(), now.hash)
        what = versions.image(now.template, self.container) if self._params["what"] == "version" or self.container else f"revision {now.number}"
        found = rollout.health(self.deployment, pods, what, missing)
        return {**result, **found, "evidence": trouble or found["evidence"], "out": rollout.out(self.deployment)}

    def trouble(self) -> str:
        """The cluster's messages about the pods that are not ready."""
        return rollout.evidence(self.deployment, rollout.pods_of(self._pods(), self.look().hash))

    def _judged(self, excused: str) -> bool | None:
        self._see()
        if not rollout.complete(self.deployment):
            try:
                now = self.look()
            except versions.NoWay:  # its ReplicaSet is still to come
                return None
            return rollout.converged(self.deployment, rollout.pods_of(self._pods(), now.hash), excused)
        return self.settled() or None

    def settled(self) -> bool:
        """Whether all pods have the wanted state and keep it, without a restart of a pod."""
        if not rollout.complete(self.deployment) or self.deployment["spec"].get("minReadySeconds"):
            return rollout.complete(self.deployment)
        before = self._starts()
        time.sleep(self._params["steady_for"])
        self._see()
        return rollout.complete(self.deployment) and self._starts() == before

    def _starts(self) -> dict[str, int]:
        return rollout.starts(rollout.pods_of(self._pods(), self.look().hash))

    def _see(self) -> None:
        found = self.cluster.find("Deployment", name=self.name)
        if not found:
            there = ", ".join(sorted(each["metadata"]["name"] for each in self.cluster.find("Deployment"))) or "none"
            raise backend.Refused(f"The namespace {self._params['namespace']} has no Deployment {self.name}. It has: {there}. {_UNTOUCHED}")
        (self.deployment,), self.stale = found, False

    def _pods(self) -> list[dict[str, Any]]:
        return self.cluster.find("Pod", "v1", labels=versions.selector(self.deployment))


class Template:
    """The version of the Deployment. A state is the image and the hash of its pod template."""

    def __init__(self, service: Service, params: dict[str, Any]) -> None:
        self._service, self._params = service, params

    def look(self) -> State:
        self._service.may_be_replaced()
        return versions.state_of(self._service.look(), self._service.container)

    def name(self, state: State) -> str:
        return versions.name(state)

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        service, there = self._service, self._service.look()
        known, container = service.revisions, service.container
        found = versions.previous(there, known, container) if version == "previous" else versions.exact(version, there, known, container)
        marker = Path("/", self._params["migration_marker"])
        if found != there and not self._params["force_migrations"] and service.cluster.has_file(str(marker)):
            raise backend.migration_pending(marker)
        return versions.state_of(found, container), versions.about(found)

    def find(self, state: State) -> versions.Revision:
        """Raises NoWay where it was pruned."""
        return versions.kept(state, self._service.deployment, self._service.revisions, self._service.container)

    def change(self, wanted: State) -> None:
        service = self._service
        excused = service.overdue()
        if self.look() != wanted:
            self.find(wanted)
            service.change(lambda: service.cluster.replace(versions.with_revision(service.deployment, self.find(wanted))))
        service.wait(excused)


class Replicas:
    """The wanted number of pods of the Deployment. A state is that number."""

    def __init__(self, service: Service) -> None:
        self._service, self.missing, self.trouble = service, "", ""
        service.look()
        why = versions.scaled_by(service.deployment, service.cluster.find("HorizontalPodAutoscaler", "autoscaling/v1"))
        if why:
            raise versions.NoWay(why)

    def look(self) -> State:
        self._service.look()
        return {"replicas": rollout.replicas(self._service.deployment)}

    def name(self, state: State) -> str:
        count = int(state.get("replicas", 0))
        return f"{count} pod{'s' if count != 1 else ''}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        return now, ""  # the plan says how many

    def change(self, wanted: State) -> None:
        service, before, then = self._service, int(self.look()["replicas"]), int(wanted["replicas"])
        if then == before:
            service.wait(service.overdue())
            return
        self._scale(before, then)
        self.look()
        if service.settled() or then < before:
            return
        good = int((service.deployment.get("status") or {}).get("availableReplicas") or 0)
        self.missing = f", {then - max(good, before)} did not get ready and were taken back"
        self.trouble = service.trouble()
        self._scale(then, max(good, before))

    def _scale(self, before: int, then: int) -> None:
        service = self._service
        try:
            done = service.cluster.scale(service.name, before=before, then=then, timeout=service.timeout)
        except Failed as error:
            service.unsure(error)
            raise
        service.stale = True
        if not done:
            there = self.name(self.look())
            raise backend.Refused(f"It has moved since: it is at {there}, and was seen at {self.name({'replicas': before})}. {_UNTOUCHED}")
        service.touched = True


def work(service: Service, asked: _Asked) -> dict[str, Any]:
    """Do the requested work. Raises Refused, NoWay."""
    what, params = asked.params["what"], asked.params
    if what == "restart":
        service.may_be_replaced()
        if not asked.check_mode:
            excused = service.overdue()
            service.change(lambda: service.cluster.merge(versions.restarted(service.deployment, utc(time.time()))))
            service.wait(excused)
        return service.seen({"changed": True}, "")
    replicas = Replicas(service) if what == "replicas" else None
    template = Template(service, params)
    kind: backend.Backend = replicas or template
    result = backend.work(asked, kind, partial=True)
    if asked.check_mode and params["wanted"] and result["changed"] and what == "version":
        template.find(result["wanted"])
    if params["force"] and params["wanted"] and not result["changed"] and not asked.check_mode:
        kind.change(result["wanted"])
    return service.seen(result, replicas.missing if replicas else "", replicas.trouble if replicas else "")
