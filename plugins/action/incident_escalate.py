# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._state import state_path
from ansible_collections.incident.response.plugins.module_utils._usecases import escalation, lifecycle
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _phone
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused
from ansible_collections.incident.response.plugins.plugin_utils._telling import TellingAction
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring


class ActionModule(TellingAction):
    """Records the call of the next level in the journal; the courier posts it in chat."""

    SPEC: ClassVar = {
        "incident": {"type": "str", "default": ""},
        "service": {"type": "str", "default": ""},
        "reason": {"type": "str", "required": True},
        "level": {"type": "int"},
        "require_delivery": {"type": "bool"},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if not params["reason"].strip():
            raise Refused("Say why: reason=… is what those who are called read first.")
        policy = escalation_wiring.policy(_catalogue.configuration(self.options["config"]))
        named = params["incident"] or str(variables.get("incident") or self.options["incident"] or "")
        wanted = lifecycle.Wanted(None, incident=named, service=self.service_name(params["service"]) or "", called=params["service"])
        try:
            folder = self.folder()
            with self.journal(folder) as journal:
                with journal.transaction():
                    incident = lifecycle.locate(journal, wanted) or ""
                    seen = len(journal.entries(incident))
                    entry = escalation.escalate(
                        journal, incident, policy, reason=params["reason"].strip(), target=params["level"], at=utc(time.time()),
                        actor=self.origin(variables).actor,
                    )  # fmt: skip
                    if not self.check:
                        journal.append(incident, [entry])
                level = policy.levels[entry.data["level"] - 1]
                people = list(level.notify)
                told, require = None, params["require_delivery"]
                if not self.check:
                    told = self.tell(folder, journal, incident, calls=True, require=True if require is None else require, people=people, seen=seen)
                name = journal.info(incident)["name"]
        except (OSError, JournalError, ValueError) as error:
            raise Refused(f"Nobody could be called: {error}. Call {self._whom()}") from None
        for each in policy.levels[1 : entry.data["level"] - 1]:
            if not each.notify:
                self._display.warning(f"incident.response: nobody is named for {each.name}: its `notify` in escalation.levels is empty")
        result = {"changed": True, "incident": name, "level": level.name, "notify": people, "told": told}
        again = f" To call {level.name} again, add -e level={entry.data['level']}: without it the next level is called."
        if require is not False and (not people or (told and not told["chat"] and not self._pages())):
            why = "no chat is configured here, and nothing that pages"
            if not people:
                why = f"nobody is named for {level.name} (escalation.levels.*.notify of the configuration)"
            whom = self._whom(told["mentioned"] if told else ())
            raise Refused(f"NOBODY WAS CALLED for {name}: {why}. Call {whom}. It is on the timeline.{again if people else ''}", **result)
        result = self.demand(result, again)
        if told:
            self.say(told, f"escalated to {level.name}", told["mentioned"])
        return result

    def _whom(self, mentioned: Sequence[str] = ()) -> str:
        return _phone.above(self.options, state_path(self.options["state_dir"]), mentioned)
