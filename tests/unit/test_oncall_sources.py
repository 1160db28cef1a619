# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the on-call sources: each asks as its provider documents it, bad answers are told, and the chain ends with somebody to call."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils import _http
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Duty, Named, Shift, duties, known
from ansible_collections.incident.response.plugins.module_utils._oncall import goalert
from ansible_collections.incident.response.plugins.module_utils._oncall.chat_topic import ChatTopic
from ansible_collections.incident.response.plugins.module_utils._oncall.goalert import GoAlert
from ansible_collections.incident.response.plugins.module_utils._oncall.grafana import Grafana
from ansible_collections.incident.response.plugins.module_utils._oncall.ical import Calendars
from ansible_collections.incident.response.plugins.module_utils._oncall.incidentio import IncidentIo
from ansible_collections.incident.response.plugins.module_utils._oncall.jsm import Jsm, Opsgenie
from ansible_collections.incident.response.plugins.module_utils._oncall.pagerduty import PagerDuty
from ansible_collections.incident.response.plugins.module_utils._oncall.schedule import Schedule
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, OncallError, OncallSource, Room
from ansible_collections.incident.response.plugins.module_utils._usecases import oncall
from ansible_collections.incident.response.plugins.plugin_utils._wiring.oncall import LastAnswer
from servers.provider import Contract, Provider

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
MONDAY, NEXT, AFTER = (datetime(2026, 11, 23, 9, 0, tzinfo=UTC) + timedelta(weeks=weeks) for weeks in range(3))
STAMPS = {"since": "2026-11-23T09:00:00Z", "until": "2026-11-30T09:00:00Z", "after": "2026-12-07T09:00:00Z"}
ADA, GRACE = Named("Ada", "ada@example.com"), Named("Grace", "grace@example.com")
TOKEN = "tok-" + "3f9c1b"
PEOPLE: dict[str, Any] = {
    "ada": {"name": "Ada Example", "email": "ADA@example.com", "phone": "+49 30 1", "ids": ["557058:ada"]},
    "grace": {"username": "grace.h"},
}


def pagerduty_entry(level: int, name: str, since: str | None, until: str | None) -> dict[str, Any]:
    return {
        "user": {"id": "PX", "type": "user", "summary": name, "name": name, "email": f"{name.lower()}@example.com"},
        "schedule": {"id": "PS", "summary": "Ops"} if since else None, "escalation_policy": {"id": "PE"}, "escalation_level": level,
        "start": since, "end": until,
    }  # fmt: skip


def grafana_shift(name: str, since: str, until: str) -> dict[str, Any]:
    return {"user_pk": f"U{name}", "user_email": f"{name.lower()}@example.com", "user_username": name, "shift_start": since, "shift_end": until}


