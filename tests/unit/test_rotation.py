# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the rotation: who is on call when, over changes of the clocks, and which configurations are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events  # type: ignore[import-untyped]
from ansible_collections.incident.response.plugins.module_utils._core import rotation
from ansible_collections.incident.response.plugins.plugin_utils import _config

LATER = datetime(2027, 12, 1, tzinfo=UTC)
PEOPLE: dict[str, Any] = {"ada": {}, "grace": {}, "joan": {}}


def layer(zone: str, start: str, every: str = "1w", people: tuple[str, ...] = ("ada", "grace"), overrides: tuple[Any, ...] = ()) -> rotation.Level:
    layers = [{"name": "primary", "people": list(people), "start": start, "every": every}]
    given = [{"layer": "primary", "person": person, "from": since, "until": until} for person, since, until in overrides]
    section = {"people": PEOPLE, "schedule": {"time_zone": zone, "layers": layers, "overrides": given}}
    assert not list(rotation.problems(section))
    return rotation.levels(section)[0]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "start", "every", "at", "since", "until"),
    [
        # The week in which the clocks go forward has 167 hours.
        ("Europe/Berlin", "2027-03-15T09:00", "1w", "2027-03-25T00:00Z", "2027-03-22T08:00Z", "2027-03-29T07:00Z"),
        ("Europe/Berlin", "2027-03-15T09:00", "1w", "2027-03-29T06:59:59Z", "2027-03-22T08:00Z", "2027-03-29T07:00Z"),
        ("Europe/Berlin", "2027-03-15T09:00", "1w", "2027-03-29T07:00Z", "2027-03-29T07:00Z", "2027-04-05T07:00Z"),
        # The one in which they go back has 169.
        ("Europe/Berlin", "2026-10-05T09:00", "1w", "2026-10-22T00:00Z", "2026-10-19T07:00Z", "2026-10-26T08:00Z"),
        ("America/Chicago", "2024-10-29T00:00", "1w", "2024-11-01T00:00Z", "2024-10-29T05:00Z", "2024-11-05T06:00Z"),
        ("America/Chicago", "2024-10-29T00:00", "1w", "2025-03-10T00:00Z", "2025-03-04T06:00Z", "2025-03-11T05:00Z"),
        # 01:30 is there twice on that day; the first counts.
        ("America/Chicago", "2020-11-01T01:30", "1mo", "2020-11-15T00:00Z", "2020-11-01T01:30-05:00", "2020-12-01T01:30-06:00"),
        # The clocks change by half an hour there. 02:15 isn't there on the second day.
        ("Australia/Lord_Howe", "2021-04-03T02:30", "1d", "2021-04-03T12:00Z", "2021-04-03T02:30+11:00", "2021-04-04T02:30+10:30"),
        ("Australia/Lord_Howe", "2020-10-03T02:15", "1d", "2020-10-03T12:00Z", "2020-10-03T02:15+10:30", "2020-10-04T02:45+11:00"),
        # Over the end of a year and a leap day.
        ("UTC", "2027-11-01T00:00", "2mo", "2028-01-15T00:00Z", "2028-01-01T00:00Z", "2028-03-01T00:00Z"),
        ("UTC", "2028-02-28T12:00", "1d", "2028-02-29T13:00Z", "2028-02-29T12:00Z", "2028-03-01T12:00Z"),
        # Ten years ahead: 568 weeks after the first hand-over.
        ("UTC", "2026-01-05T09:00", "2w", "2036-11-25T00:00Z", "2036-11-24T09:00Z", "2036-12-08T09:00Z"),
    ],
)
def test_hand_overs_are_at_their_local_time(zone: str, start: str, every: str, at: str, since: str, until: str) -> None:
    shift = layer(zone, start, every).at(instant(at))[1]
    assert (shift.start, shift.end) == (instant(since), instant(until))


def test_people_take_turns_in_their_order() -> None:
    found = layer("Europe/Berlin", "2026-01-05T09:00", people=("ada", "grace", "joan"))
    days = ["2026-01-05T08:00Z", "2026-01-12T07:59Z", "2026-01-12T08:00Z", "2026-01-19T08:00Z", "2026-01-26T08:00Z"]
    shifts = [found.at(instant(day))[1] for day in days]
    assert [shift.person for shift in shifts] == ["ada", "ada", "grace", "joan", "ada"]
    assert [shift.then for shift in shifts] == ["grace", "grace", "joan", "ada", "grace"]


