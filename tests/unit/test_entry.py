# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record as it is declared: docs/record.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import DATA, Entry, Kind, misfit, undeclared
from ansible_collections.incident.response.plugins.module_utils._core.incident import derive
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._journal import sqlite
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident

AT = "2025-11-10T10:05:00.000Z"
PAGE = Path(__file__).parents[2] / "docs" / "record.md"


def test_each_kind_is_declared_and_on_its_page() -> None:
    page = PAGE.read_text()
    assert set(DATA) == set(Kind)
    assert [kind for kind in Kind if f"## `{kind}`\n\n{kind.about}\n" not in page] == []
    assert [key for known in DATA.values() for key in known if f"| `{key}` |" not in page] == []


@pytest.mark.parametrize(
    ("kind", "data", "wrong"),
    [
        ("task", {"verdict": "worked", "hosts": ["a"], "healthy": None, "changed_by": 1}, ""), ("task", {"hosts": ("a",)}, ""),
        ("opened", {"severity": Severity.P1}, ""), ("later", {"x": []}, ""), ("later", {"message": 1}, "message must be text"),
        ("task", {"verdict": ["worked"]}, "verdict must be text"), ("task", {"hosts": "a"}, "hosts must be a list"),
        ("task", {"healthy": "yes"}, "healthy must be true or false or nothing"), ("escalated", {"level": True}, "level must be a whole number"),
        ("draft", {"draft": "x"}, "draft must be a mapping"), ("note", [], "data must be a mapping"), ("note", None, "data must be a mapping"),
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_says_why(kind: str, data: Any, wrong: str) -> None:
    assert misfit(Entry(kind, AT, data=data)) == wrong


def test_what_is_not_declared_is_found() -> None:
    assert undeclared(Entry("note", AT, data={"message": "m1", "x": 1})) == ["x"]
    assert undeclared(Entry("later", AT)) == ["later"]


def test_an_entry_that_does_not_fit_is_not_recorded_and_one_that_is_there_is_told_as_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_journal(tmp_path) as journal:
        with journal.transaction():
            incident = open_incident(journal, title="Slow", service="api", severity=Severity.P1, at=AT, actor="ada", chat=False)
        with pytest.raises(ValueError, match="kind status is not recorded: its to must be text"):
            journal.append(incident, [Entry("status", AT, data={"to": 1})])
        with monkeypatch.context() as patch, journal.transaction():
            patch.setattr(sqlite, "misfit", lambda _entry: "")
            journal.append(incident, [Entry("status", AT, text="Mitigated", data={"to": 1}), Entry("later", AT, text="New", data={"y": 1})])
        kept = journal.entries(incident)[-2:]
        assert [(each.kind, each.text) for each in kept] == [
            ("unreadable", "this entry is damaged, since its to must be text: Mitigated"), ("later", "New")
        ]  # fmt: skip
        info = journal.info(incident)
        assert (info["status"], info["verified"]) == ("open", True)


def test_what_is_no_severity_changes_none() -> None:
    found = derive("i", [Entry("opened", AT, data={"severity": "P2"}), Entry("changed", AT, data={"severity": "P9", "title": "Slow"})])
    assert (found.severity, found.title) == ("P2", "Slow")