# developer.pagerduty.com/api-reference, "List all of the on-calls": GET /oncalls, REST API v2 headers, offset paging
PAGERDUTY = Contract(
    "GET", "/oncalls",
    {"escalation_policy_ids[]": "PE", "include[]": "users", "since": "2026-11-25T03:00:00+00:00", "until": "2026-12-09T03:00:00+00:00",
     "time_zone": "UTC", "limit": "100", "offset": None},
    {"authorization": f"Token token={TOKEN}", "accept": "application/vnd.pagerduty+json;version=2, application/json;q=0.5"},
    [
        {"oncalls": [pagerduty_entry(2, "Joan", None, None), pagerduty_entry(1, "Grace", STAMPS["until"], STAMPS["after"])], "more": True,
         "limit": 100, "offset": 0},
        {"oncalls": [pagerduty_entry(1, "Ada", STAMPS["since"], STAMPS["until"])], "more": False, "limit": 100, "offset": 100},
    ],
)  # fmt: skip
# api-docs.incident.io, "Schedules V2": ListScheduleEntries, with pagination_meta.after_url
INCIDENT_IO = Contract(
    "GET", "/v2/schedule_entries",
    {"schedule_id": "01S", "entry_window_start": "2026-11-25T03:00:00+00:00", "entry_window_end": "2026-12-09T03:00:00+00:00"},
    {"authorization": f"Bearer {TOKEN}"},
    [{"schedule_entries": {"final": [
        {"start_at": STAMPS["since"], "end_at": STAMPS["until"], "rotation_id": "r", "layer_id": "l",
         "user": {"name": "Ada", "email": "ada@example.com"}},
        {"start_at": STAMPS["until"], "end_at": STAMPS["after"], "rotation_id": "r", "layer_id": "l",
         "user": {"name": "Grace", "email": "grace@example.com"}},
    ], "overrides": [], "scheduled": []}}],
)  # fmt: skip
# grafana.com/docs/oncall, "OnCall API reference, Schedules": final_shifts, days, pages; Authorization holds the bare token
GRAFANA = Contract(
    "GET", "/api/v1/schedules/SBM/final_shifts", {"start_date": "2026-11-11", "end_date": "2026-12-09", "page": None}, {"authorization": TOKEN},
    [{"count": 3, "next": "http://elsewhere/?page=2", "previous": None, "results": [
        grafana_shift("Ada", STAMPS["since"], "2026-11-26T09:00:00Z"), grafana_shift("Ada", "2026-11-26T09:00:00Z", STAMPS["until"]),
    ]}, {"count": 3, "next": None, "previous": None, "results": [
        grafana_shift("Grace", STAMPS["until"], STAMPS["after"]),
    ]}],
)  # fmt: skip
# github.com/target/goalert, graphql2/schema.graphql: Query.schedule, Schedule.shifts; an API key goes with its one query
GOALERT = Contract(
    "POST", "/api/graphql", {}, {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    [{"data": {"schedule": {"shifts": [
        {"user": {"name": "Ada", "email": "ada@example.com"}, "start": STAMPS["since"], "end": STAMPS["until"]},
        {"user": {"name": "Grace", "email": "grace@example.com"}, "start": STAMPS["until"], "end": STAMPS["after"]},
    ]}}}],
    body={"operationName": "OnCall", "query": goalert.QUERY, "variables": {
        "id": "e1", "start": "2026-11-11T03:00:00+00:00", "end": "2026-12-09T03:00:00+00:00"}},
)  # fmt: skip
# developer.atlassian.com, Jira Service Management ops, "Schedule on-calls": List on-call responders; basic authentication with an API token
JSM = Contract(
    "GET", "/jsm/ops/api/c-1/v1/schedules/s-1/on-calls", {"flat": "false", "date": "2026-11-25T03:00:00+00:00"},
    {"authorization": "Basic " + base64.b64encode(f"bot@example.com:{TOKEN}".encode()).decode()},
    [{"onCallParticipants": [{"id": "esc", "type": "escalation", "onCallParticipants": [{"id": "557058:ada", "type": "user"}]}]}],
)  # fmt: skip
# docs.opsgenie.com, "Who is On Call API": Get On Calls
OPSGENIE = Contract(
    "GET", "/v2/schedules/Ops%20team/on-calls", {"scheduleIdentifierType": "name", "flat": "true", "date": "2026-11-25T03:00:00+00:00"},
    {"authorization": f"GenieKey {TOKEN}"}, [{"data": {"_parent": {"name": "Ops team"}, "onCallRecipients": ["ada@example.com"]}, "took": 0.1}],
)  # fmt: skip

MAKE: dict[str, Callable[[str], OncallSource]] = {
    "pagerduty": lambda url: PagerDuty("pagerduty", {"escalation_policy": "PE", "url": url}, TOKEN),
    "incidentio": lambda url: IncidentIo("incidentio", {"schedules": ["01S"], "url": url}, TOKEN),
    "grafana": lambda url: Grafana("grafana", {"schedules": ["SBM"], "url": url}, TOKEN),
    "goalert": lambda url: GoAlert("goalert", {"schedules": ["e1"], "url": url}, TOKEN),
    "jsm": lambda url: Jsm("jsm", {"schedules": ["s-1"], "cloud_id": "c-1", "user": "bot@example.com", "url": url}, TOKEN),
    "opsgenie": lambda url: Opsgenie("opsgenie", {"schedules": ["Ops team"], "url": url}, TOKEN),
    "ical": lambda url: Calendars("ical", {"calendars": [f"{url}/ops.ics"]}, {}, "UTC"),
}


@pytest.mark.parametrize(
    ("name", "contract", "expected", "requests"),
    [
        ("pagerduty", PAGERDUTY, [Duty(1, "Ops", ADA, MONDAY, NEXT, GRACE), Duty(2, "level 2", Named("Joan", "joan@example.com"))], 2),
        ("incidentio", INCIDENT_IO, [Duty(1, "01S", ADA, MONDAY, NEXT, GRACE)], 1),
        ("grafana", GRAFANA, [Duty(1, "SBM", ADA, MONDAY, NEXT, GRACE)], 2),
        ("goalert", GOALERT, [Duty(1, "e1", ADA, MONDAY, NEXT, GRACE)], 1),
        ("jsm", JSM, [Duty(1, "s-1", Named("557058:ada"))], 1),
        ("opsgenie", OPSGENIE, [Duty(1, "Ops team", Named(email="ada@example.com"))], 1),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_provider_is_asked_as_it_documents_it(name: str, contract: Contract, expected: list[Duty], requests: int) -> None:
    with Provider(contract) as provider:
        found = MAKE[name](provider.url).on_call(NOW)
        assert provider.broken == []
        assert len(provider.asked) == requests
    assert found == expected
    assert known(PEOPLE, expected[0].person) == Named("Ada Example", "ADA@example.com", "ada", "+49 30 1")


@pytest.mark.parametrize(
    ("name", "contract", "shift"),
    [
        ("grafana", GRAFANA, {"count": 1, "next": None, "results": [grafana_shift("Ada", "2026-11-11T00:00:00Z", "2026-12-09T00:00:00Z")]}),
        ("goalert", GOALERT, {"data": {"schedule": {"shifts": [
            {"user": {"name": "Ada", "email": "ada@example.com"}, "start": "2026-11-11T03:00:00Z", "end": "2026-12-09T03:00:00Z"}]}}}),
    ],
    ids=["grafana", "goalert"],
)  # fmt: skip
def test_where_a_provider_cut_a_shift_no_bound_is_claimed(name: str, contract: Contract, shift: dict[str, Any]) -> None:
    with Provider(replace(contract, answers=[shift])) as provider:
        (duty,) = MAKE[name](provider.url).on_call(NOW)
    assert (duty.person, duty.start, duty.end) == (ADA, None, None)


def answering(code: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def trickling(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _number in range(40):
        handler.wfile.write(b" " * 70000)
        handler.wfile.flush()
        time.sleep(0.2)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _number in range(200):
        handler.wfile.write(b" " * 100_000)


@pytest.mark.parametrize("name", list(MAKE))
@pytest.mark.parametrize(
    ("server", "said"),
    [
        (answering(401, b'{"message": "bad token tok-3f9c1b"}'), "does not accept the token (401)"),
        (answering(403, b""), "does not accept the token (403)"),
        (answering(404, b"<html>no such page</html>"), "does not know what was asked for (404)"),
        (answering(429, b'{"error": "slow down"}'), "too many questions (429)"),
        (answering(500, b"<html>oops</html>"), "answered with 500"),
        (answering(302, b"", Location="http://127.0.0.1:1/login"), "sends elsewhere (302)"),
        (answering(200, b"<html>please log in</html>"), ""),
        (answering(200, b""), ""),
        (answering(200, b"[]"), ""),
        (answering(200, b"{}"), ""),
        (answering(200, b'{"oncalls": 3, "results": 3, "data": 3, "schedule_entries": 3, "onCallParticipants": 3}'), ""),
        (endless, "more than 5 MB"),
    ],
)
def test_a_bad_answer_is_told_and_never_the_token(name: str, server: Callable[[BaseHTTPRequestHandler], None], said: str) -> None:
    with Provider(server) as provider, pytest.raises(OncallError) as error:
        MAKE[name](provider.url).on_call(NOW)
    assert said in str(error.value)
    assert TOKEN not in str(error.value)


def test_a_server_that_only_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider(trickling) as provider, pytest.raises(_http.HttpError, match="takes longer than"):
        _http.Api(provider.url, {}, timeout=1).get("/")


def test_nobody_there_is_told() -> None:
    with pytest.raises(OncallError, match="can't be reached"):
        MAKE["pagerduty"]("http://127.0.0.1:9").on_call(NOW)


# iCalendar

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
BERLIN = """BEGIN:VEVENT
UID:a
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260105T090000
DTEND;TZID=Europe/Berlin:20260112T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call: Ada Example (primary)
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260112T090000
DTEND;TZID=Europe/Berlin:20260119T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call
ATTENDEE;CN=Grace:mailto:grace@example.com
END:VEVENT
"""


def calendar(folder: Path, events: str, zone: str = "Europe/Berlin") -> Calendars:
    path = folder / "ops.ics"
    path.write_text(HEAD + events.replace("\n", "\r\n") + "END:VCALENDAR\r\n")
    return Calendars("ical", {"calendars": [str(path)]}, PEOPLE, zone)


@pytest.mark.parametrize(
    ("at", "person", "since", "until", "then"),
    [
        ("2026-03-20T00:00Z", Named("ada"), "2026-03-16T08:00Z", "2026-03-23T08:00Z", "Grace"),
        ("2026-03-29T12:00Z", Named("Grace", "grace@example.com"), "2026-03-23T08:00Z", "2026-03-30T07:00Z", "ada"),
        ("2036-11-25T00:00Z", Named("ada"), "2036-11-24T08:00Z", "2036-12-01T08:00Z", "Grace"),
    ],
)
def test_a_calendar_repeats_for_ever_and_keeps_its_local_time(tmp_path: Path, at: str, person: Named, since: str, until: str, then: str) -> None:
    (duty,) = calendar(tmp_path, BERLIN).on_call(datetime.fromisoformat(at))
    assert (duty.person, duty.start, duty.end) == (person, datetime.fromisoformat(since), datetime.fromisoformat(until))
    assert duty.then
    assert duty.then.name == then


def event(more: str, summary: str = "grace") -> str:
    return f"BEGIN:VEVENT\nUID:{summary}\nDTSTAMP:20260101T000000Z\nSUMMARY:{summary}\n{more}\nEND:VEVENT\n"


SERIES = event("DTSTART:20261124T020000Z\nDTEND:20261124T040000Z\nRRULE:FREQ=DAILY")
SWAP = event("RECURRENCE-ID:20261125T020000Z\nDTSTART:20261125T020000Z\nDTEND:20261125T040000Z\nATTENDEE;CN=Joan:MAILTO:joan@example.com")
SWAP = SWAP.replace("SUMMARY:grace", "SUMMARY:swap")


@pytest.mark.parametrize(
    ("events", "names"),
    [
        (event("DTSTART;VALUE=DATE:20261125\nDTEND;VALUE=DATE:20261126"), ["grace"]),
        (event("DTSTART:20261125T033000\nDTEND:20261125T050000"), ["grace"]),  # floating: 03:30 in the configured zone, the time asked for is 04:00
        (event("DTSTART:20261125T020000Z\nDURATION:PT2H"), ["grace"]),
        (event("DTSTART:20261125T020000Z\nDTEND:20261125T040000Z") + event("DTSTART:20261125T020000Z\nDTEND:20261125T040000Z", "ada"),
         ["ada", "grace"]),
        (event("DTSTART:20261125T020000Z\nDTEND:20261125T040000Z", "Somebody new"), ["Somebody new"]),
        (SERIES + SWAP, ["Joan"]),
    ],
)  # fmt: skip
def test_events_of_all_kinds_say_who(tmp_path: Path, events: str, names: list[str]) -> None:
    assert sorted(duty.person.name for duty in calendar(tmp_path, events).on_call(NOW)) == names


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("", "nobody is on call at 2026-11-25T03:00:00"),
        (event("DTSTART:20261124T020000Z\nDTEND:20261124T040000Z"), "nobody is on call"),
        (event("DTSTART:20261125T020000Z\nDTEND:20261125T040000Z\nSTATUS:CANCELLED"), "nobody is on call"),
        ("nonsense\n", "not as documented"),
        (event("DTSTART;TZID=Mars/Phobos:20261123T080000\nDTEND;TZID=Mars/Phobos:20261130T080000"), "1 events can't be read: grace .*Mars/Phobos"),
    ],
)
def test_a_calendar_that_says_nothing_now_is_told(tmp_path: Path, events: str, said: str) -> None:
    with pytest.raises(OncallError, match=said):
        calendar(tmp_path, events).on_call(NOW)


GOOD = event("DTSTART:20261123T080000Z\nDTEND:20261130T080000Z", "ada")
NOW_ON = "DTSTART:20261123T080000Z\nDTEND:20261130T080000Z"
INVITED = "ATTENDEE;CN={0};PARTSTAT={1}:mailto:{0}@example.com"


def written(folder: Path, content: bytes) -> list[Duty]:
    (folder / "ops.ics").write_bytes(content)
    return Calendars("ical", {"calendars": [str(folder / "ops.ics")]}, PEOPLE, "UTC").on_call(NOW)


def whole(events: str) -> str:
    return HEAD + events.replace("\n", "\r\n") + "END:VCALENDAR\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + whole(GOOD).encode(),
        whole(GOOD).encode("utf-16"),
        whole("").encode() + whole(GOOD).encode(),
        b"\xef\xbb\xbf" + whole("").encode() + b"\xef\xbb\xbf" + whole(GOOD).encode(),
        whole(GOOD).replace("\r\n", "\n").encode(),
    ],
    ids=["a byte order mark", "UTF-16", "two calendars", "two files put together", "line feeds alone"],
)
def test_a_calendar_is_read_as_programs_export_it(tmp_path: Path, content: bytes) -> None:
    (duty,) = written(tmp_path, content)
    assert (duty.person, duty.end) == (Named("ada"), datetime(2026, 11, 30, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    "bad",
    [
        "BEGIN:VEVENT\nUID:b\nSUMMARY:no start\nEND:VEVENT\n",
        event("DTSTART:2026-11-23\nDTEND:20261130T080000Z", "no date"),
        event("DTSTART:20261123T080000Z\nDTSTART:20261123T090000Z\nDTEND:20261130T080000Z", "two starts"),
        event("DTSTART:20261123T080000Z\nRRULE:FREQ=SOMETIMES", "no rule"),
        event("DTSTART:20261123T080000Z\nDURATION:P", "no duration"),
        event("DTSTART:20261101T080000Z\nDTEND:20261101T090000Z\nRRULE:FREQ=DAILY\nEXDATE:foo", "no exception"),
        "BEGIN:VEVENT\nUID:b\nSUMMARY:no end\nDTSTART:20261123T080000Z\n",
        "END:VEVENT\n",
    ],
)
def test_an_event_that_makes_no_sense_costs_only_itself(tmp_path: Path, bad: str) -> None:
    for events in (bad + GOOD, GOOD + bad):
        assert [duty.person for duty in written(tmp_path, whole(events).encode())] == [Named("ada")]


def test_events_that_can_not_be_read_are_named_where_nobody_is_on_call(tmp_path: Path) -> None:
    bad = event("DTSTART:2026-11-23\nDTEND:20261130T080000Z", "Ada on call") + "BEGIN:VEVENT\nUID:b\nSUMMARY:no end\n"
    with pytest.raises(OncallError, match="nobody is on call .*; 2 events can't be read: no end; Ada on call"):
        written(tmp_path, whole(bad).encode())


@pytest.mark.parametrize(
    ("summary", "attendees", "names"),
    [
        ("On call", [INVITED.format("joan", "DECLINED"), INVITED.format("lin", "ACCEPTED")], ["lin"]),
        ("On call", [INVITED.format("joan", "DELEGATED"), INVITED.format("lin", "NEEDS-ACTION")], ["lin"]),
        ("On call", ["ATTENDEE;CUTYPE=ROOM;CN=War room:mailto:room@example.com", INVITED.format("lin", "ACCEPTED")], ["lin"]),
        ("On call", ["ATTENDEE;CUTYPE=RESOURCE;CN=Phone:mailto:phone@example.com"], ["On call"]),
        ("On call", [INVITED.format("joan", "DECLINED")], []),
        ("On call: ada", [INVITED.format("ada", "DECLINED"), INVITED.format("lin", "TENTATIVE")], ["lin"]),
        ("On call: ada", [INVITED.format("ada", "ACCEPTED")], ["ada"]),
    ],
)
def test_who_has_declined_and_what_is_no_person_is_never_called(tmp_path: Path, summary: str, attendees: list[str], names: list[str]) -> None:
    content = whole(event("\n".join([NOW_ON, *attendees]), summary)).encode()
    if not names:
        with pytest.raises(OncallError, match="nobody is on call"):
            written(tmp_path, content)
        return
    assert [duty.person.name for duty in written(tmp_path, content)] == names


def test_a_calendar_that_is_too_large_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "ops.ics").write_bytes(b"x" * 10_000_000)
    for path, said in ((tmp_path / "ops.ics", "more than 5 MB"), (tmp_path / "none.ics", "can't be read: No such file")):
        with pytest.raises(OncallError, match=said):
            Calendars("ical", {"calendars": [str(path)]}, {}, "UTC").on_call(NOW)


def test_a_calendar_is_fetched_from_its_address() -> None:
    text = HEAD + event("DTSTART:20261125T020000Z\nDTEND:20261125T040000Z") + "END:VCALENDAR"
    contract = Contract("GET", "/ops.ics", {"key": "s3"}, {"accept": "text/calendar"}, [text.replace("\n", "\r\n")])
    with Provider(contract) as provider:
        (duty,) = Calendars("ical", {"calendars": [f"{provider.url}/ops.ics?key=s3"]}, {}, "UTC").on_call(NOW)
        assert provider.broken == []
    assert duty.person == Named("grace")


# The topic of a channel


class Topic:
    """A chat of which nothing but a topic is asked."""

    def __init__(self, topic: str | None) -> None:
        self._topic = topic

    def room(self, name: str) -> Room | None:
        if self._topic == "down":
            raise ChatDown("the chat can't be reached")
        return None if self._topic is None else Room("r1", name, self._topic)


@pytest.mark.parametrize(
    ("topic", "pattern", "names"),
    [
        ("On-call: @ada, backup: @grace.h.", {}, ["ada", "grace.h"]),
        ("OnCall ada | deploys frozen", {"pattern": "OnCall ([a-z]+)"}, ["ada"]),
    ],
)
def test_the_topic_names_the_levels_in_their_order(topic: str, pattern: dict[str, str], names: list[str]) -> None:
    found = ChatTopic("chat_topic", {"channel": "devops", **pattern}, Topic(topic)).on_call(NOW)  # type: ignore[arg-type]
    assert [(duty.level, duty.person.username) for duty in found] == list(enumerate(names, start=1))


@pytest.mark.parametrize(("topic", "said"), [("", "names nobody"), (None, "no channel #devops"), ("down", "can't be reached")])
def test_a_topic_that_says_nothing_is_told(topic: str | None, said: str) -> None:
    with pytest.raises(OncallError, match=said):
        ChatTopic("chat_topic", {"channel": "devops"}, Topic(topic)).on_call(NOW)  # type: ignore[arg-type]


# Shifts and people


def at(hour: int) -> datetime:
    return NOW + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ([Shift(ADA, at(0), at(1))], [Duty(1, "x", ADA, at(0), at(1))]),  # its first moment is in it
        ([Shift(ADA, at(-1), at(0))], []),  # its last isn't
        ([Shift(ADA, at(-1), at(0)), Shift(GRACE, at(0), at(1))], [Duty(1, "x", GRACE, at(0), at(1))]),
        ([Shift(ADA, at(-1), at(1)), Shift(ADA, at(1), at(2)), Shift(GRACE, at(2), at(3))], [Duty(1, "x", ADA, at(-1), at(2), GRACE)]),
        ([Shift(ADA, at(-3), at(-2)), Shift(ADA, at(-2), at(-1)), Shift(ADA, at(-1), at(1))], [Duty(1, "x", ADA, at(-3), at(1))]),
        ([Shift(ADA, None, None)], [Duty(1, "x", ADA)]),
        ([Shift(ADA, at(-1), at(1)), Shift(GRACE, at(2), at(3))], [Duty(1, "x", ADA, at(-1), at(1))]),  # a gap: nobody follows
    ],
)
def test_shifts_say_who_until_when_and_who_follows(shifts: list[Shift], expected: list[Duty]) -> None:
    assert duties(1, "x", shifts, NOW) == expected
    assert duties(1, "x", shifts[::-1], NOW) == expected


