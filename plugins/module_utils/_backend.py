# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules that change a service's version share. Runs on the managed host, so: the standard library alone.

A state is a small mapping of texts that says all that the change changes: bringing the old one back undoes it.
"""

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
    """It is not done, and nothing was touched; the text says why, and what to do."""


class Asked(Protocol):
    """What was asked for: a module is one."""

    params: dict[str, Any]
    check_mode: bool


class Backend(Protocol):
    """One way in which versions of a service get onto a host. Every method raises Refused or OSError."""

    # look: the state now. resolve: the state that a request (`previous`, or an exact version) means, and words about it.
    # change: make it so, in one step that holds or doesn't. name: what people call a state.

    def look(self) -> State: ...
    def resolve(self, version: str, now: State) -> tuple[State, str]: ...
    def change(self, wanted: State) -> None: ...
    def name(self, state: State) -> str: ...


def run(module: AnsibleModule, backend: Backend) -> None:
    """Do what the module's options `version` (only say what it would be), `wanted` (make it so) and `expected` ask; exits."""
    try:
        module.exit_json(**work(module, backend))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error), **left(backend))


def left(backend: Backend) -> dict[str, Any]:
    """After a failure: `state`, as far as it can be seen."""
    try:
        return {"state": backend.look()}
    except (Refused, OSError):
        return {}


def work(module: Asked, backend: Backend, *, partial: bool = False) -> dict[str, Any]:
    """The result. `partial`: a change that got only part of the way is one, too. Raises Refused, OSError."""
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
    """Refuse where a file says that a migration of the database is pending: older code may not understand the data."""
    for marker in markers:
        if marker.exists():
            raise migration_pending(marker)


def migration_pending(marker: Path) -> Refused:
    """What is said where the file is there."""
    return Refused(
        f"{marker} says that a migration of the database is pending. Nothing was touched. "
        "Finish it, or go on in spite of it with -e force_migrations=true"
    )


def memory_left() -> int:
    """MiB that new processes may take."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) // 1024 if found else 0


def refuse_endless(module: AnsibleModule, *names: str) -> None:
    """Fail, before anything is touched, for seconds that aren't any: YAML's .nan and .inf pass for numbers, and what waits so long never ends."""
    for name in names:
        if not 0 <= module.params[name] < float("inf"):
            module.fail_json(msg=f"{name} must be a number of seconds, 0 or more, not {module.params[name]}. Nothing was touched.")
