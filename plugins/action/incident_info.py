# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import listing
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import witness
from ansible_collections.incident.response.plugins.module_utils._usecases.query import compact
from ansible_collections.incident.response.plugins.modules import incident_info as module
from ansible_collections.incident.response.plugins.plugin_utils import _config, _options
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._process import alive, machine
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring

_WITHIN = 3.0
"""Seconds that chat has for its answer."""


class ActionModule(ControllerAction):
    """Reads the controller's journal."""

    SPEC: ClassVar = module.SPEC

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        params["service"] = self.service_name(params["service"])
        try:
            with self.journal(self.folder(params["state_dir"])) as journal:
                found = module.shown(params, journal)
                self._ask_chat(journal, found["incidents"])
                self._help(found["incidents"])
                found["lines"] = self._lines(journal, found["incidents"])
        except module.TROUBLE as error:
            raise Refused(f"the incidents can't be shown: {error}") from None
        for line in found["lines"] if params["print"] else ():
            self._display.display(line)
        return found

    def _ask_chat(self, journal: SqliteJournal, incidents: list[dict[str, Any]]) -> None:
        """Compare the record with chat, for a single incident only, because a server allows few calls per minute."""
        projection = journal.projection(incidents[0]["id"]) if len(incidents) == 1 else None
        if not (projection and projection.rid) or not incidents[0]["verified"]:
            return
        try:
            connection = _options.connection(self.options)
            if not connection:
                return
            chat = RocketChat.of(connection, timeout=_WITHIN)
            try:
                wrong = witness.doubt(journal, incidents[0]["id"], chat.own_replies(projection.rid))
            finally:
                chat.close()
        except (connect.Misconfigured, ChatError) as error:
            self._display.warning(f"incident.response: the record could not be held against what chat has seen of it: {error}")
            return
        if wrong:
            incidents[0] |= {"verified": False, "first_bad": wrong[0], "reason": wrong[1]}

    def _lines(self, journal: SqliteJournal, incidents: list[dict[str, Any]]) -> list[str]:
        """The incidents as readable lines. A configuration with mistakes has no targets, so nothing is overdue."""
        now, clocks = time.time(), None
        with suppress(_config.ConfigError):
            clocks = escalation_wiring.policy(_config.load(_config.find(self.options["config"]))).clocks
        held = {each["service"]: self._holder(journal, each["service"], now) for each in incidents if each["service"]}
        lines = listing.lines([compact(journal, each, clocks=clocks, now=now) for each in incidents], held)
        return [_gate.clean(line) for line in lines]

    def _holder(self, journal: SqliteJournal, service: str, now: float) -> str:
        """The run that holds the service now; empty if there is none. The journal may have no entry of it yet."""
        lease = journal.lease(service)
        if lease is None or not lease.sealed or not (alive(lease.pid, lease.started) if lease.machine == machine() else lease.expires > now):
            return ""
        return f"process {lease.pid} on {lease.machine.partition(' ')[0]} acts on {service}, since {lease.since[11:16]}Z (run {lease.holder})"

    def _help(self, incidents: list[dict[str, Any]]) -> None:
        """The links and runbooks of the configuration. A configuration with mistakes does not prevent the output."""
        try:
            config = _config.load(_config.find(self.options["config"]))
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: links and runbooks are not shown, since the configuration has mistakes: {error}")
            return
        for each in incidents:
            each |= {"links": _config.links(config), "runbook": config["services"].get(each["service"], {}).get("runbook", "")}
