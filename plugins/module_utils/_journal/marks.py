# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of the rows beside the entries, sealed with the entries' key. They reveal a row that somebody else changed, and restore it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._core import chain
from .connection import Connection

SCHEMA = "CREATE TABLE IF NOT EXISTS marks (kind TEXT NOT NULL, id TEXT NOT NULL, copy TEXT NOT NULL, seal TEXT NOT NULL, PRIMARY KEY (kind, id));"
INDEX, PROJECTION, OUTBOX, LEASE = "index", "projection", "outbox", "lease"


class Marks:
    """The sealed copies of one journal."""

    def __init__(self, db: Connection, key: bytes) -> None:
        self._db, self._key = db, key

    def keep(self, kind: str, about: object, parts: Sequence[Any]) -> None:
        """Store a sealed copy of the row. Must run in a transaction."""
        copy = json.dumps(parts, separators=(",", ":"))
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", (kind, str(about), copy, self._seal(kind, str(about), copy)))

    def drop(self, kind: str, about: object) -> None:
        self._db.execute("DELETE FROM marks WHERE kind = ? AND id = ?", (kind, str(about)))

    def kept(self, kind: str, about: object) -> list[Any] | None:
        """The row as we wrote it; None if there is no copy, or if the copy was changed."""
        row = self._db.execute("SELECT copy, seal FROM marks WHERE kind = ? AND id = ?", (kind, str(about))).fetchone()
        return self._read(kind, str(about), *row) if row else None

    def all_kept(self, kind: str) -> Mapping[str, list[Any]]:
        """All rows of a kind as we wrote them, by subject."""
        rows = self._db.execute("SELECT id, copy, seal FROM marks WHERE kind = ?", (kind,))
        found = ((about, self._read(kind, about, copy, seal)) for about, copy, seal in rows)
        return {about: parts for about, parts in found if parts is not None}

    def _read(self, kind: str, about: object, copy: object, seal: object) -> list[Any] | None:
        if not isinstance(about, str) or not isinstance(copy, str) or not chain.same(str(seal), self._seal(kind, about, copy)):
            return None
        found: list[Any] = json.loads(copy)
        return found

    def _seal(self, kind: str, about: str, copy: str) -> str:
        return chain.mark(self._key, kind, about, copy)
