# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal in a SQLite file: append-only entries, sealed per incident, with derived and additional data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

from .. import _gate
from .._core import chain
from .._core.entry import Entry, Kind, misfit, unix_time, utc
from .._core.incident import Incident, derive
from .._core.moment import TOLERANCE, Moment, happened
from .._core.naming import normal, number_of
from .._core.status_page import ALONE, Record
from .._ports import Lease, Outgoing, Projection
from .connection import connected
from .marks import INDEX, LEASE, OUTBOX, PROJECTION, Marks
from .marks import SCHEMA as MARKS
from .mending import Mending, message_row
from .moment import now

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    incident TEXT NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL, seal TEXT NOT NULL, run TEXT, run_seq INTEGER,
    PRIMARY KEY (incident, position), UNIQUE (run, run_seq));
CREATE TABLE IF NOT EXISTS heads (incident TEXT PRIMARY KEY, count INTEGER NOT NULL, seal TEXT NOT NULL, proof TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, service TEXT NOT NULL, status TEXT NOT NULL, opened_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, incident TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS projections (
    incident TEXT PRIMARY KEY, rid TEXT NOT NULL, oncall TEXT NOT NULL, planned INTEGER NOT NULL, edited INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL, body TEXT NOT NULL, first INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (incident, state);
CREATE TABLE IF NOT EXISTS shown (incident TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (incident, key));
CREATE TABLE IF NOT EXISTS published (incident TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (incident, position));
CREATE TABLE IF NOT EXISTS leases (
    service TEXT PRIMARY KEY, holder TEXT NOT NULL, machine TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
    since TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS arrivals (
    incident TEXT NOT NULL, position INTEGER NOT NULL, wall REAL NOT NULL, boot TEXT NOT NULL, started REAL NOT NULL,
    uptime REAL NOT NULL,
    PRIMARY KEY (incident, position));
"""
"""What is added since the first version is a table of its own: versions before it go on writing into the same file."""


def _read(body: bytes | str) -> Entry:
    """A stored entry. A damaged one is marked as such, so that the others stay usable."""
    try:
        entry = Entry.from_json(body.decode() if isinstance(body, bytes) else str(body))
    except (ValueError, TypeError):
        return Entry(Kind.UNREADABLE, "", text="this entry can't be read any more")
    wrong = misfit(entry)
    return Entry(Kind.UNREADABLE, str(entry.at), text=f"this entry is damaged, since its {wrong}: {entry.text}") if wrong else entry


def _settled(entry: Entry, arrival: Moment, present: Moment) -> Entry:
    try:
        at = unix_time(entry.at)
    except (ValueError, TypeError):
        return entry
    true = happened(at, arrival, present)
    return entry if true == at else replace(entry, at=utc(true))


def _clean(entry: Entry) -> Entry:
    """The entry without secrets, in its text and its data."""
    return replace(entry, actor=_gate.clean(entry.actor), text=_gate.clean(entry.text), data=_gate.clean_data(entry.data))


class SqliteJournal:
    """The journal's ports in a SQLite file: one connection, for one thread. The ports say what each method does. Raises JournalError if the file
    is damaged or can't be written."""

    def __init__(self, path: Path, key: bytes, *, timeout: float = 10, clock: Callable[[], Moment] = now) -> None:
        self._key, self.moment = key, clock
        self._touched, self._seen = set[str](), {False: -1, True: -1}
        self.mended: list[str] = []
        """The corrections by this connection, in words."""
        self._db = connected(path, timeout)
        self._marks = Marks(self._db, key)
        try:
            self._db.execute("PRAGMA synchronous=FULL")
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone():
                path.chmod(0o600)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.executescript(_SCHEMA + MARKS)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        self._touched.clear()
        try:
            yield
            for incident in self._touched:
                self._marks.keep(INDEX, incident, Mending.index_of(self._db, incident))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """All reads within see the same state, even if entries are appended meanwhile."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def mend(self, *, messages: bool = False) -> dict[str, list[str]]:
        (seen,) = self._db.execute("PRAGMA data_version").fetchone()
        mending = Mending(self._db, self._marks, self.entries, lambda incident: self.verify(incident).verified)
        if seen == self._seen[messages] or not mending.needed(messages=messages):
            self._seen[messages] = seen
            return {}
        with self.transaction():
            mending.mend(messages=messages)
            for incident, told in mending.told.items():
                if self.head(incident):
                    self.append(incident, [Entry("note", utc(self.moment().wall), text=text) for text in dict.fromkeys(told)])
        self.mended += [f"{incident}: {text}" for incident, told in mending.told.items() for text in told]
        return mending.told

    # The record

    def append(self, incident: str, entries: Sequence[Entry]) -> int:
        stored = self.head(incident)
        count, last = (stored.count, stored.seal) if stored else (0, chain.START)
        before, arrived = count, self.moment()
        for entry in entries:
            wrong = misfit(entry)
            if wrong:
                raise ValueError(f"an entry of the kind {entry.kind} is not recorded: its {wrong}")
            if (
                entry.run_seq is not None
                and self._db.execute("SELECT 1 FROM entries WHERE run = ? AND run_seq = ?", (entry.run, entry.run_seq)).fetchone()
            ):
                continue
            count += 1
            body = _clean(entry).to_json().encode()
            last = chain.seal(self._key, incident, count, body, last)
            self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", (incident, count, body, last, entry.run, entry.run_seq))
            self._db.execute("INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?, ?, ?)", (incident, count, *astuple(arrived)))
            if entry.kind == "published":
                self._db.execute("INSERT INTO published VALUES (?, ?)", (incident, count))
                self._touched.add(incident)
        if count != before:
            proof = chain.head(self._key, incident, count, last).proof
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (incident, count, last, proof))
            if any(entry.kind in {"opened", "named", "status", "changed"} for entry in entries):
                self._index(incident)
        return count - before

    def _index(self, incident: str) -> None:
        self._touched.add(incident)
        state = self.incident(incident)
        row = (incident, state.name, state.service, state.status, state.opened_at)
        self._db.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)", row)
        self._db.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", [(name, incident) for name in state.names])

    def entries(self, incident: str, after: int = 0) -> list[Entry]:
        rows = self._db.execute("SELECT body FROM entries WHERE incident = ? AND position > ? ORDER BY position", (incident, after))
        return [_read(body) for (body,) in rows]

    def incident(self, incident: str) -> Incident:
        return derive(incident, self.entries(incident))

    def reckoned(self, incident: str) -> list[Entry]:
        rows = self._db.execute(
            "SELECT e.body, a.wall, a.boot, a.started, a.uptime FROM entries e LEFT JOIN arrivals a USING (incident, position) WHERE incident = ? "
            "ORDER BY position",
            (incident,),
        )
        present = self.moment()
        return [entry if wall is None else _settled(entry, Moment(wall, *more), present) for body, wall, *more in rows for entry in (_read(body),)]

    def sight(self, incident: str) -> None:
        present = self.moment()
        query = "SELECT e.position, e.body, a.wall, a.boot FROM entries e LEFT JOIN arrivals a USING (incident, position) WHERE incident = ?"
        rows = [
            (incident, position, *astuple(present)) for position, body, wall, boot in self._db.execute(query, (incident,))
            if boot != (present.boot or "-") and (utc(wall) if wall else _read(body).at) > utc(present.wall + TOLERANCE)
        ]  # fmt: skip
        if rows:
            with self.transaction():
                self._db.executemany("INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?, ?, ?)", rows)

    def last_arrival(self) -> Moment | None:
        row = self._db.execute("SELECT wall, boot, started, uptime FROM arrivals ORDER BY rowid DESC LIMIT 1").fetchone()
        return Moment(*row) if row else None

    def published(self) -> list[Record]:
        query = (
            "SELECT e.incident, e.position, e.body, coalesce(i.name, '') FROM published p JOIN entries e USING (incident, position) "
            "LEFT JOIN incidents i ON i.id = e.incident ORDER BY p.rowid"
        )
        found: dict[str, list[tuple[int, Entry]]] = {}
        names: dict[str, str] = {}
        for incident, position, body, name in self._db.execute(query):
            entry = _read(body)
            if entry.kind != "published":
                continue
            found.setdefault(incident, []).append((position, entry))
            names[incident] = name or incident.removeprefix(ALONE)
        known: dict[str, list[str]] = {}
        for name, incident in self._db.execute("SELECT name, incident FROM names WHERE incident IN (SELECT incident FROM published)"):
            known.setdefault(incident, []).append(name)
        return [
            Record(each, names[each], tuple(known.get(each, ())), tuple(sorted(entries, key=lambda one: one[0]))) for each, entries in found.items()
        ]

    def publications(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM published").fetchone()[0])

    def head(self, incident: str) -> chain.Head | None:
        row = self._db.execute("SELECT count, seal, proof FROM heads WHERE incident = ?", (incident,)).fetchone()
        return chain.Head(*row) if row else None

    def seal_of(self, incident: str, position: int) -> str | None:
        row = self._db.execute("SELECT seal FROM entries WHERE incident = ? AND position = ?", (incident, position)).fetchone()
        return str(row[0]) if row else None

    def find(self, name: str) -> str | None:
        wanted = normal(name)
        row = self._db.execute(
            "SELECT incident FROM names WHERE name = ? UNION SELECT id FROM incidents WHERE id = ? OR name = ?", (wanted, wanted, wanted)
        ).fetchone()
        return row[0] if row else None

    def open_for(self, service: str, *, drill: bool = False) -> str | None:
        row = self._db.execute(
            "SELECT id FROM incidents WHERE service = ? AND (name LIKE 'drill-%') = ? AND status NOT IN ('resolved', 'closed', 'reviewed') "
            "ORDER BY opened_at DESC",
            (service, drill),
        ).fetchone()
        return row[0] if row else None

    def newest_of(self, service: str, *, drill: bool = False) -> str | None:
        return next(iter(self.of_service(service, drill=drill)), None)

    def of_service(self, service: str, *, drill: bool = False) -> list[str]:
        query = "SELECT id FROM incidents WHERE service = ? AND (name LIKE 'drill-%') = ? ORDER BY opened_at DESC"
        return [row[0] for row in self._db.execute(query, (service, drill))]

    def open_incidents(self) -> list[str]:
        rows = self._db.execute("SELECT id FROM incidents WHERE status NOT IN ('resolved', 'closed', 'reviewed') ORDER BY opened_at DESC")
        return [row[0] for row in rows]

    def unreviewed(self, since: str) -> list[str]:
        query = "SELECT id FROM incidents WHERE status IN ('resolved', 'closed') AND opened_at > ? ORDER BY opened_at DESC"
        return [row[0] for row in self._db.execute(query, (since,))]

    def next_number(self, day: str, *, drill: bool = False) -> int:
        names = self._db.execute("SELECT name FROM names WHERE name LIKE ?", (f"{'drill' if drill else 'incident'}-{day}-%",))
        return 1 + max((found[1] for (name,) in names if (found := number_of(name))), default=0)

    def incident_of(self, run: str) -> str | None:
        row = self._db.execute("SELECT incident FROM entries WHERE run = ? LIMIT 1", (run,)).fetchone()
        return row[0] if row else None

    def ids(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT id FROM incidents ORDER BY opened_at DESC, name DESC")]

    def verify(self, incident: str) -> chain.Report:
        with self._snapshot():
            rows = self._db.execute("SELECT position, body, seal FROM entries WHERE incident = ? ORDER BY position", (incident,))
            sealed = [
                chain.Sealed(position, bytes(body) if isinstance(body, bytes) else str(body).encode(), str(seal)) for position, body, seal in rows
            ]
            return chain.verify(self._key, incident, sealed, self.head(incident))

    def info(self, incident: str) -> dict[str, Any]:
        with self._snapshot():
            report, head = self.verify(incident), self.head(incident)
            state = self.incident(incident)
            rows = self._db.execute("SELECT position, wall, boot, started, uptime FROM arrivals WHERE incident = ?", (incident,))
            came = {position: moment.wall - moment.off for position, *more in rows for moment in (Moment(*more),)}
            for shown in state.entries:
                shown["arrived_at"] = utc(came[shown["seq"]]) if shown["seq"] in came else None
            return {
                **state.public(), "verified": report.verified, "first_bad": report.first_bad, "reason": report.reason,
                "head": chain.short(head.seal) if head else "", "pending": self.pending(incident),
            }  # fmt: skip

    # The outbox for chat

    def want_chat(self, incident: str) -> None:
        if self._db.execute("INSERT OR IGNORE INTO projections VALUES (?, '', '[]', 0, 0)", (incident,)).rowcount:
            self._marks.keep(PROJECTION, incident, ["", "[]", 0, 0])

    def projection(self, incident: str) -> Projection | None:
        row = self._db.execute("SELECT rid, oncall, planned, edited FROM projections WHERE incident = ?", (incident,)).fetchone()
        return Projection(row[0], tuple(json.loads(row[1])), row[2], row[3]) if row else None

    def project(self, incident: str, projection: Projection) -> None:
        row = (incident, projection.rid, json.dumps(projection.oncall), projection.planned, projection.edited)
        self._db.execute("INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?, ?)", row)
        self._marks.keep(PROJECTION, incident, row[1:])

    def undelivered(self, *, refused: bool = True) -> list[str]:
        rows = self._db.execute(
            "SELECT p.incident FROM projections p JOIN heads h ON h.incident = p.incident JOIN incidents i ON i.id = p.incident "
            "WHERE h.count > p.planned OR h.count > p.edited "
            "OR EXISTS (SELECT 1 FROM outbox o WHERE o.incident = p.incident AND (o.state = 'waiting' OR :refused AND o.state = 'failed')) "
            "OR :refused AND EXISTS (SELECT 1 FROM shown s WHERE s.incident = p.incident AND s.key LIKE 'trouble %' AND s.text != '') "
            "ORDER BY i.opened_at",
            {"refused": refused},
        )
        return [row[0] for row in rows]

    def pending(self, incident: str) -> int:
        row = self._db.execute(
            "SELECT h.count, p.planned FROM projections p JOIN heads h ON h.incident = p.incident WHERE p.incident = ?", (incident,)
        ).fetchone()
        if not row:
            return 0
        count, planned = row
        missing = {position for _row, each in self.unsent(incident) for position in range(each.first, min(each.last, planned) + 1)}
        return max(int(count) - int(planned), 0) + len(missing)

    def plan(self, incident: str, outgoing: Sequence[Outgoing]) -> None:
        for each in outgoing:
            row = (incident, json.dumps(_gate.clean_data(asdict(each)), ensure_ascii=False), each.first)
            place = self._db.execute("INSERT INTO outbox (incident, body, first) VALUES (?, ?, ?)", row).lastrowid
            self._marks.keep(OUTBOX, place, message_row(*row, "waiting"))

    def waiting(self, incident: str) -> list[tuple[int, Outgoing]]:
        return self._outbox(incident, "state = 'waiting'")

    def unsent(self, incident: str) -> list[tuple[int, Outgoing]]:
        return self._outbox(incident, "state IN ('waiting', 'failed')")

    def sent(self, incident: str) -> list[tuple[int, Outgoing]]:
        return self._outbox(incident, "state = 'sent'")

    def _outbox(self, incident: str, condition: str) -> list[tuple[int, Outgoing]]:
        """Only messages that we planned ourselves. Messages of anybody else are never sent."""
        rows = self._db.execute(f"SELECT id, body, first, state FROM outbox WHERE incident = ? AND {condition} ORDER BY id", (incident,))  # noqa: S608
        return [
            (row, Outgoing(**json.loads(body))) for row, body, first, state in rows
            if self._marks.kept(OUTBOX, row) == message_row(incident, body, first, state)
        ]  # fmt: skip

    def done(self, row: int) -> None:
        self._became(row, "sent")

    def refuse(self, row: int, problem: str) -> None:
        self._became(row, "failed", problem)

    def drop(self, row: int, reason: str) -> None:
        self._became(row, "dropped", reason)

    def requeue(self, incident: str) -> None:
        for row, problem in self._db.execute("SELECT id, problem FROM outbox WHERE incident = ? AND state = 'failed'", (incident,)).fetchall():
            self._became(row, "waiting", problem)

    def _became(self, row: int, state: str, problem: str = "") -> None:
        self._db.execute("UPDATE outbox SET state = ?, problem = ? WHERE id = ?", (state, _gate.clean(problem), row))
        kept = self._marks.kept(OUTBOX, row)
        if kept:
            self._marks.keep(OUTBOX, row, [*kept[:-1], state])

    def troubles(self, incident: str) -> list[str]:
        refused = self._db.execute("SELECT problem FROM outbox WHERE incident = ? AND state = 'failed' ORDER BY id", (incident,))
        query = "SELECT text FROM shown WHERE incident = ? AND key LIKE 'trouble %' AND text != '' ORDER BY key"
        noted = self._db.execute(query, (incident,))
        return list(dict.fromkeys([*(row[0] for row in noted), *(row[0] for row in refused)]))

    def recall(self, incident: str, key: str) -> str:
        row = self._db.execute("SELECT text FROM shown WHERE incident = ? AND key = ?", (incident, key)).fetchone()
        return row[0] if row else ""

    def recalled(self, key: str) -> dict[str, str]:
        return dict(self._db.execute("SELECT incident, text FROM shown WHERE key = ?", (key,)).fetchall())

    def remember(self, incident: str, key: str, text: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO shown VALUES (?, ?, ?)", (incident, key, _gate.clean(text)))

    # The leases

    def lease(self, service: str) -> Lease | None:
        row = self._db.execute("SELECT * FROM leases WHERE service = ?", (service,)).fetchone()
        return replace(Lease(*row), sealed=self._marks.kept(LEASE, service) == list(row)) if row else None

    def take(self, lease: Lease) -> None:
        row = astuple(lease)[:-1]
        self._db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self._marks.keep(LEASE, lease.service, row)

    def release(self, holder: str) -> None:
        for (service,) in self._db.execute("SELECT service FROM leases WHERE holder = ?", (holder,)).fetchall():
            self._marks.drop(LEASE, service)
        self._db.execute("DELETE FROM leases WHERE holder = ?", (holder,))
