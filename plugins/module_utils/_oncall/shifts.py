# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the sources have in common that answer with lists of shifts, one schedule for each level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .._core import shape
from .._core.oncall import Duty, Shift, duties
from .._http import HttpError
from .._ports import OncallError

AHEAD = timedelta(days=14)
"""How far ahead is asked for who follows."""
BACK = timedelta(days=14)
"""How far back a source is asked that cuts shifts at the ends of what it is asked for. With `AHEAD` it is 28 days, and GoAlert lists a month."""


def of_schedules(schedules: Sequence[str], when: datetime, ask: Callable[[str], Iterator[Shift]]) -> list[Duty]:
    """Who is on call by these schedules, the first of which is level 1. Raises OncallError."""
    found = []
    for level, schedule in enumerate(schedules, start=1):
        found += duties(level, schedule, answered(lambda schedule=schedule: list(ask(schedule))), when)  # type: ignore[misc]
    return covered(found, when)


def uncut(shift: Shift, begin: datetime, end: datetime) -> Shift:
    """The shift as it is known from what lies between `begin` and `end`: a bound that is theirs may be none of its own."""
    start = shift.start if shift.start and shift.start > begin else None
    return Shift(shift.person, start, shift.end if shift.end and shift.end < end else None)


class Scheduled:
    """A source that has one schedule for each level."""

    _schedules: Sequence[str]

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]:
        """By the number: a schedule's name may be an address with a secret in it."""
        there = {each.level for each in found}
        at = when.isoformat(timespec="seconds")
        return [f"nobody is on call in level {level} at {at}" for level in range(1, len(self._schedules) + 1) if level not in there]


def answered(ask: Callable[[], Any]) -> Any:
    """What it answers. Raises OncallError where it doesn't, or with another shape than its documentation says."""
    try:
        return ask()
    except HttpError as error:
        raise OncallError(str(error)) from None
    except shape.Odd as error:
        raise OncallError(f"the answer is not as documented: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise OncallError(f"the answer is not as documented ({type(error).__name__}: {error})") from None


def covered(found: list[Duty], when: datetime) -> list[Duty]:
    """The same. Raises OncallError where there is nobody."""
    if not found:
        raise OncallError(f"nobody is on call at {when.isoformat(timespec='seconds')}")
    return found


def instant(text: str | None) -> datetime | None:
    """A time of an answer in UTC; None where it says none, or one so far away that it is no bound. Raises ValueError for one without a zone."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None
