# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the collection importable by its own name, without Ansible, and the tests' helpers by theirs; what many tests use."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "collections")]

from deployments import Deployed  # noqa: E402 - after the path is set
from servers.running import RocketChat  # noqa: E402
from sites import Site  # noqa: E402


class ByFile(LoadScopeScheduling):
    """Each file's tests run in one process, which makes what they share; so do all on real hosts, which share this machine's containers."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "e2e" if Path(path).parent.name == "e2e" else path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write the transcripts of tests/integration/test_transcripts.py anew")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def left_out(reporter: Any) -> Counter[str]:
    """What kept tests from running, and how many."""
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ").strip() for report in reporter.getreports("skipped"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one block what could not be tested here, and how it could be."""
    reasons = left_out(terminalreporter)
    if reasons:
        terminalreporter.section("NOT TESTED on this machine")
        for reason, number in reasons.most_common():
            terminalreporter.line(f"{number} tests: {reason}")
        terminalreporter.line("PARTIAL=1 accepts that." if partial() else "So this run has failed; PARTIAL=1 would accept that.")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that left tests out is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and left_out(reporter) and not partial() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def partial() -> bool:
    return os.environ.get("PARTIAL", "") not in {"", "0"}


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[RocketChat]:
    with RocketChat(tmp_path / "chat") as server:
        yield server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def deployed(tmp_path: Path) -> Deployed:
    return Deployed(tmp_path)
