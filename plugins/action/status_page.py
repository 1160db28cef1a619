# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import step_line
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.status_page import IMPACTS, INCIDENT_STATES, MAINTENANCE_STATES
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._usecases import status_page, status_page_view
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused
from ansible_collections.incident.response.plugins.plugin_utils._telling import TellingAction
from ansible_collections.incident.response.plugins.plugin_utils._wiring import status_page as status_page_wiring


class ActionModule(TellingAction):
    """Publishes in the journal, and updates the page at once. The task succeeds only if the page shows it."""

    SPEC: ClassVar = {
        "state": {"type": "str", "choices": [*INCIDENT_STATES, *MAINTENANCE_STATES]},
        "impact": {"type": "str", "choices": list(IMPACTS)},
        **{name: {"type": "str"} for name in ("incident", "service", "title", "text", "starts", "ends")},
        "components": {"type": "dict", "default": {}},
        "notify": {"type": "bool", "default": True},
    }
    SPELLINGS: ClassVar = {"message": "text"}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if self.drill(variables):
            raise Refused("nothing of a drill goes out. Nothing was published.")
        self.refuse_loose_words(variables)
        config = _catalogue.configuration(self.options["config"])
        if config["status_page"]["provider"] == status_page_wiring.NONE:
            raise Refused("there is no status page: status_page.provider of the configuration is none. Nothing was published.")
        try:
            folder = self.folder()
            publishing = status_page_wiring.publishing(config, folder)
            with self.journal(folder) as journal:
                at = utc(time.time())
                with journal.transaction():
                    listed = publishing.listed or status_page.known(journal)
                    held = status_page.held(journal, publishing.policy.components)
                    actor, wanted = self.origin(variables).actor, self._wanted(params, variables)
                    change = status_page.plan(journal, wanted, listed, at=at, actor=actor, held=held)
                    found = journal.find(change.name)
                    seen = len(journal.entries(found)) if found else 0
                    if change.entry and not self.check:
                        journal.append(change.record, [change.entry])
                problems, told = list[str](), None
                if not self.check:
                    _shown, problems = publishing.show(journal, True)
                    incident = journal.find(change.name)
                    if incident:
                        told = self.tell(folder, journal, incident, calls=False, seen=seen)
                    else:
                        self.send(folder, journal, [])
                    self._others(journal, config["status_page"]["provider"], wanted.components)
        except (OSError, JournalError, ValueError) as error:
            raise Refused(str(error)) from None
        changed = bool(change.entry)
        diff = {"before": change.before, "after": change.after}
        result = {"changed": changed, "post": change.after, "page": publishing.where, "told": told, "diff": diff}
        if problems:
            how = "It is recorded, and brought there by the next run or tick, or by this task again"
            raise Refused(f"{'; '.join(problems)}. {how}.", **result)
        if told:
            self.say(told, f"status page: {'updated' if changed else step_line.NOTHING_NEW}")
        return result

    def _others(self, journal: SqliteJournal, outlet: str, components: Mapping[str, str]) -> None:
        """Warn if another incident keeps a component in a worse state."""
        now = status_page_view.states(journal, outlet)
        for name, state in components.items():
            if now.get(name, state) != state:
                text = f"{name} stays {now[name]}: an incident asks for it. Name that incident, or its service, to change it"
                self._display.warning(f"incident.response: {text}")

    def _wanted(self, params: dict[str, Any], variables: dict[str, Any]) -> status_page.Wanted:
        given = {name: _gate.clean(params[name] or "", guess=True).strip() for name in ("state", "title", "impact", "text", "starts", "ends")}
        alone = not params["state"] and not params["service"] and not params["incident"]
        named = params["incident"] or ("" if alone or params["service"] else str(variables.get("incident") or self.options["incident"] or ""))
        components = {str(name): str(state) for name, state in params["components"].items()}
        called = params["service"] or ""
        service = self.service_name(called) or ""
        return status_page.Wanted(**given, incident=named, service=service, called=called, components=components, notify=params["notify"])
