# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The courier: carries spools into the journal, and notices when a controller has gone.

    python _courier.py STATE_DIR RUN CONTROLLER_PID
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
import time
from pathlib import Path

_COLLECTION = Path(__file__).absolute().parents[2]
_IN_TREE = _COLLECTION.parents[1].name == "ansible_collections"
sys.path[0] = str(_COLLECTION.parents[2] if _IN_TREE else _COLLECTION / "collections")

from ansible_collections.incident.response.plugins.module_utils import _state  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._usecases.record import VANISHED, ingest  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._spool import Spool, read  # noqa: E402

POLL = 0.05
GIVE_UP = 600.0
UNREADABLE_AFTER = 60.0


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet reaped does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except (OSError, IndexError):
        return True


def say(folder: Path, run: str, **answer: object) -> None:
    """Tell the run's controller how far its lines got."""
    draft = folder / "spool" / f".{run}.status"
    draft.write_text(json.dumps(answer))
    draft.replace(folder / "spool" / f"{run}.status")


def carry(folder: Path, path: Path, seen: int) -> tuple[int, bool]:
    """Carry what is new in one spool. The number of lines carried so far, and whether the run is over and all carried."""
    lines = read(path)
    if not lines:
        if time.time() - path.stat().st_mtime > UNREADABLE_AFTER:
            path.rename(path.with_suffix(".damaged"))
        return seen, False
    run, pid = path.stem, lines[0].get("data", {}).get("pid", 0)
    ended = lines[-1]["kind"] == "run_ended"
    if not ended and not alive(pid):
        lines = read(path)  # again: it may have written its last lines since
        ended = lines[-1]["kind"] == "run_ended"
        if not ended:
            lines.append({"kind": "run_vanished", "run": run, "run_seq": VANISHED, "at": utc(time.time()), "state": "unknown",
                          "text": "The controller vanished: killed or interrupted before the run ended"})  # fmt: skip
            ended = True
    if len(lines) == seen:
        return seen, ended
    journal = SqliteJournal(folder / "journal.db", _state.key(folder))
    try:
        incident = ingest(journal, lines[seen:])
        info = journal.info(incident) if ended and incident else {}
        say(folder, run, carried=len(lines), incident=info.get("name", ""), status=info.get("status", ""))
    finally:
        journal.close()
    return len(lines), ended


def main(folder: Path, run: str) -> None:
    """One courier works in a state folder at a time; another waits until its own run has been carried."""
    places = Spool(folder, run)._places
    own = [place / f"{run}.jsonl" for place in places]
    seen: dict[Path, int] = {}
    with (folder / "courier.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not any(path.exists() for path in own):
                    return
                time.sleep(POLL * 4)
        failing_since: float | None = None
        while paths := [path for place in places if place.is_dir() for path in sorted(place.glob("*.jsonl"))]:
            for path in paths:
                try:
                    seen[path], ended = carry(folder, path, seen.get(path, 0))
                    failing_since = None
                    if ended:
                        path.unlink()
                except (OSError, sqlite3.Error, ValueError, TypeError, KeyError) as error:
                    sys.stderr.write(f"{utc(time.time())} {path.name}: {error}\n")
                    failing_since = failing_since or time.monotonic()
                    try:
                        say(folder, path.stem, problem=f"the journal {folder / 'journal.db'} can't be written: {error}")
                    except OSError as deeper:
                        sys.stderr.write(f"{deeper}\n")
            if failing_since and time.monotonic() - failing_since > GIVE_UP:
                return
            time.sleep(1 if failing_since else POLL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
