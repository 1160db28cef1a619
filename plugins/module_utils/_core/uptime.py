# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a component was, day by day, and how much of the time it was there.

The weights are Statuspage's: support.atlassian.com/statuspage, "Display historical uptime of components".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from .status_page import COMPONENT_STATES, OPERATIONAL, Component, worst

DAY = 86_400
WEIGHTS = {"major_outage": 1.0, "partial_outage": 0.3}
"""Which part of the time in a state counts as downtime; a state that is not listed counts none."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC, `YYYY-MM-DD`). `state` is the worst that the component was in, empty where nothing is known of the day. `seconds` has
    how long it was in each state but operational, `known` how much of the day is known of: less on the first day, and today."""

    date: str
    state: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    known: float = 0.0


def instant(at: str) -> float | None:
    """The Unix time of an ISO 8601 text; None where it is damaged, or doesn't say which time zone it is in."""
    try:
        when = datetime.fromisoformat(at)
        return when.timestamp() if when.tzinfo else None
    except (ValueError, OverflowError, TypeError):
        return None


def days(component: Component, now: float, count: int = 90) -> list[Day]:
    """The last `count` days, oldest first; the last one is that of `now` (Unix time), as far as it has got.

    A change whose time or state is damaged is passed over, and so is what lies after `now`. The last day is never better than the state
    that the component has now.
    """
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
    """How much of the known time the component was there, from 0 to 100; None where nothing is known."""
    known = sum(day.known for day in days)
    down = sum(WEIGHTS.get(state, 0.0) * seconds for day in days for state, seconds in day.seconds.items())
    return 100 * (1 - down / known) if known else None


def _changes(component: Component) -> list[tuple[float, str]]:
    """When the component came into which state, oldest first, from the time on that it was listed."""
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
