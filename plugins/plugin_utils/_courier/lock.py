# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a state folder's only courier, with a heartbeat: a holder without a heartbeat is ended, so that another courier can continue. Couriers
with other chat settings wait in line, one at a time: a holder that can't deliver to chat lets the first one take over."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ansible_collections.incident.response.plugins.module_utils import _owned
from ansible_collections.incident.response.plugins.plugin_utils._process import alive, started

_T = TypeVar("_T")
STUCK = 120.0
"""Seconds without a heartbeat until the holder is ended. A working courier sends one in each round, many times a second. A killed courier only loses
its place."""

POLITE = 10.0
"""Seconds for which a free lock is reserved for the first in line, which checks five times a second unless it was stopped."""
FRESH = 3.0
"""Seconds for which a heartbeat is valid. With an older one, another courier is started, which ends the holder if necessary."""
_FLAGS = os.O_RDWR | os.O_CREAT


def marked(environ: Mapping[str, str]) -> str:
    """A mark of an environment and its configuration. Couriers with the same mark do the same work."""
    told = [f"{name}={environ[name]}" for name in sorted(environ) if name != "LC_CTYPE"]  # Python sets that one itself (PEP 538)
    with suppress(OSError, ValueError):
        about = Path(environ.get("INCIDENT_CONFIG", "")).stat()
        told.append(f"{about.st_ino} {about.st_size} {about.st_mtime_ns}")
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()


def wake(folder: Path, environ: Mapping[str, str], start: Callable[[int], _T]) -> _T | None:
    """Have a courier look at the journal: the one that works, None; else what `start` returns, which starts one. Raises OSError.

    `start` is given the lock's file descriptor, for the new one to inherit: so that the next who asks finds it at work before it has come up.
    -1 where another one has the lock, and would do something else or has given no sign of life for a while. The wish is written before the lock
    is looked at, and the holder looks for wishes after it has given the lock away: so one of the two sees the other.
    """
    with _owned.folder(folder, link=True) as parent:
        wishes = _owned.opened(parent, folder / "courier.wake", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        lock = _owned.opened(parent, folder / "courier.lock", _FLAGS)
    try:
        os.write(wishes, b".")
        mark = marked(environ)
        if _locked(lock):
            with suppress(OSError):  # a full disk: then the next who asks starts another one
                _write(lock, 0, "", "", mark)
            return start(lock)
        if _said(lock)[3] == mark and abs(time.time() - os.fstat(lock).st_mtime) < FRESH:
            return None
        return start(-1)
    finally:
        os.close(lock)  # who inherited it keeps it locked
        os.close(wishes)


class CourierLock:
    """Held from `take` until it is given or closed, or the process ends. `settings` tells couriers from each other that reach chat differently,
    and `environment` those that do anything differently."""

    def __init__(self, folder: Path, settings: str = "", environment: str = "", inherited: int = -1) -> None:
        with _owned.folder(folder, link=True) as parent:
            self._handle = inherited if inherited >= 0 else _owned.opened(parent, folder / "courier.lock", _FLAGS)
            self._line = _owned.opened(parent, folder / "courier.next", _FLAGS)
            self._wishes = _owned.opened(parent, folder / "courier.wake", _FLAGS)
        self._settings, self._environment, self._first, self._free_since = settings, environment, False, 0.0
        self._sign, self._since = -1, time.monotonic()

    def __enter__(self) -> CourierLock:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (self._handle, self._line, self._wishes):
            os.close(handle)

    def take(self, *, wants: bool = False) -> bool:
        """Try to take the lock. Returns whether this process holds it now. With `wants`, the process waits in line if the holder has other
        settings."""
        if not _locked(self._handle):
            self._free_since = 0.0
            self._stand_in_line(wants and _said(self._handle)[2] != self._settings)
            return False
        self._free_since = self._free_since or time.monotonic()
        if not self._first and self.wanted() and time.monotonic() - self._free_since < POLITE:
            self.give()
            return False
        self._stand_in_line(False)
        with suppress(OSError):  # a full disk: then nobody knows which process to end, and waits
            _write(self._handle, os.getpid(), started(os.getpid()), self._settings, self._environment)
        self.beat()
        return True

    def give(self) -> None:
        """Release the lock for another courier."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def wishes(self) -> int:
        """The number of requests to check the journal; it only grows."""
        return os.fstat(self._wishes).st_size

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
        pid, since = _said(self._handle)[:2]
        if not pid or not alive(pid, since):
            return 0
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)  # a stopped process reacts to no other signal
            return pid
        return 0


def _write(handle: int, pid: int, since: str, settings: str, environment: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{pid} {since}\n{settings}\n{environment}\n".encode(), 0)


def _said(handle: int) -> tuple[int, str, str, str]:
    """The holder's process id, start, settings and environment; 0 and empty if unknown."""
    first, settings, environment = (os.pread(handle, 400, 0).decode(errors="replace") + "\n\n").split("\n")[:3]
    said = first.split(maxsplit=1)
    pid, since = (int(said[0]), said[1].strip()) if len(said) == 2 and said[0].isdecimal() else (0, "")
    return pid, since, settings.strip(), environment.strip()


def _locked(handle: int) -> bool:
    """Try to lock the file. Returns whether this process holds it now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
