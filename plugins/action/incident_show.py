# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import showing
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases.query import located, shown
from ansible_collections.incident.response.plugins.modules import incident_show as module
from ansible_collections.incident.response.plugins.plugin_utils import _config, _phone
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring

_EVERY = 1.0
"""Seconds between two looks at the journal."""


class ActionModule(ControllerAction):
    """Reads the controller's journal, and prints the incident."""

    SPEC: ClassVar = module.SPEC

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        params["service"] = self.service_name(params["service"])
        named = params["incident"] or ("" if params["service"] else self.options["incident"])
        try:
            folder = self.folder(params["state_dir"])
            with self.journal(folder) as journal:
                incident = located(journal, str(named or ""), params["service"] or "")
                there = self._shown(journal, incident, folder)
                found = module.result(there, detail=params["detail"])
                self._print(found["lines"], at_once=params["follow"])
                if params["follow"]:
                    found["timeline"] += self._follow(journal, incident, len(there.entries), params)
                return found
        except module.TROUBLE as error:
            raise Refused(f"the incident can't be shown: {error}") from None

    def _print(self, lines: list[str], *, at_once: bool) -> None:
        """Print lines. `at_once` uses standard error, because Ansible delays standard output until its end if it is not a terminal."""
        for line in lines:
            self._display.display(line, stderr=at_once)

    def _shown(self, journal: SqliteJournal, incident: str, folder: Path) -> showing.Shown:
        """The incident with the data of the configuration. A configuration with mistakes does not prevent the output."""
        now = time.time()
        try:
            config = _config.load(_config.find(self.options["config"]))
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: targets, links and runbooks are not shown, since the configuration has mistakes: {error}")
            return shown(journal, incident, now=now)
        info = journal.info(incident)
        runbook = config["services"].get(info["service"], {}).get("runbook", "")
        return shown(
            journal, incident, clocks=escalation_wiring.policy(config).clocks, now=now, oncall=self._oncall(journal, incident, info, folder),
            links={"Runbook": runbook, **_config.links(config)},
        )  # fmt: skip

    def _oncall(self, journal: SqliteJournal, incident: str, info: dict[str, Any], folder: Path) -> str:
        """The people on call now, if the incident is open (no other system is asked). Otherwise the people whom chat called."""
        projection = journal.projection(incident)
        called = ", ".join(projection.oncall) if projection else ""
        if Status(info["status"]).is_over:
            return called
        found = _phone.whom(self.options, folder, info["severity"], ask=False)
        return called if found == _phone.UNKNOWN else found

    def _follow(self, journal: SqliteJournal, incident: str, seen: int, params: dict[str, Any]) -> list[str]:
        """Print new entries until the time is over. An interrupt ends the run as usual."""
        until = time.monotonic() + params["duration"] if params["duration"] else float("inf")
        found = list[str]()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(_EVERY, left))
            new = journal.entries(incident, after=seen)
            seen += len(new)
            lines = showing.timeline(new, detail=params["detail"])
            self._print([f"  {line}" for line in lines], at_once=True)
            found += lines
        return found
