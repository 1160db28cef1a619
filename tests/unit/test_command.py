# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promise of commands that run on hosts: each ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils import _command
from sites import eventually

SHELL = ["sh", "-c"]


def test_how_it_ended_and_what_it_said() -> None:
    assert _command.run([*SHELL, "echo out; echo err >&2; exit 3"], 60) == (3, "out\n", "err\n", True)


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM;", "trap '' TERM HUP INT;"])
def test_one_that_never_ends_is_killed_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stubborn: str) -> None:
    monkeypatch.setattr(_command, "_POLITE", 0.2)
    ran = _command.run([*SHELL, f"{stubborn} echo begun; sleep 1000 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/self; wait"], 1)
    assert (ran.code, ran.out, ran.in_time) == (124, "begun\n", False)
    assert ran.err == "it did not end within 1 s, and was killed"
    for name in ("child", "self"):
        assert eventually(lambda name=name: not runs(int((tmp_path / name).read_text())))  # type: ignore[misc]


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False


def test_what_it_leaves_in_the_background_is_waited_for_by_nobody_and_goes_on(tmp_path: Path) -> None:
    """As a start script does whose service keeps its output open."""
    ran = _command.run([*SHELL, f"sleep 1000 & echo $! > {tmp_path}/child; echo started"], 300)
    child = int((tmp_path / "child").read_text())
    assert (ran.code, ran.out, ran.in_time) == (0, "started\n", True)
    assert runs(child)
    os.kill(child, 9)


def test_one_that_says_no_end_of_things_keeps_the_last() -> None:
    ran = _command.run([*SHELL, "yes x | head -c 3000000; echo last"], 300)
    assert (len(ran.out), ran.out[-5:]) == (1_000_000, "last\n")


def test_one_that_closes_its_output_and_stays_is_killed_too() -> None:
    assert not _command.run([*SHELL, "exec >&- 2>&-; sleep 1000"], 0.5).in_time


def test_what_can_not_be_started_is_said() -> None:
    assert _command.told(["/no/such/thing"], 1) == (127, "", "/no/such/thing can't be started: No such file or directory")
