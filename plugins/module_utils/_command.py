# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commands that end: each has its time, after which it is killed with all that it started. Runs on the managed host: the standard library alone."""

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
"""Seconds between two looks at whether a command has ended that has left its output to something that goes on."""
_KEPT = 1_000_000
"""Bytes that are kept of what it says, the last ones."""
LAST, _LONGEST = 60, 2000
"""Lines of a log, or of an output, that are evidence, and characters of each."""
_POLITE = 5.0
"""Seconds between asking it to end, and killing it: a package manager must be able to tidy up."""


class Ran(NamedTuple):
    """How it ended. Of one that was killed for its time, `code` is 124, and `err` says so in its last line."""

    code: int
    out: str
    err: str
    in_time: bool


def run(command: Sequence[str], within: float, *, folder: str | None = None, environment: Mapping[str, str] | None = None) -> Ran:
    """Run it for `within` seconds at most. Its end counts, not that of what it leaves running in the background. Raises OSError, ValueError."""
    # run_command knows no limit of time, and ends no more than the command itself
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
    """Hear what it says until it ends. Whether it did in time."""
    with selectors.DefaultSelector() as selector:
        for stream, kept in zip((process.stdout, process.stderr), said, strict=True):
            selector.register(stream, selectors.EVENT_READ, kept)  # type: ignore[arg-type]
        while True:
            ended = process.poll() is not None  # asked before the last look at what it has said
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
    """Where it hasn't ended: ask it to, with all that it started, and kill it."""
    for number, patience in ((signal.SIGTERM, _POLITE), (signal.SIGKILL, None)):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def last(lines: Sequence[str]) -> list[str]:
    """The lines that are evidence: a stack stands between the cause and the end; none without end."""
    return [line[:_LONGEST] for line in lines[-LAST:]]


def told(command: Sequence[str], within: float, *, folder: str | None = None, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """As `run`: how it ended and what it said, also where it can't be started."""
    try:
        return run(command, within, folder=folder, environment=environment)[:3]
    except (OSError, ValueError) as error:
        return 127, "", f"{command[0]} can't be started: {getattr(error, 'strerror', None) or error}"
