# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A source of somebody else is asked in a process of its own, that ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Named
from ansible_collections.incident.response.plugins.module_utils._ports import OncallError
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall as oncall_wiring
from ansible_collections.incident.response.plugins.plugin_utils._wiring.oncall_source import Apart

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
PEOPLE = {"ada": {"email": "ada@example.com"}, "lin": {}}
EVENT = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:ada\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
ENDLESS = {
    "secondly": "DTSTART:20260105T090000Z\r\nDTEND:20260105T090001Z\r\nRRULE:FREQ=SECONDLY",
    "secondly from year 1": "DTSTART:00010101T000000Z\r\nDTEND:00010101T000001Z\r\nRRULE:FREQ=SECONDLY",
    "interval 0": "DTSTART:20260105T090000Z\r\nDTEND:20260106T090000Z\r\nRRULE:FREQ=DAILY;INTERVAL=0",
    "daily from year 1": "DTSTART:00010101T000000Z\r\nDTEND:00010101T120000Z\r\nRRULE:FREQ=DAILY;INTERVAL=1",
    "a day that never comes": "DTSTART:20260105T090000Z\r\nDTEND:20260106T090000Z\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
    "a length of ages": "DTSTART:00010101T000000Z\r\nDURATION:P3000000D\r\nRRULE:FREQ=HOURLY",
}


def section(*sources: dict[str, Any], timeout: float = 20) -> dict[str, Any]:
    layer = {"name": "first", "people": ["lin"], "start": "2026-01-05T09:00", "every": "1w"}
    return {"sources": list(sources), "people": PEOPLE, "schedule": {"time_zone": "UTC", "layers": [layer]}, "timeout": timeout}


def calendar(folder: Path, event: str) -> dict[str, Any]:
    path = folder / "oncall.ics"
    path.write_text(EVENT.format(event))
    return {"type": "ical", "calendars": [str(path)]}


def test_it_answers_as_in_this_process(tmp_path: Path) -> None:
    settings = calendar(tmp_path, "DTSTART:20260105T090000Z\r\nDTEND:20260112T090000Z")
    source = Apart("ical", settings, section(settings), 300)
    (duty,) = source.on_call(NOW)
    assert (duty.level, duty.person, duty.start) == (1, Named("ada"), datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert source.uncovered([duty], NOW) == []


def test_why_it_can_not_answer_comes_through(tmp_path: Path) -> None:
    settings = {"type": "ical", "calendars": [str(tmp_path / "none.ics")]}
    with pytest.raises(OncallError, match=r"none\.ics can't be read: No such file"):
        Apart("ical", settings, section(settings), 300).on_call(NOW)


@pytest.mark.parametrize("event", ENDLESS.values(), ids=ENDLESS)
def test_a_calendar_without_an_end_is_given_up_and_the_next_source_asked(tmp_path: Path, event: str) -> None:
    given = section(calendar(tmp_path, event), {"type": "schedule"}, timeout=5)
    answer = oncall.ask(oncall_wiring.sources(given, {}), PEOPLE, NOW, None)
    assert [each["source"] for each in answer.oncall][0] in {"ical", "schedule"}
    if answer.oncall[0]["source"] == "schedule":
        assert len(answer.problems) == 1


def test_the_limit_is_said(tmp_path: Path) -> None:
    settings = calendar(tmp_path, ENDLESS["secondly from year 1"])
    with pytest.raises(OncallError, match=r"no answer within 5 s \(oncall.timeout\)"):
        Apart("ical", settings, section(settings), 5).on_call(NOW)


def test_a_source_that_breaks_says_so_without_its_address(tmp_path: Path) -> None:
    settings = {"type": "pagerduty", "url": "http://s3cret"}
    with pytest.raises(OncallError, match="it broke when it was asked") as error:
        Apart("pagerduty", settings | {"token_env": "PATH"}, section(settings), 300).on_call(NOW)
    assert "s3cret" not in str(error.value)
