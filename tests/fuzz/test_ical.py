# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in a calendar: somebody is on call, or it is said why not. That it ends is the promise of the process that reads it."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from ansible_collections.incident.response.plugins.module_utils._core.oncall import Duty
from ansible_collections.incident.response.plugins.module_utils._oncall.ical import Calendars
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError
from fuzz.made_up import ODD
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
PEOPLE = {"ada": {"name": "Ada", "email": "ada@example.com"}}
STAMP = st.sampled_from(
    ["20260105T090000Z", "20260112T090000Z", "20260110", "00010101T000000Z", "99991231T235959Z", "20261301T000000Z", "TODAY", "", "20260110T250000"]
)
DATED = st.builds(lambda name, more, value: f"{name}{more}:{value}", st.sampled_from(["DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID"]),
                  st.sampled_from(["", ";TZID=Europe/Berlin", ";TZID=No/Where", ";VALUE=DATE", ";VALUE=X"]), STAMP)  # fmt: skip
RULE = st.lists(
    st.sampled_from(
        ["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=YEARLY", "FREQ=X", "INTERVAL=1", "INTERVAL=-1", "INTERVAL=2", "COUNT=3", "COUNT=-1",
         "UNTIL=20260120T000000Z", "UNTIL=20260120", "BYDAY=MO", "BYDAY=9XX", "BYMONTHDAY=31", "BYMONTH=13", "WKST=SU", "BYSETPOS=1", "="]
    ),
    max_size=4,
).map(lambda parts: "RRULE:" + ";".join(parts))  # fmt: skip
OTHER = st.sampled_from(
    ["SUMMARY:ada", "SUMMARY:", "ATTENDEE;CN=Ada:mailto:ada@example.com", "ATTENDEE;PARTSTAT=DECLINED:x", "STATUS:CANCELLED", "UID:1", "UID:2",
     "DURATION:P1D", "DURATION:-P1D", "DURATION:P99999999W", "SEQUENCE:x", "BEGIN:VALARM", "END:VEVENT",
     "BEGIN:VEVENT", " folded", ":", ";", "X-A;B=\"C:D"]
)  # fmt: skip
LINE = DATED | RULE | OTHER | ODD | st.text(max_size=20)
EVENT = st.lists(LINE, max_size=8).map(lambda lines: "\r\n".join(["BEGIN:VEVENT", "DTSTART:20260105T090000Z", "SUMMARY:ada", *lines, "END:VEVENT"]))
CALENDAR = st.lists(EVENT, max_size=3).map(lambda events: "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""]))


class Endless(BaseException):
    """What the process of its own is killed for."""


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except Endless:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def asked(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, killed_after(1):
        path = Path(folder) / "oncall.ics"
        path.write_bytes(raw)
        source = Calendars("ical", {"calendars": [str(path)]}, PEOPLE, "UTC")
        try:
            found = source.on_call(NOW)
        except OncallError as error:
            assert str(error)
        else:
            assert found and all(isinstance(each, Duty) for each in found)
            assert isinstance(source.uncovered(found, NOW), list)


@given(CALENDAR)
@settings(max_examples=60)
def test_nearly_a_calendar_names_somebody_or_says_why_not(text: str) -> None:
    asked(text.encode("utf-8", errors="surrogatepass"))


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16", errors="surrogatepass")))
def test_any_bytes_name_somebody_or_say_why_not(raw: bytes) -> None:
    asked(raw)
