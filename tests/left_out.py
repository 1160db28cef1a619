# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pytest's plugin for tests that can't run on this machine: a run that left some out says which need what, and fails at its end."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest


def _reasons(reporter: Any) -> Counter[str]:
    """What kept tests from running, and how many."""
    return Counter(str(report.longrepr[2]).removeprefix("Skipped: ").strip() for report in reporter.getreports("skipped"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one block what could not be tested here, and how it could be."""
    reasons = _reasons(terminalreporter)
    if reasons:
        terminalreporter.section("NOT TESTED on this machine")
        for reason, number in reasons.most_common():
            terminalreporter.line(f"{number} tests: {reason}")
        terminalreporter.line("PARTIAL=1 accepts that." if _partial() else "So this run has failed; PARTIAL=1 would accept that.")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that left tests out is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and _reasons(reporter) and not _partial() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _partial() -> bool:
    return os.environ.get("PARTIAL", "") not in {"", "0"}
