# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import communication, step_line
from ansible_collections.incident.response.plugins.module_utils._core.incident import ROLES, derive
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import lifecycle
from ansible_collections.incident.response.plugins.modules import rocketchat_incident as module
from ansible_collections.incident.response.plugins.plugin_utils import _options
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused
from ansible_collections.incident.response.plugins.plugin_utils._telling import TellingAction


class ActionModule(TellingAction):
    """Writes to the controller's journal, leaves chat to the courier, and prints the result."""

    SPEC: ClassVar = module.SPEC
    SPELLINGS: ClassVar = {"message": "text"}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if params["state"] == "open" and self.drill(variables):
            what = "an incident that is opened by hand is a real one, and calls people"
            raise Refused(f"drill is for what acts on a service: {what}. Nothing was recorded.")
        self.refuse_loose_words(variables)
        called = (params["service"] or "").strip()
        params["service"] = self.service_name(called)
        try:
            connection, wanted = self._wanted(params)
            folder = self.folder(params["state_dir"])
            with self.journal(folder) as journal:
                asked = replace(module.wanted(params, str(variables.get("incident") or self.options["incident"] or "")), called=called)
                actor = self.origin(variables).actor
                planned, incident = module.change(journal, asked, actor=actor, chat=wanted, check=self.check)
                if not incident or self.check:
                    return module.result(journal, planned, incident)
                known = {variable: connection.get(name) for name, variable in connect.VARIABLES.items()}
                given = {variable: str(value) for variable, value in known.items() if value not in (None, "")}
                calls = module.calls(params, planned)
                told = self.tell(folder, journal, incident, calls=calls, require=params["require_delivery"], given=given, seen=planned.seen)
                self._open_already(params, planned, told)
                self._still_told(journal, incident)
                result = self.demand(module.result(journal, planned, incident) | {"told": told})
                self._done(result, planned, calls=calls)
                return result
        except module.TROUBLE as error:
            raise Refused(str(error)) from None

    def _done(self, result: dict[str, Any], planned: lifecycle.Change, *, calls: bool) -> None:
        """Print the incident and its new state. People who were told before don't count as told now."""
        shown, told = result["incident"], result["told"]
        again = calls and planned.incident is not None and planned.before.get("severity") == planned.after.get("severity")
        roles = [str(entry.data[role]) for entry in planned.entries for role in ROLES if entry.data.get(role)] if not told["why"] else []
        became = "opened" if planned.incident is None else shown["status"] if planned.changed else step_line.NOTHING_NEW
        noted = [entry.text for entry in planned.entries if entry.kind in {"note", "changed"}]
        mentioned = [*(told["mentioned"] if calls and planned.changed and not again else ()), *roles]
        self.say(told, f"{shown['severity']}, {became}", mentioned, noted)

    def _wanted(self, params: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """The connection, and whether chat is wanted. With a partly configured chat, the incident is shown when the configuration is complete."""
        try:
            connection = connect.options(params, _options.environment(self.options))
        except connect.Misconfigured as error:
            if any(params[name] for name in ("url", "user_id", "token")):
                raise Refused(f"{error} Nothing was recorded.") from None
            return {}, True
        return connection, bool(connection)

    def _open_already(self, params: dict[str, Any], planned: lifecycle.Change, told: dict[str, Any]) -> None:
        """Opening an open incident calls nobody again; say so, because the person expects that people are called."""
        if params["state"] == "open" and planned.incident and told["delivered"] and not told["mentioned"]:
            text = f"{told['incident']} is open already, and nobody is called anew: ansible-playbook incident.response.incident_escalate does"
            self._display.display(f"incident.response: {text}")

    def _still_told(self, journal: SqliteJournal, incident: str) -> None:
        """Warn if an incident is over but the status page still shows it to customers."""
        entries = journal.entries(incident)
        state, post = derive(incident, entries), communication.post_of(entries)
        if state.stage.is_over and post and not post.is_over:
            how = f"ansible-playbook incident.response.incident_communicate -e 'incident={state.name} publish=true'"
            text = f"customers still read {communication.words(post.status).capitalize()!r} of {state.name}. Tell them that it is over: {how}"
            self._display.warning(f"incident.response: {text}")
