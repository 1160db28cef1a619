# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal in a SQLite file: append-only entries, sealed per incident, and an index over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._core import chain
from .._core.incident import Entry, derive
from .._core.naming import normal, number_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    incident TEXT NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL, seal TEXT NOT NULL, run TEXT, run_seq INTEGER,
    PRIMARY KEY (incident, position), UNIQUE (run, run_seq));
CREATE TABLE IF NOT EXISTS heads (incident TEXT PRIMARY KEY, count INTEGER NOT NULL, seal TEXT NOT NULL, proof TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, service TEXT NOT NULL, status TEXT NOT NULL, opened_at TEXT NOT NULL);
"""


class SqliteJournal:
    """One connection to the journal file. Raises sqlite3.Error where the file is damaged or can't be written."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._key = key
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else writes meanwhile: two controllers can't open one incident twice."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def append(self, incident: str, entries: Sequence[Entry]) -> int:
        """Append what isn't there yet (known by run and place in it); the number appended. Inside a transaction."""
        row = self._db.execute("SELECT count, seal FROM heads WHERE incident = ?", (incident,)).fetchone()
        count, last = row or (0, chain.START)
        before = count
        for entry in entries:
            if entry.run_seq is not None and self._db.execute(
                "SELECT 1 FROM entries WHERE run = ? AND run_seq = ?", (entry.run, entry.run_seq)
            ).fetchone():
                continue
            count += 1
            body = entry.to_json().encode()
            last = chain.seal(self._key, incident, count, body, last)
            self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", (incident, count, body, last, entry.run, entry.run_seq))
        if count != before:
            proof = chain.head(self._key, incident, count, last).proof
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (incident, count, last, proof))
            if any(entry.kind != "task" for entry in entries):
                self._index(incident)
        return count - before

    def _index(self, incident: str) -> None:
        state = derive(incident, self.entries(incident))
        row = (incident, state["name"], state["service"], state["status"], state["opened_at"])
        self._db.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)", row)

    def entries(self, incident: str) -> list[Entry]:
        rows = self._db.execute("SELECT body FROM entries WHERE incident = ? ORDER BY position", (incident,))
        return [Entry.from_json(body.decode()) for (body,) in rows]

    def find(self, name: str) -> str | None:
        """The id of the incident with this name or id."""
        row = self._db.execute("SELECT id FROM incidents WHERE name = ? OR id = ?", (normal(name), normal(name))).fetchone()
        return row[0] if row else None

    def open_for(self, service: str) -> str | None:
        """The id of the service's newest incident that is not over."""
        row = self._db.execute(
            "SELECT id FROM incidents WHERE service = ? AND status NOT IN ('resolved', 'closed', 'reviewed') ORDER BY opened_at DESC",
            (service,),
        ).fetchone()
        return row[0] if row else None

    def next_number(self, day: str) -> int:
        """The next number of the UTC day; the journal is the arbiter where no chat is configured."""
        names = self._db.execute("SELECT name FROM incidents WHERE name LIKE ?", (f"incident-{day}-%",))
        return 1 + max((found[1] for (name,) in names if (found := number_of(name))), default=0)

    def incident_of(self, run: str) -> str | None:
        row = self._db.execute("SELECT incident FROM entries WHERE run = ? LIMIT 1", (run,)).fetchone()
        return row[0] if row else None

    def ids(self) -> list[str]:
        """All incidents, newest first."""
        return [row[0] for row in self._db.execute("SELECT id FROM incidents ORDER BY opened_at DESC, name DESC")]

    def verify(self, incident: str) -> chain.Report:
        rows = self._db.execute("SELECT position, body, seal FROM entries WHERE incident = ? ORDER BY position", (incident,))
        sealed = [chain.Sealed(position, bytes(body) if isinstance(body, bytes) else str(body).encode(), str(seal)) for position, body, seal in rows]
        head = self._db.execute("SELECT count, seal, proof FROM heads WHERE incident = ?", (incident,)).fetchone()
        return chain.verify(self._key, incident, sealed, chain.Head(*head) if head else None)

    def info(self, incident: str) -> dict[str, Any]:
        """What `incident_info` shows of one incident. An entry that can't be read any more is left out and named."""
        report = self.verify(incident)
        readable: list[Entry] = []
        for (body,) in self._db.execute("SELECT body FROM entries WHERE incident = ? ORDER BY position", (incident,)):
            try:
                readable.append(Entry.from_json(body.decode() if isinstance(body, bytes) else body))
            except (ValueError, TypeError):
                readable.append(Entry("unreadable", "", text="this entry can't be read any more"))
        state = derive(incident, readable)
        return {**state, "verified": report.verified, "first_bad": report.first_bad, "reason": report.reason, "pending": 0}
