# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the journal and the use cases on it promise."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chain
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._journal.location import location
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import Lease
from ansible_collections.incident.response.plugins.module_utils._usecases import lock
from ansible_collections.incident.response.plugins.module_utils._usecases.record import ingest

AT = "2025-11-10T10:05:00.000Z"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


def lines(run: str, **data: Any) -> list[dict[str, Any]]:
    start = {"kind": "run_started", "run": run, "run_seq": 1, "at": AT, "actor": "ada", "action": "restart", "data": {"service": "api", **data}}
    return [start, {"kind": "task", "run": run, "run_seq": 2, "at": AT, "text": "Step", "host": "h1", "state": "ok"}]


def test_lines_offered_twice_are_recorded_once(journal: SqliteJournal) -> None:
    first = ingest(journal, lines("r1"))
    assert ingest(journal, lines("r1")) == first
    assert [entry.kind for entry in journal.entries(first or "")] == ["opened", "named", "run_started", "task"]


def test_a_run_joins_the_open_incident_of_its_service_and_no_other(journal: SqliteJournal) -> None:
    assert ingest(journal, lines("r1")) == ingest(journal, lines("r2"))
    assert ingest(journal, lines("r3", service="web")) != ingest(journal, lines("r1"))


def test_automation_acknowledges_nothing_and_a_person_does(journal: SqliteJournal) -> None:
    incident = ingest(journal, lines("r1", person=False)) or ""
    assert journal.info(incident)["status"] == "open"
    ingest(journal, lines("r2", person=True))
    assert journal.info(incident)["status"] == "acknowledged"


def test_a_run_in_check_mode_opens_nothing_and_is_recorded_where_one_is_open(journal: SqliteJournal) -> None:
    assert ingest(journal, lines("r1", check=True)) is None
    incident = ingest(journal, lines("r2"))
    assert ingest(journal, lines("r3", check=True, person=True)) == incident
    assert journal.info(incident or "")["status"] == "open"


def test_a_worked_run_mitigates_once_and_a_failed_one_does_not(journal: SqliteJournal) -> None:
    end = {"kind": "run_ended", "run": "r1", "run_seq": 3, "at": AT, "state": "no_effect"}
    incident = ingest(journal, [*lines("r1"), end]) or ""
    assert journal.info(incident)["status"] == "open"
    ingest(journal, [*lines("r2"), {**end, "run": "r2", "state": "worked"}])
    info = journal.info(incident)
    assert (info["status"], info["mitigated_at"], info["acknowledged_at"]) == ("mitigated", AT, None)


def run(
    name: str, verdict: str, *, kind: str = "run_ended", seconds: int = 0, judged: bool = True, more: Sequence[dict[str, Any]] = (), **start: Any
) -> list[dict[str, Any]]:  # fmt: skip
    """A restart's lines, in which `more` happens."""
    at = AT.replace(":05:00", f":{5 + seconds // 60:02}:{seconds % 60:02}")
    failed = verdict != "worked"
    task = {"kind": "task", "run": name, "at": at, "host": "h1"}
    first = {**lines(name, **start)[0], "at": at}
    found = [first, {**task, "text": "Plan", "action": "incident.response.action_plan", "state": "ok"}, *({**task, **each} for each in more)]
    if judged:
        data = {"verdict": verdict, "healthy": not failed}
        found += [
            {**task, "text": "Restart", "action": "ansible.builtin.systemd_service", "state": "changed", "changed": True},
            {**task, "text": "Judge", "action": "incident.response.action_verdict", "state": "failed" if failed else "ok", "data": data},
        ]
    end = {"kind": kind, "run": name, "at": at, "state": verdict, "text": "Ended", "data": {"failed": failed, "check": bool(start.get("check"))}}
    return [{**each, "run_seq": number} for number, each in enumerate([*found, end], start=1)]


def reminded(journal: SqliteJournal, incident: str) -> list[Entry]:
    return [each for each in journal.entries(incident) if each.kind == "reminded"]


@pytest.mark.parametrize(
    ("verdict", "more"),
    [
        ("no_effect", {}),
        ("made_worse", {}),
        ("unknown", {}),
        ("unknown", {"judged": False, "more": [{"action": "ansible.builtin.systemd_service", "state": "unreachable"}]}),
        ("unknown", {"judged": False, "more": [{"action": "ansible.builtin.systemd_service", "state": "interrupted"}], "kind": "run_vanished"}),
        ("unknown", {"judged": False, "more": [{"action": "ansible.builtin.copy", "state": "changed", "changed": True}]}),
    ],
)
def test_a_failed_action_takes_a_mitigated_incident_back_and_calls_who_is_on_call(journal: SqliteJournal, verdict: str, more: dict[str, Any]) -> None:
    incident = ingest(journal, run("r1", "worked", person=True)) or ""
    assert journal.info(incident)["mitigated_at"] == AT
    failed = run("r2", verdict, seconds=60, person=True, **more)
    for _time in range(2):  # a courier that was killed offers it again
        ingest(journal, failed)
        info = journal.info(incident)
        assert (info["status"], info["mitigated_at"]) == ("investigating", None)
    (call,) = reminded(journal, incident)
    assert "so it is being investigated again" in call.text
    assert call.data["pages"] is (verdict == "made_worse")
    ingest(journal, run("r3", "worked", seconds=120, person=True))
    ingest(journal, failed)  # long after
    info = journal.info(incident)
    assert (info["status"], info["mitigated_at"]) == ("mitigated", "2025-11-10T10:07:00.000Z")


