# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""iCalendar (RFC 5545): one calendar for each level, a file or an address. An event names who is on call while it lasts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

try:
    import icalendar
    import recurring_ical_events  # type: ignore[import-untyped]
except ImportError:
    icalendar = None  # type: ignore[assignment]

from .._core.oncall import Duty, Named, Shift
from .._http import LARGEST, Api, HttpError
from .._ports import OncallError
from .shifts import AHEAD, of_schedules


class Calendars:
    """`settings`: calendars, paths and addresses. `people` is `oncall.people`: whom an event's summary names is looked for among them.

    A time without a zone is one of `zone`.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], zone: str) -> None:
        self.name, self._calendars, self._zone = name, settings["calendars"], ZoneInfo(zone)
        names = {called: short for short, about in people.items() for called in (short, about.get("name"), about.get("email")) if called}
        self._names = dict(sorted(names.items(), key=lambda each: -len(each[0])))

    def on_call(self, when: datetime) -> list[Duty]:
        if icalendar is None:
            raise OncallError("Python libraries are missing where Ansible runs: pip install icalendar recurring-ical-events")
        return of_schedules(self._calendars, when, lambda calendar: self._shifts(_text(calendar), when))

    def _shifts(self, text: str, when: datetime) -> Iterator[Shift]:
        calendar = icalendar.Calendar.from_ical(text)
        for event in recurring_ical_events.of(calendar, skip_bad_series=True).between(when, when + AHEAD):
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            yield Shift(self._person(event), self._instant(event["DTSTART"].dt), self._instant(event["DTEND"].dt))

    def _person(self, event: Any) -> Named:
        """Whom the summary names; else the one that is invited; else the summary as it is."""
        summary = str(event.get("SUMMARY", "")).strip()
        for called, short in self._names.items():
            if re.search(rf"(?<!\w){re.escape(called)}(?!\w)", summary, re.IGNORECASE):
                return Named(short)
        invited = event.get("ATTENDEE", [])
        for each in invited if isinstance(invited, list) else [invited]:
            return Named(str(each.params.get("CN", "")), str(each).removeprefix("mailto:").removeprefix("MAILTO:"))
        return Named(summary)

    def _instant(self, when: date) -> datetime:
        """A day begins at midnight."""
        found = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day)
        return found if found.tzinfo else found.replace(tzinfo=self._zone)


def _text(calendar: str) -> str:
    address = re.sub(r"^webcals?://", "https://", calendar)
    if address.startswith(("http://", "https://")):
        return Api(address, {"Accept": "text/calendar"}, secrets=(address,)).text("GET", "")
    path = Path(calendar).expanduser()
    try:
        if path.stat().st_size > LARGEST:
            raise HttpError(f"{path} has more than {LARGEST // 1_000_000} MB")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise HttpError(f"{path} can't be read: {error.strerror}") from None
