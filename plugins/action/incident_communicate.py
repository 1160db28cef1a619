# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core.communication import Draft
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
from ansible_collections.incident.response.plugins.module_utils._core.status_page import INCIDENT_STATES
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._usecases import communication, lifecycle
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import Refused
from ansible_collections.incident.response.plugins.plugin_utils._telling import TellingAction
from ansible_collections.incident.response.plugins.plugin_utils._wiring import status_page as status_page_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring.status_page import Publishing


class ActionModule(TellingAction):
    """Drafts and publishes in the journal, and sends at once. The tick retries what can't be sent now."""

    SPEC: ClassVar = {
        "state": {"type": "str", "choices": ["drafted", "published"], "default": "drafted"},
        "audience": {"type": "str", "choices": list(communication_rules.AUDIENCES), "default": communication_rules.CUSTOMERS},
        "occasion": {"type": "str", "choices": list(communication_rules.OCCASIONS)},
        "page_state": {"type": "str", "choices": list(INCIDENT_STATES)},
        "text": {"type": "str", "default": ""},
        **{name: {"type": "str"} for name in ("incident", "service", "draft")},
        "require_delivery": {"type": "bool"},
    }
    SPELLINGS: ClassVar = {"message": "text"}

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if self.drill(variables):
            raise Refused("nothing of a drill goes out. Nothing was recorded.")
        if params["page_state"] and params["audience"] != communication_rules.CUSTOMERS:
            raise Refused(f"page_state is for customers: the status page doesn't show what {params['audience']} are told. Nothing was recorded.")
        config = _catalogue.configuration(self.options["config"])
        self.refuse_loose_words(variables)
        named = params["incident"] or str(variables.get("incident") or self.options["incident"] or "")
        called = params["service"] or ""
        wanted = lifecycle.Wanted(None, incident=named, service=self.service_name(called) or "", called=called)
        try:
            folder = self.folder()
            publishing = status_page_wiring.publishing(config, folder)
            with self.journal(folder) as journal:
                incident = communication.locate(journal, wanted, params["audience"])
                seen = len(journal.entries(incident))
                params["text"] = _gate.clean(params["text"], guess=True)
                name = journal.info(incident)["name"]
                chosen, changed = self._record(journal, incident, publishing, params, self.origin(variables).actor)
                sent, problems = self._deliver(journal, incident, publishing) if params["state"] == "published" and not self.check else ([], [])
                calls, told = params["state"] == "published", None
                if not self.check:
                    told = self.tell(folder, journal, incident, calls=calls, require=params["require_delivery"], people=(), seen=seen)
        except communication.TemplateError as error:
            raise Refused(f"{str(error).rstrip('.')}. Nothing was recorded.") from None
        except (OSError, JournalError, ValueError) as error:
            raise Refused(str(error)) from None
        shown = {"incident": name, "draft": chosen.id}
        shown |= {key: getattr(chosen, key) for key in ("audience", "occasion", "subject", "text")}
        result = {"changed": changed, **shown, "published": params["state"] == "published" and not self.check, "sent": sent, "told": told}
        result["diff"] = {"before": "", "after": f"{chosen.subject}\n\n{chosen.text}\n"}
        if problems:
            raise Refused(f"It is published on the timeline, but: {'; '.join(problems)}. What wasn't refused for good is tried again.", **result)
        self.demand(result)
        self._print(result)
        if told:
            self.say(told, f"{'published' if result['published'] else 'drafted'} for {chosen.audience}")
        return result

    def _print(self, result: dict[str, Any]) -> None:
        """Print the text and the result. The command that publishes a draft is on a separate line."""
        if self.check:
            became = ["Nothing went out, and nothing was recorded (check mode)."]
        elif result["published"]:
            became = result["sent"] or ["Published."]
        else:
            command = f"ansible-playbook incident.response.incident_communicate -e incident={result['incident']} -e approve={result['draft']}"
            became = ["Nothing went out. Read it: it may hold what was said inside. To publish it:", command]
        for line in [result["subject"], "", *result["text"].splitlines(), "", *became]:
            self._display.display(line)

    def _record(self, journal: SqliteJournal, incident: str, publishing: Publishing, params: dict[str, Any], actor: str) -> tuple[Draft, bool]:
        """The draft, and whether anything was recorded."""
        at, policy = utc(time.time()), publishing.policy
        with journal.transaction():
            if params["draft"]:
                if params["state"] != "published":
                    raise Refused("draft=… names a draft to publish: say state=published, too")
                chosen, new = communication.waiting(journal, incident, params["draft"]), []
            else:
                asked = communication.Asked(
                    params["audience"], params["occasion"] or communication.fitting(journal, incident, params["audience"]), params["text"].strip(),
                    params["page_state"] or "",
                )  # fmt: skip
                chosen = communication.draft(journal, incident, policy, asked, at=at)
                there = next((each for each in communication_rules.drafts(journal.entries(incident)) if each.audience == chosen.audience), None)
                if params["state"] == "published" and communication.said_already(journal, incident, policy, chosen, now=time.time()):
                    return chosen, False
                known = (chosen.message, chosen.stage, chosen.occasion)
                same = there is not None and (there.message, there.stage, there.occasion) == known
                chosen = there if there and same else chosen
                new = [] if same else [communication_rules.drafting(chosen, at=at, actor=actor, auto=params["state"] == "published")]
            if params["state"] == "published":
                new.append(communication.publish(journal, incident, policy, chosen, at=at, actor=actor))
                chosen = replace(chosen, text=new[-1].data["text"])  # which promises the next one from now on
            if new and not self.check:
                journal.append(incident, new)
        return chosen, bool(new)

    @staticmethod
    def _deliver(journal: SqliteJournal, incident: str, publishing: Publishing) -> tuple[list[str], list[str]]:
        """Send now. Returns the texts of what was sent, and of what failed."""
        mailed = communication.mail(journal, incident, publishing.policy, clock=time.time)
        shown, problems = publishing.show(journal, True)
        told = [entry for _name, entry in [*mailed, *shown]]
        failed = [entry.text for _name, entry in mailed if entry.state == "failed"]
        return [entry.text for entry in told if entry.state == "ok"], [*failed, *problems]
