# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common code of sources that return lists of shifts, with one schedule for each level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from .._core import shape
from .._core.oncall import Duty, Shift, duties
from .._http import HttpError
from .._ports import OncallError

AHEAD = timedelta(days=14)
"""How far ahead the next person is searched."""
BACK = timedelta(days=14)
"""How far back to ask a source that cuts shifts at the ends of the requested time. Together with `AHEAD` it is 28 days; GoAlert lists a month."""


def of_schedules(schedules: Sequence[str], when: datetime, ask: Callable[[str], Iterator[Shift]]) -> list[Duty]:
    """The people on call by these schedules; the first schedule is level 1. Raises OncallError."""
    found = []
    for level, schedule in enumerate(schedules, start=1):
        found += duties(level, schedule, answered(lambda schedule=schedule: list(ask(schedule))), when)  # type: ignore[misc]
    return covered(found, when)


def uncut(shift: Shift, begin: datetime, end: datetime) -> Shift:
    """The shift without uncertain ends: an end at `begin` or `end` of the requested time may not be the shift's real end."""
    start = shift.start if shift.start and shift.start > begin else None
    return Shift(shift.person, start, shift.end if shift.end and shift.end < end else None)


class Scheduled:
    """A source that has one schedule for each level."""

    _schedules: Sequence[str]

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]:
        """Named by number, because a schedule's name may be an address with a secret."""
        there = {each.level for each in found}
        at = when.isoformat(timespec="seconds")
        return [f"nobody is on call in level {level} at {at}" for level in range(1, len(self._schedules) + 1) if level not in there]


def answered(ask: Callable[[], Any]) -> Any:
    """The answer. Raises OncallError without an answer, or if it does not have the documented shape."""
    try:
        return ask()
    except HttpError as error:
        raise OncallError(str(error)) from None
    except shape.Odd as error:
        raise OncallError(f"the answer is not as documented: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise OncallError(f"the answer is not as documented ({type(error).__name__}: {error})") from None


def covered(found: list[Duty], when: datetime) -> list[Duty]:
    """The same. Raises OncallError if nobody is on call."""
    if not found:
        raise OncallError(f"nobody is on call at {when.isoformat(timespec='seconds')}")
    return found


def instant(text: str | None) -> datetime | None:
    """A time of an answer in UTC; None without a time, or if it is too far away to be an end. Raises ValueError for a time without a zone."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None
