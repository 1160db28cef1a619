# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run that a controller is in: its name, and how it is told at its start."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin
from ansible_collections.incident.response.plugins.plugin_utils._process import started

_ARGUMENTS = ("service", "host", "app", "version", "replicas", "incident", "severity", "title", "reason", "drill")
"""The only variables that are recorded."""


@dataclass(frozen=True, slots=True)
class Run:
    """`name` is on every entry of the run; `pid` is its controller's."""

    name: str
    folder: Path
    pid: int


_current: list[Run] = []


def begin(folder: Path) -> Run:
    """Name a new run, and make it the one that this process, and the workers it forks, record."""
    run = Run(time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(4), folder, os.getpid())
    _current[:] = [run]
    return run


def current() -> Run | None:
    """The run that is recorded, None where the callback is off."""
    return _current[0] if _current else None


def unrecorded(folder: Path, controller: int) -> Run:
    """The run of a controller whose callback is off: all of its workers come to the same name."""
    unique = hashlib.sha256(f"{socket.gethostname()} {controller} {started(controller)}".encode()).hexdigest()[:12]
    return Run(f"task-{unique}", folder, controller)


def end() -> None:
    """Nothing is recorded from now on."""
    _current.clear()


def start(run: Run, came: Origin, variables: Mapping[str, Any], *, action: str, service: str, known: Collection[str], **more: Any) -> dict[str, Any]:
    """The fields of a run's first line: what people read, and in `data` what the courier needs beside it.

    `known` are secrets that must not be in it; `more` goes into `data`: recorder, check, chat, incident, drill.
    """
    asked = {name: redact(cut(str(variables[name]), 200), known) for name in _ARGUMENTS if name in variables}
    where = f"{came.where}{' (check mode)' if more.get('check') else ''}"
    data = {
        "pid": run.pid, "since": started(run.pid), "person": came.person, "service": service, "severity": asked.get("severity", ""),
        "title": asked.get("title", ""), "arguments": asked, "link": came.link, "revision": came.revision, **more,
    }  # fmt: skip
    data["incident"] = str(variables.get("incident") or more.get("incident") or "")
    what = f"{action} of {cut(redact(service), 200) or 'no service'}"
    text = f"{'Drill: ' if more.get('drill') else ''}{what[:1].upper() + what[1:]} started by {came.user} from {where}"
    return {"at": utc(time.time()), "actor": came.actor, "action": action, "text": text, "data": data}
