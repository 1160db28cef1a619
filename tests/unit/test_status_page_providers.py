# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the providers of status pages: what is published arrives once, is found again, and every failure says what to do."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.incident.response.plugins.module_utils._core.status_page import COMPONENT_STATES, IMPACTS, Account, Post, Shown, Update
from ansible_collections.incident.response.plugins.module_utils._ports import StatusPage, StatusPageError
from ansible_collections.incident.response.plugins.module_utils._statuspage import client
from ansible_collections.incident.response.plugins.module_utils._statuspage.statuspage import Statuspage
from ansible_collections.incident.response.plugins.module_utils._statuspage.uptime_kuma import UptimeKuma
from servers.provider import Asked
from servers.status_pages import (
    TOKEN,
    Cachet2Server,
    CachetServer,
    IncidentIoServer,
    InstatusServer,
    Refused,
    StandIn,
    StatuspageServer,
    Trouble,
)
from servers.uptime_kuma import SLUG, USER, KumaServer

ROOM = "ansible_collections.incident.response.plugins.module_utils._statuspage"
DOCS = Path(__file__).parents[2] / "docs" / "status-page-providers.md"
HTTP = ("statuspage", "cachet", "cachet2", "instatus", "incidentio")
ALL = (*HTTP, "uptime_kuma")
SETS = ("statuspage", "cachet", "cachet2", "instatus")
"""Those whose components can be set by themselves."""
NAME, OTHER = "incident-2026-11-26-001", "incident-2026-11-26-010"
BODIES = {
    "investigating": "We look into <b>slow</b> answers & *time-outs*.", "identified": "A database is full.\n\nMore at 13:00.",
    "monitoring": "It works again…", "resolved": "It is over.",
}  # fmt: skip


