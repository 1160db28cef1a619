# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locates and opens the journal."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .. import _owned
from .._ports import JournalError
from .._state import key
from .._state import key_file as key_file_of
from .sqlite import SqliteJournal

_BESIDE = ("-wal", "-shm", "-journal")
"""The files that SQLite keeps beside its database file, and trusts."""

_mended: dict[Path, list[tuple[int, ...]]] = {}
"""The state of a journal's files at this process's last check of its rows. It avoids checks if nobody has written since."""


def location(folder: Path, url: str = "") -> Path:
    """The journal's file, from `url` or INCIDENT_JOURNAL, otherwise in the state folder. Raises ValueError for an invalid URL. As in SQLAlchemy,
    `sqlite:////var/lib/x.db` is absolute, and `sqlite:///x.db` is relative to the state folder."""
    url = url or os.environ.get("INCIDENT_JOURNAL", "")
    if not url:
        return folder / "journal.db"
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return folder / url.removeprefix("sqlite:///")
    scheme = url.partition("://")[0][:20]
    raise ValueError(f"INCIDENT_JOURNAL must be sqlite:///path; this version keeps no journal in {scheme!r}")


def open_journal(folder: Path, *, url: str = "", key_file: str = "", timeout: float = 10) -> SqliteJournal:
    """A connection to the journal. Raises OSError, JournalError, ValueError; NotOurs if somebody else may have written the journal or its key."""
    path, sealing = location(folder, url), key_file_of(folder, key_file)
    if _is_there(path) and not os.path.lexists(sealing):  # in this order: the key is created first
        raise _owned.NotOurs(
            f"the key {sealing} is gone, and {path} was sealed with it: put it back from a copy; to begin a new record, move {path} away as well"
        )
    journal = SqliteJournal(path, key(folder, key_file), timeout=timeout)
    try:
        files = _files(path)
        if _mended.get(path) != files:
            with suppress(JournalError):  # a full disk, or a long write, must not prevent reading
                journal.mend()
                _mended[path] = files
    except BaseException:
        journal.close()
        raise
    return journal


def _files(path: Path) -> list[tuple[int, ...]]:
    """Values that change when anybody writes into the journal."""
    found: list[tuple[int, ...]] = []
    for end in ("", "-wal"):
        with suppress(OSError):
            about = path.with_name(path.name + end).stat()
            if about.st_size:  # a read-only access may create an empty one
                found.append((about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
    return found


def unverified_journal(folder: Path, *, url: str = "") -> SqliteJournal:
    """A read-only connection to a journal that can't be verified. Raises OSError, JournalError, ValueError."""
    path = location(folder, url)
    if not path.is_file():
        raise FileNotFoundError(f"there is no journal {path}")
    return SqliteJournal(path, b"", timeout=2)


def _is_there(path: Path) -> bool:
    """Raises NotOurs if somebody else may have written the journal. No file is opened, because closing one would release this process's locks on
    it."""
    there = False
    with _owned.folder(path.parent, link=True) as parent:
        for end in ("", *_BESIDE):
            with suppress(FileNotFoundError):
                there |= bool(_owned.look(parent, path.with_name(path.name + end)).st_size) and not end
    return there
