# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A journal that the version before this one wrote opens, verifies and says what it said: an incident with actions and steps, and a drill."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import Any

import pytest
from sites import ROOT, Site

KEPT = ROOT / "tests" / "integration" / "journals"


@pytest.fixture
def older(site: Site) -> Site:
    site.state.mkdir(mode=0o700)
    (site.state / "journal.db").write_bytes(gzip.decompress((KEPT / "0.1.0.db.gz").read_bytes()))
    shutil.copy(KEPT / "0.1.0.key", site.state / "journal.key")
    for name in ("journal.db", "journal.key"):
        (site.state / name).chmod(0o600)
    return site


@pytest.fixture
def kept() -> list[dict[str, Any]]:
    """What the version that wrote it said of it."""
    found: list[dict[str, Any]] = json.loads((KEPT / "0.1.0.json").read_text())
    return found


def test_it_says_what_it_said_and_verifies(older: Site, kept: list[dict[str, Any]]) -> None:
    now = older.incidents()
    assert [incident["verified"] for incident in now] == [True] * 2
    for was, found in zip(kept, now, strict=True):
        found["entries"] = [[entry[key] for key in ("seq", "at", "kind", "text")] for entry in found["entries"]]
        assert {key: found.get(key, "is gone") for key in was} == was


def test_people_can_read_it_and_go_on_with_it(older: Site) -> None:
    code, output = older.run("-e", "incident=incident-2026-11-27-001", playbook="incident.response.incident_show")
    assert code == 0, output
    assert "API errors above 50 %" in output
    code, output = older.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert [incident["verified"] for incident in older.incidents()] == [True] * 3


def test_what_was_undone_there_is_not_undone_again(older: Site) -> None:
    code, output = older.run("-e", "incident=incident-2026-11-27-001", playbook="incident.response.undo")
    assert code == 5
    assert "Nothing of incident-2026-11-27-001 is left to undo" in output


def test_a_changed_entry_is_found_out(older: Site) -> None:
    database = older.state / "journal.db"
    database.write_bytes(database.read_bytes().replace(b"The pool is exhausted", b"The disk is exhausted"))
    assert [incident["verified"] for incident in older.incidents()] != [True] * 2
