# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the rotation: who is on call when, over changes of the clocks, and which configurations are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import rotation
from ansible_collections.incident.response.plugins.plugin_utils import _config

PEOPLE: dict[str, Any] = {"ada": {}, "grace": {}, "joan": {}}


def layer(zone: str, start: str, every: str = "1w", people: tuple[str, ...] = ("ada", "grace"), overrides: tuple[Any, ...] = ()) -> rotation.Layer:
    layers = [{"name": "primary", "people": list(people), "start": start, "every": every}]
    given = [{"layer": "primary", "person": person, "from": since, "until": until} for person, since, until in overrides]
    section = {"people": PEOPLE, "schedule": {"time_zone": zone, "layers": layers, "overrides": given}}
    assert not list(rotation.problems(section))
    return rotation.layers(section)[0]


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
    shift = layer(zone, start, every).at(instant(at))
    assert (shift.start, shift.end) == (instant(since), instant(until))


def test_people_take_turns_in_their_order() -> None:
    found = layer("Europe/Berlin", "2026-01-05T09:00", people=("ada", "grace", "joan"))
    days = ["2026-01-05T08:00Z", "2026-01-12T07:59Z", "2026-01-12T08:00Z", "2026-01-19T08:00Z", "2026-01-26T08:00Z"]
    shifts = [found.at(instant(day)) for day in days]
    assert [shift.person for shift in shifts] == ["ada", "ada", "grace", "joan", "ada"]
    assert [shift.then for shift in shifts] == ["grace", "grace", "joan", "ada", "grace"]


def test_an_override_is_on_call_for_its_time_only_and_is_named_before() -> None:
    found = layer("UTC", "2026-01-05T09:00", overrides=(("joan", "2026-01-07T09:00", "2026-01-08T09:00"),))
    before, during, after = (found.at(instant(f"2026-01-{day}T09:00Z")) for day in ("06", "07", "08"))
    assert [(each.person, each.start.day, each.end.day, each.then) for each in (before, during, after)] == [
        ("ada", 5, 7, "joan"), ("joan", 7, 8, "ada"), ("ada", 8, 12, "grace"),
    ]  # fmt: skip


def test_before_the_rotation_nobody_is_on_call_and_the_gap_is_named() -> None:
    found = layer("UTC", "2026-01-05T09:00", overrides=(("joan", "2025-12-30T00:00", "2026-01-02T00:00"),))
    with pytest.raises(rotation.NoCover, match=r"layer primary at 2025-12-01T00:00:00Z: it begins at 2025-12-30T00:00:00Z"):
        found.at(instant("2025-12-01T00:00Z"))
    with pytest.raises(rotation.NoCover, match="it begins at 2026-01-05T09:00:00Z"):
        found.at(instant("2026-01-05T08:59:59Z"))
    assert found.at(instant("2025-12-31T00:00Z")).then == ""


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe"])
def test_shifts_follow_each_other_without_gap_or_overlap_and_everyone_in_one_says_the_same(zone: str) -> None:
    for every in ("1d", "3d", "1w", "1mo"):
        swaps = (("joan", "2026-03-28T02:30", "2026-03-30T02:30"), ("grace", "2026-10-24T00:00", "2026-10-25T02:30"))
        found = layer(zone, "2026-01-05T02:30", every, overrides=swaps)
        when = instant("2026-01-06T00:00Z")
        shift = found.at(when)
        while shift.start < instant("2027-06-01T00:00Z"):
            assert shift.start < shift.end
            for part in (0, 0.31, 0.97, 0.9999999):
                assert found.at(shift.start + (shift.end - shift.start) * part) == shift
            following = found.at(shift.end)
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
    assert rotation.layers(_config.load(path)["oncall"])[0].at(datetime(2026, 1, 6, 12, tzinfo=UTC)).person == "grace"
    path = tmp_path / "wrong.yml"
    path.write_text(ROTATION.format(**GOOD | given))
    with pytest.raises(_config.ConfigError) as error:
        _config.load(path)
    assert message in str(error.value)
