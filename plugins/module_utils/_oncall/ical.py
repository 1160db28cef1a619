# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""iCalendar (RFC 5545): one calendar for each level, a file or an address. An event names the person who is on call during the event."""

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

from .._core import shape
from .._core.oncall import Duty, Named, Shift
from .._http import Api, HttpError
from .._libraries import complaint
from .._limit import LARGEST
from .._ports import OncallError
from .shifts import AHEAD, Scheduled, of_schedules

_THINGS = {"ROOM", "RESOURCE"}
_AWAY = {"DECLINED", "DELEGATED"}
"""Invited people who do not take part. A delegate is also invited (RFC 5545, 3.2.12)."""


class Calendars(Scheduled):
    """`settings`: calendars, paths and addresses. `people` is `oncall.people`, in which the name of an event's summary is looked up. A time without a
    zone is in `zone`."""

    def __init__(self, name: str, settings: Mapping[str, Any], people: Mapping[str, Mapping[str, Any]], zone: str) -> None:
        self.name, self._schedules, self._zone = name, settings["calendars"], ZoneInfo(zone)
        self._unread: list[str] = []
        self._addresses = {short: str(about.get("email", "")).casefold() for short, about in people.items()}
        names = {called: short for short, about in people.items() for called in (short, about.get("name"), about.get("email")) if called}
        self._names = dict(sorted(names.items(), key=lambda each: -len(each[0])))

    def on_call(self, when: datetime) -> list[Duty]:
        if icalendar is None:
            raise OncallError(complaint("the on-call source ical", "icalendar", "recurring-ical-events"))
        self._unread = []
        try:
            return of_schedules(self._schedules, when, lambda calendar: self._shifts(_text(calendar), when))
        except OncallError as error:
            raise OncallError(f"{error}{_unread(self._unread)}") from None

    def _shifts(self, text: str, when: datetime) -> Iterator[Shift]:
        """The events of all calendars in the text. An invalid event does not affect the others."""
        events, unread = _whole(text)
        self._unread += unread
        calendars = icalendar.Calendar.from_ical(events, multiple=True)
        if not calendars:
            raise HttpError("there is no calendar in it (no BEGIN:VCALENDAR with its END:VCALENDAR)")
        for calendar in calendars:
            for name, series in _series(calendar):
                try:
                    yield from [shift for event in _between(calendar, series, when) for shift in self._of_event(event)]
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                    self._unread.append(f"{name} ({type(error).__name__}: {error})")

    def _of_event(self, event: Any) -> list[Shift]:
        """The shift of an event; none if it is cancelled, or if everybody in it has declined."""
        person = None if str(event.get("STATUS", "")).upper() == "CANCELLED" else self._person(event)
        return [Shift(person, self._instant(event["DTSTART"].dt), self._instant(event["DTEND"].dt))] if person else []

    def _person(self, event: Any) -> Named | None:
        """The person in the summary; otherwise the first invited person; otherwise the summary itself. Never a room, or a person who has declined."""
        summary = str(event.get("SUMMARY", "")).strip()
        invited = event.get("ATTENDEE", [])
        people = [each for each in (invited if isinstance(invited, list) else [invited]) if _parameter(each, "CUTYPE") not in _THINGS]
        coming = [each for each in people if _parameter(each, "PARTSTAT") not in _AWAY]
        away = {_address(each).casefold() for each in people if each not in coming}
        for called, short in self._names.items():
            if re.search(rf"(?<!\w){re.escape(called)}(?!\w)", summary, re.IGNORECASE) and self._addresses[short] not in away:
                return Named(short)
        for each in coming:
            return Named(str(each.params.get("CN", "")), _address(each))
        return None if people else Named(summary)

    def _instant(self, when: date) -> datetime:
        """A day begins at midnight."""
        found = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day)
        return found if found.tzinfo else found.replace(tzinfo=self._zone)


def _parameter(attendee: Any, name: str) -> str:
    return str(attendee.params.get(name, "")).upper()


def _address(attendee: Any) -> str:
    return re.sub("^mailto:", "", str(attendee), flags=re.IGNORECASE)


def _whole(text: str) -> tuple[str, list[str]]:
    """The text without invalid events, and the names of the invalid ones."""
    kept, unread = [], []
    event: list[str] = []
    for line in [*text.replace("\ufeff", "").splitlines(), ""]:  # a mark at the beginning of each file that was put together
        word = line.strip().upper()
        if event and (word in {"BEGIN:VEVENT", "END:VCALENDAR", ""}):
            unread.append(_called(event))
            event = []
        if event or word == "BEGIN:VEVENT":
            event.append(line)
        elif word == "END:VEVENT":
            continue  # of nothing that began
        elif line.strip():
            kept.append(line)
        if event and word == "END:VEVENT":
            try:
                icalendar.Event.from_ical("\r\n".join(event))
                kept += event
            except ValueError:
                unread.append(_called(event))
            event = []
    return "\r\n".join(kept) + "\r\n", unread


def _called(event: list[str]) -> str:
    known = {name.upper(): value for name, dummy, value in (line.partition(":") for line in event)}
    return known.get("SUMMARY") or known.get("UID") or "an event"


def _series(calendar: Any) -> Iterator[tuple[str, list[Any]]]:
    """A series of events (the repeated event and its exceptions), and its name."""
    found: dict[str, list[Any]] = {}
    for number, event in enumerate(calendar.walk("VEVENT")):
        found.setdefault(str(event.get("UID") or number), []).append(event)
    for events in found.values():
        yield str(events[0].get("SUMMARY") or events[0].get("UID") or "an event"), events


def _between(calendar: Any, events: list[Any], when: datetime) -> list[Any]:
    """The occurrences of a series from `when` on, for the requested time. Raises ValueError for an unknown time zone."""
    for time in (event[name] for event in events for name in ("DTSTART", "DTEND") if name in event):
        zone = str(time.params.get("TZID", ""))
        if zone and isinstance(time.dt, datetime) and time.dt.tzinfo is None:  # it may be hours from ours
            raise ValueError(f"its time zone {zone} isn't known")
    alone = icalendar.Calendar(calendar)
    alone.subcomponents = [*calendar.walk("VTIMEZONE"), *events]
    found: list[Any] = recurring_ical_events.of(alone).between(when, when + AHEAD)
    return found


def _unread(names: list[str]) -> str:
    return f"; {len(names)} events can't be read: {'; '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else ""


def _text(calendar: str) -> str:
    address = re.sub(r"^webcals?://", "https://", calendar)
    if address.startswith(("http://", "https://")):
        return Api(address, {"Accept": "text/calendar"}, secrets=(address,)).text("GET", "")
    path = Path(calendar).expanduser()
    try:
        if path.stat().st_size > LARGEST:
            raise HttpError(f"{path} has more than {LARGEST // 1_000_000} MB")
        content = path.read_bytes()
    except OSError as error:
        raise HttpError(f"{path} can't be read: {error.strerror}") from None
    return shape.text_of(content, None)
