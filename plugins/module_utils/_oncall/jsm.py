# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSM Operations (developer.atlassian.com, Jira Service Management ops, "Schedule on-calls"), and Opsgenie while it lives.

Both say who is on call at one time, not until when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from .._core import shape
from .._core.oncall import Duty, Named
from .._http import Api
from .shifts import Scheduled, answered, covered

URL = "https://api.atlassian.com"
OPSGENIE_URL = "https://api.opsgenie.com"


class Jsm(Scheduled):
    """`settings`: cloud_id, user (its address) and schedules, their ids. People are known by their account ids: `oncall.people.NAME.ids`."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        self.name, self._schedules = name, settings["schedules"]
        self._base = f"/jsm/ops/api/{quote(settings['cloud_id'], safe='')}/v1/schedules"
        self._api = Api(settings.get("url") or URL, {}, auth=(settings["user"], token), secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        found = []
        for level, schedule in enumerate(self._schedules, start=1):
            people = answered(lambda schedule=schedule: list(self._people(schedule, when)))  # type: ignore[misc]
            found += [Duty(level, schedule, person) for person in people]
        return covered(found, when)

    def _people(self, schedule: str, when: datetime) -> Iterator[Named]:
        answer = self._api.get(f"{self._base}/{quote(schedule, safe='')}/on-calls", {"flat": "false", "date": when.isoformat(timespec="seconds")})
        for each in _users(shape.entries(answer, "onCallParticipants")):
            yield Named(shape.ident(each, "id"))


class Opsgenie(Scheduled):
    """`settings`: schedules, their names; url for the one in the EU."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        self.name, self._schedules = name, settings["schedules"]
        self._api = Api(settings.get("url") or OPSGENIE_URL, {"Authorization": f"GenieKey {token}"}, secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        query = {"scheduleIdentifierType": "name", "flat": "true", "date": when.isoformat(timespec="seconds")}
        found = []
        for level, schedule in enumerate(self._schedules, start=1):
            path = f"/v2/schedules/{quote(schedule, safe='')}/on-calls"
            names = answered(lambda path=path: shape.entries(self._api.get(path, query), "data", "onCallRecipients"))  # type: ignore[misc]
            found += [Duty(level, schedule, Named(email=answered(lambda each=each: shape.text(each)))) for each in names]  # type: ignore[misc]
        return covered(found, when)


def _users(participants: list[Any]) -> Iterator[Any]:
    """The people, including those in escalations and teams."""
    for each in participants:
        if shape.text(each, "type") == "user":
            yield each
        if shape.maybe(each, "onCallParticipants") is not None:
            yield from _users(shape.entries(each, "onCallParticipants"))
