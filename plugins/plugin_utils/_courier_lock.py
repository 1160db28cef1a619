# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a state folder's only courier, with a sign of life: a holder that does nothing any more is ended, so that another goes on.

Couriers with other settings of chat stand in line, one at a time: a holder that gets nothing to chat sees that, and gives the first its turn.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from ansible_collections.incident.response.plugins.module_utils import _owned
from ansible_collections.incident.response.plugins.plugin_utils._process import alive, started

STUCK = 120.0
"""Seconds without a sign of life until its holder is ended. One that works gives one in each round, many times a second; to be killed costs it
nothing but its place."""

POLITE = 10.0
"""Seconds for which a lock that is free is left to the first in line: it looks five times a second, unless it was stopped."""
_FLAGS = os.O_RDWR | os.O_CREAT


class CourierLock:
    """Held from `take` until it is given or closed, or the process ends. `settings` tells couriers from each other that reach chat differently."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        with _owned.folder(folder, link=True) as parent:
            self._handle = _owned.opened(parent, folder / "courier.lock", _FLAGS)
            self._line = _owned.opened(parent, folder / "courier.next", _FLAGS)
        self._settings, self._first, self._free_since = settings, False, 0.0
        self._sign, self._since = -1, time.monotonic()

    def __enter__(self) -> CourierLock:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
        os.close(self._line)

    def take(self, *, wants: bool = False) -> bool:
        """Whether it is this process's now. Who `wants` a turn stands in line where the holder has other settings."""
        if not _locked(self._handle):
            self._free_since = 0.0
            self._stand_in_line(wants and self._holder()[2] != self._settings)
            return False
        self._free_since = self._free_since or time.monotonic()
        if not self._first and self.wanted() and time.monotonic() - self._free_since < POLITE:
            self.give()
            return False
        self._stand_in_line(False)
        with suppress(OSError):  # a full disk: then nobody knows whom to end, and waits
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()} {started(os.getpid())}\n{self._settings}\n".encode(), 0)
        self.beat()
        return True

    def give(self) -> None:
        """Let another have it."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def wanted(self) -> bool:
        """Whether one with other settings stands in line."""
        if not _locked(self._line):
            return True
        fcntl.flock(self._line, fcntl.LOCK_UN)
        return False

    def _stand_in_line(self, wants: bool) -> None:
        if wants and not self._first:
            self._first = _locked(self._line)
        elif not wants and self._first:
            fcntl.flock(self._line, fcntl.LOCK_UN)
            self._first = False

    def beat(self) -> None:
        """Give a sign of life."""
        with suppress(OSError):
            os.utime(self._handle)

    def end_stuck(self) -> int:
        """Look at who holds it. Where that has given no sign of life for as long as was looked on, it is ended: its number, else 0.

        What counts is the looker's own time, which stands still while a laptop sleeps.
        """
        sign = os.fstat(self._handle).st_mtime_ns
        if sign != self._sign:
            self._sign, self._since = sign, time.monotonic()
        if time.monotonic() - self._since < STUCK:
            return 0
        self._since = time.monotonic()
        pid, since, _settings = self._holder()
        if not pid or not alive(pid, since):
            return 0
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)  # one that was stopped hears nothing else
            return pid
        return 0

    def _holder(self) -> tuple[int, str, str]:
        """Its number, when it started, and its settings; 0 and empty where it didn't say."""
        first, _line, settings = os.pread(self._handle, 200, 0).decode(errors="replace").partition("\n")
        said = first.split(maxsplit=1)
        pid, since = (int(said[0]), said[1].strip()) if len(said) == 2 and said[0].isdecimal() else (0, "")
        return pid, since, settings.strip()


def _locked(handle: int) -> bool:
    """Whether it is locked by this process now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
