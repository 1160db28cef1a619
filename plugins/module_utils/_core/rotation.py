# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is on call by a rotation: layers of people who hand over at a local time, and overrides (holidays, swaps).

Hand-overs are reckoned in local wall time. One that doesn't exist or is ambiguous means what RFC 5545, 3.3.5 says: the offset before
the gap, the first of the two. So a hand-over at 09:00 stays at 09:00 when the clocks change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

_EVERY = re.compile(r"([1-9][0-9]?)(d|w|mo)")
_LAST_SAFE_DAY = 28
"""The last day that every month has."""


class NoCover(Exception):
    """Nobody is on call at that time. The message names the gap."""


@dataclass(frozen=True, slots=True)
class Override:
    """That person, whoever's turn it is, from `start` until before `end`."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call from `start` until before `end` (UTC), and who follows; nobody where `then` is empty."""

    person: str
    start: datetime
    end: datetime
    then: str


@dataclass(frozen=True)
class Layer:
    """People who take turns. `first` is the first hand-over in local time, `amount` of `unit` (d, w, mo) the length of a turn."""

    name: str
    people: tuple[str, ...]
    first: datetime
    amount: int
    unit: str
    zone: ZoneInfo
    overrides: tuple[Override, ...] = ()

    def at(self, when: datetime) -> Shift:
        """Who is on call at `when`, which has a zone. Costs the same however far away that is. Raises NoCover."""
        person, start, end = self._piece(when)
        try:
            then = self._piece(end)[0]
        except NoCover:
            then = ""
        return Shift(person, start, end, then)

    def _piece(self, when: datetime) -> tuple[str, datetime, datetime]:
        """The longest time around `when` with neither a hand-over nor the edge of an override in it."""
        covering = next((each for each in self.overrides if each.start <= when < each.end), None)
        if covering:
            return covering.person, covering.start, covering.end
        number = self._turn(when)
        if number < 0:
            begins = min([self._begins(0), *(each.start for each in self.overrides if each.start > when)])
            raise NoCover(f"nobody is on call in the layer {self.name} at {_shown(when)}: it begins at {_shown(begins)}")
        start, end = self._begins(number), self._begins(number + 1)
        start = max([start, *(each.end for each in self.overrides if each.end <= when)])
        end = min([end, *(each.start for each in self.overrides if each.start > when)])
        return self.people[number % len(self.people)], start, end

    def _turn(self, when: datetime) -> int:
        """The number of the turn that `when` is in, from 0; below 0 before the first."""
        local = when.astimezone(self.zone).replace(tzinfo=None)
        if self.unit == "mo":
            number = ((local.year - self.first.year) * 12 + local.month - self.first.month) // self.amount
        else:
            number = (local - self.first) // self._length
        while self._begins(number) > when:
            number -= 1
        while self._begins(number + 1) <= when:
            number += 1
        return number

    def _begins(self, number: int) -> datetime:
        if self.unit == "mo":
            years, month = divmod(self.first.month - 1 + number * self.amount, 12)
            local = self.first.replace(year=self.first.year + years, month=month + 1)
        else:
            local = self.first + number * self._length
        return local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    @cached_property
    def _length(self) -> timedelta:
        return timedelta(days=self.amount * (7 if self.unit == "w" else 1))


def layers(section: Mapping[str, Any]) -> list[Layer]:
    """The layers of `oncall`, a section without problems: the first is level 1, the next level 2."""
    schedule = section.get("schedule") or {}
    zone = ZoneInfo(schedule.get("time_zone", "UTC"))
    found = []
    for rules in schedule.get("layers", []):
        amount, unit = _every(rules.get("every", "1w"))
        given = [each for each in schedule.get("overrides", []) if each["layer"] == rules["name"]]
        overrides = sorted((Override(each["person"], *_span(each, zone)) for each in given), key=lambda each: each.start)
        found.append(Layer(rules["name"], tuple(rules["people"]), datetime.fromisoformat(rules["start"]), amount, unit, zone, tuple(overrides)))
    return found


def problems(section: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with `oncall` that its schema can't say: where in it, and what."""
    schedule, people = section.get("schedule") or {}, section.get("people", {})
    try:
        zone = ZoneInfo(schedule.get("time_zone", "UTC"))
    except (KeyError, ValueError, OSError):
        yield ("schedule", "time_zone"), f"must be a time zone such as Europe/Berlin, not {schedule['time_zone']}"
        return
    names = [rules["name"] for rules in schedule.get("layers", [])]
    for number, rules in enumerate(schedule.get("layers", [])):
        here: tuple[str | int, ...] = ("schedule", "layers", number)
        if rules["name"] in names[:number]:
            yield (*here, "name"), f"is the name of another layer, too: {rules['name']}"
        for place, person in enumerate(rules["people"]):
            if person not in people:
                yield (*here, "people", place), _unknown(person, people)
        first = _moment(rules["start"])
        if first is None:
            yield (*here, "start"), f"must be a local time such as 2026-01-05T09:00, not {rules['start']}"
        elif _every(rules.get("every", "1w"))[1] == "mo" and first.day > _LAST_SAFE_DAY:
            yield (*here, "start"), f"must be on a day that each month has, at most the {_LAST_SAFE_DAY}th, since the turns are months"
    spans: list[tuple[str, datetime, datetime]] = []
    for number, each in enumerate(schedule.get("overrides", [])):
        here = ("schedule", "overrides", number)
        if each["layer"] not in names:
            yield (*here, "layer"), f"is no layer: {each['layer']}; there are: {', '.join(names)}"
        if each["person"] not in people:
            yield (*here, "person"), _unknown(each["person"], people)
        wrong = [key for key in ("from", "until") if _moment(each[key]) is None]
        if wrong:
            yield (*here, wrong[0]), f"must be a local time such as 2026-01-05T09:00, not {each[wrong[0]]}"
            continue
        start, end = _span(each, zone)
        if start >= end:
            yield (*here, "until"), f"must be after from, {each['from']}"
        if any(layer == each["layer"] and start < other_end and other_start < end for layer, other_start, other_end in spans):
            yield here, f"overlaps another override of the layer {each['layer']}"
        spans.append((each["layer"], start, end))


def _every(text: str) -> tuple[int, str]:
    """`1w` as 1 and w."""
    found = _EVERY.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is no length of a turn")
    return int(found[1]), found[2]


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is None else None


def _span(override: Mapping[str, Any], zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(override[key]).replace(tzinfo=zone, fold=0).astimezone(UTC) for key in ("from", "until"))
    return start, end


def _unknown(person: str, people: Sequence[str] | Mapping[str, Any]) -> str:
    return f"is nobody of oncall.people: {person}; there are: {', '.join(people) or 'none'}"


def _shown(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
