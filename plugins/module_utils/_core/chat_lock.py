# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock that controllers with journals of their own share: a chain of messages in chat, whose last one says who holds a service.

The id of each follows from the service, the period and its place in the chain, and a server keeps one message under an id. So of all who
want to write the next one a single one can. Who holds it, and until when, goes by the server's clock alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .chat_text import quoted

PERIOD = 3600
"""Seconds for which a chain goes on. A lock lasts no longer, so that the chain before the present one is all that has to be looked at."""
CHANGE = 60.0
"""Seconds at the begin of a period in which somebody who read the clock before it may still write into the chain that is over."""
UNREADABLE = 900.0
"""Seconds for which a message that can't be read holds the service: it may be of a later version."""
_SIGN = re.compile(r"`(held|free) run=([\w.-]{1,80}) by=([0-9a-f]{12}) for=([0-9]{1,6})`")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a message of the chain says: that `run`, of the journal `by`, holds the service for so many `seconds`, or that it has let it go."""

    held: bool
    run: str
    by: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Written:
    """A message as the server has it: who wrote it, when by the server's clock (Unix time), and whether somebody has deleted it since."""

    user: str
    text: str
    at: float
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a service: the run and its journal, empty where the message can't be read, and in words; until when (Unix time)."""

    run: str
    by: str
    words: str
    until: float


def period(now: float) -> int:
    """The period of an instant (Unix time)."""
    return int(now // PERIOD)


def is_new(now: float) -> bool:
    """Whether the period has begun only now."""
    return now % PERIOD < CHANGE


def message_id(service: str, period: int, place: int) -> str:
    """The id of the message at a place, from 0, of a chain: the same for all controllers."""
    return hashlib.sha256(f"lock|{service}|{period}|{place}".encode("utf-8", "replace")).hexdigest()[:24]


def identity(key: bytes, machine: str) -> str:
    """What a journal is known by to others: it tells nobody the key. A copy of the folder on another machine is another one."""
    return hashlib.sha256(b"lock|" + key + b"|" + machine.encode("utf-8", "replace")).hexdigest()[:12]


def holding(service: str, who: str, claim: Claim, until: str) -> str:
    """The message by which a service is taken. `until` is the time of day, in UTC."""
    words = f"🔒 {quoted(service)}: {quoted(who)}, until {until} UTC at the latest. Nobody else may act on it meanwhile."
    return f"{words} If that run is dead, delete this message.\n{_signed(claim)}"


def freeing(service: str, claim: Claim) -> str:
    """The message by which a service is let go."""
    return f"🔓 {quoted(service)}: nobody acts on it any more.\n{_signed(claim)}"


def _signed(claim: Claim) -> str:
    return f"`{'held' if claim.held else 'free'} run={claim.run} by={claim.by} for={claim.seconds}`"


def read(text: str) -> Claim | None:
    """What a message of the chain says; None where it is none of ours. Only its last line counts: what stands before is for people."""
    match = _SIGN.fullmatch(text.rpartition("\n")[2])
    return Claim(match[1] == "held", match[2], match[3], int(match[4])) if match else None


def holder(last: Written | None, of: int, now: float) -> Holder | None:
    """Who holds a service by the last message of the chain `of` a period; None where nobody does.

    One that was written after the end of the period only ends the chain. A message that somebody has deleted holds nothing.
    """
    if last is None or last.deleted or period(last.at) != of:
        return None
    claim = read(last.text)
    if claim is not None and not claim.held:
        return None
    until = last.at + min(UNREADABLE if claim is None else claim.seconds, PERIOD)
    if until <= now:
        return None
    if claim is None:
        return Holder("", "", f"a message of @{last.user} in its place, which can't be read", until)
    return Holder(claim.run, claim.by, _about(last.text) or "somebody", until)


def _about(text: str) -> str:
    """What a message says for people of who holds the service, as text that a terminal can show."""
    words = text.partition("\n")[0].partition("🔒 ")[2].partition(": ")[2].partition(", until ")[0]
    return "".join(char for char in words if char.isprintable() and char != "`")[:200]
