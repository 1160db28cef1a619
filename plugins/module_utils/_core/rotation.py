# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes who is on call by a rotation: layers of people who hand over at a local time, and overrides (holidays, swaps). Layers of one level share
it, each in its hours (follow-the-sun). If two layers are on call at once, the first one counts. Hand-overs use local wall time. A local time that
does not exist or is ambiguous is resolved by RFC 5545, 3.3.5: the offset before the gap, or the first of the two. So a hand-over at 09:00 stays at
09:00 when the clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

_EVERY = re.compile(r"([1-9][0-9]?)(d|w|mo)")
_HOURS = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")
NO_ZONES = "the list of time zones, which is missing: pip install tzdata for the Python that runs Ansible, or your system's package tzdata"
_LAST_SAFE_DAY = 28
"""The last day that exists in every month."""


class NoCover(Exception):
    """Nobody is on call at that time. The message names the gap."""


@dataclass(frozen=True, slots=True)
class Override:
    """An override: that person is on call from `start` until before `end`."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """A turn: the person on call from `start` until before `end` (UTC), and the next person; `then` is empty if there is none."""

    person: str
    start: datetime
    end: datetime
    then: str


@dataclass(frozen=True)
class Layer:
    """People who take turns. `first` is the first hand-over in local time; `amount` of `unit` (d, w, mo) is the length of a turn. `hours` are the
    layer's daily on-call hours in local time; an override also counts outside of them."""

    name: str
    people: tuple[str, ...]
    first: datetime
    amount: int
    unit: str
    zone: ZoneInfo
    overrides: tuple[Override, ...] = ()
    level: int = 1
    hours: tuple[time, time] | None = None

    def covers(self, when: datetime) -> bool:
        return any(each.start <= when < each.end for each in self.overrides) or (self._turn(when) >= 0 and self._window(when) is not None)

    def piece(self, when: datetime) -> tuple[str, datetime, datetime]:
        """The turn at `when` (which must be covered), limited by hand-overs and by the edges of overrides and hours."""
        covering = next((each for each in self.overrides if each.start <= when < each.end), None)
        if covering:
            return covering.person, covering.start, covering.end
        number, window = self._turn(when), self._window(when)
        start, end = self._begins(number), self._begins(number + 1)
        if window:
            start, end = max(start, window[0]), min(end, window[1])
        start = max([start, *(each.end for each in self.overrides if each.end <= when)])
        end = min([end, *(each.start for each in self.overrides if each.start > when)])
        return self.people[number % len(self.people)], start, end

    def next_start(self, when: datetime) -> datetime:
        """The next time after `when` at which the layer is on call; at `when` it isn't."""
        begins = max(self._begins(0), when)
        if self._window(begins) is None:
            begins = min(each[0] for each in self._windows(begins) if each[0] > begins)
        return min([begins, *(each.start for each in self.overrides if each.start > when)])

    def last_end(self, when: datetime) -> datetime | None:
        """The last time before `when` until which the layer was on call; at `when` it isn't. None if it wasn't during the last day."""
        ends = [each.end for each in self.overrides if each.end <= when]
        if self.hours:
            ends += [each[1] for each in self._windows(when) if each[1] <= when and each[1] > self._begins(0)]
        return max(ends, default=None)

    def _window(self, when: datetime) -> tuple[datetime, datetime] | None:
        """The on-call hours that contain `when`; unlimited without hours. None outside of them."""
        if not self.hours:
            return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        return next((each for each in self._windows(when) if each[0] <= when < each[1]), None)

    def _windows(self, when: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The on-call hours of the days around `when`. Hours that do not exist because of a clock change are left out: 02:30 to 03:20 on a day on
        which 02:30 is 03:30."""
        begin, end = self.hours or (time(), time())
        today = when.astimezone(self.zone).date()
        for day in (today + timedelta(days=number) for number in range(-2, 3)):
            last = day if end > begin else day + timedelta(days=1)
            starts, ends = self._utc(day, begin), self._utc(last, end)
            if starts < ends:
                yield starts, ends

    def _utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at).replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def _turn(self, when: datetime) -> int:
        """The number of the turn at `when`, from 0; negative before the first turn."""
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


@dataclass(frozen=True)
class Level:
    """The layers that share a level, first one first."""

    number: int
    layers: tuple[Layer, ...]

    def at(self, when: datetime) -> tuple[Layer, Shift]:
        """The turn at `when` (with a time zone), and its layer. The cost does not depend on the distance of `when`. Raises NoCover."""
        layer, person, start, end = self._piece(when)
        try:
            then = self._piece(end)[1]
        except NoCover:
            then = ""
        return layer, Shift(person, start, end, then)

    def gaps(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The gaps between `start` and `end` without anybody on call."""
        while start < end:
            try:
                start = self._piece(start)[3]
            except NoCover:
                begins = min(self._next_start(start), end)
                yield start, begins
                start = begins

    def _piece(self, when: datetime) -> tuple[Layer, str, datetime, datetime]:
        """The layer's turn without the times that earlier layers cover."""
        for number, layer in enumerate(self.layers):
            if not layer.covers(when):
                continue
            person, start, end = layer.piece(when)
            first = self.layers[:number]
            start = max([start, *(ended for ended in (each.last_end(when) for each in first) if ended)])
            return layer, person, start, min([end, *(each.next_start(when) for each in first)])
        names = f"the layer{'s' if len(self.layers) > 1 else ''} {', '.join(each.name for each in self.layers)}"
        raise NoCover(f"nobody is on call in {names} at {_shown(when)}: it begins at {_shown(self._next_start(when))}")

    def _next_start(self, when: datetime) -> datetime:
        return min(each.next_start(when) for each in self.layers)


def levels(section: Mapping[str, Any]) -> list[Level]:
    """The levels of a valid `oncall` section. A layer without a `level` gets the next level after the previous layer."""
    schedule = section.get("schedule") or {}
    found: dict[int, list[Layer]] = {}
    level = 0
    for rules in schedule.get("layers", []):
        amount, unit = _every(rules.get("every", "1w"))
        level = rules.get("level", level + 1)
        zone = ZoneInfo(_zone(rules, schedule))
        given = [each for each in schedule.get("overrides", []) if each["layer"] == rules["name"]]
        overrides = sorted((Override(each["person"], *_span(each, zone)) for each in given), key=lambda each: each.start)
        layer = Layer(
            rules["name"], tuple(rules["people"]), datetime.fromisoformat(rules["start"]), amount, unit, zone, tuple(overrides), level,
            _hours(rules.get("hours", "")),
        )  # fmt: skip
        found.setdefault(level, []).append(layer)
    return [Level(number, tuple(found[number])) for number in sorted(found)]


def problems(section: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Errors of `oncall` that the schema can't detect: the path and the message."""
    schedule, people = section.get("schedule") or {}, section.get("people", {})
    if schedule and not _is_zone("UTC"):
        yield ("schedule",), f"needs {NO_ZONES}"
        return
    zones = [((), schedule), *((("layers", number), rules) for number, rules in enumerate(schedule.get("layers", [])))]
    strange = [(where, rules["time_zone"]) for where, rules in zones if "time_zone" in rules and not _is_zone(rules["time_zone"])]
    if strange:
        yield from ((("schedule", *where, "time_zone"), f"must be a time zone such as Europe/Berlin, not {name}") for where, name in strange)
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
        of: Mapping[str, Any] = next((rules for rules in schedule.get("layers", []) if rules["name"] == each["layer"]), {})
        start, end = _span(each, ZoneInfo(_zone(of, schedule)))
        if start >= end:
            why = " (the clocks are set forward between them, so that nothing is left)" if each["from"] < each["until"] else ""
            yield (*here, "until"), f"must be after from, {each['from']}{why}"
        if any(layer == each["layer"] and start < other_end and other_start < end for layer, other_start, other_end in spans):
            yield here, f"overlaps another override of the layer {each['layer']}"
        spans.append((each["layer"], start, end))


def _every(text: str) -> tuple[int, str]:
    """`1w` as 1 and w."""
    found = _EVERY.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is no length of a turn")
    return int(found[1]), found[2]


def _hours(text: str) -> tuple[time, time] | None:
    """`08:00-16:00` as two times; None for all day."""
    found = _HOURS.fullmatch(text)
    return (time.fromisoformat(found[1]), time.fromisoformat(found[2])) if found else None


def _zone(rules: Mapping[str, Any], schedule: Mapping[str, Any]) -> str:
    return str(rules.get("time_zone") or schedule.get("time_zone", "UTC"))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


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
