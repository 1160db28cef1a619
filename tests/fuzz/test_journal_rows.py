# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever somebody wrote into the tables of the journal: it is told from the record, and breaks nothing."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._ports import Lease, Outgoing, Projection
from ansible_collections.incident.response.plugins.module_utils._usecases import lock
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from hypothesis import example, given, settings
from hypothesis import strategies as st

AT = "2025-11-10T10:05:00.000Z"
COLUMNS = {
    "incidents": ("id", "name", "service", "status", "opened_at"), "names": ("name", "incident"), "published": ("incident", "position"),
    "projections": ("incident", "rid", "oncall", "planned", "edited"), "outbox": ("incident", "body", "first", "state", "problem"),
    "leases": ("service", "holder", "machine", "pid", "started", "since", "expires"), "marks": ("kind", "id", "copy", "seal"),
    "shown": ("incident", "key", "text"),
}  # fmt: skip
WORDS = st.sampled_from(("[]", "{}", "null", "closed", "waiting"))
VALUES = st.one_of(st.integers(-(2**40), 2**40), st.text(max_size=20), st.binary(max_size=10), st.floats(allow_nan=False), WORDS)


@st.composite
def forgeries(draw: st.DrawFn) -> tuple[str, tuple[Any, ...]]:
    table = draw(st.sampled_from(sorted(COLUMNS)))
    columns = COLUMNS[table]
    match draw(st.sampled_from(("insert", "update", "delete"))):
        case "insert":
            values, places = tuple(draw(VALUES) for _column in columns), ", ".join("?" * len(columns))
            return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({places})", values  # noqa: S608
        case "update":
            return f"UPDATE {table} SET {draw(st.sampled_from(columns))} = ?", (draw(VALUES),)  # noqa: S608
        case _:
            return f"DELETE FROM {table}", ()  # noqa: S608


def forge(folder: Path, forgery: tuple[str, tuple[Any, ...]]) -> None:
    with suppress(sqlite3.IntegrityError), closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as database:
        database.execute(*forgery)


def a_record(folder: Path) -> str:
    with open_journal(folder) as journal, journal.transaction():
        incident = open_incident(journal, title="Slow", service="api", severity=Severity.P1, at=AT, actor="ada", chat=True)
        journal.append(incident, [Entry("note", AT, text="One"), Entry("published", AT, text="Two")])
        journal.project(incident, Projection("room", ("grace",), 2, 1))
        journal.plan(incident, [Outgoing(1, 2, "m1", "One")])
        journal.take(Lease("api", "run", "m", 7, "1", AT, 100.0))
    return incident


@example([("UPDATE marks SET id = ?", (b"",))])
@given(st.lists(forgeries(), min_size=1, max_size=4))
def test_of_any_rows_the_record_stays_what_it_is_and_nothing_forged_is_sent(found: list[tuple[str, tuple[Any, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        incident = a_record(folder)
        for each in found:
            forge(folder, each)
        with open_journal(folder) as journal:
            journal.mend(messages=True)
            assert journal.ids() == [incident]
            assert journal.open_for("api") == incident
            info = journal.info(incident)
            assert info["verified"]
            assert info["pending"] >= 0
            assert {outgoing.text for _row, outgoing in journal.unsent(incident)} <= {"One"}
            projection = journal.projection(incident)
            assert projection is None or 0 <= projection.edited <= projection.planned <= len(info["entries"])
            assert [record.id for record in journal.published()] == [incident]
            lock.forged(journal, "api")
            lock.acquire(journal, Lease("api", "mine", "here", 8, "1", AT, 200.0), now=50.0, alive=lambda *_: True)


@settings(max_examples=60)
@given(st.integers(1, 4), st.sampled_from(("body", "seal", "position", "run")), VALUES)
def test_of_any_entry_that_was_changed_the_record_says_so(position: int, column: str, value: Any) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        incident = a_record(folder)
        with open_journal(folder) as journal:
            before = journal.entries(incident)
        forge(folder, (f"UPDATE entries SET {column} = ? WHERE position = ?", (value, position)))  # noqa: S608
        with open_journal(folder) as journal:
            info = journal.info(incident)
            assert not info["verified"] or journal.entries(incident) == before
