# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines of a spool. The run seals each line, so that lines of anybody else are detected. The key is beside the spools, in a folder and a file
that only their owner can read."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils import _owned
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, misfit, utc
from ansible_collections.incident.response.plugins.module_utils._state import sealing_key

_SEAL, _END = b',"seal":"', b'"}'
_HEX = 64
_LARGEST = 2**53
_FIRST = 2**20
"""A size that is larger than the first line of a spool."""
_TEXTS = ("kind", "run", "at", "actor", "text", "host", "action", "state")
UNSEALED = "unsealed"
"""The mark in the data of a line of an older version without seals."""


@dataclass(slots=True)
class Read:
    """The lines of a spool after an offset. `offset` is the end of the last complete line. `damaged` is the number of unreadable lines. `foreign` is
    the number of lines without a seal of this spool's run: they belong to something else, or were changed."""

    offset: int
    lines: list[dict[str, Any]] = field(default_factory=list)
    damaged: int = 0
    foreign: int = 0


def place_key(place: Path) -> bytes:
    """The key of all spools in the folder. Raises OSError; NotOurs if it does not belong only to this user."""
    return hashlib.sha256(sealing_key(place / "spool.key")).digest()


def _seal(key: bytes, line: bytes) -> bytes:
    """The seal of a line. BLAKE2b with a key (RFC 7693) replaces an HMAC and needs a third of its instructions, which matters for each line."""
    return hashlib.blake2b(line, key=key, digest_size=_HEX // 2).hexdigest().encode()


def sealer(key: bytes) -> Callable[[bytes], bytes]:
    """Returns the function that makes a written line from its JSON without the closing brace. The key is processed once, not for each line."""
    begun = hashlib.blake2b(key=key, digest_size=_HEX // 2)

    def sealed(line: bytes) -> bytes:
        seal = begun.copy()
        seal.update(line)
        return b"%b%b%b%b\n" % (line, _SEAL, seal.hexdigest().encode(), _END)

    return sealed


def bodies(key: bytes, data: bytes) -> list[bytes]:
    """The lines without their seals; foreign lines are left out."""
    parts = (raw.rpartition(_SEAL) for raw in data.splitlines())
    return [body for body, dummy, rest in parts if _is_seal(key, body, rest)]


def read(path: Path, offset: int, *, above: int) -> Read:
    """The complete lines after `offset` bytes. A half-written last line is left for later. Raises OSError, NotOurs. If the first line has no seal, an
    older version has written the spool: its lines without a seal are accepted and marked."""
    with _owned.folder(path.parent, above=above) as parent:
        data = _owned.contents(parent, path, offset=offset)
        begins = data if not offset else _owned.contents(parent, path, most=_FIRST)
    whole = data[: data.rfind(b"\n") + 1]
    older = _SEAL not in begins.partition(b"\n")[0]
    key, found = place_key(path.parent), Read(offset + len(whole))
    for raw in whole.splitlines():
        _take(found, raw, key, path.stem, older=older)
    return found


def _take(found: Read, raw: bytes, key: bytes, run: str, *, older: bool) -> None:
    body, seal, rest = raw.rpartition(_SEAL)
    line = _parsed(raw)
    if line is None:
        found.damaged += 1
    elif line["run"] != run or (seal and not _is_seal(key, body, rest)) or not (seal or older):
        found.foreign += 1
    else:
        if not seal:
            line["data"] = line.get("data", {}) | {UNSEALED: True}
        found.lines.append(line)


def _is_seal(key: bytes, body: bytes, rest: bytes) -> bool:
    return len(rest) == _HEX + len(_END) and hmac.compare_digest(rest, _seal(key, body) + _END)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """The parsed line; None if it is unreadable."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if _is_line(line) else None


def _is_line(line: Any) -> bool:
    """Whether it is a valid spool line with the right types. Converts its time to text."""
    if not isinstance(line, dict) or not {"kind", "run", "run_seq", "at"} <= line.keys():
        return False
    try:
        line["at"] = utc(line["at"] if isinstance(line["at"], float) else datetime.fromisoformat(line["at"]).timestamp())
    except (ValueError, TypeError, OverflowError, OSError):
        return False
    data, changed, took = line.get("data", {}), line.get("changed"), line.get("duration_ms")
    return (
        all(isinstance(line.get(name, ""), str) for name in _TEXTS)
        and all(_is_count(number) for number in (line["run_seq"], 0 if took is None else took))
        and (changed is None or isinstance(changed, bool))
        and isinstance(data, dict)
        and _is_count(data.get("pid", 0))
        and not misfit(Entry(line["kind"], "", data=data))
    )


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _LARGEST
