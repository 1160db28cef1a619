# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import step_line
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.plugin_utils import _options, _run, _spool
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused

_TIMEOUT = 60.0


class ActionModule(ControllerAction):
    """Starts a courier, and waits for it."""

    SPEC: ClassVar = {"timeout": {"type": "float"}}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        try:
            folder = self.folder()
            before = self._left(folder)
            names, counts = self._waiting(folder)
            if self.check or not any(before.values()):
                if not self.check:
                    self._display.display("incident.response: nothing was pending")
                return {"changed": any(before.values()), **before}
            begun, problem = time.time(), self._misconfigured()
            courier = _spool.start_courier(folder, "", _options.environment(self.options))
            left = self._wait(folder, courier, params["timeout"])
        except (OSError, JournalError, ValueError) as error:
            raise Refused(f"nothing could be delivered: {error}") from None
        if left["pending"] or left["runs"]:
            raise Refused(self._still_there(folder, left, problem, begun), changed=left != before, **left)
        for name, reasons in left["troubles"].items():
            self._display.warning(f"incident.response: {name} is in chat, but: {'; '.join(reasons)}")
        for line in step_line.delivered(names, self._names(folder, names), counts, len(before["runs"])):
            self._display.display(f"incident.response: {line}")
        return {"changed": left != before, **left}

    def _names(self, folder: Path, incidents: Iterable[str]) -> dict[str, str]:
        """Their current names: chat gives the final number to an incident that was opened without chat."""
        with self.journal(folder) as journal:
            return {incident: str(journal.info(incident)["name"]) for incident in incidents}

    def _waiting(self, folder: Path) -> tuple[dict[str, str], dict[str, int]]:
        """The incidents with entries that are not in chat: by id, the name and the number of entries."""
        with self.journal(folder) as journal:
            counts = {incident: count for incident in journal.undelivered() if (count := journal.pending(incident))}
            return {incident: str(journal.info(incident)["name"]) for incident in counts}, counts

    def _misconfigured(self) -> str:
        """The reason why no chat is available; empty if one is available."""
        try:
            chat = _options.connection(self.options)
        except connect.Misconfigured as error:
            return str(error)
        return "" if chat else "no chat is configured here: set ROCKETCHAT_URL, ROCKETCHAT_USER_ID and ROCKETCHAT_TOKEN"

    def _left(self, folder: Path) -> dict[str, Any]:
        """The pending work: entries by incident, runs, and operations that chat refused. This run itself doesn't count, because it isn't over."""
        spools = _spool.spools(folder)
        with self.journal(folder) as journal:
            names = {incident: journal.info(incident)["name"] for incident in journal.undelivered()}
            pending = {name: count for incident, name in names.items() if (count := journal.pending(incident))}
            troubles = {name: found for incident, name in names.items() if (found := journal.troubles(incident))}
        runs = sorted({path.stem for path in spools if not _run.is_open(path.stem)})
        return {"pending": pending, "runs": runs, "troubles": troubles}

    def _wait(self, folder: Path, courier: subprocess.Popen[bytes], asked: float | None) -> dict[str, Any]:
        """Wait until everything is delivered, the courier can do no more, or the time is up. Returns the pending work."""
        seconds = asked if asked is not None else _options.drain(self.options, _TIMEOUT)
        until = time.monotonic() + seconds
        while True:
            ended = courier.poll() is not None  # asked before the last look
            left = self._left(folder)
            if not any(left.values()) or ended or time.monotonic() > until:
                return left
            time.sleep(0.1)

    def _still_there(self, folder: Path, left: dict[str, Any], problem: str, begun: float) -> str:
        shown = [f"{name}: {step_line.lacking(count)}" for name, count in left["pending"].items()]
        shown += [f"run {name}: not in the journal" for name in left["runs"]]
        environment = _options.environment(self.options)
        told = _spool.courier_says(folder, begun, "" if problem else connect.mark(connect.options({}, environment), environment))
        reasons = [told.get("problem"), problem if left["pending"] else "", told.get("chat_problem")]
        reasons += [reason for found in left["troubles"].values() for reason in found]
        why = "; ".join(dict.fromkeys(filter(None, reasons))) or "it takes longer than the timeout; the courier goes on"
        return f"Still pending: {'; '.join(shown)}. Why: {why}"
