# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines of a spool: each is sealed by its run, so that what anybody else has put there is told from it.

The key lies beside the spools, in a folder and a file that nobody but their owner reads.
"""

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
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._state import sealing_key

_SEAL, _END = b',"seal":"', b'"}'
_HEX = 64
_LARGEST = 2**53
_FIRST = 2**20
"""More than the first line of a spool has."""
_TEXTS = ("kind", "run", "at", "actor", "text", "host", "action", "state")
_FACTS = ("since", "recorder", "service", "incident", "severity", "title", "link", "verdict")
UNSEALED = "unsealed"
"""In the data of a line that a version before this one wrote, which sealed none."""


@dataclass(slots=True)
class Read:
    """What a spool has after an offset. `offset` is where its whole lines end; `damaged` is how many can't be read, and `foreign` how many
    have no seal of this spool's run: they are not its own, or were changed."""

    offset: int
    lines: list[dict[str, Any]] = field(default_factory=list)
    damaged: int = 0
    foreign: int = 0


def place_key(place: Path) -> bytes:
    """The key of all spools in the folder. Raises OSError; NotOurs where it isn't this user's alone."""
    return hashlib.sha256(sealing_key(place / "spool.key")).digest()


def _seal(key: bytes, line: bytes) -> bytes:
    """BLAKE2b with a key (RFC 7693) does what an HMAC does, at a third of its instructions: it is paid for each line."""
    return hashlib.blake2b(line, key=key, digest_size=_HEX // 2).hexdigest().encode()


def sealer(key: bytes) -> Callable[[bytes], bytes]:
    """What makes a line as it is written, of its JSON without the closing brace. The key is taken in once, not again for each line."""
    begun = hashlib.blake2b(key=key, digest_size=_HEX // 2)

    def sealed(line: bytes) -> bytes:
        seal = begun.copy()
        seal.update(line)
        return b"%b%b%b%b\n" % (line, _SEAL, seal.hexdigest().encode(), _END)

    return sealed


def bodies(key: bytes, data: bytes) -> list[bytes]:
    """The lines as they were before they were sealed; not those of anybody else."""
    parts = (raw.rpartition(_SEAL) for raw in data.splitlines())
    return [body for body, dummy, rest in parts if _is_seal(key, body, rest)]


def read(path: Path, offset: int, *, above: int) -> Read:
    """The whole lines after `offset` bytes. A half-written last line stays for later. Raises OSError, NotOurs.

    A spool that begins with a line without a seal was written by a version before this one: its lines without a seal are marked.
    """
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
    """The line, None where it can't be read as one."""
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if _is_line(line) else None


def _is_line(line: Any) -> bool:
    """Whether it is a line as a spool has them, of the right types in all places; its instant becomes text."""
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
        and all(isinstance(data.get(name, ""), str) for name in _FACTS)
    )


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _LARGEST