class Clock:
    """A time that only those who sleep move on."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Running:
    page: StatusPage
    server: Any
    clock: Clock

    def public(self) -> list[tuple[str, str, str, int]]:
        """Each incident that visitors see: title, state as it is there, newest text, number of texts."""
        server = self.server
        match server:
            case StatuspageServer():
                updates = [(each, each["incident_updates"]) for each in server.incidents]
                return [(each["name"], each["status"], said[0]["body"], len(said)) for each, said in updates]
            case CachetServer():
                return [(name, str(state), text, 1 + count) for name, state, text, count in server.public()]
            case Cachet2Server():
                updates = [(each, [each, *(said for said in server.updates if said["incident_id"] == each["id"])]) for each in server.incidents]
                return [(each["name"], str(said[-1]["status"]), said[-1]["message"], len(said)) for each, said in updates]
            case InstatusServer():
                return [(each["name"], each["status"], each["updates"][-1]["message"], len(each["updates"])) for each in server.posts["incident"]]
            case IncidentIoServer():
                posts = server.posts["incident"]
                return [(each["name"], each["incident_status"], each["updates"][-1]["message"], len(each["updates"])) for each in posts]
            case _:
                return [(each["title"], each["style"], each["content"], 1) for each in server.page.pinned()]


@contextmanager
def running(name: str, **account: Any) -> Iterator[Running]:
    """The provider, and its stand-in."""
    clock = Clock()
    makers: dict[str, Callable[[], Any]] = {
        "statuspage": lambda: StatuspageServer(clock), "cachet": CachetServer, "cachet2": Cachet2Server, "instatus": InstatusServer,
        "incidentio": IncidentIoServer, "uptime_kuma": lambda: KumaServer(TOKEN),
    }  # fmt: skip
    pages = {"statuspage": "p1", "instatus": "p1", "incidentio": "01PAGE", "uptime_kuma": SLUG}
    with makers[name]() as server:
        given = Account(**{"page": pages.get(name, ""), "url": server.url, "token": TOKEN, "user": USER, **account})
        yield Running(connect(name, given, clock), server, clock)


def connect(name: str, account: Account, clock: Clock) -> StatusPage:
    if name == "statuspage":
        return Statuspage(account, clock=clock, sleep=clock.sleep)
    if name == "uptime_kuma":
        return UptimeKuma(account, timeout=2)
    page: StatusPage = importlib.import_module(f"{ROOM}.{name}").provider(account)
    return page


def says(*stages: str, components: Mapping[str, str] | None = None, notify: bool = True) -> tuple[Update, ...]:
    """Updates of those stages, the components with the last one."""
    return tuple(
        Update(number, f"2026-11-26T12:0{number}:00.000Z", stage, BODIES.get(stage, f"This is {stage}."), (components or {}) if each else {}, notify)
        for number, stage in enumerate(stages, start=1)
        for each in [number == len(stages)]
    )


def post(*updates: Update, name: str = NAME, ident: str = "5f0c", **more: Any) -> Post:
    return Post(**{
        "id": ident, "name": name, "title": "The API is slow", "impact": "major", "updates": updates,
        "components": dict(updates[-1].components), "names": (name,), **more,
    })  # fmt: skip


def publish(page: StatusPage, *stages: str, **more: Any) -> str:
    """Bring the stages there, one after the other."""
    said = says(*stages)
    ref = page.create(post(said[0], **more), said[0])
    for count in range(2, len(said) + 1):
        page.update(ref, post(*said[:count], **more), said[count - 1])
    return ref


def refused(call: Callable[[], Any]) -> StatusPageError:
    """The error that it raises, which has no secret in it."""
    with pytest.raises(StatusPageError) as error:
        call()
    assert TOKEN not in str(error.value)
    return error.value


# What is published arrives, once


@pytest.mark.parametrize("name", ALL)
def test_an_incident_goes_through_its_stages_and_each_is_found(name: str) -> None:
    with running(name) as it:
        said = says(*BODIES)
        assert it.page.find(post(said[0])) is None
        ref = it.page.create(post(said[0]), said[0])
        for count, update in enumerate(said, start=1):
            if count > 1:
                it.page.update(ref, post(*said[:count]), update)
            there = it.page.find(post(*said[:count]))
            assert there == Shown(ref, update.status, update.body)
            assert it.page.find(post(*said[:count])) == there, "a second look changes nothing"
        ((title, _state, body, count),) = it.public()
        assert title.startswith("Resolved: The API is slow" if name == "uptime_kuma" else "The API is slow")
        assert (body, count) == ("It is over.", 1 if name == "uptime_kuma" else 4)


@pytest.mark.parametrize("name", ALL)
def test_a_lost_answer_leads_to_no_second_incident(name: str) -> None:
    with running(name) as it:
        (update,) = said = says("investigating")
        it.server.troubles.append(Trouble(lost=True, slow=3, method="postIncident") if name == "uptime_kuma" else Trouble(lost=True, method="POST"))
        error = refused(lambda: it.page.create(post(*said), update))
        assert not error.lasting
        there = it.page.find(post(*said))
        assert there is not None
        assert (there.status, there.body) == ("investigating", update.body)
        assert len(it.public()) == 1


@pytest.mark.parametrize("name", ALL)
def test_a_lost_answer_to_an_update_is_found_out(name: str) -> None:
    with running(name) as it:
        ref = publish(it.page, "investigating")
        said = says("investigating", "identified")
        if name == "uptime_kuma":
            it.server.troubles.append(Trouble(lost=True, slow=3, method="postIncident"))
        else:
            it.server.troubles.append(Trouble(lost=True, method="PATCH" if name == "statuspage" else "POST"))
        assert not refused(lambda: it.page.update(ref, post(*said), said[1])).lasting
        assert it.page.find(post(*said)) == Shown(ref, "identified", BODIES["identified"])


@pytest.mark.parametrize("name", ALL)
def test_a_state_that_a_provider_has_no_word_for_is_told(name: str) -> None:
    with running(name) as it:
        odd = (*says("investigating"), replace(says("resolved")[0], status="completed"))
        error = refused(lambda: it.page.update("1", post(*odd), odd[0]))
        assert error.lasting
        assert it.public() == []


@pytest.mark.parametrize("name", ALL)
def test_incidents_of_the_same_title_are_told_apart(name: str) -> None:
    with running(name) as it:
        first = publish(it.page, "investigating", "identified")
        second = publish(it.page, "investigating", name=OTHER, ident="77aa")
        assert first != second
        there, other = it.page.find(post(*says("investigating", "identified"))), it.page.find(post(*says("investigating"), name=OTHER, ident="77aa"))
        assert there == Shown(first, "identified", BODIES["identified"])
        assert other == Shown(second, "investigating", BODIES["investigating"])


@pytest.mark.parametrize("name", ALL)
def test_an_incident_that_was_renamed_or_got_another_title_is_found(name: str) -> None:
    with running(name) as it:
        provisional = "incident-2026-11-26-x5f0c"
        ref = publish(it.page, "investigating", name=provisional)
        changed = post(*says("investigating"), names=(provisional, NAME), title="Nobody can log in")
        assert it.page.find(changed) == Shown(ref, "investigating", BODIES["investigating"])


@pytest.mark.parametrize("name", HTTP)
def test_what_a_provider_trims_is_still_the_same_update(name: str) -> None:
    with running(name) as it:
        (update,) = (replace(says("investigating")[0], body="One line.\nAnother line.\n"),)
        ref = it.page.create(post(replace(update, body="One line.\r\nAnother line.")), replace(update, body="One line.\r\nAnother line."))
        assert it.page.find(post(update)) == Shown(ref, "investigating", update.body)


@pytest.mark.parametrize("name", ("cachet2", "instatus", "incidentio", "statuspage", "cachet"))
def test_a_long_title_is_cut_and_keeps_what_it_is_found_by(name: str) -> None:
    with running(name) as it:
        said = says("investigating")
        ref = it.page.create(post(*said, title="x" * 500), said[0])
        there = it.page.find(post(*said, title="x" * 500))
        assert there is not None
        assert there.ref == ref


@pytest.mark.parametrize("name", ("statuspage", "cachet2", "instatus", "incidentio"))
def test_an_incident_behind_many_newer_ones_is_found(name: str) -> None:
    with running(name) as it:
        ref = publish(it.page, "investigating")
        for number in range(120):
            publish(it.page, "investigating", name=f"incident-2026-11-27-{number:03}", ident=f"n{number}")
        there = it.page.find(post(*says("investigating")))
        assert there is not None
        assert there.ref == ref


def test_no_more_pages_are_read_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never comes to an end is left after ten; one that has no pages, and answers the same each time, after two."""

    def full(first: int) -> list[dict[str, Any]]:
        return [{"id": f"{first}-{number}", "name": "x", "status": "RESOLVED", "updates": []} for number in range(100)]

    with running("instatus") as it:
        monkeypatch.setattr(it.server, "answer", lambda asked, parts: (200, full(int(asked.query["page"]))))
        assert it.page.find(post(*says("investigating"))) is None
        assert len(it.server.asked) == 10
    with running("instatus") as it:
        monkeypatch.setattr(it.server, "answer", lambda asked, parts: (200, full(0)))
        assert it.page.find(post(*says("investigating"))) is None
        assert len(it.server.asked) == 2


