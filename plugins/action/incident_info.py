# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.modules import incident_info as module
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Reads the controller's journal."""

    SPEC: ClassVar = module.SPEC

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        params["service"] = self.service_name(params["service"])
        try:
            with self.journal(self.folder(params["state_dir"])) as journal:
                found = module.shown(params, journal)
        except module.TROUBLE as error:
            raise Refused(f"the incidents can't be shown: {error}") from None
        self._help(found["incidents"])
        return found

    def _help(self, incidents: list[dict[str, Any]]) -> None:
        """What the configuration says that helps. One with mistakes keeps nothing from being shown."""
        try:
            config = _config.load(_config.find(self.options["config"]))
        except _config.ConfigError as error:
            self._display.warning(f"incident.response: links and runbooks are not shown, since the configuration has mistakes: {error}")
            return
        for each in incidents:
            each |= {"links": _config.links(config), "runbook": config["services"].get(each["service"], {}).get("runbook", "")}
