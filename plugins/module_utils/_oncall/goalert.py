# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""GoAlert: one schedule for each level, with its GraphQL API (github.com/target/goalert, graphql2/schema.graphql)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from .._core import shape
from .._core.oncall import Duty, Named, Shift
from .._http import Api, HttpError
from .shifts import AHEAD, BACK, Scheduled, instant, of_schedules, uncut

QUERY = (
    "query OnCall($id: ID!, $start: ISOTimestamp!, $end: ISOTimestamp!) "
    "{ schedule(id: $id) { shifts(start: $start, end: $end) { user { name email } start end } } }"
)
"""A GoAlert API key only works for one query: create the key with this query."""


class GoAlert(Scheduled):
    """`settings`: url of the server, schedules, their ids."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        self.name, self._schedules = name, settings["schedules"]
        self._api = Api(settings["url"], {"Authorization": f"Bearer {token}"}, secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        return of_schedules(self._schedules, when, lambda schedule: self._shifts(schedule, when))

    def _shifts(self, schedule: str, when: datetime) -> Iterator[Shift]:
        begin, end = when - BACK, when + AHEAD
        asked = {"id": schedule, "start": begin.isoformat(), "end": end.isoformat()}
        answer = self._api.post("/api/graphql", {"operationName": "OnCall", "query": QUERY, "variables": asked})
        if answer.get("errors"):
            raise HttpError(f"it answers: {shape.text(shape.entries(answer, 'errors')[0], 'message')}")
        if shape.at(answer, "data", "schedule") is None:
            raise HttpError(f"it has no schedule {schedule}")
        for each in shape.entries(answer, "data", "schedule", "shifts"):
            person = Named(shape.optional(each, "user", "name"), shape.optional(each, "user", "email"))
            yield uncut(Shift(person, instant(shape.words(each, "start")), instant(shape.words(each, "end"))), begin, end)
