# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of actions that tell people in chat, with the result on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core import step_line
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._usecases import telling
from ansible_collections.incident.response.plugins.plugin_utils import _options, _phone
from ansible_collections.incident.response.plugins.plugin_utils._controller_action import ControllerAction, Refused


class TellingAction(ControllerAction):
    """An action that tells people in chat."""

    def tell(
        self, folder: Path, journal: SqliteJournal, incident: str, *, calls: bool, require: bool | None = None, people: Sequence[str] | None = None,
        given: Mapping[str, str] | None = None, seen: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """Bring the incident to chat; what became of it, as `told` of a result. Says loudly what was not delivered.

        `calls`: somebody is to hear of it now; for a P0 or P1 that must be delivered, unless `require` says otherwise. `people` are those who
        are to be mentioned, else whom the severity tells; `seen` is how many entries the incident had before. Raises OSError, JournalError.
        """
        severity = str(journal.incident(incident).severity)
        urgent = calls and severity in telling.URGENT
        required = urgent if require is None else require
        wrote = range(seen + 1, len(journal.entries(incident)) + 1)
        held = self.send(folder, journal, [incident], given, at_least=telling.WAIT if required else 0)
        told = telling.told(journal, incident, chat=self._chat(given), held=held, people=people, calls=calls, pages=self._pages(), wrote=wrote)
        told["required"] = required
        if told["delivered"] and not told["why"] or not (told["chat"] or calls):
            return told
        if not told["delivered"] and (calls or required):
            told["call"] = _phone.whom(self.options, folder, severity, people or ())
        if told["delivered"] or not (required and told["chat"]):  # otherwise the failure message contains it
            show = self._display.warning if told["chat"] or urgent else self._display.display
            show(f"incident.response: {telling.words(told)}")
        return told

    def say(self, told: Mapping[str, Any], what: str, mentioned: Sequence[str] = (), noted: Sequence[str] = ()) -> None:
        """Print the line of a successful step."""
        self._display.display(f"incident.response: {step_line.line(told, what, mentioned, noted)}")

    @staticmethod
    def demand(result: dict[str, Any], then: str = "") -> dict[str, Any]:
        """The `result`, if everything required is delivered. Otherwise raises Refused with `then` in its message; the entries are recorded in any
        case."""
        told = result["told"]
        if told and told["required"] and told["chat"] and not told["delivered"]:
            raise Refused(telling.words(told) + then, **result)
        return result

    def _chat(self, given: Mapping[str, str] | None) -> bool:
        """Whether chat is configured, also partly."""
        try:
            return bool(connect.options({}, _options.environment(self.options) | dict(given or {})))
        except connect.Misconfigured:
            return True
