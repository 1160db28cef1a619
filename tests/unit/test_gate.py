# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written by a process that knows a secret doesn't have it: in the journal beside the text, in the spool, in the log of the courier."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.plugin_utils import _spool
from ansible_collections.incident.response.plugins.plugin_utils._courier.log import log

PLANT = "tr0ub4dor and three"
AT = "2025-11-10T10:00:00.000Z"


@pytest.fixture(autouse=True)
def learned(nothing_learned: None) -> None:
    """It is known, for as long as the test goes on."""
    _gate.learn([PLANT])


def test_data_beside_a_text_of_the_journal_have_no_secret(tmp_path: Path) -> None:
    data = {"break_glass": f"it is {PLANT}", "title": PLANT.upper(), "lines": [PLANT, {"x": PLANT}], PLANT: 1, "count": 3, "good": True, "at": None}
    journal = SqliteJournal(tmp_path / "journal.db", b"k" * 32)
    with journal.transaction():
        journal.append("i-1", [Entry("note", AT, actor=PLANT, text=f"say {PLANT}", data=data)])
    (entry,) = journal.entries("i-1")
    journal.close()
    assert (entry.actor, entry.text) == ("[redacted]", "say [redacted]")
    assert entry.data == {
        "break_glass": "it is [redacted]", "title": "[redacted]", "lines": ["[redacted]", {"x": "[redacted]"}], "[redacted]": 1, "count": 3,
        "good": True, "at": None,
    }  # fmt: skip
    assert not any(PLANT.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_lines_of_the_spool_have_no_secret_and_what_is_learned_later_counts_for_what_was_said_before() -> None:
    assert json.loads("{" + _spool.encoded(text="an ordinary name", data={"incident": PLANT}) + "}") == {
        "text": "an ordinary name", "data": {"incident": "[redacted]"},
    }  # fmt: skip
    _gate.learn(["ordinary name"])
    assert json.loads("{" + _spool.encoded(text="an ordinary name") + "}") == {"text": "an [redacted]"}


def test_the_couriers_log_has_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    log(f"https://ada:{PLANT.partition(' ')[0]}@chat.example.com can't be reached: {PLANT}")
    said = capsys.readouterr().err
    assert "tr0ub" not in said
    assert "ada:[redacted]@chat.example.com can't be reached: [redacted]" in said


def test_what_breaks_the_courier_off_is_logged_without_secrets(tmp_path: Path) -> None:
    """An error that nobody thought of has its values in it."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ansible_collections.incident.response.plugins.plugin_utils._courier import main\n"
        "def broken(*_more, **_others): raise RuntimeError('https://ada:hunter2secret@chat.example.com')\n"
        "main._work = broken\n"
        "main.main(Path(sys.argv[1]), 'run')\n"
    )
    root = Path(__file__).parents[2] / "collections"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": str(root), "INCIDENT_STATE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "hunter2" not in ended.stderr
    assert "the courier breaks off" in ended.stderr
    assert "ada:[redacted]@chat.example.com" in ended.stderr
