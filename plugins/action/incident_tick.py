# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sqlite3
import time
from functools import partial
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import page, tick
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _paging, _policy
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Reminds, escalates and pages, and writes it into the journal; the courier tells it in chat."""

    SPEC: ClassVar = {}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        config = _catalogue.configuration(self.options["config"])
        policy = _policy.policy(config)
        try:
            folder = self.folder()
            with self.journal(folder) as journal:
                found = tick.look(journal, policy, now=time.time(), write=not self.check)
                plan = _paging.plan(config, folder, self.options)
                paged = page.look(journal, plan, clock=time.time, write=not self.check) if plan else []
                if (found or paged) and not self.check:
                    self.send(folder, journal, [name for name, dummy in [*found, *paged]])
        except (OSError, sqlite3.Error, ValueError, connect.Misconfigured) as error:
            raise Refused(f"Nobody could be reminded: {error}") from None
        told = [{"incident": name, "text": entry.text, "level": entry.data.get("level", 0)} for name, entry in found]
        for name, entry in [*found, *paged]:
            show = self._display.warning if entry.state == "failed" else partial(self._display.display, stderr=True)
            show(f"incident.response: {name}: {entry.text}")
        attempts = [{"incident": name, "text": entry.text, "worked": entry.state == "ok"} for name, entry in paged]
        return {"changed": bool(told or attempts), "reminded": told, "paged": attempts}