def test_an_override_is_on_call_for_its_time_only_and_is_named_before() -> None:
    found = layer("UTC", "2026-01-05T09:00", overrides=(("joan", "2026-01-07T09:00", "2026-01-08T09:00"),))
    before, during, after = (found.at(instant(f"2026-01-{day}T09:00Z"))[1] for day in ("06", "07", "08"))
    assert [(each.person, each.start.day, each.end.day, each.then) for each in (before, during, after)] == [
        ("ada", 5, 7, "joan"), ("joan", 7, 8, "ada"), ("ada", 8, 12, "grace"),
    ]  # fmt: skip


def test_before_the_rotation_nobody_is_on_call_and_the_gap_is_named() -> None:
    found = layer("UTC", "2026-01-05T09:00", overrides=(("joan", "2025-12-30T00:00", "2026-01-02T00:00"),))
    with pytest.raises(rotation.NoCover, match=r"layer primary at 2025-12-01T00:00:00Z: it begins at 2025-12-30T00:00:00Z"):
        found.at(instant("2025-12-01T00:00Z"))
    with pytest.raises(rotation.NoCover, match="it begins at 2026-01-05T09:00:00Z"):
        found.at(instant("2026-01-05T08:59:59Z"))
    assert found.at(instant("2025-12-31T00:00Z"))[1].then == ""


HAND_OVERS = {
    # zone, first hand-over, length of a turn: hand-overs that follow each other, with the offset that the zone has then
    ("Europe/Berlin", "2026-10-05T09:00", "1w"): "2026-10-12T09:00+02 2026-10-19T09:00+02 2026-10-26T09:00+01 2026-11-02T09:00+01",
    ("Europe/Berlin", "2027-03-01T09:00", "1w"): "2027-03-15T09:00+01 2027-03-22T09:00+01 2027-03-29T09:00+02 2027-04-05T09:00+02",
    ("Europe/Berlin", "2027-03-01T09:00", "4w"): "2027-03-01T09:00+01 2027-03-29T09:00+02 2027-04-26T09:00+02",
    ("Europe/Berlin", "2027-03-26T02:30", "1d"): "2027-03-26T02:30+01 2027-03-27T02:30+01 2027-03-28T03:30+02 2027-03-29T02:30+02",
    ("Europe/Berlin", "2026-10-23T02:30", "1d"): "2026-10-23T02:30+02 2026-10-24T02:30+02 2026-10-25T02:30+02 2026-10-26T02:30+01",
    ("Europe/Berlin", "2026-09-25T02:30", "1mo"): "2026-09-25T02:30+02 2026-10-25T02:30+02 2026-11-25T02:30+01",
    ("Europe/Berlin", "2026-12-28T00:00", "1w"): "2026-12-28T00:00+01 2027-01-04T00:00+01 2027-01-11T00:00+01",
    ("Europe/Berlin", "2026-06-28T23:59", "3mo"): "2026-06-28T23:59+02 2026-09-28T23:59+02 2026-12-28T23:59+01 2027-03-28T23:59+02",
    ("America/Chicago", "2024-10-29T00:00", "1w"): "2024-10-29T00:00-05 2024-11-05T00:00-06 2024-11-12T00:00-06",
    ("America/Chicago", "2025-03-04T00:00", "1w"): "2025-03-04T00:00-06 2025-03-11T00:00-05 2025-03-18T00:00-05",
    ("America/Chicago", "2026-03-06T02:00", "1d"): "2026-03-06T02:00-06 2026-03-07T02:00-06 2026-03-08T03:00-05 2026-03-09T02:00-05",
    ("America/Chicago", "2026-03-06T02:59", "1d"): "2026-03-07T02:59-06 2026-03-08T03:59-05 2026-03-09T02:59-05",
    ("America/Chicago", "2026-03-06T03:00", "1d"): "2026-03-07T03:00-06 2026-03-08T03:00-05 2026-03-09T03:00-05",
    ("America/Chicago", "2026-10-30T01:00", "1d"): "2026-10-31T01:00-05 2026-11-01T01:00-05 2026-11-02T01:00-06",
    ("America/Chicago", "2026-10-30T01:59", "1d"): "2026-10-31T01:59-05 2026-11-01T01:59-05 2026-11-02T01:59-06",
    ("America/Chicago", "2026-10-30T02:00", "1d"): "2026-10-31T02:00-05 2026-11-01T02:00-06 2026-11-02T02:00-06",
    ("America/Chicago", "2020-11-01T01:30", "1mo"): "2020-11-01T01:30-05 2020-12-01T01:30-06 2021-01-01T01:30-06",
    ("America/Chicago", "2028-02-28T12:00", "1d"): "2028-02-28T12:00-06 2028-02-29T12:00-06 2028-03-01T12:00-06",
    ("Australia/Lord_Howe", "2021-04-02T02:30", "1d"): "2021-04-02T02:30+11 2021-04-03T02:30+11 2021-04-04T02:30+10:30 2021-04-05T02:30+10:30",
    ("Australia/Lord_Howe", "2021-04-03T01:45", "1d"): "2021-04-03T01:45+11 2021-04-04T01:45+11 2021-04-05T01:45+10:30",
    ("Australia/Lord_Howe", "2020-10-02T02:15", "1d"): "2020-10-03T02:15+10:30 2020-10-04T02:45+11 2020-10-05T02:15+11",
    ("Australia/Lord_Howe", "2020-10-02T02:30", "1d"): "2020-10-03T02:30+10:30 2020-10-04T02:30+11 2020-10-05T02:30+11",
    ("Australia/Lord_Howe", "2026-09-21T09:00", "1w"): "2026-09-28T09:00+10:30 2026-10-05T09:00+11 2026-10-12T09:00+11",
    ("America/Chicago", "2026-10-19T17:00", "1w"): "2026-10-19T17:00-05 2026-10-26T17:00-05 2026-11-02T17:00-06 2026-11-09T17:00-06",
    ("Europe/Berlin", "2026-10-24T12:00", "12d"): "2026-10-24T12:00+02 2026-11-05T12:00+01 2026-11-17T12:00+01",
    ("Australia/Lord_Howe", "2026-03-23T09:00", "2w"): "2026-03-23T09:00+11 2026-04-06T09:00+10:30 2026-04-20T09:00+10:30",
}
CASES = [
    (*rules, *pair) for rules, stamps in HAND_OVERS.items() for pair in zip(stamps.split(), stamps.split()[1:], strict=False)
]  # fmt: skip


