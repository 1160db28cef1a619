# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder and the keys in it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from . import _owned

_SHORTEST, _LONGEST = 16, 65536


def state_path(configured: str = "") -> Path:
    """The path of the folder of spool and journal. It may not exist."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(configured or os.environ.get("INCIDENT_STATE_DIR") or Path(base) / "incident-response").expanduser().absolute()


def state_dir(configured: str = "") -> Path:
    """The folder of spool and journal. A missing one is created with mode 0700. Raises OSError; NotOurs if others can write there."""
    path = state_path(configured)
    with _owned.folder(path / "spool", make=True, above=1):
        return path


def key_file(folder: Path, configured: str = "") -> Path:
    """The path of the key that seals the entries of the journal."""
    return Path(configured or os.environ.get("INCIDENT_JOURNAL_KEY_FILE") or folder / "journal.key").expanduser().absolute()


def key(folder: Path, configured: str = "") -> bytes:
    """The key that seals the entries. Raises OSError; NotOurs if it must not be used."""
    return sealing_key(key_file(folder, configured))


def sealing_key(path: Path) -> bytes:
    """A key that only its owner can read. It is created at first use; two processes that create it at once get the same key. Raises OSError; NotOurs
    for any other file."""
    try:
        found = _key(path)
    except FileNotFoundError:
        _owned.create(path, secrets.token_hex(32).encode())
        found = _key(path)
    if len(found) < _SHORTEST:
        raise _owned.NotOurs(f"the key {path} is {'too short' if found else 'empty'}, so it seals nothing: put it back from a copy")
    return found


def _key(path: Path) -> bytes:
    with _owned.folder(path.parent, link=True) as parent:
        return _owned.contents(parent, path, most=_LONGEST, secret=True).strip()
