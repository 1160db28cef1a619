# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is called, whoever says so: the one answer that all sources are brought to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .incident import utc


@dataclass(frozen=True, slots=True)
class Named:
    """How a source names a person: by what it has of these. `name` may be an id."""

    name: str = ""
    email: str = ""
    username: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """That person is on call in the level, from `start` until before `end`; None where the source sets no bound."""

    level: int
    layer: str
    person: Named
    start: datetime | None = None
    end: datetime | None = None
    then: Named | None = None
    """Who follows, where that is known."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A piece of a level's plan, as most sources list it."""

    person: Named
    start: datetime | None
    end: datetime | None

    def covers(self, when: datetime) -> bool:
        return (self.start is None or self.start <= when) and (self.end is None or when < self.end)


def duties(level: int, layer: str, shifts: Iterable[Shift], when: datetime) -> list[Duty]:
    """Who is on call in a level at `when`, by its shifts in any order. Shifts of one person that touch are one. Empty where nobody is."""
    pieces = sorted(shifts, key=lambda each: (each.start is not None, each.start))
    found = []
    for piece in pieces:
        if not piece.covers(when):
            continue
        start, end = piece.start, piece.end
        for before in reversed(pieces):
            start = before.start if before.person == piece.person and before.end == start else start
        for after in pieces:
            end = after.end if after.person == piece.person and after.start == end and end is not None else end
        then = next((each.person for each in pieces if end is not None and each.start is not None and each.covers(end)), None)
        found.append(Duty(level, layer, piece.person, start, end, then))
    return found


def known(people: Mapping[str, Mapping[str, Any]], person: Named) -> Named:
    """The person with all that `oncall.people` says of whoever has that address, name, chat name or short name; what a source says counts less."""
    asked = {each.casefold() for each in (person.email, person.name, person.username) if each}
    for short, about in people.items():
        names = {short, about.get("name", ""), about.get("email", ""), about.get("username", ""), *about.get("ids", [])}
        if asked & {each.casefold() for each in names if each}:
            return Named(
                about.get("name") or person.name or short, about.get("email") or person.email, about.get("username", short),
                about.get("phone") or person.phone,
            )  # fmt: skip
    return Named(person.name or person.email or person.username, person.email, person.username, person.phone)


def result(duty: Duty, source: str, people: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The answer, as `oncall_lookup` documents it."""
    person, then = known(people, duty.person), known(people, duty.then) if duty.then else Named()
    return {
        "level": duty.level, "layer": duty.layer, "name": person.name, "username": person.username, "email": person.email, "phone": person.phone,
        "from": _stamp(duty.start), "until": _stamp(duty.end), "next": then.name, "source": source,
    }  # fmt: skip


def of_levels(found: Sequence[Duty], level: int | None) -> list[Duty]:
    """Those of one level, or all; first called first."""
    return sorted((each for each in found if level in {None, each.level}), key=lambda each: each.level)


def _stamp(when: datetime | None) -> str:
    try:
        return utc(when.timestamp()) if when else ""
    except (OverflowError, ValueError):  # so far away that it is no bound
        return ""
