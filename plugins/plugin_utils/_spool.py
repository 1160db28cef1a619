# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The spool: one append-only file of JSON lines per run, the write-ahead log of the timeline."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_FLAGS = os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_LARGEST = 2**53
_TEXTS = ("kind", "run", "at", "actor", "text", "host", "action", "state")


def encoded(**fields: Any) -> str:
    """Fields as a spool's line has them, for `Spool.append_encoded`."""
    return to_json(fields)[1:-1]


def places(folder: Path) -> list[Path]:
    """Where spools of a state folder may be: in it, or where it can't be written, in the temporary folder.

    There each state folder has a place of its own. The last place is for all whose state folder could not even be made.
    """
    shared = Path(tempfile.gettempdir()) / f"incident-response-{os.getuid()}"
    return [folder / "spool", shared.with_name(f"{shared.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"), shared]


def spools(folder: Path) -> list[Path]:
    """The spools that are there. What another user has put into the temporary folder is none."""
    found = []
    for place in places(folder):
        with suppress(OSError):
            if place.stat().st_uid == os.getuid():
                found += sorted(place.glob("*.jsonl"))
    return found


def _to_write(folder: Path) -> list[Path]:
    """The places that a run's lines go to."""
    state, own, shared = places(folder)
    return [state, own] if folder.is_dir() else [state, shared]


class Spool:
    """Writes a run's lines. Never raises OSError: what can't be written in one place goes to the next, then is kept.

    `seq` is the number of lines that the run has so far.
    """

    def __init__(self, folder: Path, run: str, seq: int = 0) -> None:
        self.run, self.seq, self.problem = run, seq, ""
        self._unwritten: list[bytes] = []
        self._places = _to_write(folder)
        self._all = tuple(self._places)
        self._fd: int | None = None

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        """One line, in one write. `sync` waits for the disk."""
        self.append_encoded(encoded(kind=kind, **fields), sync=sync)

    def append_encoded(self, fields: str, *, sync: bool = False) -> None:
        """As `append`, of fields that are JSON already."""
        self.seq += 1
        self._unwritten.append(f'{{"run":"{self.run}","run_seq":{self.seq},{fields}}}\n'.encode("utf-8", "replace"))
        while self._unwritten and self._places:
            try:
                if self._fd is None:
                    self._fd = self._open(self._places[0])
                if os.write(self._fd, self._unwritten[0]) != len(self._unwritten[0]):
                    raise OSError("the disk is full")
                if sync:
                    os.fsync(self._fd)
                self._unwritten.pop(0)
            except OSError as error:
                self._leave(error)

    def _open(self, place: Path) -> int:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if place.stat().st_uid != os.getuid():
            raise OSError("it belongs to somebody else")
        return os.open(place / f"{self.run}.jsonl", _FLAGS | os.O_WRONLY, 0o600)

    def _leave(self, error: OSError) -> None:
        place = self._places.pop(0)
        self.problem = f"{place}: {error.strerror or error}"
        self.close()

    def close(self) -> None:
        """Nothing more is to be written."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def lines(self) -> list[dict[str, Any]]:
        """The lines that can be read again, in order; those of an end that was carried already are gone."""
        found: list[dict[str, Any]] = []
        for place in self._all:
            with suppress(OSError):
                found += lines_after(place / f"{self.run}.jsonl", 0)[0]
        return sorted(found, key=lambda line: line["run_seq"])

    def lost(self) -> list[str]:
        """The lines that could be written nowhere."""
        return [line.decode().rstrip() for line in self._unwritten]


def append_shared(folder: Path, run: str, kind: str, *, first: bool = False, **fields: Any) -> bool:
    """One line of a run that several processes write; `first` begins the run, and any other goes to one that was begun.

    Whether it was written. Raises OSError where no place takes it.
    """
    problem = OSError(f"no place for a spool under {folder}")
    for place in _to_write(folder):
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not first and not (place / f"{run}.jsonl").exists():
                continue
            with os.fdopen(os.open(place / f"{run}.jsonl", _FLAGS | os.O_RDWR, 0o600), "a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                there = sum(1 for dummy in file)
                if first == bool(there):
                    return False
                line = {"kind": kind, "run": run, "run_seq": there + 1, **fields}
                file.write(to_json(line).encode("utf-8", "replace") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            return True
        except OSError as error:
            problem = error
    if first:
        raise problem
    return False


def _is_line(line: Any) -> bool:
    """Whether it is a line as a spool has them, of the right types in all places; its instant becomes text."""
    if not isinstance(line, dict) or not {"kind", "run", "run_seq", "at"} <= line.keys():
        return False
    try:
        line["at"] = utc(line["at"] if isinstance(line["at"], float) else datetime.fromisoformat(line["at"]).timestamp())
    except (ValueError, TypeError, OverflowError, OSError):
        return False
    data, changed, took = line.get("data", {}), line.get("changed"), line.get("duration_ms")
    return (
        all(isinstance(line.get(name, ""), str) for name in _TEXTS)
        and all(_is_count(number) for number in (line["run_seq"], 0 if took is None else took))
        and (changed is None or isinstance(changed, bool))
        and isinstance(data, dict)
        and _is_count(data.get("pid", 0))
        and all(isinstance(data.get(name, ""), str) for name in ("since", "recorder", "service", "incident", "severity", "title", "link", "verdict"))
    )


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < _LARGEST


def lines_after(path: Path, offset: int) -> tuple[list[dict[str, Any]], int, int]:
    """The whole lines after `offset` bytes, where they end, and how many of them can't be read.

    A half-written last line stays for later.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    lines, damaged = [], 0
    for raw in whole.splitlines():
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            line = None
        if _is_line(line):
            lines.append(line)
        else:
            damaged += 1
    return lines, offset + len(whole), damaged


