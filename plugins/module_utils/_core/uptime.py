# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The daily states of a component, and its uptime. The weights are those of Statuspage: support.atlassian.com/statuspage, "Display historical uptime
of components"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from .status_page import COMPONENT_STATES, OPERATIONAL, Component, worst

DAY = 86_400
WEIGHTS = {"major_outage": 1.0, "partial_outage": 0.3}
"""The part of the time in a state that counts as downtime; other states count as no downtime."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC, `YYYY-MM-DD`). `state` is the worst state of the day; empty if unknown. `seconds` is the time in each state except operational.
    `known` is the known part of the day: less on the first day, and today."""

    date: str
    state: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    known: float = 0.0


def instant(at: str) -> float | None:
    """The Unix time of an ISO 8601 text; None if it is damaged, or has no time zone."""
    try:
        when = datetime.fromisoformat(at)
        return when.timestamp() if when.tzinfo else None
    except (ValueError, OverflowError, TypeError):
        return None


def days(component: Component, now: float, count: int = 90) -> list[Day]:
    """The last `count` days, oldest first; the last one is the day of `now` (Unix time), up to `now`. Changes with a damaged time or state, and
    changes after `now`, are ignored. The last day is never better than the component's current state."""
    today = int(now // DAY)
    first = today - count + 1
    spent: list[dict[str, float]] = [{} for dummy in range(count)]
    for (begun, state), following in pairwise([*_changes(component), (now, "")]):
        begun, ended = max(begun, first * DAY), min(following[0], now)
        while begun < ended:
            day = int(begun // DAY)
            until = min(ended, (day + 1) * DAY)
            spent[day - first][state] = spent[day - first].get(state, 0.0) + until - begun
            begun = until
    found = [_day(first + place, each) for place, each in enumerate(spent)]
    if component.state in COMPONENT_STATES and count > 0:
        last = found[-1]
        found[-1] = Day(last.date, worst([last.state or OPERATIONAL, component.state]), last.seconds, last.known)
    return found


def percentage(days: Sequence[Day]) -> float | None:
    """The uptime in percent of the known time, from 0 to 100; None if nothing is known."""
    known = sum(day.known for day in days)
    down = sum(WEIGHTS.get(state, 0.0) * seconds for day in days for state, seconds in day.seconds.items())
    return 100 * (1 - down / known) if known else None


def _changes(component: Component) -> list[tuple[float, str]]:
    """The state changes of the component since its listing, oldest first."""
    found = [(when, state) for at, state in component.history if (when := instant(at)) is not None and state in COMPONENT_STATES]
    found.sort(key=lambda change: change[0])
    since = instant(component.since)
    if since is None:
        return found
    before = [state for when, state in found if when <= since]
    return [(since, before[-1] if before else OPERATIONAL), *[change for change in found if change[0] > since]]


def _day(number: int, spent: Mapping[str, float]) -> Day:
    date = datetime.fromtimestamp(number * DAY, UTC).date().isoformat()
    if not spent:
        return Day(date)
    return Day(date, worst(spent), {state: seconds for state, seconds in spent.items() if state != OPERATIONAL}, sum(spent.values()))
