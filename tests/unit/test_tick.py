# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the clocks: each reminder and escalation at its minute, once, whoever looks and however often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import escalation as escalation_rules
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import transition
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases import escalation
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring

OPENED = datetime.fromisoformat("2026-10-24T23:50:00+00:00").timestamp()
"""Ten minutes before midnight, and two hours before Europe's clocks change."""
DEFAULT = escalation_wiring.policy(_config.load(None))
POLICY = replace(DEFAULT, levels=tuple(replace(each, notify=each.notify or ("somebody",)) for each in DEFAULT.levels))
MINUTE, HOUR = 60, 3600


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


def opened(journal: SqliteJournal, severity: str = "P1", service: str = "api", **more: Any) -> str:
    with journal.transaction():
        level = Severity(severity)
        return open_incident(journal, title="Slow", service=service, severity=level, at=utc(OPENED), actor="ada", chat=False, **more)


def goes(journal: SqliteJournal, incident: str, before: str, after: str, seconds: float) -> None:
    with journal.transaction():
        journal.append(incident, transition(Status(before), Status(after), at=utc(OPENED + seconds), actor="ada"))


def says(journal: SqliteJournal, incident: str, seconds: float) -> None:
    with journal.transaction():
        journal.append(incident, [Entry("note", utc(OPENED + seconds), actor="ada", text=f"News after {seconds}")])


def look(journal: SqliteJournal, seconds: float) -> list[Entry]:
    return [entry for dummy, entry in escalation.look(journal, POLICY, now=OPENED + seconds, write=True)]


# One clock


@pytest.mark.parametrize(
    ("severity", "path", "deadline", "key", "kind"),
    [
        ("P1", [], 5 * MINUTE, "ack", "reminded"),
        ("P1", [], 10 * MINUTE, "ack twice", "escalated"),
        ("P0", [], 5 * MINUTE, "ack", "reminded"),
        ("P0", [], 0, "respond", "reminded"),
        ("P1", ["acknowledged"], 15 * MINUTE, "respond", "reminded"),
        ("P2", [], 2 * HOUR, "respond", "reminded"),
        ("P1", ["acknowledged", "investigating"], 30 * MINUTE, "mitigate", "reminded"),  # silence has called the level before
        ("P1", ["acknowledged", "investigating"], HOUR, "outage", "escalated"),
        ("P0", ["acknowledged", "investigating"], HOUR, "outage", "escalated"),
        ("P1", ["acknowledged", "investigating", "mitigated"], 2 * HOUR, "resolve", "reminded"),
        ("P1", ["acknowledged", "investigating"], 10 * MINUTE, "update 4", "reminded"),
        ("P1", ["acknowledged", "investigating"], 20 * MINUTE, "update twice 4", "escalated"),
        ("P3", [], 24 * HOUR, "forgotten 1 1", "reminded"),
        ("P3", [], 72 * HOUR, "forgotten 1 3", "reminded"),
        ("P1", ["acknowledged", "investigating", "mitigated", "resolved"], 24 * HOUR, "review 24 h", "reminded"),
        ("P1", ["acknowledged", "investigating", "mitigated", "resolved"], 44 * HOUR, "review 4 h", "reminded"),
        ("P1", ["acknowledged", "investigating", "mitigated", "resolved", "closed"], 48 * HOUR, "review", "reminded"),
    ],
)
def test_a_deadline_is_kept_to_the_millisecond(journal: SqliteJournal, severity: str, path: list[str], deadline: float, key: str, kind: str) -> None:
    incident, before = opened(journal, severity), "open"
    for stage in path:
        goes(journal, incident, before, stage, 0)
        before = stage
    look(journal, deadline - 0.001)
    assert key not in escalation_rules.told(journal.entries(incident))
    (entry,) = look(journal, deadline)
    assert key in entry.data["reminders"]
    assert entry.kind == kind
    assert look(journal, deadline) == []


