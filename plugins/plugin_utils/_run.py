# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run that a controller is in: its name, and how it is told at its start."""

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

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
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
    """The callback is there: from now on this process, and the workers it forks, know that. `leave` ends the runs that are open."""
    _listens[:] = [leave]


def leave() -> None:
    """The playbook is broken off in good order: what was done so far is over, and has an end of its own."""
    for each in _listens:
        each()


def listens() -> bool:
    """Whether the callback is there, though it may not record the play that goes on."""
    return bool(_listens)


def begin(folder: Path) -> Run:
    """Name a new run of this process. It is open until it is `over`."""
    run = Run(time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(4), folder, os.getpid())
    _open.add(run.name)
    return run


def over(run: Run) -> None:
    """Its last line is written."""
    _open.discard(run.name)


def is_open(name: str) -> bool:
    """Whether it is a run of this process that isn't over, though the play that goes on may belong to none."""
    return name in _open


def record(run: Run) -> None:
    """What this process, and the workers it forks, do now belongs to `run`."""
    _current[:] = [run]


def current() -> Run | None:
    """The run that is recorded, None where the callback is off, or the play that goes on is not recorded."""
    return _current[0] if _current else None


def unrecorded(folder: Path, controller: int, service: str) -> Run:
    """The run on a service of a controller whose callback doesn't record it: all of its workers come to the same name."""
    return Run(f"{_unrecorded(controller)}{hashlib.sha256(service.encode()).hexdigest()[:6]}", folder, controller)


def is_own(run: str) -> bool:
    """Whether the run is of this process, or of the controller that forked it.

    One that is open is, though none may be current: as while a play begins, and it isn't known yet which run that goes on with.
    """
    return run in _open or run.startswith(tuple(_unrecorded(process) for process in (os.getpid(), os.getppid())))


def _unrecorded(controller: int) -> str:
    unique = hashlib.sha256(f"{socket.gethostname()} {controller} {started(controller)}".encode()).hexdigest()[:12]
    return f"task-{unique}-"


def pause() -> None:
    """Nothing is recorded from now on, until another `record`."""
    _current.clear()


def start(run: Run, came: Origin, variables: Mapping[str, Any], *, action: str, service: str, known: Collection[str], **more: Any) -> dict[str, Any]:
    """The fields of a run's first line: what people read, and in `data` what the courier needs beside it.

    `known` are secrets that must not be in it; `more` goes into `data`: recorder, check, chat, incident, drill.
    """
    asked = {name: shown(str(variables[name]), 200, known) for name in _ARGUMENTS if name in variables}
    where = f"{came.where}{' (check mode)' if more.get('check') else ''}"
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
