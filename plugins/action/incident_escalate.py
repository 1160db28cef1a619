# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sqlite3
import time
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.overdue import Level
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import lifecycle, tick
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _options, _policy
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused


class ActionModule(ControllerAction):
    """Calls the next level, in the journal; the courier tells it in chat."""

    SPEC: ClassVar = {
        "incident": {"type": "str", "default": ""},
        "service": {"type": "str", "default": ""},
        "reason": {"type": "str", "required": True},
        "level": {"type": "int"},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if not params["reason"].strip():
            raise Refused("Say why: reason=… is what those who are called read first.")
        policy = _policy.policy(_catalogue.configuration(self.options["config"]))
        named = params["incident"] or str(variables.get("incident") or self.options["incident"] or "")
        wanted = lifecycle.Wanted(None, incident=named, service="" if named else self.service_name(params["service"]) or "")
        try:
            folder = self.folder()
            with self.journal(folder) as journal:
                with journal.transaction():
                    incident = lifecycle.locate(journal, wanted) or ""
                    entry = tick.escalate(
                        journal, incident, policy, reason=params["reason"].strip(), target=params["level"], at=utc(time.time()),
                        actor=self.origin(variables).actor,
                    )  # fmt: skip
                    if entry and not self.check:
                        journal.append(incident, [entry])
                name = journal.info(incident)["name"]
                if entry and not self.check:
                    self.send(folder, journal, [incident])
        except (OSError, sqlite3.Error, ValueError, connect.Misconfigured) as error:
            raise Refused(f"Nobody could be called: {error}") from None
        level = policy.levels[entry.data["level"] - 1] if entry else None
        if level:
            self._tell_whom(level)
        return {"changed": bool(entry), "incident": name, "level": level.name if level else "", "notify": list(level.notify) if level else []}

    def _tell_whom(self, level: Level) -> None:
        """An escalation that reaches nobody is worth a warning."""
        if not level.notify:
            self._display.warning(f"incident.response: nobody is named for {level.name}: `notify` is empty in escalation.levels of the configuration")
        elif not _options.connection(self.options) and not self._pages():
            self._display.warning(f"incident.response: {', '.join(level.notify)} can't be told: there is neither chat nor a notifier. Call them")
