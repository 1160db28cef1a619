# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the 90 days: each second is counted once, on its own day, in the state that it was in, and nothing is made up."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import uptime
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.status_page import COMPONENT_STATES, OPERATIONAL, Component

NOW = datetime.fromisoformat("2026-11-26T12:00:00+00:00").timestamp()
HOUR, DAY = 3600, 86_400
MIDNIGHT = NOW - 12 * HOUR
LONG_AGO = utc(NOW - 400 * DAY)


def component(*history: tuple[str, str], since: str = LONG_AGO, state: str = "") -> Component:
    return Component("API", state or (history[-1][1] if history else OPERATIONAL), since=since, history=history)


def test_there_are_ninety_days_and_the_last_is_today() -> None:
    found = uptime.days(component(), NOW)
    assert (len(found), found[0].date, found[-1].date) == (90, "2026-08-29", "2026-11-26")
    assert {day.state for day in found} == {OPERATIONAL}
    assert [day.known for day in found] == [DAY] * 89 + [DAY / 2]
    assert uptime.percentage(found) == 100


def test_nothing_is_known_before_it_was_listed() -> None:
    found = uptime.days(component(since=utc(MIDNIGHT - 6 * HOUR)), NOW)
    assert [day.state for day in found[-4:]] == ["", "", OPERATIONAL, OPERATIONAL]
    assert [day.known for day in found[-3:]] == [0, 6 * HOUR, 12 * HOUR]


def test_one_may_be_listed_in_trouble() -> None:
    since = utc(MIDNIGHT - HOUR)
    found = uptime.days(component((since, "major_outage"), (utc(MIDNIGHT), OPERATIONAL), since=since), NOW)
    assert [(day.state, day.known) for day in found[-3:]] == [("", 0), ("major_outage", HOUR), (OPERATIONAL, DAY / 2)]


def test_without_a_listing_it_is_known_from_its_first_change_on() -> None:
    found = uptime.days(component((utc(MIDNIGHT - HOUR), "major_outage"), (utc(MIDNIGHT), OPERATIONAL), since=""), NOW)
    assert [(day.state, day.known) for day in found[-3:]] == [("", 0), ("major_outage", HOUR), (OPERATIONAL, DAY / 2)]


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-01T00:00:00", utc(NOW + 1)])
def test_of_one_that_was_never_listed_only_its_state_is_known(since: str) -> None:
    found = uptime.days(component(since=since, state="partial_outage"), NOW)
    assert [day.state for day in found] == [""] * 89 + ["partial_outage"]
    assert uptime.percentage(found) is None


def test_a_change_at_midnight_belongs_to_the_day_that_begins() -> None:
    found = uptime.days(component((utc(MIDNIGHT - DAY), "major_outage"), (utc(MIDNIGHT), OPERATIONAL)), NOW)
    assert [day.state for day in found[-3:]] == [OPERATIONAL, "major_outage", OPERATIONAL]
    assert [dict(day.seconds) for day in found[-3:]] == [{}, {"major_outage": DAY}, {}]


def test_what_lasts_over_midnight_counts_on_both_days() -> None:
    found = uptime.days(component((utc(MIDNIGHT - HOUR), "degraded_performance"), (utc(MIDNIGHT + 2 * HOUR), OPERATIONAL)), NOW)
    assert [dict(day.seconds) for day in found[-2:]] == [{"degraded_performance": HOUR}, {"degraded_performance": 2 * HOUR}]


def test_a_change_before_the_window_still_holds_in_it() -> None:
    found = uptime.days(component((utc(NOW - 300 * DAY), "under_maintenance")), NOW)
    assert {day.state for day in found} == {"under_maintenance"}
    assert uptime.percentage(found) == 100


def test_the_worst_state_of_a_day_is_shown_however_short() -> None:
    begun = MIDNIGHT + HOUR
    history = ((utc(begun), "major_outage"), (utc(begun + 1), "partial_outage"), (utc(begun + HOUR), OPERATIONAL))
    today = uptime.days(component(*history), NOW)[-1]
    assert (today.state, dict(today.seconds)) == ("major_outage", {"major_outage": 1, "partial_outage": HOUR - 1})


def test_the_order_of_the_history_does_not_matter() -> None:
    history = [(utc(MIDNIGHT - 5 * HOUR * place), COMPONENT_STATES[place % 5]) for place in range(30)]
    shuffled = random.Random(7).sample(history, len(history))  # noqa: S311 - the same at each run
    assert uptime.days(component(*shuffled, state=OPERATIONAL), NOW) == uptime.days(component(*history, state=OPERATIONAL), NOW)


@pytest.mark.parametrize("damaged", [("", "major_outage"), ("2026-13-01T00:00:00Z", "major_outage"), (utc(NOW - DAY), "broken"),
                                     ("2026-11-20T00:00:00", "major_outage"), (utc(NOW + DAY), "major_outage")])  # fmt: skip
def test_a_damaged_change_is_passed_over(damaged: tuple[str, str]) -> None:
    sound = ((utc(NOW - 3 * DAY), "partial_outage"), (utc(NOW - 2 * DAY), OPERATIONAL))
    assert uptime.days(component(*sound, damaged, state=OPERATIONAL), NOW) == uptime.days(component(*sound), NOW)


def test_today_is_never_better_than_the_state_it_has() -> None:
    found = uptime.days(component(state="major_outage"), NOW)
    assert (found[-1].state, dict(found[-1].seconds)) == ("major_outage", {})


@pytest.mark.parametrize(("state", "down"), [("major_outage", 1.0), ("partial_outage", 0.3), ("degraded_performance", 0), ("under_maintenance", 0)])
def test_the_percentage_weighs_as_statuspage_does(state: str, down: float) -> None:
    found = uptime.days(component((utc(MIDNIGHT - 10 * HOUR), state), (utc(MIDNIGHT), OPERATIONAL)), NOW)
    assert uptime.percentage(found) == pytest.approx(100 * (1 - down * 10 / (89.5 * 24)))


def test_every_second_is_counted_once() -> None:
    """Whatever the history: the known time is that since the listing, and what is counted of it is what a slow count finds."""
    chance = random.Random(11)  # noqa: S311 - the same at each run
    for dummy in range(60):
        listed = NOW - chance.uniform(0, 120) * DAY
        moments = sorted(NOW - chance.uniform(0, 120) * DAY for dummy in range(chance.randrange(12)))
        moments = [moment - moment % HOUR for moment in moments]
        history = [(utc(moment), chance.choice(COMPONENT_STATES)) for moment in moments]
        listed -= listed % HOUR
        found = uptime.days(component(*history, since=utc(listed)), NOW)
        assert sum(day.known for day in found) == pytest.approx(min(NOW - listed, 89.5 * DAY))
        slow = {state: 0 for state in COMPONENT_STATES}
        begin = max(listed, MIDNIGHT - 89 * DAY)
        for hour in range(int((NOW - begin) // HOUR)):
            moment = begin + hour * HOUR
            slow[([OPERATIONAL] + [state for at, state in history if (uptime.instant(at) or 0) <= moment])[-1]] += HOUR
        for state in COMPONENT_STATES[1:]:
            assert sum(day.seconds.get(state, 0) for day in found) == pytest.approx(slow[state])
