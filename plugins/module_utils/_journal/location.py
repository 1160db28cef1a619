# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which journal is meant."""

from __future__ import annotations

import os
from pathlib import Path

from .._state import key
from .sqlite import SqliteJournal


def location(folder: Path, url: str = "") -> Path:
    """The journal's file, by `url` or INCIDENT_JOURNAL, else in the state folder. Raises ValueError for what isn't one.

    As in SQLAlchemy, `sqlite:////var/lib/x.db` is absolute and `sqlite:///x.db` relative: to the state folder.
    """
    url = url or os.environ.get("INCIDENT_JOURNAL", "")
    if not url:
        return folder / "journal.db"
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return folder / url.removeprefix("sqlite:///")
    scheme = url.partition("://")[0][:20]
    raise ValueError(f"INCIDENT_JOURNAL must be sqlite:///path; this version keeps no journal in {scheme!r}")


def open_journal(folder: Path, *, url: str = "", key_file: str = "", timeout: float = 10) -> SqliteJournal:
    """A connection to the journal. Raises OSError, sqlite3.Error, ValueError."""
    return SqliteJournal(location(folder, url), key(folder, key_file), timeout=timeout)
