# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tamper-evident chain over one incident's entries. Each entry's seal is an HMAC over the incident, its position, its exact text and the previous
seal; a separate head seals the count. So an edit, a deletion, a reorder and a cut tail are all detected, and can't be hidden without the key. Only an
outside witness (the hash in chat) reveals that a whole incident was replaced by an older state with its older head."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

START = ""
"""The value used as the seal before the first entry."""

_SHORT = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """A stored entry: its position (from 1), its exact text, its seal (hex)."""

    position: int
    body: bytes
    seal: str


@dataclass(frozen=True, slots=True)
class Head:
    """The number of an incident's entries, the last seal, and the seal over both."""

    count: int
    seal: str
    proof: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification. `first_bad` is a position; None if all entries are right."""

    verified: bool
    first_bad: int | None = None
    reason: str = ""


def _mac(key: bytes, *parts: bytes) -> str:
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(key, framed, "sha256").hex()


def seal(key: bytes, incident: str, position: int, body: bytes, previous: str) -> str:
    """The seal of the entry at `position` that follows the entry sealed `previous`."""
    return _mac(key, b"entry", incident.encode(), str(position).encode(), previous.encode(), body)


def head(key: bytes, incident: str, count: int, last: str) -> Head:
    """The head over `count` entries of which the last is sealed `last`."""
    return Head(count, last, _mac(key, b"head", incident.encode(), str(count).encode(), last.encode()))


def mark(key: bytes, *parts: str) -> str:
    """The seal over data beside the entries."""
    return _mac(key, b"mark", *(part.encode() for part in parts))


def same(seal_: str, other: str) -> bool:
    """Whether two seals are equal, in constant time."""
    return hmac.compare_digest(seal_.encode(), other.encode())


def short(seal_: str) -> str:
    """The short part of a seal for people."""
    return seal_[:_SHORT]


def verify(key: bytes, incident: str, entries: Sequence[Sealed], stored: Head | None) -> Report:
    """Verify a whole incident. Returns the first position at which the record was changed."""
    previous = START
    for expected, entry in enumerate(entries, start=1):
        if entry.position != expected:
            return Report(verified=False, first_bad=expected, reason=f"entry {expected} is missing")
        if not same(entry.seal, seal(key, incident, expected, entry.body, previous)):
            return Report(verified=False, first_bad=expected, reason=f"entry {expected} is not what was written")
        previous = entry.seal
    count = len(entries)
    if stored is None:
        return Report(verified=False, first_bad=count + 1, reason="the count of entries is gone")
    if not same(stored.proof, head(key, incident, stored.count, stored.seal).proof):
        return Report(verified=False, first_bad=count + 1, reason="the count of entries is not what was written")
    if stored.count != count:
        first = min(stored.count, count) + 1
        return Report(verified=False, first_bad=first, reason=f"{stored.count} entries were written, {count} are there")
    return Report(verified=True)
