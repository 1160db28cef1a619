# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Corrects rows beside the entries that somebody else changed, and records each correction on the timeline. The entries are the record. Data that is
derived from them is created again. Other data (the position of chat, the messages to send) is restored from its sealed copy. An older version seals
no copies: its rows are kept if the entries allow them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._core.entry import Entry
from .._core.incident import derive
from .connection import Connection
from .marks import INDEX, OUTBOX, PROJECTION, Marks

_NEWEST = 300
"""The number of newest messages to check each time. Older ones were sent long ago."""
_INDEXED = {"opened", "named", "status", "changed"}
Row = list[Any]


def row_of(incident: str, entries: Sequence[Entry]) -> Row | None:
    """The index row of an incident with these entries; None for publications without an incident."""
    if not any(entry.kind in _INDEXED for entry in entries):
        return None
    state = derive(incident, entries)
    return [state.name, state.service, state.status, state.opened_at or ""]


class Mending:
    """One check of all rows. `entries` reads the entries of an incident; `sound` says whether they are verified."""

    def __init__(self, db: Connection, marks: Marks, entries: Callable[[str], list[Entry]], sound: Callable[[str], bool]) -> None:
        self._db, self._marks, self._entries, self._sound = db, marks, entries, sound
        self.told: dict[str, list[str]] = {}
        """The corrections, in words, by incident."""

    def needed(self, *, messages: bool) -> bool:
        """Whether any row differs from what we wrote. Only reads."""
        return bool(self._wrong_indexes() or self._wrong_projections() or (messages and self._wrong_messages()))

    def mend(self, *, messages: bool) -> None:
        """Correct the rows. Must run in a transaction."""
        for incident in self._wrong_indexes():
            self._mend_index(incident)
        for incident in self._wrong_messages() if messages else []:
            self._mend_messages(incident)
        for incident in self._wrong_projections():
            self._mend_projection(incident)

    def _tell(self, incident: str, text: str) -> None:
        self.told.setdefault(incident, []).append(text)

    # The index, derived from the entries

    def _indexes(self) -> dict[str, Row]:
        """Read the row, the names, and the positions of publications of each incident."""
        found: dict[str, Row] = {row[0]: [list(row[1:]) if row[1] is not None else None, [], []] for row in self._db.execute(
            "SELECT h.incident, i.name, i.service, i.status, i.opened_at FROM heads h LEFT JOIN incidents i ON i.id = h.incident"
        )}  # fmt: skip
        for place, query in enumerate(("SELECT incident, name FROM names ORDER BY name", "SELECT incident, position FROM published ORDER BY 2"), 1):
            for incident, value in self._db.execute(query):
                found.setdefault(incident, [None, [], []])[place].append(value)
        for row in self._db.execute("SELECT id, name, service, status, opened_at FROM incidents WHERE id NOT IN (SELECT incident FROM heads)"):
            found.setdefault(row[0], [None, [], []])[0] = list(row[1:])
        return found

    def _wrong_indexes(self) -> list[str]:
        kept, found = self._marks.all_kept(INDEX), self._indexes()
        return [incident for incident in {**found, **kept} if found.get(incident) != kept.get(incident)]

    @staticmethod
    def index_of(db: Connection, incident: str) -> Row:
        """The index row of one incident from its sealed copy."""
        row = db.execute("SELECT name, service, status, opened_at FROM incidents WHERE id = ?", (incident,)).fetchone()
        names = db.execute("SELECT name FROM names WHERE incident = ? ORDER BY name", (incident,))
        published = db.execute("SELECT position FROM published WHERE incident = ? ORDER BY position", (incident,))
        return [list(row) if row else None, [name for (name,) in names], [position for (position,) in published]]

    def _mend_index(self, incident: str) -> None:
        entries, before = self._entries(incident), self.index_of(self._db, incident)
        if entries and not self._sound(incident):
            return  # the entries were changed, too: incident_info reports that
        row, published = row_of(incident, entries), [place for place, entry in enumerate(entries, start=1) if entry.kind == "published"]
        names = sorted(dict.fromkeys(derive(incident, entries).names)) if row else []
        self._db.execute("DELETE FROM incidents WHERE id = ?", (incident,))
        self._db.execute("DELETE FROM names WHERE incident = ?", (incident,))
        if row:
            self._db.execute("INSERT INTO incidents VALUES (?, ?, ?, ?, ?)", (incident, *row))
            self._db.executemany("INSERT OR REPLACE INTO names VALUES (?, ?)", [(name, incident) for name in names])
        if published != before[2]:
            self._db.execute("DELETE FROM published WHERE incident = ?", (incident,))
            self._db.executemany("INSERT INTO published VALUES (?, ?)", [(incident, place) for place in published])
        ours = self._marks.kept(INDEX, incident) or [None, [], []]
        if row != before[0] or (set(before[1]) | set(ours[1])) - set(names) or set(ours[1]) - set(before[1]) or published != before[2]:
            self._tell(incident, "The index of this incident said something else than its entries: it was made anew from them")
        if entries:
            self._marks.keep(INDEX, incident, [row, names, published])
        else:
            self._marks.drop(INDEX, incident)

    # The position of chat

    def _projections(self) -> dict[str, Row]:
        rows = self._db.execute("SELECT incident, rid, oncall, planned, edited FROM projections")
        return {incident: list(row) for incident, *row in rows}

    def _projection(self, incident: str) -> Row | None:
        row = self._db.execute("SELECT rid, oncall, planned, edited FROM projections WHERE incident = ?", (incident,)).fetchone()
        return list(row) if row else None

    def _wrong_projections(self) -> list[str]:
        kept, found = self._marks.all_kept(PROJECTION), self._projections()
        return [incident for incident in {**found, **kept} if found.get(incident) != kept.get(incident)]

    def _mend_projection(self, incident: str) -> None:
        row, kept = self._projection(incident), self._marks.kept(PROJECTION, incident)
        if not self._entries(incident):  # of no incident
            self._db.execute("DELETE FROM projections WHERE incident = ?", (incident,))
            self._marks.drop(PROJECTION, incident)
            return
        if row and self._may_be(incident, row, kept):
            self._marks.keep(PROJECTION, incident, row)
            return
        right = kept or ["", "[]", 0, 0]
        self._db.execute("INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?, ?)", (incident, *right))
        self._marks.keep(PROJECTION, incident, right)
        self._tell(incident, "How far this incident is in chat was changed by somebody else: it was put back")

    def _may_be(self, incident: str, row: Row, kept: Row | None) -> bool:
        """Whether an older version may have written the row: it continues from our last value, and not beyond the messages."""
        rid, oncall, planned, edited = row
        if not (isinstance(planned, int) and isinstance(edited, int) and isinstance(rid, str) and _is_names(oncall)):
            return False
        count = self._db.execute("SELECT count FROM heads WHERE incident = ?", (incident,)).fetchone()
        if not 0 <= edited <= planned <= (count[0] if count else 0):
            return False
        return kept is None or (rid == kept[0] and kept[2] <= planned <= max(kept[2], *self._places(incident)) and kept[3] <= edited)

    def _places(self, incident: str) -> Iterable[int]:
        """The last entry that its messages cover."""
        rows = self._db.execute("SELECT body FROM outbox WHERE incident = ?", (incident,))
        return [0, *(place for (body,) in rows if (place := _last(body)) is not None)]

    # The messages to send

    def _messages(self) -> list[tuple[int, Any, Row]]:
        query = "SELECT id, incident, body, first, state FROM outbox WHERE id > (SELECT max(id) FROM outbox) - ? OR state IN ('waiting', 'failed')"
        rows = self._db.execute(query, (_NEWEST,))
        return [(row, incident, message_row(incident, body, first, state)) for row, incident, body, first, state in rows]

    def _wrong_messages(self) -> list[str]:
        wrong = (incident for row, incident, is_now in self._messages() if is_now[-1] != "dropped" and is_now != self._marks.kept(OUTBOX, row))
        return list(dict.fromkeys(wrong))

    def _mend_messages(self, incident: str) -> None:
        """Restore the states of messages. A message that we didn't plan is not sent, and its entries are planned again."""
        again: list[int] = []
        for row, whose, is_now in self._messages():
            kept = self._marks.kept(OUTBOX, row)
            if whose != incident or is_now == kept or is_now[-1] == "dropped":
                continue
            if kept and kept[:-1] == is_now[:-1]:
                self._db.execute("UPDATE outbox SET state = ? WHERE id = ?", (kept[-1], row))
                self._tell(incident, "What is still to be sent to chat was changed by somebody else: it was put back")
                continue
            if is_now[-1] in {"waiting", "failed"}:
                self._db.execute("UPDATE outbox SET state = 'dropped', problem = 'not planned by us' WHERE id = ?", (row,))
                self._marks.drop(OUTBOX, row)
                again.append(int(is_now[2]) if isinstance(is_now[2], int) else 1)
                self._tell(incident, "A message that waited for chat was not planned by this version: it was not sent, and is planned anew")
            elif is_now[-1] == "sent" and is_now[2] is not None:  # by an older version
                self._marks.keep(OUTBOX, row, is_now)
            else:
                self._db.execute("DELETE FROM outbox WHERE id = ?", (row,))
        if again:
            self._plan_again(incident, min(again))

    def _plan_again(self, incident: str, first: int) -> None:
        good = [kept for kept in self._marks.all_kept(OUTBOX).values() if kept[0] == incident and kept[-1] != "dropped"]
        row = self._projection(incident)
        if row and isinstance(row[2], int):
            planned = max(0, min(row[2], max([first - 1, *(int(kept[3]) for kept in good)])))
            right = [row[0], row[1], planned, min(row[3], planned) if isinstance(row[3], int) else 0]
            self._db.execute("INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?, ?)", (incident, *right))
            self._marks.keep(PROJECTION, incident, right)


def message_row(incident: object, body: object, first: object, state: object) -> Row:
    """A message from its sealed copy: the incident, the message, its entries from first to last, and its state."""
    text = body if isinstance(body, str) else repr(body)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return [str(incident), digest, first if isinstance(first, int) else None, _last(body) or 0, str(state)]


def _last(body: object) -> int | None:
    try:
        last = json.loads(str(body))["last"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return last if isinstance(last, int) and 0 <= last < 2**53 else None


def _is_names(text: object) -> bool:
    try:
        names = json.loads(str(text))
    except (ValueError, RecursionError):
        return False
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
