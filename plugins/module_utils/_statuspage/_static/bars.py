# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The days of a component as a small drawing, as text, and as data for the page's script: a few hundred bytes in total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from ..._core.status_page import COMPONENT_STATES, OPERATIONAL
from ..._core.uptime import Day

LETTERS = {"": "u", **dict(zip(COMPONENT_STATES, "omdpx", strict=True))}
HEIGHT = 20
HEIGHTS = {"u": 2, "o": 10, "m": 14, "d": 16, "p": 18, "x": 20}
"""The height of a day's stroke, which shows the severity in addition to the colour."""


def lasting(seconds: float) -> str:
    """`3 d 4 h`, `1 h 5 min`, `12 min`."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] * (days > 0) + [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0 and days == 0)
    return " ".join(parts) or "less than a minute"


def paths(days: Sequence[Day]) -> list[tuple[str, str]]:
    """An SVG path for each state, by its letter: a dashed line through the days with this worst state. The line of operational days continues below
    worse days, which hide it; that keeps the path short."""
    known = ["o" if day.state else "" for day in days]
    found: dict[str, str] = {}
    for letter, first, length in [*_runs(known), *_runs([LETTERS[day.state].replace("o", "") for day in days])]:
        middle = HEIGHT - HEIGHTS[letter] // 2
        found[letter] = found.get(letter, "") + f"M{first} {middle}h{length}"
    return list(found.items())


def _runs(letters: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each letter with its first day and its number of days; days without a letter are skipped."""
    first = 0
    for letter, within in groupby(letters):
        length = len(list(within))
        if letter:
            yield letter, first, length
        first += length


def tokens(days: Sequence[Day]) -> str:
    """The days, oldest first: `o30` are thirty operational ones, `u5` five of which nothing is known, `x12p60` is one with 12 minutes of
    major outage and 60 of partial outage."""
    found = []
    for state, run in groupby(days, key=lambda day: day.state):
        within = list(run)
        if state in {"", OPERATIONAL}:
            found.append(f"{LETTERS[state]}{len(within)}")
        else:
            found += ["".join(f"{LETTERS[each]}{round(seconds / 60)}" for each, seconds in _worst_first(day)) for day in within]
    return " ".join(found)


def _worst_first(day: Day) -> list[tuple[str, float]]:
    spent = {day.state: 0.0, **day.seconds}
    return sorted(spent.items(), key=lambda each: -COMPONENT_STATES.index(each[0]))


def told(days: Sequence[Day]) -> str:
    """The number of days with trouble, and the newest ones: `Trouble on 3 of 90 days. 4 Nov: major outage 1 h 5 min`."""
    bad = [day for day in days if day.state not in {"", OPERATIONAL}]
    known = sum(1 for day in days if day.state)
    if not bad:
        return f"No trouble on {known} of {len(days)} days" + (", the others are not known" if known < len(days) else "")
    last = bad[-1]
    had = ", ".join(f"{state.replace('_', ' ')} {lasting(seconds)}" for state, seconds in _worst_first(last))
    return f"Trouble on {len(bad)} of {known} days. {date.fromisoformat(last.date):%-d %b}: {had}"
