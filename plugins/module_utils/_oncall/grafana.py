# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Grafana OnCall and IRM: one schedule for each level (grafana.com/docs, OnCall API reference, "Schedules", final shifts)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import quote

from .._core import shape
from .._core.oncall import Duty, Named, Shift
from .._http import Api
from .shifts import AHEAD, BACK, Scheduled, instant, of_schedules, uncut

_PAGES = 10


class Grafana(Scheduled):
    """`settings`: url of the API, schedules, their ids; stack_url if the token belongs to a service account."""

    def __init__(self, name: str, settings: Mapping[str, Any], token: str) -> None:
        self.name, self._schedules = name, settings["schedules"]
        stack = {"X-Grafana-URL": settings["stack_url"]} if settings.get("stack_url") else {}
        self._api = Api(settings["url"], {"Authorization": token, **stack}, secrets=(token,))

    def on_call(self, when: datetime) -> list[Duty]:
        return of_schedules(self._schedules, when, lambda schedule: self._shifts(schedule, when.astimezone(UTC)))

    def _shifts(self, schedule: str, when: datetime) -> Iterator[Shift]:
        # it answers for whole days, and cuts each shift at their ends
        begin, end = (datetime.combine(day.date(), time(), UTC) for day in (when - BACK, when + AHEAD))
        days = {"start_date": begin.date().isoformat(), "end_date": end.date().isoformat()}
        for page in range(1, _PAGES + 1):
            answer = self._api.get(f"/api/v1/schedules/{quote(schedule, safe='')}/final_shifts", {**days, "page": page})
            for each in shape.entries(answer, "results"):
                person = Named(shape.optional(each, "user_username") or shape.ident(each, "user_pk"), shape.optional(each, "user_email"))
                yield uncut(Shift(person, instant(shape.words(each, "shift_start")), instant(shape.words(each, "shift_end"))), begin, end)
            if not answer.get("next"):
                return
