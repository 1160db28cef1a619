# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The current run of a controller: its name, and its first line."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import shown
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin
from ansible_collections.incident.response.plugins.plugin_utils._process import started

_ARGUMENTS = (
    "service", "host", "app", "version", "replicas", "max_hosts", "allow_scale_down", "force_migrations", "incident", "severity", "title", "reason",
    "drill", "force_unverified",
)  # fmt: skip
"""The only variables that are recorded."""


@dataclass(frozen=True, slots=True)
class Run:
    """`name` is on every entry of the run; `pid` is its controller's."""

    name: str
    folder: Path
    pid: int


_current: list[Run] = []
_open: set[str] = set()
_listens: list[Callable[[], None]] = []


def listen(leave: Callable[[], None]) -> None:
    """Store that the callback is enabled, for this process and the workers that it forks. `leave` ends the open runs."""
    _listens[:] = [leave]


def leave() -> None:
    """End the open runs, because the playbook is refused. They get a regular end."""
    for each in _listens:
        each()


def listens() -> bool:
    """Whether the callback is enabled. It may not record the current play."""
    return bool(_listens)


def begin(folder: Path) -> Run:
    """Name a new run of this process. It is open until it is `over`."""
    run = Run(time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(4), folder, os.getpid())
    _open.add(run.name)
    return run


def over(run: Run) -> None:
    """The run's last line is written."""
    _open.discard(run.name)


def is_open(name: str) -> bool:
    """Whether it is an open run of this process. The current play may belong to no run."""
    return name in _open


def record(run: Run) -> None:
    """The work of this process, and of the workers that it forks, belongs to `run` from now on."""
    _current[:] = [run]


def current() -> Run | None:
    """The recorded run; None if the callback is off, or the current play is not recorded."""
    return _current[0] if _current else None


def unrecorded(folder: Path, controller: int, service: str) -> Run:
    """The run on a service without the callback. All workers of the controller compute the same name."""
    return Run(f"{_unrecorded(controller)}{hashlib.sha256(service.encode()).hexdigest()[:6]}", folder, controller)


def is_own(run: str) -> bool:
    """Whether the run belongs to this process, or to the controller that forked it. An open run does, even if no run is current, for example at the
    start of a play that is not assigned to a run yet."""
    return run in _open or run.startswith(tuple(_unrecorded(process) for process in (os.getpid(), os.getppid())))


def _unrecorded(controller: int) -> str:
    unique = hashlib.sha256(f"{socket.gethostname()} {controller} {started(controller)}".encode()).hexdigest()[:12]
    return f"task-{unique}-"


def pause() -> None:
    """Nothing is recorded from now on, until another `record`."""
    _current.clear()


def start(run: Run, came: Origin, variables: Mapping[str, Any], *, action: str, service: str, known: Collection[str], **more: Any) -> dict[str, Any]:
    """The fields of a run's first line: the text for people, and in `data` the values for the courier. `known` are secrets that it must not contain.
    `more` is added to `data`: recorder, check, chat, incident, drill."""
    asked = {name: shown(str(variables[name]), 200, known) for name in _ARGUMENTS if name in variables}
    where = f"{came.where}{' (a plan only)' if more.get('check') else ''}"
    data = {
        "pid": run.pid, "since": started(run.pid), "person": came.person, "service": service, "severity": asked.get("severity", ""),
        "title": asked.get("title", ""), "arguments": asked, "link": came.link, "revision": came.revision, **more,
    }  # fmt: skip
    data["incident"] = str(variables.get("incident") or more.get("incident") or "")
    what = f"{action} of {shown(service, 200, known) or 'no service'}"
    text = f"{'Drill: ' if more.get('drill') else ''}{what[:1].upper() + what[1:]} started by {came.user} from {where}"
    if asked.get("force_unverified"):
        text += f", by a record that may not be what was written: {asked['force_unverified']}"
    return {"at": utc(time.time()), "actor": came.actor, "action": action, "text": text, "data": data}