@pytest.mark.parametrize(("zone", "start", "every", "since", "until"), CASES)
def test_a_turn_begins_and_ends_to_the_second_when_the_clocks_change(zone: str, start: str, every: str, since: str, until: str) -> None:
    found, begin, end = layer(zone, start, every), instant(since), instant(until)
    first, last, following = (found.at(when)[1] for when in (begin, end - timedelta(seconds=1), end))
    assert (first.start, first.end) == (begin, end)
    assert last == first
    assert (following.start, following.person) == (end, first.then)
    assert following.person != first.person


def test_the_table_has_enough_cases_in_three_zones() -> None:
    assert len(CASES) >= 60
    assert len({zone for zone, *_rest in CASES}) == 3


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("every", "rule"), [("1d", "DAILY;INTERVAL=1"), ("3d", "DAILY;INTERVAL=3"), ("1w", "WEEKLY;INTERVAL=1"), ("2w", "WEEKLY;INTERVAL=2")]
)
def test_hand_overs_are_those_of_an_independent_calendar(zone: str, every: str, rule: str) -> None:
    local = datetime(2026, 1, 5, 9, 0)
    event = f"BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID={zone}:20260105T090000\r\nDURATION:PT1H\r\nRRULE:FREQ={rule}\r\nEND:VEVENT\r\n"
    calendar = icalendar.Calendar.from_ical(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n")
    occurrences = recurring_ical_events.of(calendar).between(instant("2026-01-01T00:00Z"), instant("2028-04-15T00:00Z"))
    expected = sorted(each["DTSTART"].dt.astimezone(UTC) for each in occurrences)
    found = layer(zone, local.isoformat(), every)
    assert [found.at(when + timedelta(hours=1))[1].start for when in expected] == expected
    assert len(expected) > 50


FOLLOW: dict[str, Any] = {
    "people": PEOPLE,
    "schedule": {
        "time_zone": "UTC",
        "layers": [
            {"name": "apac", "level": 1, "people": ["ada", "grace"], "start": "2026-01-05T22:00", "hours": "22:00-07:00"},
            {"name": "emea", "level": 1, "people": ["joan"], "start": "2026-01-05T07:00", "hours": "08:00-16:00", "time_zone": "Europe/Berlin"},
            {"name": "rest", "level": 1, "people": ["grace"], "start": "2026-01-05T00:00"},
            {"name": "lead", "people": ["ada"], "start": "2026-01-05T00:00"},
        ],
        "overrides": [{"layer": "emea", "person": "ada", "from": "2026-01-08T20:00", "until": "2026-01-08T21:00"}],
    },
}


@pytest.mark.parametrize(
    ("at", "layer_name", "person", "since", "until", "then"),
    [
        ("2026-01-06T00:00Z", "apac", "ada", "2026-01-05T22:00Z", "2026-01-06T07:00Z", "joan"),
        ("2026-01-06T07:00Z", "emea", "joan", "2026-01-06T07:00Z", "2026-01-06T15:00Z", "grace"),  # 08:00 in Berlin
        ("2026-01-06T15:00Z", "rest", "grace", "2026-01-06T15:00Z", "2026-01-06T22:00Z", "ada"),
        ("2026-01-13T00:00Z", "apac", "grace", "2026-01-12T22:00Z", "2026-01-13T07:00Z", "joan"),  # the next week's turn
        ("2026-07-06T06:30Z", "apac", "grace", "2026-07-05T22:00Z", "2026-07-06T07:00Z", "joan"),  # the first layer is on call where two are
        ("2026-07-06T13:59Z", "emea", "joan", "2026-07-06T07:00Z", "2026-07-06T14:00Z", "grace"),  # 16:00 in Berlin, in summer
        ("2026-01-08T19:30Z", "emea", "ada", "2026-01-08T19:00Z", "2026-01-08T20:00Z", "grace"),  # an override outside of the hours
    ],
)
def test_layers_of_one_level_follow_the_sun(at: str, layer_name: str, person: str, since: str, until: str, then: str) -> None:
    assert not list(rotation.problems(FOLLOW))
    first, second = rotation.levels(FOLLOW)
    found, shift = first.at(instant(at))
    assert (found.name, shift) == (layer_name, rotation.Shift(person, instant(since), instant(until), then))
    assert (first.number, second.number, second.at(instant(at))[1].person) == (1, 2, "ada")


def test_gaps_are_found_to_the_second_and_named() -> None:
    schedule = {**FOLLOW["schedule"], "layers": [each for each in FOLLOW["schedule"]["layers"] if each["name"] in {"apac", "emea"}]}
    (level,) = rotation.levels({**FOLLOW, "schedule": schedule})
    found = list(level.gaps(instant("2026-01-07T00:00Z"), instant("2026-01-09T00:00Z")))
    assert found == [
        (instant("2026-01-07T15:00Z"), instant("2026-01-07T22:00Z")), (instant("2026-01-08T15:00Z"), instant("2026-01-08T19:00Z")),
        (instant("2026-01-08T20:00Z"), instant("2026-01-08T22:00Z")),
    ]  # fmt: skip
    with pytest.raises(rotation.NoCover, match="in the layers apac, emea at 2026-01-07T16:00:00Z: it begins at 2026-01-07T22:00:00Z"):
        level.at(instant("2026-01-07T16:00Z"))
    assert list(rotation.levels(FOLLOW)[0].gaps(instant("2026-01-06T00:00Z"), instant("2027-01-06T00:00Z"))) == []
    (early,) = rotation.levels({"people": PEOPLE, "schedule": {"layers": [{"name": "x", "people": ["ada"], "start": "2026-02-01T00:00"}]}})
    assert list(early.gaps(instant("2026-01-06T00:00Z"), instant("2027-01-06T00:00Z"))) == [
        (instant("2026-01-06T00:00Z"), instant("2026-02-01T00:00Z"))
    ]


@pytest.mark.parametrize(
    ("zone", "hours", "day", "next_begin"),
    [
        # On that day 02:30 means 03:30 (RFC 5545), which is after 03:20: nobody is on call, and nothing begins.
        ("America/New_York", "02:30-03:20", "2027-03-14", "2027-03-15T06:30Z"),
        ("America/New_York", "02:30-03:30", "2027-03-14", "2027-03-15T06:30Z"),
        ("Europe/Berlin", "02:15-03:00", "2027-03-28", "2027-03-29T00:15Z"),
        ("Australia/Lord_Howe", "02:10-02:40", "2026-10-04", "2026-10-04T15:10Z"),
        # What is in the gap as a whole is an hour, or half an hour, later on that day; what only ends in it is longer.
        ("Europe/Berlin", "02:10-02:50", "2027-03-28", "2027-03-28T01:10Z"),
        ("Europe/Berlin", "02:15-03:45", "2027-03-28", "2027-03-28T01:15Z"),
        ("Europe/Berlin", "01:30-02:30", "2027-03-28", "2027-03-28T00:30Z"),
        # When the clocks go back, the first of two counts.
        ("Europe/Berlin", "02:10-02:50", "2026-10-25", "2026-10-25T00:10Z"),
    ],
)
def test_hours_that_fall_into_a_change_of_the_clocks_begin_when_they_are_said_to(zone: str, hours: str, day: str, next_begin: str) -> None:
    rules = {"name": "night", "people": ["ada"], "start": "2026-01-05T00:00", "hours": hours}
    (level,) = rotation.levels({"people": PEOPLE, "schedule": {"time_zone": zone, "layers": [rules]}})
    midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    with pytest.raises(rotation.NoCover) as gap:
        level.at(midnight)
    begins = instant(str(gap.value).partition("it begins at ")[2])
    assert begins == instant(next_begin)
    assert level.at(begins)[1].start == begins
    (first, *_later) = level.gaps(midnight, midnight + timedelta(days=3))
    assert first == (midnight, begins)


def test_an_override_that_a_change_of_the_clocks_leaves_nothing_of_is_refused_with_the_reason() -> None:
    schedule: dict[str, Any] = {
        "time_zone": "Europe/Berlin",
        "layers": [{"name": "night", "people": ["ada"], "start": "2026-01-05T00:00"}],
        "overrides": [{"layer": "night", "person": "grace", "from": "2027-03-28T02:30", "until": "2027-03-28T03:20"}],
    }
    ((where, why),) = rotation.problems({"people": PEOPLE, "schedule": schedule})
    assert where == ("schedule", "overrides", 0, "until")
    assert why == "must be after from, 2027-03-28T02:30 (the clocks are set forward between them, so that nothing is left)"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("hours", ["02:10-02:50", "02:30-03:20", "01:45-02:15", "23:30-02:30"])
def test_all_hours_begin_as_in_an_independent_calendar_and_none_is_empty(zone: str, hours: str) -> None:
    rules = {"name": "night", "people": ["ada"], "start": "2026-01-05T00:00", "hours": hours}
    (level,) = rotation.levels({"people": PEOPLE, "schedule": {"time_zone": zone, "layers": [rules]}})
    start = hours[:5].replace(":", "")
    event = f"BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID={zone}:20260105T{start}00\r\nDURATION:PT1M\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n"
    calendar = icalendar.Calendar.from_ical(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n")
    there = {each["DTSTART"].dt.astimezone(UTC) for each in recurring_ical_events.of(calendar).between(instant("2026-01-06T12:00Z"), LATER)}
    when, found = instant("2026-01-06T12:00Z"), list[datetime]()
    for _gap, begins in level.gaps(when, LATER):
        found.append(begins)
        if begins < LATER:
            shift = level.at(begins)[1]
            assert shift.start == begins < shift.end
    assert set(found) <= there | {LATER}
    assert len(there) - len(found) <= 4  # those days on which the hours are empty


@pytest.mark.parametrize("section", [FOLLOW], ids=["follow the sun"])
def test_exactly_one_is_on_call_at_any_time(section: dict[str, Any]) -> None:
    level = rotation.levels(section)[0]
    layer_before, shift = level.at(instant("2026-01-06T00:00Z"))
    while shift.start < instant("2027-04-15T00:00Z"):
        assert shift.start < shift.end
        for part in (0, 0.31, 0.97, 0.9999999):
            assert level.at(shift.start + (shift.end - shift.start) * part) == (layer_before, shift)
        layer_before, following = level.at(shift.end)
        assert (following.start, following.person) == (shift.end, shift.then)
        shift = following


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe"])
def test_shifts_follow_each_other_without_gap_or_overlap_and_everyone_in_one_says_the_same(zone: str) -> None:
    for every in ("1d", "3d", "1w", "1mo"):
        swaps = (("joan", "2026-03-28T02:30", "2026-03-30T02:30"), ("grace", "2026-10-24T00:00", "2026-10-25T02:30"))
        found = layer(zone, "2026-01-05T02:30", every, overrides=swaps)
        when = instant("2026-01-06T00:00Z")
        shift = found.at(when)[1]
        while shift.start < instant("2027-06-01T00:00Z"):
            assert shift.start < shift.end
            for part in (0, 0.31, 0.97, 0.9999999):
                assert found.at(shift.start + (shift.end - shift.start) * part)[1] == shift
            following = found.at(shift.end)[1]
            assert (following.start, following.person) == (shift.end, shift.then)
            shift = following


ROTATION = """oncall:
  people: {{ada: {{}}, grace: {{}}}}
  schedule:
    time_zone: {zone}
    layers:
      - {{name: primary, people: [{people}], start: {start}, every: {every}}}
    overrides:
      - {{layer: {layer}, person: {person}, from: '2026-01-06T00:00', until: '{until}'}}
      - {{layer: primary, person: ada, from: '{second}', until: '2026-02-02T00:00'}}
"""
GOOD = {
    "zone": "Europe/Berlin", "people": "ada", "start": "'2026-01-05T09:00'", "every": "1w", "layer": "primary", "person": "grace",
    "until": "2026-01-07T00:00", "second": "2026-02-01T00:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"zone": "Europe/Bonn"}, ":4: oncall.schedule.time_zone must be a time zone such as Europe/Berlin, not Europe/Bonn"),
        ({"zone": "../etc"}, ":4: oncall.schedule.time_zone must be a time zone"),
        ({"people": "joan"}, ":6: oncall.schedule.layers[0].people[0] is nobody of oncall.people: joan; there are: ada, grace"),
        ({"people": ""}, ":6: oncall.schedule.layers[0].people must be a list of one name or more"),
        ({"start": "soon"}, ":6: oncall.schedule.layers[0].start must be a local time such as 2026-01-05T09:00, not soon"),
        ({"start": "2026-01-05"}, ":6: oncall.schedule.layers[0].start must be a local time in quotes"),
        ({"start": "'2026-01-05T09:00Z'"}, ":6: oncall.schedule.layers[0].start must be a local time"),
        ({"start": "'2026-01-31T09:00'", "every": "1mo"}, ":6: oncall.schedule.layers[0].start must be on a day that each month has"),
        ({"every": "0w"}, ":6: oncall.schedule.layers[0].every must be the length of a turn, such as 1w"),
        ({"layer": "second"}, ":8: oncall.schedule.overrides[0].layer is no layer: second; there are: primary"),
        ({"person": "joan"}, ":8: oncall.schedule.overrides[0].person is nobody of oncall.people: joan"),
        ({"until": "2026-01-06T00:00"}, ":8: oncall.schedule.overrides[0].until must be after from"),
        ({"second": "2026-01-06T23:00"}, ":9: oncall.schedule.overrides[1] overlaps another override of the layer primary"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, given: dict[str, str], message: str) -> None:
    path = tmp_path / "incident-response.yml"
    path.write_text(ROTATION.format(**GOOD))
    assert rotation.levels(_config.load(path)["oncall"])[0].at(datetime(2026, 1, 6, 12, tzinfo=UTC))[1].person == "grace"
    path = tmp_path / "wrong.yml"
    path.write_text(ROTATION.format(**GOOD | given))
    with pytest.raises(_config.ConfigError) as error:
        _config.load(path)
    assert message in str(error.value)