def start_courier(folder: Path, run: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the process that carries the spool into the journal and to chat, and outlives this one. Raises OSError."""
    program = Path(__file__).absolute().with_name("_courier.py")
    log = os.open(folder / "courier.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, str(program), str(folder), run],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=dict(os.environ if environ is None else environ),
        )  # fmt: skip
    finally:
        os.close(log)


def status_file(folder: Path, run: str) -> Path:
    """Where the courier tells the run how far its lines got."""
    return folder / "spool" / f"{run}.status"


def courier_file(folder: Path) -> Path:
    """Where the courier tells what holds it up."""
    return folder / "courier.status"


def courier_says(folder: Path, since: float, settings: str) -> dict[str, Any]:
    """The courier's `problem` with the journal and `chat_problem`, as it told them after `since` (Unix time); empty where it didn't.

    `settings` is the mark of one's own connection to chat: trouble with another one is said to be that.
    """
    path = courier_file(folder)
    try:
        told: dict[str, Any] = json.loads(path.read_text()) if path.stat().st_mtime >= since else {}
    except (OSError, ValueError):
        return {}
    if told.get("chat_problem") and told.get("settings", settings) != settings:
        told["chat_problem"] = f"a run with other settings of chat is at work here, and this one's turn comes after it: {told['chat_problem']}"
    return told


def wait(folder: Path, run: str, seq: int, seconds: float) -> dict[str, Any]:
    """What the courier says of the run, as soon as line `seq` is carried and shown, or is known to be held up, or after `seconds`."""
    status, until = status_file(folder, run), time.monotonic() + seconds
    while True:
        try:
            answer: dict[str, Any] = json.loads(status.read_text())
        except (OSError, ValueError):
            answer = {}
        settled = answer.get("carried", 0) >= seq and (not answer.get("pending") or answer.get("chat_problem"))
        if settled or answer.get("problem") or time.monotonic() >= until:
            return answer
        time.sleep(0.01)
