# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.plugin_utils import _options, _run, _spool
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused

_TIMEOUT = 60.0


class ActionModule(ControllerAction):
    """Starts a courier, and waits for it."""

    SPEC: ClassVar = {"timeout": {"type": "float"}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        try:
            folder, chat = self.folder(), bool(_options.connection(self.options))
            before = self._left(folder)
            if self.check or not any(before.values()):
                return {"changed": any(before.values()), **before}
            begun = time.time()
            _spool.start_courier(folder, "", _options.environment(self.options))
            left = self._wait(folder, params["timeout"])
        except (OSError, sqlite3.Error, connect.Misconfigured, ValueError) as error:
            raise Refused(f"nothing could be delivered: {error}") from None
        if any(left.values()):
            raise Refused(self._still_there(folder, left, chat, begun), changed=left != before, **left)
        return {"changed": True, **left}

    def _left(self, folder: Path) -> dict[str, Any]:
        """What is pending: entries by incident, and runs. This run's own doesn't count: it isn't over."""
        spools = _spool.spools(folder)
        with self.journal(folder) as journal:
            pending = {journal.info(incident)["name"]: journal.pending(incident) for incident in journal.undelivered()}
        return {"pending": pending, "runs": sorted({path.stem for path in spools if not _run.is_open(path.stem)})}

    def _wait(self, folder: Path, asked: float | None) -> dict[str, Any]:
        seconds = asked if asked is not None else _options.drain(self.options, _TIMEOUT)
        until = time.monotonic() + seconds
        while True:
            left = self._left(folder)
            if not any(left.values()) or time.monotonic() > until:
                return left
            time.sleep(0.1)

    def _still_there(self, folder: Path, left: dict[str, Any], chat: bool, begun: float) -> str:
        shown = [f"{name}: {count} entries are not in chat" for name, count in left["pending"].items()]
        shown += [f"run {name}: not in the journal" for name in left["runs"]]
        told = _spool.courier_says(folder, begun)
        why = told.get("problem") or told.get("chat_problem") or "it takes longer than the timeout; the courier goes on"
        if not chat and left["pending"]:
            why = "no chat is configured here: set ROCKETCHAT_URL, ROCKETCHAT_USER_ID and ROCKETCHAT_TOKEN"
        return f"Still pending: {'; '.join(shown)}. Why: {why}"
