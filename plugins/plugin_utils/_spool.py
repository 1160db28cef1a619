# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The spool: one append-only file of JSON lines per run, the write-ahead log of the timeline."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils import _gate, _owned
from ansible_collections.incident.response.plugins.plugin_utils._spool_lines import Read, bodies, place_key, read, sealer

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_FLAGS = os.O_CREAT | os.O_APPEND | os.O_RDWR


def encoded(**fields: Any) -> str:
    """Encode fields for `Spool.append_encoded`, without secrets."""
    return to_json(_gate.clean_data(fields))[1:-1]


def places(folder: Path) -> list[Path]:
    """The places of a state folder's spools: in the state folder, or in the temporary folder if the state folder can't be written. There each state
    folder has its own place. The last place is shared by all state folders that could not be created."""
    shared = Path(tempfile.gettempdir()) / f"incident-response-{os.geteuid()}"
    return [folder / "spool", shared.with_name(f"{shared.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"), shared]


def _above(place: Path) -> int:
    """How many parent folders of a place must belong to this user, too: for a state folder, the state folder itself."""
    return int(place.name == "spool")


def survey(folder: Path) -> tuple[list[Path], list[str]]:
    """The existing spools; and texts about files in their places that do not belong only to this user, and are not read."""
    found, strange = list[Path](), list[str]()
    for place in places(folder):
        try:
            with _owned.folder(place, above=_above(place)) as parent:
                names = sorted(name for name in _owned.names(parent) if name.endswith(".jsonl"))
                found += _ours(parent, (place / name for name in names), strange)
        except _owned.NotOurs as error:
            strange.append(str(error))
        except OSError:
            continue
    return found, strange


def _ours(parent: int, paths: Iterable[Path], strange: list[str]) -> Iterator[Path]:
    for path in paths:
        try:
            _owned.look(parent, path)
            yield path
        except _owned.NotOurs as error:
            strange.append(str(error))
        except OSError:
            continue


def spools(folder: Path) -> list[Path]:
    """The existing spools that belong only to this user."""
    return survey(folder)[0]


def lines_after(path: Path, offset: int) -> Read:
    """The content of a spool after `offset` bytes. Raises OSError, NotOurs."""
    return read(path, offset, above=_above(path.parent))


def remove(path: Path) -> None:
    """Remove a spool that was carried. Raises OSError."""
    with _owned.folder(path.parent, above=_above(path.parent)) as parent:
        os.unlink(path.name, dir_fd=parent)


def set_aside(path: Path) -> Path:
    """Set a spool aside. Returns its new path. Raises OSError."""
    kept = path.with_suffix(".damaged")
    with _owned.folder(path.parent, above=_above(path.parent)) as parent:
        os.rename(path.name, kept.name, src_dir_fd=parent, dst_dir_fd=parent)
    return kept


def _to_write(folder: Path) -> list[Path]:
    """The places for a run's lines."""
    state, own, shared = places(folder)
    return [state, own] if folder.is_dir() else [state, shared]


class _Gone(OSError):
    """The lines written so far are gone."""