# Components


@pytest.mark.parametrize("name", SETS)
def test_a_component_is_set_by_its_name_and_by_the_configured_id(name: str) -> None:
    with running(name) as it:
        states = [state for state in COMPONENT_STATES if (name, state) != ("cachet2", "under_maintenance")]
        for state in states:
            it.page.set_component("API", state)
            assert it.page.components()["API"] == state
        ident = {"statuspage": "c-web", "cachet": "2", "cachet2": "2", "instatus": "ck-web"}[name]
        ours = connect(name, Account("p1", it.server.url, TOKEN, components={"site": ident, "API": ""}), it.clock)
        ours.set_component("site", "partial_outage")
        assert dict(ours.components()) == {"API": "major_outage", "site": "partial_outage"}
        assert it.page.components()["Website"] == "partial_outage"


@pytest.mark.parametrize("name", SETS)
def test_components_go_with_the_words(name: str) -> None:
    with running(name) as it:
        said = says("investigating", components={"API": "major_outage", "Website": "degraded_performance"})
        ref = it.page.create(post(*said), said[0])
        assert dict(it.page.components()) == {"API": "major_outage", "Website": "degraded_performance"}
        more = (*said, *says("investigating", "resolved", components={"API": "operational", "Website": "operational"})[1:])
        it.page.update(ref, post(*more), more[1])
        assert set(it.page.components().values()) == {"operational"}
        assert it.page.find(post(*more)) == Shown(ref, "resolved", BODIES["resolved"])


def test_incident_io_has_the_states_that_are_announced() -> None:
    with running("incidentio", components={"site": "01WEB"}) as it:
        assert it.page.components() == {"API": "operational", "site": "operational"}
        said = says("investigating", components={"API": "major_outage", "site": "partial_outage"})
        ref = it.page.create(post(*said), said[0])
        other = says("identified", components={"API": "degraded_performance"})
        it.page.create(post(*other, name=OTHER, ident="77aa"), other[0])
        assert it.page.components() == {"API": "major_outage", "site": "partial_outage"}
        over = (*said, *says("investigating", "resolved", components={"API": "operational", "site": "operational"})[1:])
        it.page.update(ref, post(*over), over[1])
        assert "component_statuses" not in it.server.written()[-1].body
        assert it.page.components() == {"API": "degraded_performance", "site": "operational"}
        assert "only with words" in str(refused(lambda: it.page.set_component("API", "operational")))
        wrong = says("identified", components={"API": "under_maintenance"})
        assert refused(lambda: it.page.create(post(*wrong, ident="8"), wrong[0])).lasting


@pytest.mark.parametrize("name", HTTP)
def test_an_unknown_component_is_named_with_those_that_there_are(name: str) -> None:
    with running(name) as it:
        said = says("investigating", components={"Api": "major_outage"})
        error = refused(lambda: it.page.create(post(*said), said[0]))
        assert error.lasting
        assert "no component Api. It has API, Website" in str(error)
        assert it.public() == []


def test_of_two_components_of_one_name_the_id_has_to_be_given() -> None:
    with running("statuspage") as it:
        it.server.components["c-web"]["name"] = "API"
        error = refused(lambda: it.page.set_component("API", "operational"))
        assert (error.lasting, "2 components called API" in str(error)) == (True, True)
        for number in range(30):
            it.server.components[f"c{number}"] = {"id": f"c{number}", "name": f"part {number:02}", "status": "operational", "group": False}
        assert str(refused(lambda: it.page.set_component("x", "operational"))).count("part ") == 19
        assert "and 11 more" in str(refused(lambda: it.page.set_component("x", "operational")))


@pytest.mark.parametrize("name", ("statuspage", "instatus"))
def test_an_update_says_nothing_of_components_that_it_does_not_name(name: str) -> None:
    """Their state may be what another incident asks for."""
    with running(name) as it:
        said = says("investigating", components={"API": "degraded_performance"})
        ref = it.page.create(post(*said), said[0])
        it.page.set_component("API", "major_outage")
        more = (*said, *says("investigating", "identified")[1:])
        it.page.update(ref, post(*more, components={"API": "degraded_performance"}), more[1])
        assert it.page.components()["API"] == "major_outage"
        body = it.server.written()[-1].body
        assert (body["incident"]["component_ids"] if name == "statuspage" else body["components"]) == ["c-api" if name == "statuspage" else "ck-api"]


@pytest.mark.parametrize("impact", IMPACTS)
def test_the_impact_is_what_the_incident_has(impact: str) -> None:
    with running("statuspage") as it, running("uptime_kuma") as other:
        for each in (it, other):
            publish(each.page, "investigating", impact=impact)
        assert it.server.incidents[0]["impact"] == impact
        styles = {"none": "primary", "minor": "info", "major": "warning", "critical": "danger"}
        assert other.server.page.pinned()[0]["style"] == styles[impact]


# On the wire

