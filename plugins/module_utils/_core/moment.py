# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes when an entry happened, even if the clock of its writer was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from .escalation import length

TOLERANCE = 60.0
"""The tolerance of a clock in seconds."""
_JITTER = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall`: Unix time by the clock of a process. `boot` is the id of the machine's current boot, which `started` (by the machine's clock) `uptime`
    seconds ago. When the clock is set, `started` changes, but `uptime` does not. `boot` is empty if unknown."""

    wall: float
    boot: str = ""
    started: float = 0.0
    uptime: float = 0.0

    @property
    def off(self) -> float:
        """The seconds by which the process's clock is ahead of the machine's clock."""
        found = self.wall - self.started - self.uptime if self.boot else 0.0
        return found if abs(found) > _JITTER else 0.0


def happened(at: float, arrival: Moment, now: Moment) -> float:
    """The time `at`, corrected to the machine's current clock. `at` uses the clock of `arrival`, when the journal received the entry. So an entry
    that waited in a spool for two hours is two hours old, and an entry with a clock that was three hours slow is as young as its arrival. No entry
    can be later than its arrival."""
    was_set = now.started - arrival.started if arrival.boot and arrival.boot == now.boot else 0.0
    wrong = was_set - arrival.off
    at = at if at - arrival.wall <= _JITTER else arrival.wall
    return at + wrong if abs(wrong) > _JITTER else at


def doubt(last: Moment | None, now: Moment) -> str:
    """The problem with this clock, compared with the machine's own count and the record's `last` arrival; empty if there is none."""
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
    """The problem with this machine's clock, which is `skew` seconds ahead of chat's clock; empty if there is none, or if it is unknown."""
    if skew is None or abs(skew) <= TOLERANCE:
        return ""
    return f"this machine's clock is {_amount(skew)} {_way(skew)} the chat server's"


def warning(doubt: str) -> str:
    """The warning about the clock, with what to do."""
    return f"THE CLOCKS DISAGREE: {doubt}. Set it right, such as with: timedatectl set-ntp true"


def _way(seconds: float) -> str:
    return "ahead of" if seconds > 0 else "behind"


def _amount(seconds: float) -> str:
    """A rounded, readable duration."""
    size = 3600 if abs(seconds) >= 7200 else 60
    return length(round(abs(seconds) / size) * size)