def test_whom_the_configuration_does_not_know_is_called_by_what_the_source_says() -> None:
    assert known(PEOPLE, Named("GRACE")) == Named("GRACE", "", "grace.h", "")
    assert known(PEOPLE, Named(email="joan@example.com", phone="+1")) == Named("joan@example.com", "joan@example.com", "", "+1")


# The chain


class Fixed:
    """A source that says what it is told to."""

    def __init__(self, name: str, answer: list[Duty] | str) -> None:
        self.name, self._answer = name, answer

    def on_call(self, when: datetime) -> list[Duty]:
        if isinstance(self._answer, str):
            raise OncallError(self._answer)
        return self._answer


ONE = Fixed("one", [Duty(1, "x", Named("ada"), MONDAY, NEXT)])
BROKEN = [Fixed("a", "401"), Fixed("b", "HTML"), Fixed("c", "nothing")]


def test_the_first_that_can_say_does_and_the_answer_has_why_others_did_not(tmp_path: Path) -> None:
    answer = oncall.ask([*BROKEN[:2], ONE], PEOPLE, NOW, LastAnswer(tmp_path, []))
    assert [(each["username"], each["source"]) for each in answer.oncall] == [("ada", "one")]
    assert (answer.problems, answer.as_of) == (["a: 401", "b: HTML"], "")


