# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""incident.io: one schedule for each level (api-docs.incident.io, "Schedules V2, ListScheduleEntries")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .._core import shape
from .._core.oncall import Duty, Named, Shift
from .._http import Api
from .shifts import AHEAD, Scheduled, instant, of_schedules

URL = "https://api.incident.io"
_PAGES = 10


class IncidentIo(Scheduled):
    """`settings`: schedules, their ids; url if it differs from the usual one."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        self.name, self._schedules = name, settings["schedules"]
        self._api = Api(settings.get("url") or URL, {"Authorization": f"Bearer {token}"}, secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        return of_schedules(self._schedules, when, lambda schedule: self._shifts(schedule, when))

    def _shifts(self, schedule: str, when: datetime) -> Iterator[Shift]:
        query = {"schedule_id": schedule, "entry_window_start": when.isoformat(), "entry_window_end": (when + AHEAD).isoformat()}
        for _page in range(_PAGES):
            answer = self._api.get("/v2/schedule_entries", query)
            for each in shape.entries(answer, "schedule_entries", "final"):
                person = Named(shape.optional(each, "user", "name"), shape.optional(each, "user", "email"))
                yield Shift(person, instant(shape.words(each, "start_at")), instant(shape.words(each, "end_at")))
            more = shape.optional(answer, "pagination_meta", "after_url")
            if not more:
                return
            query |= dict(parse_qsl(urlsplit(more).query))
