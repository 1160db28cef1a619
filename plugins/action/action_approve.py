# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sqlite3
import time
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core.approval import Answer
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import approve
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _config, _options
from ansible_collections.incident.response.plugins.plugin_utils._action import ControllerAction, Refused

_BREAK = 'If it can\'t wait, break the glass: the same command with -e break_glass="reason". It is recorded, and everyone is told.'


class ActionModule(ControllerAction):
    """Waits for the yes of somebody else, or records that nobody was asked."""

    TELLS_WHAT_IS_MISSING: ClassVar = False
    SPEC: ClassVar = {
        "about": {"type": "str", "required": True},
        "plan": {"type": "str", "required": True},
        "text": {"type": "str", "required": True},
        "break_glass": {"type": "str", "default": ""},
    }

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        about, reason = params["about"], params["break_glass"].strip()
        if self.check:
            return {"approved_by": ""}
        if reason:
            self._display.warning(f"incident.response: GLASS BROKEN: the {about} goes on without approval: {reason}")
            return self.recorded({"approved_by": ""}, {"break_glass": reason, "about": about}, variables, text=f"GLASS BROKEN: {reason}")
        try:
            answer = self._ask(params, variables)
        except (approve.NoAnswer, connect.Misconfigured, ChatError, OSError, sqlite3.Error, ValueError) as error:
            raise Refused(f"The {about} needs the approval of somebody else: {error}. Nothing was touched. {_BREAK}") from None
        if not answer.yes:
            raise Refused(f"{answer.user} says no ({answer.how}) to the {about}. Nothing was touched.")
        text = f"approved by {answer.user} ({answer.how})"
        return self.recorded({"approved_by": answer.user}, {"approved_by": answer.user}, variables, text=text)

    def _ask(self, params: dict[str, Any], variables: dict[str, Any]) -> Answer:
        config = _catalogue.configuration(self.options["config"])
        policy, came, folder = config["safety"]["approval"], self.origin(variables), self.folder()
        connection = _options.connection(self.options)
        if not connection:
            raise approve.NoAnswer("no chat is configured here, so nobody can be asked")
        request = approve.Request(
            run=self.this_run(folder, variables).name, about=params["about"], plan=params["plan"], text=params["text"], who=came.actor,
            requester=policy["logins"].get(came.user, came.user) if came.person else "", approvers=policy["approvers"],
            team=config["oncall"]["team"], within=_config.seconds(policy["within"]),
        )  # fmt: skip
        self._display.display(f"incident.response: waiting up to {policy['within']} for the approval of plan {request.plan} in chat", stderr=True)
        chat = RocketChat.of(connection)
        try:
            with self.journal(folder) as journal:
                return approve.obtain(request, journal, chat, clock=time.monotonic, sleep=time.sleep)
        finally:
            chat.close()
