# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from typing import Any, ClassVar

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils._core.approval import Answer
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, JournalError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import approval
from ansible_collections.incident.response.plugins.plugin_utils import _arguments, _catalogue, _config, _options, _person
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused

_BREAK = 'If it can\'t wait, break the glass: the same command with -e break_glass="reason". It is recorded, and everyone is told.'


class ActionModule(ControllerAction):
    """Waits for the approval of another person, or records that nobody was asked."""

    TELLS_WHAT_IS_MISSING: ClassVar = False
    SPEC: ClassVar = {
        "about": {"type": "str", "required": True},
        "plan": {"type": "str", "required": True},
        "text": {"type": "str", "required": True},
        "break_glass": {"type": "str", "default": ""},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        about = params["about"]
        try:
            reason = _arguments.reason("break_glass", params["break_glass"])
        except AnsibleError as error:
            raise Refused(str(error)) from None
        if self.check:
            return {"approved_by": ""}
        if reason:
            self._display.warning(f"incident.response: EMERGENCY OVERRIDE: the {about} goes on without approval: {reason}")
            return self.recorded({"approved_by": ""}, {"break_glass": reason, "about": about}, variables, text=f"EMERGENCY OVERRIDE: {reason}")
        try:
            answers = self._ask(params, variables)
        except approval.Denied as no:
            raise Refused(f"{no.answer.user} says no ({no.answer.how}) to the {about}. Nothing was touched.") from None
        except (approval.NoAnswer, connect.Misconfigured, ChatError, OSError, JournalError, ValueError) as error:
            raise Refused(f"The {about} needs the approval of somebody else: {error}. Nothing was touched. {_BREAK}") from None
        text = f"approved by {', '.join(f'{each.user} ({each.how})' for each in answers)}"
        by = ", ".join(each.user for each in answers)
        return self.recorded({"approved_by": by}, {"approved_by": by}, variables, text=text)

    def _tell(self, words: str) -> None:
        self._display.display(f"incident.response: {words}", stderr=True)

    def _ask(self, params: dict[str, Any], variables: dict[str, Any]) -> list[Answer]:
        config = _catalogue.configuration(self.options["config"])
        policy, came, folder = config["safety"]["approval"], self.origin(variables), self.folder()
        connection = _options.connection(self.options)
        if not connection:
            raise approval.NoAnswer("no chat is configured here, so nobody can be asked")
        logins, who = policy["logins"], _person.login(came)
        if came.person and not _person.is_mapped(who, logins):
            raise approval.NoAnswer(f"it isn't known who {who} is in chat, so nobody can be told to be somebody else: safety.approval.logins says it")
        request = approval.Request(
            run=self.this_run(folder, variables).name, about=params["about"], plan=params["plan"], text=params["text"], who=came.actor,
            askers=_person.may_be(came, logins), approvers=policy["approvers"], team=config["oncall"]["team"], needs=policy["approvals"],
            within=min(map(_config.seconds, (policy["within"], config["safety"]["plan_expires"]))), logins=logins,
        )  # fmt: skip
        whose = " or ".join(policy["approvers"]) or f"somebody of the team {request.team}"
        self._tell(f"waiting up to {policy['within']} for the approval of plan {request.plan} in chat, by {whose}; without it, nothing is done")
        chat = RocketChat.of(connection)
        try:
            with self.journal(folder) as journal:
                return approval.obtain(request, journal, chat, clock=time.monotonic, sleep=time.sleep, tell=self._tell)
        finally:
            chat.close()
