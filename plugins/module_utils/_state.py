# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder and the key in it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def state_path(configured: str = "") -> Path:
    """The folder of spool and journal, whether it is there or not."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(configured or os.environ.get("INCIDENT_STATE_DIR") or Path(base) / "incident-response").expanduser().absolute()


def state_dir(configured: str = "") -> Path:
    """The folder of spool and journal, made with mode 0700 where it isn't there. Raises OSError."""
    folder = state_path(configured)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "spool").mkdir(mode=0o700, exist_ok=True)
    return folder


def key(folder: Path, configured: str = "") -> bytes:
    """The HMAC key, made with mode 0600 at first use; two makers at once end with the same one."""
    path = Path(configured or os.environ.get("INCIDENT_JOURNAL_KEY_FILE") or folder / "journal.key").expanduser()
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes().strip()