def test_a_source_without_the_level_is_no_answer() -> None:
    two = Fixed("two", [Duty(2, "y", Named("grace"))])
    answer = oncall.ask([ONE, two], PEOPLE, NOW, None, level=2)
    assert [each["username"] for each in answer.oncall] == ["grace.h"]
    assert answer.problems == ["one: nobody in level 2; it has 1"]
    with pytest.raises(OncallError, match="nobody in level 3"):
        oncall.ask([ONE, two], PEOPLE, NOW, None, level=3)


OFFICE_HOURS: dict[str, Any] = {
    "people": PEOPLE,
    "schedule": {
        "layers": [
            {"name": "primary", "people": ["ada"], "start": "2026-10-01T08:00"},
            {"name": "daytime backup", "people": ["grace"], "start": "2026-10-01T08:00", "hours": "08:00-16:00"},
        ],
    },
}


@pytest.mark.parametrize(
    ("hour", "names", "begins"), [(3, ["ada"], ["25T08"]), (8, ["ada", "grace.h"], []), (15, ["ada", "grace.h"], []), (16, ["ada"], ["26T08"])]
)
def test_a_level_without_cover_at_this_hour_leaves_the_answer_of_the_others_alone(hour: int, names: list[str], begins: list[str]) -> None:
    answer = oncall.ask([*BROKEN[:1], Schedule("schedule", OFFICE_HOURS)], PEOPLE, NOW.replace(hour=hour), None)
    assert [each["username"] for each in answer.oncall] == names
    assert answer.problems == ["a: 401"]
    where = f"nobody is on call in the layer daytime backup at 2026-11-25T{hour:02}:00:00Z"
    assert [gap.partition(". Add")[0] for gap in answer.uncovered] == [f"{where}: it begins at 2026-11-{each}:00:00Z" for each in begins]


