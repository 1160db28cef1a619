# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a state folder's only courier, with a heartbeat: a holder without a heartbeat is ended, so that another courier can continue. Couriers
with other chat settings wait in line, one at a time: a holder that can't deliver to chat lets the first one take over."""

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
"""Seconds without a heartbeat until the holder is ended. A working courier sends one in each round, many times a second. A killed courier only loses
its place."""

POLITE = 10.0
"""Seconds for which a free lock is reserved for the first in line, which checks five times a second unless it was stopped."""
_FLAGS = os.O_RDWR | os.O_CREAT


class CourierLock:
    """Held from `take` until it is released or closed, or until the process ends. `settings` identifies the courier's chat settings."""

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
        """Try to take the lock. Returns whether this process holds it now. With `wants`, the process waits in line if the holder has other
        settings."""
        if not _locked(self._handle):
            self._free_since = 0.0
            self._stand_in_line(wants and self._holder()[2] != self._settings)
            return False
        self._free_since = self._free_since or time.monotonic()
        if not self._first and self.wanted() and time.monotonic() - self._free_since < POLITE:
            self.give()
            return False
        self._stand_in_line(False)
        with suppress(OSError):  # a full disk: then nobody knows which process to end, and waits
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()} {started(os.getpid())}\n{self._settings}\n".encode(), 0)
        self.beat()
        return True

    def give(self) -> None:
        """Release the lock for another courier."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def wanted(self) -> bool:
        """Whether a courier with other settings waits in line."""
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
        """Send a heartbeat."""
        with suppress(OSError):
            os.utime(self._handle)

    def end_stuck(self) -> int:
        """Check the holder, and end it if it gave no heartbeat during the whole observation time. Returns its process id if it was ended, otherwise
        0. The observer's own time counts, which stops while a laptop sleeps."""
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
            os.kill(pid, signal.SIGKILL)  # a stopped process reacts to no other signal
            return pid
        return 0

    def _holder(self) -> tuple[int, str, str]:
        """The holder's process id, start and settings; 0 and empty if unknown."""
        first, _line, settings = os.pread(self._handle, 200, 0).decode(errors="replace").partition("\n")
        said = first.split(maxsplit=1)
        pid, since = (int(said[0]), said[1].strip()) if len(said) == 2 and said[0].isdecimal() else (0, "")
        return pid, since, settings.strip()


def _locked(handle: int) -> bool:
    """Try to lock the file. Returns whether this process holds it now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