class Spool:
    """Writes a run's lines. Never raises OSError: a line that can't be written in one place is written in the next, and finally kept in memory. `seq`
    is the number of lines so far. If somebody removes the spool during the run, it is written again in the next place."""

    def __init__(self, folder: Path, run: str, seq: int = 0) -> None:
        self.run, self.seq, self.problem = run, seq, ""
        self._unwritten: list[bytes] = []
        self._places = _to_write(folder)
        self._all = tuple(self._places)
        self._fd: int | None = None
        self._key, self._sealed, self._path, self._inode, self._size = b"", sealer(b""), "", 0, 0

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        """Append one line in one write. `sync` waits for the disk."""
        self.append_encoded(encoded(kind=kind, **fields), sync=sync)

    def append_encoded(self, fields: str, *, sync: bool = False, looks: bool = True) -> None:
        """Like `append`, for fields that `encoded` has turned into JSON. Without `looks` it is the next line that finds a removed file; the lines
        that were written to it are not lost, since it is still open."""
        self.seq += 1
        self._unwritten.append(f'{{"run":"{self.run}","run_seq":{self.seq},{fields}'.encode("utf-8", "replace"))
        while self._unwritten and self._places:
            try:
                self._write(self._unwritten[0], sync, looks)
                self._unwritten.pop(0)
            except OSError as error:
                self._leave(error)

    def _write(self, line: bytes, sync: bool, looks: bool) -> None:
        if self._fd is None:
            self._fd = self._open(self._places[0])
        if sync:
            self._look()
        elif looks and not os.access(self._path, os.F_OK):
            raise _Gone(self._removed())
        line = self._sealed(line)
        if os.write(self._fd, line) != len(line):
            raise OSError("the disk is full")
        self._size += len(line)
        if sync:
            os.fsync(self._fd)

    def _look(self) -> None:
        """Raises OSError if the written lines are gone. Not called for each line, because it costs as much as the seal."""
        try:
            there = os.lstat(self._path)
        except FileNotFoundError:
            raise _Gone(self._removed()) from None
        if there.st_ino != self._inode or there.st_size < self._size:
            raise _Gone(f"{self._path} was replaced or cut while the run wrote it")

    def _removed(self) -> str:
        return f"{self._path} was removed while the run wrote it"

    def _open(self, place: Path) -> int:
        path = place / f"{self.run}.jsonl"
        with _owned.folder(place, make=True, above=_above(place)) as parent:
            self._key = place_key(place)
            self._sealed = sealer(self._key)
            file = _owned.opened(parent, path, _FLAGS)
        about = os.fstat(file)
        self._path, self._inode, self._size = str(path), about.st_ino, about.st_size
        return file

    def _leave(self, error: OSError) -> None:
        """Continue in the next place. Removed lines are read back through the open descriptor."""
        place = self._places.pop(0)
        self.problem = str(error) if isinstance(error, (_Gone, _owned.NotOurs)) else f"{place}: {error.strerror or error}"
        if self._fd is not None and isinstance(error, _Gone):
            with suppress(OSError):
                self._unwritten[:0] = bodies(self._key, os.pread(self._fd, os.fstat(self._fd).st_size, 0))
        self.close()

    def close(self) -> None:
        """Close the spool."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def lines(self) -> list[dict[str, Any]]:
        """The lines that can be read back, in order; lines of an end that was already carried are gone."""
        found: dict[int, dict[str, Any]] = {}
        for place in self._all:
            with suppress(OSError):
                found |= {line["run_seq"]: line for line in lines_after(place / f"{self.run}.jsonl", 0).lines}
        return [found[seq] for seq in sorted(found)]

    def lost(self) -> list[str]:
        """The lines that could be written nowhere."""
        return [f"{line.decode()}}}" for line in self._unwritten]


def append_shared(folder: Path, run: str, kind: str, *, first: bool = False, **fields: Any) -> bool:
    """Write one line of a run with several writing processes, in the first place that accepts it. `first` begins the run; other lines need a run that
    was begun. Returns whether it was written. Raises OSError if no place accepts it."""
    with ExitStack() as opened:
        files = [_shared(place, run, opened, make=False) for place in _to_write(folder)]  # locked, so that nobody else counts meanwhile
        there = sum(file.read().count(b"\n") for file in files if file)
        if first == bool(there):
            return False
        line = encoded_line(kind=kind, run=run, run_seq=there + 1, **_gate.clean_data(fields))
        problem = OSError(f"no place for a spool under {folder}")
        for place, file in zip(_to_write(folder), files, strict=True):
            try:
                _write_shared(file or _shared(place, run, opened, make=True), sealer(place_key(place))(line))
                return True
            except OSError as error:
                problem = error
        raise problem


def _shared(place: Path, run: str, opened: ExitStack, *, make: bool) -> io.FileIO | None:
    """The locked spool in a place; None if it is not there. With `make`, it is created. Raises OSError then."""
    try:
        with _owned.folder(place, make=make, above=_above(place)) as parent:
            handle = _owned.opened(parent, place / f"{run}.jsonl", _FLAGS if make else _FLAGS & ~os.O_CREAT)
    except OSError:
        if make:
            raise
        return None
    file = opened.enter_context(io.FileIO(handle, "a+b"))
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    return file


def _write_shared(file: io.FileIO | None, line: bytes) -> None:
    """Write the line completely, or leave the file as it was. Half a line, which a killed process has left, is ended first. Raises OSError."""
    if file is None:
        raise OSError("no spool")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 1))
    line = line if file.read() in (b"", b"\n") else b"\n" + line
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise


def encoded_line(**fields: Any) -> bytes:
    """A line without a seal."""
    return to_json(fields)[:-1].encode("utf-8", "replace")


def start_courier(folder: Path, run: str, environ: Mapping[str, str] | None = None, lock: int = -1) -> subprocess.Popen[bytes]:
    """Start the courier, which carries the spool into the journal and to chat, and keeps running after this process. Raises OSError. `lock` is the
    file descriptor of the couriers' lock, if this process holds it for the new courier."""
    program = Path(__file__).absolute().with_name("_courier") / "main.py"
    with _owned.folder(folder, link=True) as parent:
        log = _owned.opened(parent, folder / "courier.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, str(program), str(folder), run, str(lock)], pass_fds=[lock] if lock >= 0 else [],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", env=dict(os.environ if environ is None else environ),
        )  # fmt: skip
    finally:
        os.close(log)


def status_file(folder: Path, run: str) -> Path:
    """The file in which the courier writes the status of a run."""
    return folder / "spool" / f"{run}.status"


def courier_file(folder: Path) -> Path:
    """The file in which the courier writes its problems."""
    return folder / "courier.status"


def told(path: Path) -> tuple[dict[str, Any], float]:
    """The courier's text in the file, and its time (Unix time); empty if there is none, or if somebody else may have written it."""
    try:
        with _owned.folder(path.parent, link=True) as parent:
            since = _owned.look(parent, path).st_mtime
            answer = json.loads(_owned.contents(parent, path, most=2**20))
    except (OSError, ValueError, RecursionError):
        return {}, 0.0
    return (answer, since) if isinstance(answer, dict) else ({}, 0.0)


def courier_says(folder: Path, since: float, settings: str) -> dict[str, Any]:
    """The courier's `problem` with the journal and its `chat_problem`, written after `since` (Unix time); empty if there are none. `settings` is the
    mark of the own connection to chat: a problem of another connection is described as such."""
    answer, at = told(courier_file(folder))
    if at < since:
        return {}
    if answer.get("chat_problem") and answer.get("settings", settings) != settings:
        answer["chat_problem"] = f"a run with other settings of chat is at work here, and this one's turn comes after it: {answer['chat_problem']}"
    return answer


def wait(folder: Path, run: str, seq: int, seconds: float) -> dict[str, Any]:
    """The courier's status of the run. Returns when line `seq` is carried and shown, when a problem is known, or after `seconds`."""
    status, until = status_file(folder, run), time.monotonic() + seconds
    while True:
        answer = told(status)[0]
        settled = answer.get("carried", 0) >= seq and (not answer.get("pending") or answer.get("chat_problem"))
        if settled or answer.get("problem") or time.monotonic() >= until:
            return answer
        if not status.parent.exists():
            return {"problem": f"{folder} is gone: the record in it was removed while the run went on, and nothing carries the run's entries now"}
        time.sleep(0.01)
