# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common code of the modules that change a service's version. Runs on the managed host, so it only uses the standard library. A state is a small
mapping of texts that contains everything that the change changes: restoring the old state undoes the change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

State = dict[str, Any]
SPEC: dict[str, dict[str, Any]] = {
    "version": {"type": "str"},
    "wanted": {"type": "dict"},
    "expected": {"type": "list", "elements": "dict", "default": []},
}
RULES: dict[str, Any] = {"mutually_exclusive": [["version", "wanted"]], "supports_check_mode": True}


class Refused(Exception):
    """The request is refused, and nothing was touched. The text says why, and what to do."""


class Asked(Protocol):
    """The request. A module has this interface."""

    params: dict[str, Any]
    check_mode: bool


class Backend(Protocol):
    """One kind of versions of a service. Every method raises Refused or OSError."""

    # look: the current state. resolve: the state for a request (`previous`, or an exact version), and a text about it.
    # change: set the state, in one atomic step. name: the readable name of a state.

    def look(self) -> State: ...
    def resolve(self, version: str, now: State) -> tuple[State, str]: ...
    def change(self, wanted: State) -> None: ...
    def name(self, state: State) -> str: ...


def run(module: AnsibleModule, backend: Backend) -> None:
    """Carry out the module's options `version` (only show the change), `wanted` (make the change) and `expected`. Exits the module."""
    try:
        module.exit_json(**work(module, backend))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error), **left(backend))


def left(backend: Backend) -> dict[str, Any]:
    """After a failure: the current `state`, if it can be read."""
    try:
        return {"state": backend.look()}
    except (Refused, OSError):
        return {}


def work(module: Asked, backend: Backend, *, partial: bool = False) -> dict[str, Any]:
    """The result. `partial`: an incomplete change also counts as a change. Raises Refused, OSError."""
    version, wanted, expected = (module.params[name] for name in ("version", "wanted", "expected"))
    now, words = backend.look(), ""
    result: dict[str, Any] = {"changed": False, "state": now, "name": backend.name(now)}
    if version is not None:
        wanted, words = backend.resolve(version, now)
    if wanted is None:
        return result | {"wanted": now, "text": backend.name(now)}
    if expected and now not in expected:
        left = " or ".join(sorted({backend.name(each) for each in expected}))
        raise Refused(f"It has moved since: it is at {backend.name(now)}, and was left at {left}. Nothing was touched.")
    text = f"{backend.name(now)} to {backend.name(wanted)}{words}" if wanted != now else f"{backend.name(now)} already"
    result |= {"wanted": wanted, "text": text}
    if version is not None or wanted == now:
        return result
    if not module.check_mode:
        backend.change(wanted)
        result["state"] = backend.look()
        if result["state"] != wanted and not partial:
            raise Refused(f"It is at {backend.name(result['state'])} after the change to {backend.name(wanted)}")
    diff = {"before": f"{backend.name(now)}\n", "after": f"{backend.name(wanted)}\n"}
    return result | {"changed": True, "diff": diff, "name": backend.name(result["state"] if partial else wanted)}


def check_migrations(*markers: Path) -> None:
    """Refuse if a file marks a pending database migration, because older code may not understand the data."""
    for marker in markers:
        if marker.exists():
            raise migration_pending(marker)


def migration_pending(marker: Path) -> Refused:
    """The message for a pending migration."""
    return Refused(
        f"{marker} says that a migration of the database is pending. Nothing was touched. "
        "Finish it, or go on in spite of it with -e force_migrations=true"
    )


def memory_left() -> int:
    """The free memory for new processes in MiB."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) // 1024 if found else 0


def refuse_endless(module: AnsibleModule, *names: str) -> None:
    """Fail for infinite seconds before anything is touched: YAML's .nan and .inf count as numbers, but such a wait never ends."""
    for name in names:
        if not 0 <= module.params[name] < float("inf"):
            module.fail_json(msg=f"{name} must be a number of seconds, 0 or more, not {module.params[name]}. Nothing was touched.")
