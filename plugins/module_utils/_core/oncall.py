# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common format of the answers of all on-call sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .entry import utc


@dataclass(frozen=True, slots=True)
class Named:
    """A person in a source, with the known fields. `name` may be an id."""

    name: str = ""
    email: str = ""
    username: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """A person is on call in a level, from `start` until before `end`; None if unknown."""

    level: int
    layer: str
    person: Named
    start: datetime | None = None
    end: datetime | None = None
    then: Named | None = None
    """The next person, if known."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of a level."""

    person: Named
    start: datetime | None
    end: datetime | None

    def covers(self, when: datetime) -> bool:
        return (self.start is None or self.start <= when) and (self.end is None or when < self.end)


def duties(level: int, layer: str, shifts: Iterable[Shift], when: datetime) -> list[Duty]:
    """The duty of a level at `when`, from its shifts in any order. Adjacent shifts of one person count as one. Empty if nobody is on call."""
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
    """The person with the data of `oncall.people`, found by address, name, chat name or short name. That data overrides the data of the source."""
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
    """The answer in the format of `oncall_info`."""
    person, then = known(people, duty.person), known(people, duty.then) if duty.then else Named()
    return {
        "level": duty.level, "layer": duty.layer, "name": person.name, "username": person.username, "email": person.email, "phone": person.phone,
        "from": _stamp(duty.start), "until": _stamp(duty.end), "next": then.name, "source": source,
    }  # fmt: skip


def of_levels(found: Sequence[Duty], level: int | None) -> list[Duty]:
    """The duties of one level or of all levels; first called first."""
    return sorted((each for each in found if level in {None, each.level}), key=lambda each: each.level)


def _stamp(when: datetime | None) -> str:
    try:
        return utc(when.timestamp()) if when else ""
    except (OverflowError, ValueError):  # so far in the future that it is no end
        return ""
