# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run that this process records. Set by the callback in the controller; its forked workers inherit it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """`name` is the run's, on every entry of it."""

    name: str
    folder: Path


_current: list[Run] = []


def begin(folder: Path, unique: str = "") -> Run:
    """Name a new run, and make it the one that this process records."""
    run = Run(time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + (unique or secrets.token_hex(4)), folder)
    _current[:] = [run]
    return run


def current() -> Run | None:
    """The run that is recorded, None where the callback is off."""
    return _current[0] if _current else None


def end() -> None:
    """Nothing is recorded from now on."""
    _current.clear()