def test_a_rotation_without_anybody_says_so_of_each_level() -> None:
    with pytest.raises(OncallError, match=r"in the layer primary at .* in the layer daytime backup at"):
        oncall.ask([Schedule("schedule", OFFICE_HOURS)], PEOPLE, NOW.replace(month=9), None)
    with pytest.raises(OncallError, match="in the layer daytime backup at"):
        oncall.ask([Schedule("schedule", OFFICE_HOURS)], PEOPLE, NOW, None, level=2)


def test_a_calendar_of_a_level_that_has_nobody_now_is_said_by_its_number(tmp_path: Path) -> None:
    paths = []
    for number, day in enumerate(("20261125", "20261201")):
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{number}", "DTSTAMP:20260101T000000Z", "SUMMARY:ada"]
        lines += [f"DTSTART;VALUE=DATE:{day}", "END:VEVENT", "END:VCALENDAR", ""]
        paths.append(tmp_path / f"{number}.ics")
        paths[-1].write_text("\r\n".join(lines))
    source = Calendars("ical", {"calendars": [str(each) for each in paths]}, PEOPLE, "UTC")
    answer = oncall.ask([source], PEOPLE, NOW, None)
    assert [each["level"] for each in answer.oncall] == [1]
    assert answer.uncovered == ["nobody is on call in level 2 at 2026-11-25T03:00:00+00:00"]


