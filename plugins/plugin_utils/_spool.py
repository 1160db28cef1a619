# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The spool: one append-only file of JSON lines per run, the write-ahead log of the timeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


class Spool:
    """Writes a run's lines. Never raises OSError: what can't be written in one place goes to the next, then is kept."""

    def __init__(self, folder: Path, run: str) -> None:
        self.run, self.seq, self.problem = run, 0, ""
        self._unwritten: list[bytes] = []
        self._places = [folder / "spool", Path(tempfile.gettempdir()) / f"incident-response-{os.getuid()}"]
        self._fd: int | None = None

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        """One line, in one write. `sync` waits for the disk."""
        self.seq += 1
        line = {"kind": kind, "run": self.run, "run_seq": self.seq, **fields}
        self._unwritten.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        while self._unwritten and self._write(self._unwritten[0], sync=sync):
            self._unwritten.pop(0)

    def _write(self, line: bytes, *, sync: bool) -> bool:
        while self._fd is not None or self._places:
            try:
                if self._fd is None:
                    self._places[0].mkdir(mode=0o700, parents=True, exist_ok=True)
                    path = self._places[0] / f"{self.run}.jsonl"
                    self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                if os.write(self._fd, line) != len(line):
                    raise OSError("the disk is full")
                if sync:
                    os.fsync(self._fd)
                return True
            except OSError as error:
                place = self._places.pop(0)
                self.problem = f"{place}: {error.strerror or error}"
                self._fd = None
        return False

    def lost(self) -> list[str]:
        """The lines that could be written nowhere."""
        return [line.decode().rstrip() for line in self._unwritten]


def read(path: Path) -> list[dict[str, Any]]:
    """A spool's whole lines. A half-written last line, or a damaged one, is left out."""
    lines = []
    for raw in path.read_bytes().splitlines(keepends=True):
        if raw.endswith(b"\n"):
            try:
                lines.append(json.loads(raw))
            except ValueError:
                continue
    return lines


def start_courier(folder: Path, run: str) -> None:
    """Start the process that carries the spool into the journal and outlives this one."""
    program = Path(__file__).absolute().with_name("_courier.py")
    log = os.open(folder / "courier.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        subprocess.Popen(  # noqa: S603
            [sys.executable, str(program), str(folder), run, str(os.getpid())],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
        )  # fmt: skip
    finally:
        os.close(log)


def wait(folder: Path, run: str, seq: int, seconds: float) -> dict[str, Any]:
    """What the courier says of the run, as soon as it has carried line `seq`, or after `seconds`."""
    status, until = folder / "spool" / f"{run}.status", time.monotonic() + seconds
    answer: dict[str, Any] = {}
    while True:
        try:
            answer = json.loads(status.read_text())
        except (OSError, ValueError):
            answer = {}
        if answer.get("carried", 0) >= seq or answer.get("problem") or time.monotonic() >= until:
            return answer
        time.sleep(0.02)
