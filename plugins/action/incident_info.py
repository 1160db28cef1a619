# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import witness
from ansible_collections.incident.response.plugins.modules import incident_info as module
from ansible_collections.incident.response.plugins.plugin_utils import _config, _options
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused

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
        except module.TROUBLE as error:
            raise Refused(f"the incidents can't be shown: {error}") from None
        self._help(found["incidents"])
        return found

    def _ask_chat(self, journal: SqliteJournal, incidents: list[dict[str, Any]]) -> None:
        """Hold the record against what chat has seen of it, where one incident is asked for: a server lets few calls a minute through."""
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

    def _help(self, incidents: list[dict[str, Any]]) -> None:
        """What the configuration says that helps. One with mistakes keeps nothing from being shown."""
        try:
            config = _config.load(_config.find(self.options["config"]))
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: links and runbooks are not shown, since the configuration has mistakes: {error}")
            return
        for each in incidents:
            each |= {"links": _config.links(config), "runbook": config["services"].get(each["service"], {}).get("runbook", "")}