@pytest.mark.parametrize(
    "more",
    [
        {"judged": False},
        {"judged": False, "check": True, "more": [{"action": "ansible.builtin.copy", "state": "changed", "changed": True}]},
        {"judged": False, "more": [{"action": "incident.response.action_approve", "state": "failed"}]},
        {"judged": False, "more": [{"action": "ansible.builtin.fail", "state": "failed"}]},
        {"judged": False, "kind": "run_vanished"},
    ],
)
def test_what_was_refused_or_only_planned_takes_nothing_back(journal: SqliteJournal, more: dict[str, Any]) -> None:
    incident = ingest(journal, run("r1", "worked")) or ""
    ingest(journal, run("r2", "unknown", seconds=60, **more))
    assert journal.info(incident)["status"] == "mitigated"
    assert reminded(journal, incident) == []


def test_an_action_that_automation_started_and_that_failed_pages(journal: SqliteJournal) -> None:
    incident = ingest(journal, run("r1", "worked")) or ""
    ingest(journal, run("r2", "no_effect", seconds=60))
    assert [each.data["pages"] for each in reminded(journal, incident)] == [True]


def test_what_made_it_worse_calls_people_whatever_the_stage(journal: SqliteJournal) -> None:
    incident = ingest(journal, run("r1", "made_worse", person=True)) or ""
    assert journal.info(incident)["status"] == "acknowledged"
    (call,) = reminded(journal, incident)
    assert call.text == "h1 is DOWN: the restart of api broke it"
    assert call.data["pages"] is True


def test_a_drills_failure_leaves_the_real_incident_alone(journal: SqliteJournal) -> None:
    incident = ingest(journal, run("r1", "worked")) or ""
    drill = ingest(journal, run("r2", "made_worse", seconds=60, drill="full"))
    assert drill != incident
    assert journal.info(incident)["status"] == "mitigated"


def test_a_lock_is_held_by_who_lives_or_whose_lease_has_not_expired(journal: SqliteJournal) -> None:
    mine = Lease("api", "run-a", "here", 10, "1", AT, expires=1000.0)
    other = replace(mine, holder="run-b", pid=20)
    assert lock.acquire(journal, mine, now=100, alive=lambda pid, since: True) is None
    assert lock.acquire(journal, mine, now=100, alive=lambda pid, since: True) is None
    assert lock.acquire(journal, other, now=100, alive=lambda pid, since: True) == mine
    assert lock.acquire(journal, replace(other, service="web"), now=100, alive=lambda pid, since: True) is None
    assert lock.acquire(journal, other, now=100, alive=lambda pid, since: False) is None
    elsewhere = replace(mine, machine="there")
    assert lock.acquire(journal, elsewhere, now=999, alive=lambda pid, since: False) == other
    assert lock.acquire(journal, elsewhere, now=1001, alive=lambda pid, since: True) is None
    journal.release("run-a")
    assert journal.lease("api") is None


FIRST_SCHEMA = """
CREATE TABLE entries (
    incident TEXT NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL, seal TEXT NOT NULL, run TEXT, run_seq INTEGER,
    PRIMARY KEY (incident, position), UNIQUE (run, run_seq));
CREATE TABLE heads (incident TEXT PRIMARY KEY, count INTEGER NOT NULL, seal TEXT NOT NULL, proof TEXT NOT NULL);
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, service TEXT NOT NULL, status TEXT NOT NULL, opened_at TEXT NOT NULL);
CREATE TABLE names (name TEXT PRIMARY KEY, incident TEXT NOT NULL);
CREATE TABLE projections (
    incident TEXT PRIMARY KEY, rid TEXT NOT NULL, oncall TEXT NOT NULL, planned INTEGER NOT NULL, edited INTEGER NOT NULL);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT NOT NULL, body TEXT NOT NULL, first INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '');
CREATE INDEX outbox_waiting ON outbox (incident, state);
CREATE TABLE shown (incident TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (incident, key));
CREATE TABLE published (incident TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (incident, position));
CREATE TABLE leases (
    service TEXT PRIMARY KEY, holder TEXT NOT NULL, machine TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
    since TEXT NOT NULL, expires REAL NOT NULL);
"""
"""As the first version of the collection made it, and still writes into it."""


