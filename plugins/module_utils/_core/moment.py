# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When an entry happened, although the clock of whoever wrote it may have been wrong."""

from __future__ import annotations

from dataclasses import dataclass

from .overdue import length

TOLERANCE = 60.0
"""Seconds that a clock may be off before it is told."""
_JITTER = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall`: Unix time, by the clock of a process. `boot` names this start of the machine, which was `started`, by the machine's clock, `uptime`
    seconds ago. So when the clock is set, `started` moves with it, and `uptime` doesn't. `boot` is empty where the machine doesn't say.
    """

    wall: float
    boot: str = ""
    started: float = 0.0
    uptime: float = 0.0

    @property
    def off(self) -> float:
        """By how many seconds the process's clock is ahead of the machine's."""
        found = self.wall - self.started - self.uptime if self.boot else 0.0
        return found if abs(found) > _JITTER else 0.0


def happened(at: float, arrival: Moment, now: Moment) -> float:
    """The instant `at` by the machine's clock as it is now. It is by the clock of `arrival`, at which the journal got the entry.

    So what waited in a spool for two hours is two hours old, and what was written with a clock that was three hours slow is as young as its
    arrival. Nothing has happened after it arrived.
    """
    was_set = now.started - arrival.started if arrival.boot and arrival.boot == now.boot else 0.0
    wrong = was_set - arrival.off
    at = at if at - arrival.wall <= _JITTER else arrival.wall
    return at + wrong if abs(wrong) > _JITTER else at


def doubt(last: Moment | None, now: Moment) -> str:
    """What is strange about this clock, by the machine's own and by the record's `last` arrival; empty where nothing is."""
    if abs(now.off) > TOLERANCE:
        return f"the clock that this runs with is {_amount(now.off)} {_way(now.off)} this machine's"
    if last is None:
        return ""
    ahead = happened(last.wall, last, now) - last.wall
    if abs(ahead) > TOLERANCE:
        return f"this machine's clock was {_amount(ahead)} {_way(-ahead)} what it is now when the record got its last entry"
    if last.boot != now.boot and last.wall - now.wall > TOLERANCE:
        return f"this machine's clock is {_amount(last.wall - now.wall)} behind the record's last entry, so one of two clocks is wrong"
    return ""


def skewed(skew: float | None) -> str:
    """What is wrong with this machine's clock by that of chat, which it is `skew` seconds ahead of; empty where nothing is, or it isn't known."""
    if skew is None or abs(skew) <= TOLERANCE:
        return ""
    return f"this machine's clock is {_amount(skew)} {_way(skew)} the chat server's"


def warning(doubt: str) -> str:
    """The doubt, and what to do about it."""
    return f"THE CLOCKS DISAGREE: {doubt}. Set it right, such as with: timedatectl set-ntp true"


def _way(seconds: float) -> str:
    return "ahead of" if seconds > 0 else "behind"


def _amount(seconds: float) -> str:
    """Rounded as people say it."""
    size = 3600 if abs(seconds) >= 7200 else 60
    return length(round(abs(seconds) / size) * size)