UPDATE = Update(2, "2026-11-26T12:02:00.000Z", "identified", "A *disk* is full", {"API": "partial_outage"}, notify=False)
FIRST = Update(1, "2026-11-26T12:01:00.000Z", "investigating", "We look", {"API": "major_outage"})
TITLED = f"The API is slow ({NAME})"
WIRE: dict[str, tuple[dict[str, str], dict[str, str], list[tuple[str, str, Any]], list[tuple[str, str, Any]]]] = {
    # developer.statuspage.io, "Create an incident", "Update an incident"
    "statuspage": (
        {"API": "c-api"}, {"authorization": f"OAuth {TOKEN}"},
        [("POST", "/v1/pages/p1/incidents", {"incident": {
            "name": "The API is slow", "status": "investigating", "body": "We look", "deliver_notifications": True, "impact_override": "major",
            "component_ids": ["c-api"], "components": {"c-api": "major_outage"}, "metadata": {"ansible": {"key": NAME}}}})],
        [("PATCH", "/v1/pages/p1/incidents/i1", {"incident": {
            "name": "The API is slow", "status": "identified", "body": "A *disk* is full", "deliver_notifications": False, "impact_override": "major",
            "component_ids": ["c-api"], "components": {"c-api": "partial_outage"}}})],
    ),
    # docs.cachethq.io, "Create Incident", "Update Incident", "Create Incident Update", "Update Component"
    "cachet": (
        {"API": "1"}, {"authorization": f"Bearer {TOKEN}"},
        [("PUT", "/api/components/1", {"status": 4}),
         ("POST", "/api/incidents", {"name": "The API is slow", "visible": True, "notifications": True, "status": 1, "message": "We look",
                                     "meta": {"ansible_key": NAME}})],
        [("PUT", "/api/components/1", {"status": 3}),
         ("PUT", "/api/incidents/1", {"name": "The API is slow", "visible": True, "notifications": False}),
         ("POST", "/api/incidents/1/updates", {"status": 2, "message": "A *disk* is full"})],
    ),
    # docs.cachethq.io/v2.4, "Add an incident", "Create an incident update", "Update a component"
    "cachet2": (
        {"API": "1"}, {"x-cachet-token": TOKEN},
        [("PUT", "/api/v1/components/1", {"status": 4}),
         ("POST", "/api/v1/incidents", {"name": TITLED, "status": 1, "message": "We look", "visible": 1, "notify": True})],
        [("PUT", "/api/v1/components/1", {"status": 3}),
         ("POST", "/api/v1/incidents/1/updates", {"status": 2, "message": "A *disk* is full"})],
    ),
    # instatus.com/help/api/incidents, /incident-updates
    "instatus": (
        {"API": "ck-api"}, {"authorization": f"Bearer {TOKEN}"},
        [("POST", "/v1/p1/incidents", {"name": TITLED, "message": "We look", "status": "INVESTIGATING", "started": FIRST.at, "notify": True,
                                       "components": ["ck-api"], "statuses": [{"id": "ck-api", "status": "MAJOROUTAGE"}]})],
        [("POST", "/v1/p1/incidents/cli1/incident-updates", {
            "message": "A *disk* is full", "status": "IDENTIFIED", "started": UPDATE.at, "notify": False,
            "components": ["ck-api"], "statuses": [{"id": "ck-api", "status": "PARTIALOUTAGE"}]})],
    ),
    # docs.incident.io, CreateStatusPageIncident, CreateStatusPageIncidentUpdate
    "incidentio": (
        {"API": "01API"}, {"authorization": f"Bearer {TOKEN}"},
        [("POST", "/v2/status_page_incidents", {
            "idempotency_key": "5f0c", "status_page_id": "01PAGE", "name": TITLED, "incident_status": "investigating", "message": "We look",
            "notify_subscribers": True, "component_statuses": [{"component_id": "01API", "component_status": "full_outage"}]})],
        [("POST", "/v2/status_page_incident_updates", {
            "status_page_incident_id": "01I1", "incident_status": "identified", "message": "A *disk* is full", "notify_subscribers": False,
            "component_statuses": [{"component_id": "01API", "component_status": "partial_outage"}]})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HTTP)
def test_each_provider_is_told_as_it_documents_it(name: str) -> None:
    components, headers, created, updated = WIRE[name]
    with running(name, components=components) as it:
        ref = it.page.create(post(FIRST), FIRST)
        assert [(each.method, each.path, each.body) for each in it.server.asked] == created
        del it.server.asked[:]
        it.page.update(ref, post(FIRST, UPDATE), UPDATE)
        assert [(each.method, each.path, each.body) for each in it.server.asked] == updated
        for each in it.server.asked:
            assert headers.items() <= each.headers.items()
            assert each.headers["content-type"] == "application/json"
            assert each.query == {}


def test_uptime_kuma_is_told_as_its_own_page_does_it() -> None:
    with running("uptime_kuma") as it:
        ref = it.page.create(post(FIRST), FIRST)
        it.page.update(ref, post(FIRST, UPDATE), UPDATE)
        login = ("login", {"username": USER, "password": TOKEN, "token": ""})
        assert it.server.page.events == [
            login, ("postIncident", {"title": f"Investigating: {TITLED}", "content": "We look", "style": "warning"}),
            login, ("postIncident", {"title": f"Identified: {TITLED}", "content": "A *disk* is full", "style": "warning", "id": 1}),
        ]  # fmt: skip


# Every failure says what to do

CODES = {401: True, 403: True, 404: True, 400: True, 409: True, 422: True, 302: True, 408: False, 500: False, 502: False, 503: False}
ECHO = json.dumps({"error": {"message": f"Because of reasons, and {TOKEN}"}})


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("code", CODES)
def test_a_refusal_is_lasting_where_only_people_can_mend_it(name: str, code: int) -> None:
    with running(name) as it:
        said = says("investigating")
        it.server.troubles.append(Trouble(code, ECHO))
        error = refused(lambda: it.page.find(post(*said)))
        assert (error.lasting, error.retry_after) == (CODES[code], None)
        if code in {400, 409, 422}:
            assert "Because of reasons" in str(error)
        if name != "uptime_kuma":
            it.server.troubles.append(Trouble(code, ECHO))
            assert refused(lambda: it.page.create(post(*said), said[0])).lasting is CODES[code]
            assert it.public() == []
            it.server.troubles.append(Trouble(code, ECHO))
            assert refused(it.page.components).lasting is CODES[code]


@pytest.mark.parametrize("name", ALL)
def test_html_is_a_wrong_address_and_a_server_that_is_down_comes_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    with running(name) as it:
        said = says("investigating")
        it.server.troubles.append(Trouble(200, "<html>Welcome</html>", "text/html"))
        error = refused(lambda: it.page.find(post(*said)))
        assert (error.lasting, "status_page.url" in str(error)) == (True, True)
        if name != "uptime_kuma":
            it.server.troubles.append(Trouble(slow=1))
            assert not refused(lambda: it.page.find(post(*said))).lasting
        it.server.troubles.append(Trouble(503, "x", headers=(("Retry-After", "7"),)))
        assert refused(lambda: it.page.find(post(*said))).retry_after == 7
    assert not refused(lambda: it.page.find(post(*said))).lasting
    assert not refused(lambda: it.page.create(post(*said), said[0])).lasting


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "9"}, 9), ({"Retry-After": "100000"}, 300), ({}, 60)])
def test_who_asks_too_often_is_told_when_to_come_back(name: str, headers: dict[str, str], wait: float) -> None:
    for code in (420, 429):
        with running(name) as it:
            it.server.troubles.extend([Trouble(code, "slow down", headers=tuple(headers.items()))] * 2)
            error = refused(lambda: it.page.find(post(*says("investigating"))))
            assert (error.lasting, error.retry_after) == (False, wait)


