# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a state folder's only courier, with a sign of life: a holder that does nothing any more is ended, so that another goes on."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from ansible_collections.incident.response.plugins.plugin_utils._process import alive, started

STUCK = 120.0
"""Seconds without a sign of life until its holder is ended. One that works gives one in each round, many times a second; to be killed costs it
nothing but its place."""


class CourierLock:
    """Held from `take` until the process ends or it is closed."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "courier.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._sign, self._since = -1, time.monotonic()

    def __enter__(self) -> CourierLock:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def take(self) -> bool:
        """Whether it is this process's now."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with suppress(OSError):  # a full disk: then nobody knows whom to end, and waits
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()} {started(os.getpid())}\n".encode(), 0)
        self.beat()
        return True

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
        pid, since = self._holder()
        if not pid or not alive(pid, since):
            return 0
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)  # one that was stopped hears nothing else
            return pid
        return 0

    def _holder(self) -> tuple[int, str]:
        """Its number and when it started; 0 where it didn't say."""
        said = os.pread(self._handle, 100, 0).decode(errors="replace").split(maxsplit=1)
        return (int(said[0]), said[1].strip()) if len(said) == 2 and said[0].isdecimal() else (0, "")
