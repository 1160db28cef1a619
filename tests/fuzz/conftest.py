# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The frame of the fuzz tests: what others send us is made up at random, and must end in an answer or in an error of ours.

`make test` runs the profile `short`, the same examples each time; `make fuzz` the profile `long`, others each time, by a seed that it shows.
No example is held to a time, for a machine may be busy; one that hangs ends its test.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[2] / ".cache" / "hypothesis"))

from hypothesis import HealthCheck, settings

SHORT, LONG = 100, 2_000
"""Examples of each test."""
HANGS = {"short": 120, "long": 1800}
"""Seconds after which a test of that profile hangs."""

settings.register_profile(
    "short", max_examples=SHORT, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("long", settings.get_profile("short"), max_examples=LONG, derandomize=False)


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("short")


class Hang(BaseException):
    """An example that doesn't end. No Exception: neither what is tested nor hypothesis may go on after it."""


@pytest.fixture(autouse=True)
def no_example_hangs(request: pytest.FixtureRequest) -> Iterator[None]:
    """End a test that hangs, where it is."""
    within = HANGS["long" if request.config.getoption("--hypothesis-profile") == "long" else "short"]

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"no end after {within} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(within)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
