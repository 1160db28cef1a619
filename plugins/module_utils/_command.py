# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs commands with a timeout, after which a command is killed with all processes that it started. Runs on the managed host, so it only uses the
standard library."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

_LOOK = 0.1
"""Seconds between two checks whether a command has ended, if a background process keeps its output open."""
_KEPT = 1_000_000
"""The number of last output bytes that are kept."""
LAST, _LONGEST = 60, 2000
"""The number of log or output lines that are evidence, and their maximum length."""
_POLITE = 5.0
"""Seconds between the signal to end and the kill, so that a package manager can clean up."""


class Ran(NamedTuple):
    """The result of a command. After a timeout, `code` is 124, and the last line of `err` says so."""

    code: int
    out: str
    err: str
    in_time: bool


def run(command: Sequence[str], within: float, *, folder: str | None = None, environment: Mapping[str, str] | None = None) -> Ran:
    """Run a command for `within` seconds at most. The end of the command counts, not the end of its background processes. Raises OSError,
    ValueError."""
    # run_command has no timeout, and only ends the command itself
    process = subprocess.Popen(  # noqa: S603 - commands are what this is for # pylint: disable=ansible-bad-function
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=folder,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    said: list[bytearray] = [bytearray(), bytearray()]
    try:
        in_time = _listen(process, said, time.monotonic() + within)
    finally:
        _end(process)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    out, err = (bytes(each).decode(errors="replace") for each in said)
    if in_time:
        return Ran(process.returncode, out, err, True)
    return Ran(124, out, f"{err.rstrip()}\nit did not end within {within:g} s, and was killed".lstrip(), False)


def _listen(process: subprocess.Popen[bytes], said: list[bytearray], end: float) -> bool:
    """Read its output until it ends. Returns whether it ended in time."""
    with selectors.DefaultSelector() as selector:
        for stream, kept in zip((process.stdout, process.stderr), said, strict=True):
            selector.register(stream, selectors.EVENT_READ, kept)  # type: ignore[arg-type]
        while True:
            ended = process.poll() is not None  # asked before the last read of its output
            left = end - time.monotonic()
            if not selector.get_map():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, left))
                return process.returncode is not None
            heard = selector.select(0 if ended else max(0.0, min(_LOOK, left)))
            for key, _events in heard:
                piece = os.read(key.fd, 65536)
                key.data.extend(piece)
                del key.data[:-_KEPT]
                if not piece:
                    selector.unregister(key.fileobj)
            if ended and not heard:
                return True
            if left <= 0:
                return ended


def _end(process: subprocess.Popen[bytes]) -> None:
    """If it hasn't ended: send the signal to end to it and its processes, then kill them."""
    for number, patience in ((signal.SIGTERM, _POLITE), (signal.SIGKILL, None)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def last(lines: Sequence[str]) -> list[str]:
    """The evidence lines. Long enough to contain the cause before a stack trace, and limited in length."""
    return [line[:_LONGEST] for line in lines[-LAST:]]


def told(command: Sequence[str], within: float, *, folder: str | None = None, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Like `run`: exit code and output, also if the command can't be started."""
    try:
        return run(command, within, folder=folder, environment=environment)[:3]
    except (OSError, ValueError) as error:
        return 127, "", f"{command[0]} can't be started: {getattr(error, 'strerror', None) or error}"
