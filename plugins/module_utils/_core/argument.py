# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables behind `-e`: the names that a playbook knows, and their values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from . import drill, plan
from .severity import Severity

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_DRILLS: Mapping[drill.Drill, object] = {drill.Drill.NO: False, drill.Drill.DONE: True, drill.Drill.DRY: "dry"}
_AGO = re.compile(r"\d+[smhd]")
_DIGITS = 9
_NEAR = 0.75
"""The similarity of two names, from 0 to 1, that counts as a typing mistake: `hots` and `host` have 0.75."""


class Wrong(ValueError):
    """The value is invalid. The text says what was expected, for example `must be true or false`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a playbook. `same` are its other names; `kind` is one of KINDS."""

    about: str
    kind: str = "text"
    same: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    required: bool = False
    example: str = ""


def switch(given: object) -> bool:
    """Parse words for true and false only: a mistyped word must not count as false. Raises Wrong."""
    word = str(given).strip().lower()
    if word not in _TRUE | _FALSE:
        raise Wrong("must be true or false")
    return word in _TRUE


def value(known: Variable, given: object) -> object:
    """The given value in the playbook's form. Raises Wrong."""
    return KINDS[known.kind](known, given)


def mistyped(name: str, known: Iterable[str]) -> str:
    """The known name that is similar to a mistyped one; empty if there is none."""
    typed, by_shape = name.lower().replace("-", "_"), {each.lower(): each for each in known}
    near = difflib.get_close_matches(typed, by_shape, n=1, cutoff=_NEAR)
    swapped = [each for each in by_shape if sorted(each) == sorted(typed)]
    return by_shape[(near or swapped)[0]] if near or swapped else ""


def meant(name: str, variables: Mapping[str, Variable]) -> str:
    """The similar known name: the playbook's own name, otherwise another accepted name."""
    return mistyped(name, variables) or mistyped(name, spellings(variables))


def spellings(variables: Mapping[str, Variable]) -> dict[str, str]:
    """All accepted names, each with the name that the playbook uses."""
    other = {spelling: name for name, each in variables.items() for spelling in each.same}
    return other | {name: name for name in variables}


def agree(values: Collection[object]) -> bool:
    """Whether all values are the same, if the variable was given under several names."""
    return len({str(each).strip() for each in values}) <= 1


def _text(_known: Variable, given: object) -> object:
    if isinstance(given, (list, tuple, Mapping)):
        raise Wrong("must be text")
    return given


def _named(_known: Variable, given: object) -> object:
    if given is None or not str(given).strip():
        raise Wrong("is empty")
    if isinstance(given, (bool, float, datetime)):  # 1.10 has become 1.1, and yes True
        raise Wrong("was read as no text: put it in quotes")
    return _text(_known, given)


def _version(known: Variable, given: object) -> object:
    """Refuse a word that is similar to `previous`: versions have digits, or are other words."""
    word = str(given).strip()
    if word != "previous" and word.isalpha() and mistyped(word, ["previous"]):
        raise Wrong("is no version: did you mean previous?")
    return _named(known, given)


def _person(known: Variable, given: object) -> object:
    return str(_named(known, given)).strip().removeprefix("@")


def _hosts(known: Variable, given: object) -> object:
    for each in (given or [""]) if isinstance(given, (list, tuple)) else [given]:
        _named(known, each)
    return given


def _reason(_known: Variable, given: object) -> object:
    if str(given).strip().lower() in {"", "none", *_TRUE, *_FALSE}:
        raise Wrong("must be the reason, in words")
    return _text(_known, given)


def _switch(_known: Variable, given: object) -> object:
    return switch(given)  # not the words, because later readers may parse them differently: Jinja's `bool` reads "true " as false


def _drill(_known: Variable, given: object) -> object:
    try:
        return _DRILLS[drill.parse(given)]
    except ValueError:
        raise Wrong("is neither true, false nor dry") from None


def _count(_known: Variable, given: object) -> object:
    text = str(given).strip()
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or not text.strip("0"):
        raise Wrong("is not a whole number above 0")
    if len(text.lstrip("0")) > _DIGITS:  # Python itself refuses to read thousands of digits
        raise Wrong("is too large")
    return given


def _seconds(_known: Variable, given: object) -> object:
    try:
        good = not isinstance(given, bool) and 0 <= float(str(given)) < float("inf")
    except ValueError:
        good = False
    if not good:
        raise Wrong("must be a number of seconds, 0 or more")
    return given


def _choice(known: Variable, given: object) -> object:
    if str(given) not in known.choices:
        near = mistyped(str(given), known.choices)
        raise Wrong(f"must be one of {', '.join(known.choices)}{f': did you mean {near}?' if near else ''}")
    return given


def _choices(known: Variable, given: object) -> object:
    for each in given if isinstance(given, (list, tuple)) else str(given).split(","):
        _choice(known, str(each).strip())
    return given


def _severity(known: Variable, given: object) -> object:
    try:
        return str(Severity.parse(str(given)))
    except ValueError:
        raise Wrong(f"must be one of {', '.join(Severity)}") from None


def _time(_known: Variable, given: object) -> object:
    try:
        datetime.fromisoformat(str(given).strip())
    except ValueError:
        raise Wrong("is no time such as 2026-12-01T22:00:00Z") from None
    return given


def _since(known: Variable, given: object) -> object:
    return given if _AGO.fullmatch(str(given).strip()) else _time(known, given)


def _ticket(known: Variable, given: object) -> object:
    if not plan.is_ticket(str(_named(known, given))):
        raise Wrong("is no plan's ticket: the same command with plan=true instead prints one")
    return given


def _mapping(_known: Variable, given: object) -> object:
    if not isinstance(given, Mapping) and not re.match(r"\s*(\{|\w+=)", str(given)):
        raise Wrong("must be a mapping")
    return given  # text may contain one, such as a=b


KINDS: Mapping[str, Callable[[Variable, object], object]] = {
    "text": _text, "name": _named, "hosts": _hosts, "reason": _reason, "switch": _switch, "drill": _drill, "count": _count, "seconds": _seconds,
    "choice": _choice, "choices": _choices, "severity": _severity, "time": _time, "since": _since, "mapping": _mapping,
    "person": _person, "ticket": _ticket, "version": _version, "service": _named, "incident": _named, "level": _count, "open_incident": _named,
}  # fmt: skip
"""The kinds of values. Checks that need the configuration or the journal (for example whether a service exists) are made elsewhere."""
WORDS: Mapping[str, str] = {
    "text": "text", "name": "text", "hosts": "a host, a pattern, or a list", "reason": "text", "switch": "true or false",
    "drill": "true, false or dry", "count": "a whole number above 0", "seconds": "seconds", "severity": ", ".join(Severity),
    "time": "a time, as 2026-12-01T22:00:00Z", "since": "a time, or 7d for seven days ago", "mapping": "a mapping",
    "version": "`previous`, or a version",
    "person": "the name of somebody in chat", "ticket": "text",
    "service": "a service of the catalogue", "incident": "the name of an incident", "open_incident": "the name of an open incident",
    "level": "a number, 1 is the first",
}  # fmt: skip
"""The readable name of each kind."""
