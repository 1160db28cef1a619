# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The people to call by telephone if chat reaches nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.oncall import Named, known
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError, OncallSource
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall as oncall_wiring

_MOST = 6
UNKNOWN = "whoever you know: the configuration knows nobody who is on call (oncall)"


def above(options: Mapping[str, Any], folder: Path, mentioned: Sequence[str] = ()) -> str:
    """The people to call if an escalation calls nobody: the people of all levels; if no level names people, everybody with a known telephone
    number, otherwise the people who were `mentioned` in chat."""
    try:
        config = _config.load(_config.find(str(options.get("config") or "")))
    except _config.ConfigError:
        return whom(options, folder, "")  # which says what is wrong
    known_by_phone = [name for name, each in config["oncall"]["people"].items() if each.get("phone")]
    return whom(options, folder, "", [*_of_levels(config)] or known_by_phone or mentioned)


def whom(options: Mapping[str, Any], folder: Path, severity: str, names: Sequence[str] = (), *, ask: bool = True) -> str:
    """The people to call, with telephone numbers: the people on call, the people in `names`, and for a P0 the people of the levels above. Without
    `ask`, no other system is asked: the rotation of the configuration, or the last answer, is used. Never raises: problems of the configuration are
    in the text."""
    try:
        config = _config.load(_config.find(str(options.get("config") or "")))
    except _config.ConfigError as error:
        return f"whoever you know: the configuration has mistakes ({error})"
    try:
        answer = _answer(config["oncall"], options, folder, ask=ask)
        duty = [Named(each["name"], each["email"], each["username"], each["phone"]) for each in answer.oncall]
        since = f" (as of {answer.as_of}: who is on call now could not be asked)" if answer.as_of else ""
    except (OncallError, OSError):
        duty, since = [], ""
    people = config["oncall"]["people"]
    asked, above = ([known(people, Named(username=name)) for name in dict.fromkeys(given)] for given in (names, _above(config, severity)))
    shown = [_line(each) for each in dict.fromkeys([*duty, *asked, *(each for each in above if each.phone)])]
    return f"{', '.join(shown[:_MOST])}{since}" if shown else UNKNOWN


def _answer(section: Mapping[str, Any], options: Mapping[str, Any], folder: Path, *, ask: bool) -> oncall.Answer:
    """The people on call. Raises OncallError if no source answers."""
    memory = oncall_wiring.memory(section, folder)
    sources: list[OncallSource] = oncall_wiring.sources(section, options) if ask or memory is None else []
    return oncall.ask(sources, section["people"], datetime.now(UTC), memory)


def _above(config: Mapping[str, Any], severity: str) -> Iterator[str]:
    """The people in the configuration for the severity, in addition to the people on call; for a P0 also the people of the levels of escalation."""
    if severity:
        yield from config["severities"][severity]["notify"]
    if severity == Severity.P0:
        yield from _of_levels(config)


def _of_levels(config: Mapping[str, Any]) -> Iterator[str]:
    """The people in the levels of escalation above the people on call."""
    for level in config["escalation"]["levels"][1:]:
        yield from level.get("notify", [])


def _line(person: Named) -> str:
    return f"{person.name} {person.phone}" if person.phone else f"{person.name} (no telephone number in oncall.people)"
