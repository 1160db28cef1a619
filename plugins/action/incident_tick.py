# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils._core import moment, step_line
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, JournalError
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases import chat_commands, communication, escalation, paging, telling
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _options
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring import paging as paging_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring import status_page as status_page_wiring

Found = list[tuple[str, Entry]]
"""Entries, by the incident's name."""


class ActionModule(ControllerAction):
    """Reads commands, reminds, escalates and pages, and records this in the journal; the courier posts it in chat."""

    _held = ""
    """The reason why chat gets nothing."""

    SPEC: ClassVar = {"watch": {"type": "float", "default": 0}, "duration": {"type": "float", "default": 0}}

    _wrong = ""
    """The reason why no clock of the handbook is checked."""

    def act(self, params: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if params["watch"] < 0 or params["duration"] < 0:
            raise Refused("watch and duration are numbers of seconds, 0 or more")
        config = _catalogue.configuration(self.options["config"])
        until = time.monotonic() + params["duration"] if params["duration"] else float("inf")
        reminded, paged, published = self._tick(config)
        untold = self._untold()
        while params["watch"] and time.monotonic() + params["watch"] <= until:
            time.sleep(params["watch"])
            for all_of_them, new in zip((reminded, paged, published), self._tick(config), strict=True):
                all_of_them += new
            untold = self._untold()
        told = [{"incident": name, "text": entry.text, "level": entry.data.get("level", 0)} for name, entry in reminded]
        attempts = [{"incident": name, "text": entry.text, "worked": entry.state == "ok"} for name, entry in paged]
        outside = [{"incident": name, "text": entry.text, "worked": entry.state != "failed"} for name, entry in published]
        result = {"reminded": told, "paged": attempts, "published": outside, "untold": untold, "clock": self._wrong or self.clock}
        if self._wrong:
            how = "Set it right, such as with: timedatectl set-ntp true. What was asked for in chat was done, and who is called was paged."
            raise Refused(f"Nobody was reminded and nothing escalated, since {self._wrong}. {how}", **result)
        return {"changed": bool(told or attempts or outside), **result}

    def _tick(self, config: dict[str, Any]) -> tuple[Found, Found, Found]:
        """One tick: the commands and reminders, the paging attempts, and the publications and drafts."""
        policy = escalation_wiring.policy(config)
        try:
            folder = self.folder()
            with self.journal(folder) as journal:
                publishing = status_page_wiring.publishing(config, folder)
                found = self._heard(journal, config, policy, publishing.policy)
                found += [] if self._wrong else escalation.look(journal, policy, now=time.time(), write=not self.check)
                paged = self._paged(journal, config, folder)
                published = self._published(journal, publishing)
                for name, entry in [*found, *paged, *published]:
                    show = self._display.warning if entry.state == "failed" else partial(self._display.display, stderr=True)
                    show(f"incident.response: {name}: {entry.text}")
                behind = [each for each in escalation.watched(journal, time.time()) if journal.pending(each) or journal.troubles(each)]
                if (found or paged or published or behind) and not self.check:
                    self._held = self.send(folder, journal, [*behind, *(name for name, dummy in [*found, *paged, *published])])
        except (OSError, JournalError, ValueError) as error:
            raise Refused(f"Nobody could be reminded: {error}") from None
        return found, paged, published

    def _untold(self) -> list[dict[str, Any]]:
        """The undelivered entries and refused operations of the watched incidents. Each one is also a warning."""
        found = list[dict[str, Any]]()
        with self.journal(self.folder()) as journal:
            for incident in escalation.watched(journal, time.time()):
                told = telling.told(journal, incident, chat=True, held=self._held)
                if told["why"]:
                    found.append({"incident": told["incident"], "pending": told["pending"], "why": told["why"]})
                    missing = step_line.lacking(told["pending"]) if told["pending"] else "is in chat, but"
                    self._display.warning(f"incident.response: {told['incident']}: {missing}: {told['why']}")
        return found

    def _heard(self, journal: SqliteJournal, config: dict[str, Any], policy: escalation.Policy, outside: communication.Policy) -> Found:
        """The commands in chat. If chat can't be asked, only warn, because the clocks work without chat. Compares the clock of chat's server."""
        try:
            connection = _options.connection(self.options)
            if not connection:
                return []
            chat = RocketChat.of(connection, timeout=5)
            try:
                given = chat_commands.Heard(policy, outside, config["safety"]["approval"]["approvers"])
                problems = list[str]()
                found = chat_commands.listen(journal, chat, given, now=time.time(), write=not self.check, problems=problems)
                for problem in problems:
                    self._display.warning(f"incident.response: {problem}")
                return found
            finally:
                self._wrong = moment.skewed(chat.skew)
                chat.close()
        except (ChatError, connect.Misconfigured) as error:
            self._display.warning(f"incident.response: what is asked for in chat could not be read: {error}")
            return []

    def _paged(self, journal: SqliteJournal, config: dict[str, Any], folder: Path) -> Found:
        policy = paging_wiring.policy(config, folder, self.options)
        return paging.look(journal, policy, clock=time.time, write=not self.check) if policy else []

    def _published(self, journal: SqliteJournal, publishing: status_page_wiring.Publishing) -> Found:
        """The publications and drafts. If something can't be written or sent, only warn; it is retried."""
        found, problems = ([], []) if self._wrong else communication.look(journal, publishing.policy, clock=time.time, write=not self.check)
        if not self.check:
            shown, more = publishing.show(journal, False)
            found, problems = [*found, *shown], [*problems, *more]
        for problem in problems:
            self._display.warning(f"incident.response: {problem}")
        return found
