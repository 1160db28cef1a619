# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PagerDuty: an escalation policy, whose levels are ours (developer.pagerduty.com, "List all of the on-calls")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._core import shape
from .._core.oncall import Duty, Named, Shift, duties
from .._http import Api
from .shifts import AHEAD, answered, covered, instant

URL = "https://api.pagerduty.com"
_PAGE, _PAGES = 100, 10


class PagerDuty:
    """`settings`: escalation_policy, the id; url if it differs from the usual one."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        accept = "application/vnd.pagerduty+json;version=2, application/json;q=0.5"
        self.name, self._policy = name, settings["escalation_policy"]
        self._api = Api(settings.get("url") or URL, {"Authorization": f"Token token={token}", "Accept": accept}, secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        entries = answered(lambda: self._entries(when))
        found = []
        for level in sorted({each[0] for each in entries}):
            layer = next(each[1] for each in entries if each[0] == level)
            found += duties(level, layer, [shift for number, dummy, shift in entries if number == level], when)
        return covered(found, when)

    def _entries(self, when: datetime) -> list[tuple[int, str, Shift]]:
        query = {
            "escalation_policy_ids[]": self._policy, "include[]": "users", "since": when.isoformat(), "until": (when + AHEAD).isoformat(),
            "time_zone": "UTC", "limit": _PAGE,
        }  # fmt: skip
        found: list[tuple[int, str, Shift]] = []
        for page in range(_PAGES):
            answer = self._api.get("/oncalls", {**query, "offset": page * _PAGE})
            for each in shape.entries(answer, "oncalls"):
                level, user = shape.number(each, "escalation_level"), shape.mapping(each, "user")
                person = Named(shape.optional(user, "name") or shape.optional(user, "summary"), shape.optional(user, "email"))
                layer = shape.optional(each, "schedule", "summary") or f"level {level}"
                found.append((level, layer, Shift(person, instant(shape.words(each, "start")), instant(shape.words(each, "end")))))
            if not answer.get("more"):
                break
        return found
