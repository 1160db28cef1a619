# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sqlite3
import time
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import tick
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _policy
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Reminds and escalates, in the journal; the courier tells it in chat."""

    SPEC: ClassVar = {}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        policy = _policy.policy(_catalogue.configuration(self.options["config"]))
        try:
            folder = self.folder()
            with self.journal(folder) as journal:
                found = tick.look(journal, policy, now=time.time(), write=not self.check)
                if found and not self.check:
                    self.send(folder, journal, [name for name, dummy in found])
        except (OSError, sqlite3.Error, ValueError, connect.Misconfigured) as error:
            raise Refused(f"Nobody could be reminded: {error}") from None
        told = [{"incident": name, "text": entry.text, "level": entry.data.get("level", 0)} for name, entry in found]
        for each in told:
            self._display.display(f"incident.response: {each['incident']}: {each['text']}", stderr=True)
        return {"changed": bool(told), "reminded": told}