SHAPES = [
    "null", "[]", "{}", '"x"', "7", "[null]", "[[]]", "[7]", '[{"id": null}]', '[{"id": 7, "name": null}]', '{"data": null}', '{"data": [null]}',
    '{"data": [{"id": 1, "name": 5}]}', '{"data": [{"id": true, "attributes": null}]}', '{"data": {"id": []}}', '{"incident": 7}', '{"incidents": 7}',
    '{"incidents": [null]}', '{"incidents": [{"id": {}, "title": 7}]}', '{"status_page_incidents": [7]}', '{"status_page_incidents": null}',
    '{"status_page_incidents": [{"name": []}], "pagination_meta": 7}', '{"status_page_incident": null}', '{"status_page_incident": {"id": 1}}',
    f'[{{"id": "x", "name": "a ({NAME})", "status": 7, "updates": [7], "metadata": {{"ansible": {{"key": "{NAME}"}}}}, "incident_updates": [{{}}]}}]',
    f'[{{"id": "x", "name": "a ({NAME})", "status": "x", "updates": [{{"createdAt": "noon"}}], "metadata": {{"ansible": {{"key": "{NAME}"}}}}, '
    f'"incident_updates": [{{"status": "identified", "created_at": 7}}]}}]',
    f'{{"data": [{{"id": 1, "name": "a ({NAME})", "attributes": {{"meta": {{"ansible_key": "{NAME}"}}}}}}]}}',
    f'{{"incidents": [{{"id": 1, "title": "Identified: a ({NAME})"}}]}}',
    f'{{"status_page_incidents": [{{"id": 1, "name": "a ({NAME})", "updates": [{{"published_at": "2026-01-01"}}]}}]}}',
    "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape[:40])
@pytest.mark.parametrize("name", ALL)
def test_json_of_another_shape_is_told_in_words(name: str, shape: str) -> None:
    """Whatever comes: an answer that makes sense (there is nothing), or a StatusPageError."""
    calls: list[Callable[[StatusPage], Any]] = [
        lambda page: page.find(post(*says("investigating"))), lambda page: page.components(),
        lambda page: page.set_component("API", "operational"), lambda page: page.create(post(*says("investigating")), says("investigating")[0]),
    ]  # fmt: skip
    with running(name) as it:
        for call in calls:
            it.server.troubles.clear()
            it.server.troubles.extend([Trouble(200, shape)] * 10)
            try:
                found = call(it.page)
            except StatusPageError as error:
                assert error.lasting
                assert TOKEN not in str(error)
            else:
                assert found in (None, "1", "x") or set(found.values()) <= set(COMPONENT_STATES), found


def test_a_state_of_a_component_or_incident_that_nobody_knows_is_no_failure() -> None:
    with running("cachet") as it:
        assert it.page.components()["Website"] == "degraded_performance"  # 5, unknown
        publish(it.page, "investigating")
        it.server.incidents[0]["status"] = 0
        assert it.page.find(post(*says("investigating"))) == Shown("1", "", BODIES["investigating"])
    with running("instatus") as it:
        assert it.page.components()["Website"] == "partial_outage"


# What an account lacks

NEEDS = [
    ("statuspage", {"page": ""}, "status_page.page"), ("instatus", {"page": " "}, "status_page.page"),
    ("incidentio", {"page": ""}, "status_page.page"), ("uptime_kuma", {"page": ""}, "status_page.page"),
    ("uptime_kuma", {"user": ""}, "status_page.user"), ("uptime_kuma", {"url": ""}, "status_page.url"),
    ("cachet", {"url": ""}, "status_page.url"), ("cachet2", {"url": ""}, "status_page.url"),
    ("statuspage", {"url": "status.example.com"}, "status_page.url"), ("cachet", {"url": "ftp://x"}, "status_page.url"),
    ("cachet", {"url": "http://[::1"}, "status_page.url"), ("cachet", {"url": "http://h:99999"}, "status_page.url"),
    ("cachet", {"url": f"https://bot:{TOKEN}@h"}, "status_page.url"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "lacks", "key"), NEEDS)
def test_an_account_without_what_it_needs_is_told_which_key(name: str, lacks: dict[str, str], key: str) -> None:
    given: dict[str, Any] = {"page": "p1", "url": "http://127.0.0.1:9", "token": TOKEN, "user": "bot", **lacks}
    error = refused(lambda: importlib.import_module(f"{ROOM}.{name}").provider(Account(**given)))
    assert (error.lasting, key in str(error)) == (True, True)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_secret_is_told_with_its_variable(name: str) -> None:
    module = importlib.import_module(f"{ROOM}.{name}")
    assert callable(module.provider(Account("p1", "http://127.0.0.1:9", TOKEN, "bot")).find)
    for token in ("", f"{TOKEN}\nx", "tök"):
        error = refused(lambda: module.provider(Account("p1", "http://127.0.0.1:9", token, "bot")))  # noqa: B023 - it is called at once
        assert error.lasting
        assert module.TOKEN in str(error)
        assert "status_page.token_env" in str(error)


# Maintenance

WHEN = {"starts": "2026-12-01T22:00:00Z", "ends": "2026-12-01T23:30:00Z"}


def maintenance(*stages: str, **more: Any) -> Post:
    return post(*says(*stages), **{"impact": "none", "title": "New disks", "name": "maintenance-2026-12-01", **WHEN, **more})


@pytest.mark.parametrize("name", ("statuspage", "instatus", "incidentio"))
def test_a_maintenance_goes_through_its_stages(name: str) -> None:
    with running(name) as it:
        stages = ("scheduled", "in_progress", "verifying", "completed")
        first = maintenance("scheduled")
        assert it.page.find(first) is None
        ref = it.page.create(first, first.updates[0])
        for count in range(1, 5):
            now = maintenance(*stages[:count])
            if count > 1:
                it.page.update(ref, now, now.updates[-1])
            assert it.page.find(now) == Shown(ref, stages[count - 1], now.updates[-1].body)
        body = it.server.written()[0].body
        wire: dict[str, dict[str, Any]] = {
            "statuspage": {"incident": {"scheduled_for": WHEN["starts"], "scheduled_until": WHEN["ends"], "impact_override": "maintenance"}},
            "instatus": {"start": WHEN["starts"], "duration": 90, "status": "NOTSTARTEDYET"},
            "incidentio": {"start_at": WHEN["starts"], "end_at": WHEN["ends"], "maintenance_status": "maintenance_scheduled"},
        }
        expected = wire[name]
        given = body["incident"] if name == "statuspage" else body
        wanted = expected.get("incident", expected)
        assert wanted.items() <= given.items()
        assert it.public() == [] if name != "statuspage" else len(it.public()) == 1


@pytest.mark.parametrize("name", ("statuspage", "instatus", "incidentio"))
def test_a_maintenance_without_its_times_is_refused(name: str) -> None:
    with running(name) as it:
        error = refused(lambda: it.page.create(maintenance("scheduled", ends=""), says("scheduled")[0]))
        assert (error.lasting, "lacks ends" in str(error)) == (True, True)
        assert it.server.written() == []


@pytest.mark.parametrize("name", ("cachet", "cachet2", "uptime_kuma"))
def test_who_has_no_maintenance_says_so(name: str) -> None:
    with running(name) as it:
        for call in (it.page.create, lambda made, update: it.page.update("1", made, update)):
            error = refused(lambda: call(maintenance("scheduled"), says("scheduled")[0]))  # noqa: B023 - it is called at once
            assert (error.lasting, "can't be told of maintenance" in str(error)) == (True, True)


# Statuspage


def test_statuspage_is_asked_once_a_second() -> None:
    with running("statuspage") as it:
        publish(it.page, "investigating", "identified")
        it.page.find(post(*says("investigating", "identified")))
        assert it.server.limits == []
        assert len(it.clock.slept) == len(it.server.asked) - 1


@pytest.mark.parametrize("retry_after", ["0.5", "1", "5", ""])
def test_statuspage_waits_once_where_another_was_quicker(retry_after: str) -> None:
    with running("statuspage") as it:
        it.server.retry_after = retry_after
        for _dummy in range(2):  # 420, then 429
            it.clock.now += 10
            it.server._last = it.clock.now - (0.6 if retry_after == "0.5" else 0.2)
            it.page.find(post(*says("resolved")))
        assert it.server.limits == [420, 429]


def test_statuspage_is_not_waited_with_for_long_nor_twice() -> None:
    with running("statuspage") as it:
        it.server.retry_after = "30"
        it.server._last = it.clock.now
        error = refused(lambda: it.page.find(post(*says("resolved"))))
        assert (error.lasting, error.retry_after, it.clock.slept) == (False, 30, [])
        it.clock.now += 10
        it.server.troubles.extend([Trouble(429, "{}", headers=(("Retry-After", "2"),))] * 2)
        assert refused(lambda: it.page.find(post(*says("resolved")))).retry_after == 2
        assert it.clock.slept == [2, 0.0] or it.clock.slept == [2]


def test_statuspage_finds_what_is_resolved_and_has_a_postmortem() -> None:
    with running("statuspage") as it:
        ref = publish(it.page, "investigating", "resolved")
        it.server.postmortem(ref)
        assert it.page.find(post(*says("investigating", "resolved"))) == Shown(ref, "resolved", BODIES["resolved"])


def test_statuspage_leaves_the_metadata_of_others_alone() -> None:
    with running("statuspage") as it:
        others: list[Any] = [None, [], {"ansible": 7}, {"ansible": {"key": 7}}, {"jira": {"key": NAME}}]
        for metadata in others:
            it.server.incidents.append({"id": "x", "name": "The API is slow", "status": "identified", "metadata": metadata, "incident_updates": []})
        assert it.page.find(post(*says("identified"))) is None


# Cachet


def test_cachet_shows_what_it_is_told_and_mails_where_it_shall() -> None:
    with running("cachet") as it:
        first, second = replace(says("investigating")[0], notify=False), says("investigating", "identified")[1]
        ref = it.page.create(post(first), first)
        assert it.server.mails == []
        it.page.update(ref, post(first, second, title="It is the disk"), second)
        assert it.server.mails == [second.body]
        assert it.public() == [("It is the disk", "2", second.body, 2)]


def test_cachet_without_metadata_in_its_answers_is_believed_and_one_that_reads_no_filter_is_not() -> None:
    with running("cachet") as it:
        ref = publish(it.page, "investigating")
        it.server.tells_meta = False
        assert it.page.find(post(*says("investigating"))) == Shown(ref, "investigating", BODIES["investigating"])
        assert it.page.find(post(*says("investigating"), name="a,b")) is None
        it.server.tells_meta = True
        unfiltered = it.server._incident(it.server.incidents[0])
        others: list[Any] = [{"ansible_key": NAME}, {}, [], None]
        for meta in others:
            unfiltered["attributes"]["meta"] = meta
            it.server.troubles.append(Trouble(200, json.dumps({"data": [unfiltered]})))
            assert it.page.find(post(*says("investigating"), name=OTHER)) is None


def test_cachet_2_has_no_state_for_maintenance_of_a_component() -> None:
    with running("cachet2") as it:
        error = refused(lambda: it.page.set_component("API", "under_maintenance"))
        assert (error.lasting, "no state for under_maintenance" in str(error)) == (True, True)
        assert it.server.written() == []


# incident.io


def test_incident_io_makes_one_incident_of_two_tries_and_brings_it_up_to_date() -> None:
    with running("incidentio") as it:
        first = publish(it.page, "investigating")
        assert publish(it.page, "investigating") == first
        assert [len(each["updates"]) for each in it.server.posts["incident"]] == [1]
        said = says("investigating", "identified")
        for _dummy in range(2):
            assert it.page.create(post(*said), said[1]) == first
        assert it.public() == [(TITLED, "identified", BODIES["identified"], 2)]


# Uptime Kuma


def test_uptime_kuma_leaves_what_others_have_pinned() -> None:
    with running("uptime_kuma") as it:
        theirs = {"id": 1, "title": "Resolved: it was us (sorry)", "content": "", "style": "info", "pin": True, "active": True}
        it.server.page.incidents.append(theirs)
        publish(it.page, "investigating")
        assert len(it.server.page.pinned()) == 2


@pytest.mark.parametrize("many", [True, False])
def test_uptime_kuma_takes_down_what_is_over_when_the_next_begins(many: bool) -> None:
    with KumaServer(TOKEN, many=many) as server:
        page = UptimeKuma(Account(SLUG, server.url, TOKEN, USER), timeout=2)
        publish(page, "investigating", "resolved")
        assert [each["style"] for each in server.page.pinned()] == ["primary"]
        second = publish(page, "investigating", name=OTHER, ident="77aa")
        assert [each["id"] for each in server.page.pinned()] == [int(second)]
        over = post(*says("investigating", "resolved"))
        assert page.find(over) is None
        assert refused(lambda: page.update("", over, over.updates[-1])).lasting


def test_uptime_kuma_that_shows_one_incident_keeps_the_one_that_is_open() -> None:
    with KumaServer(TOKEN, many=False) as server:
        page = UptimeKuma(Account(SLUG, server.url, TOKEN, USER), timeout=2)
        publish(page, "investigating")
        error = refused(lambda: publish(page, "investigating", name=OTHER, ident="77aa"))
        assert (error.lasting, NAME in str(error)) == (True, True)
        assert len(server.page.pinned()) == 1


@pytest.mark.parametrize(
    ("trouble", "account", "lasting", "text"),
    [
        (Trouble(), {"token": "wrong"}, True, "does not accept the user bot with this password"),
        (Trouble(text='{"tokenRequired": true, "ok": false}', method="login"), {}, True, "second factor"),
        (Trouble(429, "Too frequently, try again later.", method="login"), {}, False, "too many tries"),
        (Trouble(400, f"no {TOKEN}", method="postIncident"), {}, True, "refuses postIncident for the page status: no "),
        (Trouble(text="7", method="postIncident"), {}, True, "another shape"),
        (Trouble(text='{"ok": true}', method="postIncident"), {}, True, "another shape"),
        (Trouble(lost=True, slow=3, method="login"), {}, False, "did not answer to login"),
    ],
)
def test_uptime_kuma_says_why_not(trouble: Trouble, account: dict[str, str], lasting: bool, text: str) -> None:
    with running("uptime_kuma", **account) as it:
        it.server.troubles.append(trouble) if trouble.method else None
        error = refused(lambda: publish(it.page, "investigating"))
        assert (error.lasting, text in str(error)) == (lasting, True), str(error)


def test_uptime_kuma_elsewhere_is_told_from_one_that_is_down() -> None:
    with running("cachet") as other:
        page = UptimeKuma(Account(SLUG, other.server.url, TOKEN, USER), timeout=2)
        assert refused(lambda: page.update("1", post(FIRST), FIRST)).lasting
        for text in ("<html>", " ", "{}", '0{"x": 1}', "0[]", "4", "null"):
            other.server.troubles.clear()
            other.server.troubles.extend([Trouble(200, text)] * 3)
            assert refused(lambda: page.update("1", post(FIRST), FIRST)).lasting, text
        other.server.troubles.clear()
        other.server.troubles.extend([Trouble(502, "bad gateway")] * 3)
        assert not refused(lambda: page.update("1", post(FIRST), FIRST)).lasting
    assert not refused(lambda: page.update("1", post(FIRST), FIRST)).lasting


def test_uptime_kuma_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, *more: Any) -> Any:
        if name == "socketio":
            raise ImportError(name)
        return real(name, *more)

    with running("uptime_kuma") as it:
        monkeypatch.setattr(importlib, "import_module", without)
        error = refused(lambda: publish(it.page, "investigating"))
    assert (error.lasting, "pip install 'python-socketio[client]'" in str(error)) == (True, True)