def test_the_clocks_of_what_is_not_mitigated_after_all_run_again_from_the_opening(journal: SqliteJournal) -> None:
    incident = opened(journal)
    goes(journal, incident, "open", "investigating", 0)
    assert "mitigate" in [key for each in look(journal, 40 * MINUTE) for key in each.data["reminders"]]
    for number, minute in ((1, 50), (2, 55)):
        goes(journal, incident, "investigating", "mitigated", (minute - 1) * MINUTE)
        goes(journal, incident, "mitigated", "investigating", minute * MINUTE)
        assert not journal.incident(incident).mitigated_at
        (entry,) = look(journal, minute * MINUTE)
        assert f"mitigate again {number}" in entry.data["reminders"]
        assert entry.text == "Not mitigated 30 min after it was opened (it was thought to be): whoever is stuck gets help"
        assert look(journal, minute * MINUTE) == []
    (entry,) = look(journal, HOUR)
    assert (entry.data["level"], entry.data["reminders"]) == (3, ["outage again 2"])


@pytest.mark.parametrize(("concern", "level"), [("security", 3), ("data_loss", 3), ("trade_off", 2)])
def test_what_the_handbook_escalates_for_calls_at_once_and_once(journal: SqliteJournal, concern: str, level: int) -> None:
    incident = opened(journal, "P2")
    with journal.transaction():
        journal.append(incident, [Entry("changed", utc(OPENED), text="x", data={"concerns": [concern, "unknown"]})])
    (entry,) = look(journal, 0)
    assert (entry.kind, entry.data["level"], entry.data["reminders"]) == ("escalated", level, [f"concern {concern}"])
    assert look(journal, 1) == []


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_a_clock_that_is_none_never_runs_out(journal: SqliteJournal, severity: str) -> None:
    incident = opened(journal, severity)
    goes(journal, incident, "open", "investigating", 0)
    assert look(journal, 24 * HOUR - 1) == []


def test_a_drill_is_never_late(journal: SqliteJournal) -> None:
    opened(journal, "P0", drill=True)
    assert look(journal, 100 * HOUR) == []


@pytest.mark.parametrize(("severity", "late"), [("P2", False), ("P0", True)])
def test_a_severity_that_changes_brings_its_clocks(journal: SqliteJournal, severity: str, late: bool) -> None:
    incident = opened(journal, "P1" if severity == "P2" else "P3")
    with journal.transaction():
        journal.append(incident, [Entry("changed", utc(OPENED), text=f"Severity is now {severity}", data={"severity": severity})])
    assert bool(look(journal, 10 * MINUTE)) is late


# All of them


def test_a_p1_from_its_opening_to_the_overdue_review_with_two_ticks_racing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal(path, b"k" * 32) as journal:
        incident = opened(journal)
        happens = {12: ("open", "acknowledged"), 13: ("acknowledged", "investigating"), 65: ("investigating", "mitigated"),
                   130: ("mitigated", "resolved"), 131: ("resolved", "closed")}  # fmt: skip
        for minute in [*range(180), *range(180, 60 * 60, 10)]:
            if minute in happens:
                goes(journal, incident, *happens[minute], minute * MINUTE)
            if minute == 40:
                says(journal, incident, minute * MINUTE)
            racing(path, minute * MINUTE)
        entries = journal.entries(incident)
        assert journal.verify(incident).verified
    seen = [
        (round((datetime.fromisoformat(each.at).timestamp() - OPENED) / MINUTE), each.data.get("name", ""), each.data["reminders"])
        for each in entries
        if each.kind in {"reminded", "escalated"}
    ]
    assert seen == [
        (5, "", ["ack"]),
        (10, "DevOps Lead", ["ack twice", "update 1"]),
        (23, "", [f"update {of(entries, 'Investigating')}"]),
        (30, "", ["mitigate"]),
        (33, "", [f"update twice {of(entries, 'Investigating')}"]),
        (50, "", [f"update {of(entries, 'News after 2400')}"]),
        (60, "CTO + Security Lead", ["outage", f"update twice {of(entries, 'News after 2400')}"]),
        (75, "", [f"update {of(entries, 'Mitigated')}"]),
        (85, "", [f"update twice {of(entries, 'Mitigated')}"]),
        (120, "", ["resolve"]),
        (130 + 24 * 60, "", ["review 24 h"]),
        (130 + 44 * 60, "", ["review 4 h"]),
        (130 + 48 * 60, "", ["review"]),
    ]


