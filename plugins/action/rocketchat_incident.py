# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.modules import rocketchat_incident as module
from ansible_collections.incident.response.plugins.plugin_utils import _options, _spool
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused

_DRAIN = 2.0


class ActionModule(ControllerAction):
    """Writes to the controller's journal, and leaves chat to the courier."""

    SPEC: ClassVar = module.SPEC
    SPELLINGS: ClassVar = {"message": "text"}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        params["service"] = self.service_name(params["service"])
        try:
            connection = connect.options(params, _options.environment(self.options))
            folder = self.folder(params["state_dir"])
            with self.journal(folder) as journal:
                asked = module.wanted(params, str(variables.get("incident") or self.options["incident"] or ""))
                actor = self.origin(variables).actor
                planned, incident = module.change(journal, asked, actor=actor, chat=bool(connection), check=self.check)
                if connection and incident and not self.check and journal.pending(incident):
                    self._send(folder, connection)
                    until = time.monotonic() + _options.drain(self.options, _DRAIN)
                    while journal.pending(incident) and time.monotonic() < until:
                        time.sleep(0.02)
                return module.result(journal, planned, incident)
        except module.TROUBLE as error:
            raise Refused(str(error)) from None

    def _send(self, folder: Path, connection: dict[str, Any]) -> None:
        """A courier of its own brings the news to chat; where one works already, that one does."""
        given = {variable: str(connection[name]) for name, variable in connect.VARIABLES.items() if connection[name] not in (None, "")}
        _spool.start_courier(folder, "", _options.environment(self.options) | given)