def test_uptime_kuma_sets_no_components() -> None:
    with running("uptime_kuma") as it:
        assert it.page.components() == {}
        assert refused(lambda: it.page.set_component("API", "operational")).lasting


# The page that describes them


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: yaml.safe_load(block)["status_page"]["provider"])
def test_each_example_of_the_page_names_a_provider_and_its_variable(block: str) -> None:
    """The account that it describes is one that the provider takes."""
    given = yaml.safe_load(block)["status_page"]
    assert set(given) <= {"provider", "page", "url", "user", "token_env", "components"}
    assert all({"name"} <= set(each) <= {"name", "id"} and all(isinstance(text, str) for text in each.values()) for each in given["components"])
    if given["provider"].startswith("/"):
        assert blocks("python")
        return
    assert (DOCS.parents[1] / "plugins" / "module_utils" / "_statuspage" / f"{given['provider']}.py").is_file()
    module = importlib.import_module(f"{ROOM}.{given['provider']}")
    assert given["token_env"] == module.TOKEN
    components = {each["name"]: each.get("id", "") for each in given["components"]}
    assert module.provider(Account(given.get("page", ""), given.get("url", ""), TOKEN, given.get("user", ""), components))


def test_every_provider_is_on_the_page() -> None:
    assert {yaml.safe_load(block)["status_page"]["provider"] for block in blocks("yaml")} >= set(ALL)