def racing(path: Path, seconds: float) -> None:
    """Two machines tick at the same moment."""
    ready, failures = threading.Barrier(2), list[BaseException]()

    def run() -> None:
        try:
            with SqliteJournal(path, b"k" * 32) as journal:
                ready.wait(10)
                look(journal, seconds)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def of(entries: list[Entry], text: str) -> int:
    return next(number for number, each in enumerate(entries, start=1) if each.text == text)


def test_whoever_did_not_look_for_two_hours_says_it_once(journal: SqliteJournal) -> None:
    opened(journal)
    (entry,) = look(journal, 2 * HOUR)
    assert (entry.kind, entry.data["level"]) == ("escalated", escalation_rules.LEADERSHIP)
    assert entry.text == (
        "Escalated to CTO + Security Lead: nobody has acknowledged for 10 min; not being investigated: work is to begin within 15 min; "
        "not mitigated for 1 h; not resolved for 2 h; no update for 20 min: say what is known, even if it is nothing new"
    )
    assert look(journal, 2 * HOUR + MINUTE) == []


def test_a_clock_that_jumps_back_says_nothing_twice(journal: SqliteJournal) -> None:
    opened(journal)
    assert look(journal, 6 * MINUTE)
    assert look(journal, -HOUR) == []
    assert look(journal, 6 * MINUTE) == []


def test_looking_alone_writes_nothing(journal: SqliteJournal) -> None:
    incident = opened(journal)
    assert [name for name, dummy in escalation.look(journal, POLICY, now=OPENED + HOUR, write=False)] == [journal.info(incident)["name"]]
    assert [entry.kind for entry in journal.entries(incident)] == ["opened", "named"]


# By hand


def test_each_call_by_hand_is_for_the_next_level_until_all_are_called(journal: SqliteJournal) -> None:
    incident = opened(journal)
    called = []
    for _number in range(3):
        entry = escalation.escalate(journal, incident, POLICY, reason="stuck", target=None, at=utc(OPENED), actor="ada")
        assert entry
        called.append(entry.data["name"])
        with journal.transaction():
            journal.append(incident, [entry])
    assert called == ["DevOps Lead", "CTO + Security Lead", "CEO"]
    with pytest.raises(escalation.Refused, match="everybody is called already"):
        escalation.escalate(journal, incident, POLICY, reason="stuck", target=None, at=utc(OPENED), actor="ada")
    again = escalation.escalate(journal, incident, POLICY, reason="still stuck", target=2, at=utc(OPENED), actor="ada")
    assert (again.text, again.data["notify"]) == ("Escalated again to DevOps Lead: still stuck", list(POLICY.levels[1].notify))
    with pytest.raises(escalation.Refused, match="level=1 is who is on call, and was called when .* was opened"):
        nobody = replace(POLICY, levels=(replace(DEFAULT.levels[0], notify=()), *POLICY.levels[1:]))
        escalation.escalate(journal, incident, nobody, reason="stuck", target=1, at=utc(OPENED), actor="ada")
    for level in (0, 5, -1):
        with pytest.raises(escalation.Refused, match=f"level={level} is no level"):
            escalation.escalate(journal, incident, POLICY, reason="stuck", target=level, at=utc(OPENED), actor="ada")


def test_a_level_for_which_nobody_is_named_calls_nobody_and_is_left_out(journal: SqliteJournal) -> None:
    """Else the next call says that everybody is called already."""
    incident = opened(journal)
    policy = replace(POLICY, levels=(*DEFAULT.levels[:3], POLICY.levels[3]))
    for levels, expected in ((DEFAULT.levels, (2, [])), (DEFAULT.levels, (2, [])), (policy.levels, (4, ["somebody"]))):
        entry = escalation.escalate(journal, incident, replace(policy, levels=levels), reason="stuck", target=None, at=utc(OPENED), actor="ada")
        assert entry
        assert (entry.data["level"], entry.data["notify"]) == expected
        assert ("DevOps Lead is needed, and NOBODY IS NAMED" in entry.text) is (not expected[1])
        with journal.transaction():
            journal.append(incident, [entry])


@pytest.mark.parametrize(
    ("seconds", "words"), [(45, "45 s"), (60, "1 min"), (90, "90 s"), (600, "10 min"), (7200, "2 h"), (86400, "24 h"), (172800, "2 days")]
)
def test_lengths_are_said_as_people_do(seconds: float, words: str) -> None:
    assert escalation_rules.length(seconds) == words
