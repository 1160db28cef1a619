# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run of the tests that left some out is no success, and says what it lacked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sites import A_RUN

TESTS = Path(__file__).parents[1]
LACKING = "import pytest\ndef test_hosts():\n    pytest.skip('no test hosts on this machine')\ndef test_core():\n    pass\n"


@pytest.mark.parametrize("processes", [[], ["--numprocesses", "2"]])
@pytest.mark.parametrize(("partial", "code"), [({}, 1), ({"CI": "true"}, 1), ({"PARTIAL": "0"}, 1), ({"PARTIAL": "1"}, 0)])
def test_what_could_not_be_tested_is_said_and_fails_the_run(tmp_path: Path, processes: list[str], partial: dict[str, str], code: int) -> None:
    (tmp_path / "test_it.py").write_text(LACKING)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PARTIAL"} and not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(TESTS)} | partial
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:kmock", "-p", "left_out", *processes, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=A_RUN, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "NOT TESTED" in done.stdout
    assert "1 tests: no test hosts on this machine" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]