class OwnServer(StandIn):
    """The page that the example is for."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents: dict[str, Any] = {}
        self.states = {"API": "operational"}

    def check(self, asked: Asked) -> None:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {})

    def answer(self, asked: Asked, parts: list[str]) -> tuple[int, Any]:
        match asked.method, parts:
            case "GET", ["incidents", name] if name in self.incidents:
                return 200, self.incidents[name]
            case "PUT", ["incidents", name]:
                self.incidents[name] = asked.body
                self.states |= asked.body["components"]
                return 200, {}
            case "GET", ["components"]:
                return 200, self.states
            case "PUT", ["components", name] if name in self.states:
                self.states[name] = asked.body["state"]
                return 200, {}
        raise Refused(404, {"error": "not found"})


def test_the_example_of_a_provider_of_your_own_works(tmp_path: Path) -> None:
    (code,) = blocks("python")
    assert len(code.splitlines()) <= 60
    (tmp_path / "my_page.py").write_text(code)
    spec = importlib.util.spec_from_file_location("my_page", tmp_path / "my_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TOKEN in str(refused(lambda: module.provider(Account())))
    with OwnServer() as server:
        page: StatusPage = module.provider(Account(url=server.url, token=TOKEN))
        said = says("investigating", "resolved", components={"API": "partial_outage"})
        assert page.find(post(*said)) is None
        ref = page.create(post(said[0]), said[0])
        assert page.find(post(*said, name=OTHER, names=(NAME,))) == Shown(ref, "investigating", BODIES["investigating"])
        page.update(ref, post(*said), said[1])
        assert page.find(post(*said)) == Shown(ref, "resolved", BODIES["resolved"])
        assert page.components() == {"API": "partial_outage"}
        page.set_component("API", "operational")
        assert page.components() == {"API": "operational"}
        assert refused(lambda: page.set_component("x", "operational")).lasting
        server.troubles.append(Trouble(503, "x"))
        assert not refused(page.components).lasting
        assert refused(lambda: module.provider(Account(url=server.url, token="wrong")).components()).lasting  # noqa: S106
    assert not refused(page.components).lasting


def test_uptime_kuma_is_told_nothing_before_it_listens() -> None:
    """Found on the real server: a login right after the connection was lost when it had been idle for a minute."""
    with running("uptime_kuma") as it:
        publish(it.page, "investigating", "resolved")
        assert it.server.lost == []
        assert len(it.public()) == 1


@pytest.mark.parametrize("stage", ["create", "update"])
def test_a_text_that_is_too_long_is_refused_before_it_is_sent(stage: str) -> None:
    with running("incidentio") as it:
        (first,) = says("investigating")
        ref = it.page.create(post(first), first) if stage == "update" else ""
        asked = len(it.server.asked)
        long = replace(first, body="x" * 4097)
        error = refused(lambda: it.page.update(ref, post(long), long) if stage == "update" else it.page.create(post(long), long))
        assert error.lasting
        assert "takes texts of 4,096 characters, and this one has 4,097" in str(error)
        assert len(it.server.asked) == asked
        fitting = replace(first, body="x" * 4096)
        assert it.page.create(post(fitting, ident="other"), fitting)
