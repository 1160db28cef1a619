# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A time limit for a whole exchange over a connection. A socket's own timeout applies to each received piece, so a slow sender never exceeds it. Name
resolution is not included; it has the resolver's limits."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

LARGEST = 5_000_000
"""The size limit of an answer, or of a file, in bytes."""
_AGAIN = 0.1


class Limit:
    """A context manager that cuts the watched connection after `seconds`, repeatedly until the context ends. `over`: whether it did."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._connection, self._done, self.over = seconds, None, threading.Event(), False

    def watch(self, connection: Any) -> None:
        """Register the connection to cut. Its socket is `sock`; None before there is one."""
        self._connection = connection

    def __enter__(self) -> Limit:
        threading.Thread(target=self._guard, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _guard(self) -> None:
        wait = self._seconds
        while not self._done.wait(wait):
            self.over, wait = True, _AGAIN
            sock = getattr(self._connection, "sock", None)
            if sock is not None:
                with suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which another thread reads by
