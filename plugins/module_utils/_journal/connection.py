# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connection to SQLite whose errors are those of the port, so that nothing outside this package knows the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._ports import JournalError


@contextmanager
def translated() -> Iterator[None]:
    """Turns the errors of SQLite into JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(str(error)) from error


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> _Cursor:
        with translated():
            return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> _Cursor:
        with translated():
            return super().executemany(sql, parameters)

    def fetchone(self) -> Any:
        with translated():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with translated():
            return super().fetchall()

    def __next__(self) -> Any:
        with translated():
            return super().__next__()


class Connection(sqlite3.Connection):
    """Each statement is its own transaction, unless BEGIN starts one. Every error is a JournalError."""

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        return self.cursor(_Cursor).execute(sql, parameters)

    def executescript(self, sql: str) -> sqlite3.Cursor:
        with translated():
            return super().executescript(sql)

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        return self.cursor(_Cursor).executemany(sql, parameters)


def connected(path: Path, timeout: float) -> Connection:
    """A connection to the file, which is created if it does not exist. Waits `timeout` seconds for other writers. Raises JournalError."""
    with translated():
        return sqlite3.connect(path, timeout=timeout, isolation_level=None, factory=Connection)
