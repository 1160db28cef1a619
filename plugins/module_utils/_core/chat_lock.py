# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock between controllers with separate journals: a chain of messages in chat. The last message says who holds a service. The id of each message
is derived from the service, the period and its position in the chain, and a server stores only one message under an id, so only one controller can
write the next message. The holder and the expiry only depend on the server's clock."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .chat_text import quoted

PERIOD = 3600
"""The length of a period in seconds. A lock never lasts longer, so only the previous and the current chain must be checked."""
CHANGE = 60.0
"""Seconds at the start of a period in which a slow writer may still write into the previous chain."""
UNREADABLE = 900.0
"""Seconds for which an unreadable message holds the service, because it may come from a later version."""
_SIGN = re.compile(r"`(held|free) run=([\w.-]{1,80}) by=([0-9a-f]{12}) for=([0-9]{1,6})`")


@dataclass(frozen=True, slots=True)
class Claim:
    """A message of the chain: `run`, of the journal `by`, holds the service for that many `seconds`, or has released it."""

    held: bool
    run: str
    by: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Written:
    """A message on the server: its author, its time by the server's clock (Unix time), and whether it was deleted."""

    user: str
    text: str
    at: float
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a service: the run and its journal (empty if the message is unreadable), a description, and the expiry (Unix time)."""

    run: str
    by: str
    words: str
    until: float


def period(now: float) -> int:
    """The period of a time (Unix time)."""
    return int(now // PERIOD)


def is_new(now: float) -> bool:
    """Whether the period has just begun."""
    return now % PERIOD < CHANGE


def message_id(service: str, period: int, place: int) -> str:
    """The id of the message at a position (from 0) of a chain. It is the same for all controllers."""
    return hashlib.sha256(f"lock|{service}|{period}|{place}".encode("utf-8", "replace")).hexdigest()[:24]


def identity(key: bytes, machine: str) -> str:
    """The public id of a journal, which does not reveal the key. A copy of the folder on another machine has another id."""
    return hashlib.sha256(b"lock|" + key + b"|" + machine.encode("utf-8", "replace")).hexdigest()[:12]


def holding(service: str, who: str, claim: Claim, until: str) -> str:
    """The message that takes a service. `until` is the time of day, in UTC."""
    words = f"🔒 {quoted(service)}: {quoted(who)}, until {until} UTC at the latest. Nobody else may act on it meanwhile."
    return f"{words} If that run is dead, delete this message.\n{_signed(claim)}"


def freeing(service: str, claim: Claim) -> str:
    """The message that releases a service."""
    return f"🔓 {quoted(service)}: nobody acts on it any more.\n{_signed(claim)}"


def _signed(claim: Claim) -> str:
    return f"`{'held' if claim.held else 'free'} run={claim.run} by={claim.by} for={claim.seconds}`"


def read(text: str) -> Claim | None:
    """Parse a message of the chain; None if it is not one of ours. Only its last line counts; the text before it is for people."""
    match = _SIGN.fullmatch(text.rpartition("\n")[2])
    return Claim(match[1] == "held", match[2], match[3], int(match[4])) if match else None


def holder(last: Written | None, of: int, now: float) -> Holder | None:
    """The holder of a service by the last message of the chain `of` a period; None if nobody holds it. A message that was written after the end of
    the period only ends the chain. A deleted message holds nothing."""
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
    """The message's text for people about the holder, safe for a terminal."""
    words = text.partition("\n")[0].partition("🔒 ")[2].partition(": ")[2].partition(", until ")[0]
    return "".join(char for char in words if char.isprintable() and char != "`")[:200]