def test_three_broken_sources_and_a_stale_answer_still_say_whom_to_call(tmp_path: Path) -> None:
    memory = LastAnswer(tmp_path, [{"type": "pagerduty"}])
    with pytest.raises(OncallError, match="a: 401; b: HTML; c: nothing"):
        oncall.ask(BROKEN, PEOPLE, NOW, memory)
    fresh = oncall.ask([ONE], PEOPLE, NOW, memory)
    stale = oncall.ask(BROKEN, PEOPLE, NOW, memory)
    assert stale.oncall == fresh.oncall
    assert stale.oncall[0]["phone"] == "+49 30 1"
    assert stale.as_of.endswith("Z")
    assert len(stale.problems) == 3
    with pytest.raises(OncallError):  # of another configuration
        oncall.ask(BROKEN, PEOPLE, NOW, LastAnswer(tmp_path, [{"type": "jsm"}]))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"key": "k", "oncall": [3], "at": 1}'])
def test_a_damaged_last_answer_is_none_and_the_next_one_mends_it(tmp_path: Path, text: str) -> None:
    memory = LastAnswer(tmp_path, [])
    (tmp_path / "oncall.json").write_text(text)
    assert memory.recall() is None
    memory.keep([{"level": 1}])
    assert (memory.recall() or ([], ""))[0] == [{"level": 1}]
    assert (tmp_path / "oncall.json").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["oncall.json"]