FIRST_MESSAGE = json.dumps({
    "first": 1, "last": 1, "message_id": "m1", "text": "t", "channel": "", "thread": "", "in_channel": False, "pin": False, "invite": [],
    "attachments": [], "outside": False,
})  # fmt: skip
"""A message that waits, as that version keeps it."""


def writes_as_the_first_version_does(path: Path, incident: str, entry: Entry) -> None:
    """The statements of that version, to the letter."""
    key, body = b"k" * 32, entry.to_json().encode()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        row = db.execute("SELECT count, seal, proof FROM heads WHERE incident = ?", (incident,)).fetchone()
        count, last = (row[0] + 1, row[1]) if row else (1, chain.START)
        seal = chain.seal(key, incident, count, body, last)
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", (incident, count, body, seal, entry.run, entry.run_seq))
        db.execute("INSERT INTO published VALUES (?, ?)", (incident, count))
        db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (incident, count, seal, chain.head(key, incident, count, seal).proof))
        db.execute("INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)", (incident, "", "api", "open", AT))
        db.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (f"name-{count}", incident))
        db.execute("INSERT OR IGNORE INTO projections VALUES (?, '', '[]', 0, 0)", (incident,))
        db.execute("INSERT OR REPLACE INTO projections VALUES (?, ?, ?, ?, ?)", (incident, "r", "[]", 0, 0))
        db.execute("INSERT INTO outbox (incident, body, first) VALUES (?, ?, ?)", (incident, FIRST_MESSAGE, 1))
        db.execute("INSERT OR REPLACE INTO shown VALUES (?, ?, ?)", (incident, "topic", "t"))
        db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)", ("api", "run", "m", 1, "1", AT, 0.0))
        db.execute("COMMIT")


def test_a_journal_of_the_first_version_is_used_by_it_and_by_this_one_in_turns(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_SCHEMA)
    for turn in range(3):
        writes_as_the_first_version_does(path, "i1", Entry("opened" if not turn else "note", AT, text=f"old {turn}", data={"service": "api"}))
        with SqliteJournal(path, b"k" * 32) as journal:
            journal.sight("i1")
            with journal.transaction():
                journal.append("i1", [Entry("note", AT, text=f"new {turn}")])
            info = journal.info("i1")
            assert info["verified"], info["reason"]
            assert [entry.text for entry in journal.reckoned("i1")] == [each["text"] for each in info["entries"]]
            assert journal.lease("api") == Lease("api", "run", "m", 1, "1", AT, 0.0)
    assert [(each["text"], each["arrived_at"] is None) for each in info["entries"]] == [
        (f"{who} {turn}", who == "old") for turn in range(3) for who in ("old", "new")
    ]


def test_what_the_first_version_wrote_with_a_clock_that_is_ahead_counts_from_when_it_is_seen(tmp_path: Path) -> None:
    path, before = tmp_path / "journal.db", utc(time.time())
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_SCHEMA)
    writes_as_the_first_version_does(path, "i1", Entry("opened", utc(time.time() + 3 * 3600), data={"service": "api"}))
    writes_as_the_first_version_does(path, "i1", Entry("note", AT))
    with SqliteJournal(path, b"k" * 32) as journal:
        journal.sight("i1")
        first, second = journal.reckoned("i1")
        assert before <= first.at <= utc(time.time())
        assert second.at == AT  # it is taken at its word


def test_where_the_journal_is(tmp_path: Path) -> None:
    assert location(tmp_path) == tmp_path / "journal.db"
    assert location(tmp_path, "sqlite:///other.db") == tmp_path / "other.db"
    assert location(tmp_path, "sqlite:////var/lib/x.db") == Path("/var/lib/x.db")
    for wrong in ("mysql://x", "sqlite:///", "journal.db"):
        with pytest.raises(ValueError, match="INCIDENT_JOURNAL must be sqlite:///path"):
            location(tmp_path, wrong)


def test_a_record_that_grows_while_it_is_verified_is_not_called_tampered_with(tmp_path: Path) -> None:
    key = b"k" * 32
    with SqliteJournal(tmp_path / "journal.db", key) as journal, journal.transaction():
        journal.append("i1", [Entry("opened", AT, data={"service": "api"})])
    over = threading.Event()

    def grow() -> None:
        with SqliteJournal(tmp_path / "journal.db", key) as mine:
            while not over.is_set():
                with mine.transaction():
                    mine.append("i1", [Entry("note", AT, text="more")])

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with SqliteJournal(tmp_path / "journal.db", key) as journal:
            while len(journal.entries("i1")) < 200:
                report = journal.verify("i1")
                assert report.verified, report
                assert journal.info("i1")["verified"]
    finally:
        over.set()
        writer.join()
