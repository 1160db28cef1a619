# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of paging: in order, until somebody answers, each attempt once and on the timeline, never in a drill, never with a secret."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import calling, derive, transition
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Named
from ansible_collections.incident.response.plugins.module_utils._core.paging import Alert, Rules
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._mail import Mailer
from ansible_collections.incident.response.plugins.module_utils._paging.mail import Mail
from ansible_collections.incident.response.plugins.module_utils._paging.pagerduty import PagerDuty
from ansible_collections.incident.response.plugins.module_utils._paging.webhook import Webhook
from ansible_collections.incident.response.plugins.module_utils._ports import Notifier, OncallError, PageError
from ansible_collections.incident.response.plugins.module_utils._usecases import paging
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring.paging import Command
from ansible_collections.incident.response.plugins.plugin_utils._wiring.paging import policy as policy_of
from servers.mail import MailServer
from servers.provider import Contract, Provider

OPENED = datetime.fromisoformat("2026-10-24T23:59:30+00:00").timestamp()
ADA, GRACE = Named("Ada", "ada@example.com", "ada", "+49 30 1"), Named("Grace", "", "grace", "+49 30 2")
SECRET = "k3y-" + "9f8e7d6c5b4a"


class Phone:
    """Notes whom it calls; `broken` says why it doesn't."""

    def __init__(self, broken: str = "") -> None:
        self.pages: list[Alert] = []
        self.broken = broken

    def page(self, alert: Alert) -> None:
        self.pages.append(alert)
        if self.broken:
            raise PageError(self.broken)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


def opened(journal: SqliteJournal, severity: str = "P1", **more: Any) -> str:
    with journal.transaction():
        level = Severity(severity)
        return open_incident(journal, title="Slow", service="api", severity=level, at=utc(OPENED), actor="alert", chat=False, **more)


def plan(*, following: Sequence[str] = (), after: float = 0, **notifiers: Notifier) -> paging.Policy:
    people = {"lead": GRACE}
    rules = Rules(tuple(notifiers), frozenset({"P0", "P1"}), frozenset(following), after, 300)
    return paging.Policy(rules, notifiers, lambda names: [people[name] for name in names] if names else [ADA])


def look(journal: SqliteJournal, given: paging.Policy, seconds: float) -> list[str]:
    return [entry.text for dummy, entry in paging.look(journal, given, clock=lambda: OPENED + seconds, write=True)]


def adds(journal: SqliteJournal, incident: str, seconds: float, kind: str = "note", **data: Any) -> None:
    with journal.transaction():
        journal.append(incident, [Entry(kind, utc(OPENED + seconds), actor="ada", text="News", data=data)])


def goes(journal: SqliteJournal, incident: str, after: str, seconds: float) -> None:
    with journal.transaction():
        current = journal.incident(incident).status
        journal.append(incident, transition(Status(current), Status(after), at=utc(OPENED + seconds), actor="ada"))


# Who, when, by what


def test_notifiers_are_tried_in_order_until_the_incident_is_acknowledged(journal: SqliteJournal) -> None:
    phone, sms, never = Phone(), Phone(), Phone()
    given = plan(phone=phone, sms=sms, never=never, after=60)
    incident = opened(journal)
    assert look(journal, given, 59.999) == []
    assert look(journal, given, 60) == ["Paged Ada by phone"]
    assert look(journal, given, 60) == []
    assert look(journal, given, 359.999) == []
    assert look(journal, given, 360) == ["Paged Ada by sms"]
    goes(journal, incident, "acknowledged", 361)
    assert look(journal, given, 100000) == []
    assert [each.people for each in phone.pages] == [(ADA,)]
    assert never.pages == []
    assert [entry.kind for entry in journal.entries(incident)].count("paging") == 2


def test_one_that_fails_is_told_and_the_next_is_tried_at_once(journal: SqliteJournal) -> None:
    given = plan(phone=Phone("the line is dead"), sms=Phone())
    incident = opened(journal)
    assert look(journal, given, 0) == ["Ada could not be paged by phone: the line is dead", "Paged Ada by sms"]
    assert [entry.state for entry in journal.entries(incident) if entry.kind == "paged"] == ["failed", "ok"]
    assert look(journal, given, 10000) == []


def test_the_next_level_is_paged_when_it_is_called_until_it_says_something(journal: SqliteJournal) -> None:
    phone, sms = Phone(), Phone()
    given, incident = plan(phone=phone, sms=sms), opened(journal)
    look(journal, given, 0)
    adds(journal, incident, 60, "escalated", level=2, name="DevOps Lead", notify=["lead"], reason="stuck")
    assert look(journal, given, 60) == ["Paged Grace by phone"]
    assert phone.pages[-1].reason == "stuck"
    assert phone.pages[0].key != phone.pages[1].key
    adds(journal, incident, 70)
    assert look(journal, given, 100000) == []
    assert sms.pages == []


def test_a_level_without_people_leaves_who_is_on_call_called(journal: SqliteJournal) -> None:
    sms = Phone()
    given, incident = plan(phone=Phone(), sms=sms), opened(journal)
    look(journal, given, 0)
    adds(journal, incident, 60, "escalated", level=2, name="DevOps Lead", notify=[], reason="late")
    assert look(journal, given, 300) == ["Paged Ada by sms"]


@pytest.mark.parametrize(("severity", "more"), [("P2", {}), ("P3", {}), ("P0", {"drill": True})])
def test_nobody_is_paged_for_what_can_wait_or_is_a_drill(journal: SqliteJournal, severity: str, more: dict[str, Any]) -> None:
    phone = Phone()
    opened(journal, severity, **more)
    assert look(journal, plan(phone=phone), 10000) == []
    assert phone.pages == []


def test_a_severity_that_rises_pages(journal: SqliteJournal) -> None:
    given, incident = plan(phone=Phone()), opened(journal, "P2")
    assert look(journal, given, 10) == []
    adds(journal, incident, 20, "changed", severity="P0")
    assert look(journal, given, 20) == ["Paged Ada by phone"]


def test_a_severity_that_begins_to_page_calls_although_somebody_is_at_it_until_it_goes_on(journal: SqliteJournal) -> None:
    given, incident = plan(phone=Phone(), sms=Phone()), opened(journal, "P2")
    goes(journal, incident, "acknowledged", 10)
    adds(journal, incident, 20, "changed", severity="P1")
    adds(journal, incident, 20)  # why
    assert look(journal, given, 20) == ["Paged Ada by phone"]
    adds(journal, incident, 25, "changed", severity="P0")
    assert look(journal, given, 30) == []
    goes(journal, incident, "investigating", 40)
    assert look(journal, given, 10000) == []


def test_what_made_it_worse_pages_although_somebody_is_at_it_until_a_person_acts_or_says_something(journal: SqliteJournal) -> None:
    incident, phone = opened(journal), Phone()
    given = plan(phone=phone)
    goes(journal, incident, "investigating", 1)
    assert look(journal, given, 2) == []
    for start, answer in ((10, "note"), (1000, "run_started")):
        with journal.transaction():
            journal.append(incident, [calling(f"failed {start}", "The restart of api made it worse", at=utc(OPENED + start), pages=True)])
        assert look(journal, given, start) == ["Paged Ada by phone"]
        adds(journal, incident, start + 1, answer, person=True)
        assert look(journal, given, start + 900) == []
    assert phone.pages[0].reason == "The restart of api made it worse"
    with journal.transaction():
        journal.append(incident, [calling("failed r", "The restart of api failed", at=utc(OPENED + 3000), pages=False)])
    assert look(journal, given, 3000) == []


def test_what_goes_on_calling_by_itself_is_told_of_the_answer_and_of_the_end(journal: SqliteJournal) -> None:
    phone, other = Phone(), Phone()
    given, incident = plan(phone=phone, other=other, following=["phone", "other"]), opened(journal)
    look(journal, given, 0)
    goes(journal, incident, "acknowledged", 5)
    assert look(journal, given, 5) == ["Told phone that it was answered"]
    assert look(journal, given, 500) == []
    goes(journal, incident, "resolved", 600)
    phone.broken = "busy"
    assert look(journal, given, 600) == ["phone could not be told that it is over: busy"]
    phone.broken = ""
    assert look(journal, given, 899) == []
    assert look(journal, given, 900) == ["Told phone that it is over"]
    assert look(journal, given, 2000) == []
    assert [(each.event, each.key == phone.pages[0].key) for each in phone.pages] == [
        ("trigger", True), ("acknowledge", True), ("resolve", True), ("resolve", True),
    ]  # fmt: skip
    assert other.pages == []


def test_nobody_on_call_still_reaches_what_calls_whom_it_knows(journal: SqliteJournal) -> None:
    def whom(names: Sequence[str]) -> list[Named]:
        raise OncallError("a gap until Monday")

    phone = Phone()
    rules = Rules(("phone",), {"P1"})
    opened(journal)
    assert look(journal, paging.Policy(rules, {"phone": phone}, whom), 0) == ["Paged by phone (who is on call isn't known: a gap until Monday)"]
    assert phone.pages[0].people == ()


def test_a_preview_pages_nobody_and_writes_nothing(journal: SqliteJournal) -> None:
    phone, incident = Phone(), opened(journal)
    before = journal.entries(incident)
    ((name, entry),) = paging.look(journal, plan(phone=phone), clock=lambda: OPENED, write=False)
    assert (name, entry.text) == (derive(incident, before).name, "Paged Ada by phone")
    assert phone.pages == []
    assert journal.entries(incident) == before


def test_an_attempt_whose_maker_was_killed_is_made_again_after_two_minutes(journal: SqliteJournal) -> None:
    class Killed(BaseException):
        pass

    class Fatal(Phone):
        def page(self, alert: Alert) -> None:
            raise Killed

    incident = opened(journal)
    with pytest.raises(Killed):
        look(journal, plan(phone=Fatal()), 0)
    assert [entry.kind for entry in journal.entries(incident)][-1] == "paging"
    assert look(journal, plan(phone=Phone()), 119.999) == []
    assert look(journal, plan(phone=Phone()), 120) == ["Paged Ada by phone"]


def test_of_two_who_look_at_the_same_moment_one_pages(tmp_path: Path) -> None:
    path, phone = tmp_path / "journal.db", Phone()
    with SqliteJournal(path, b"k" * 32) as journal:
        for _dummy in range(5):
            opened(journal)
    gate, texts = threading.Barrier(4), list[str]()

    def ticks() -> None:
        with SqliteJournal(path, b"k" * 32) as own:
            gate.wait()
            texts.extend(look(own, plan(phone=phone), 0))

    threads = [threading.Thread(target=ticks) for dummy in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.key for each in phone.pages}) == len(phone.pages) == len(texts) == 5


# How

PAGE = Alert(
    "i-1", "trigger", "incident-2026-10-24-001", "It is\nslow", "api", "P1", "open", "https://chat.example/x", "2026-10-24T23:59:30.000Z", "stuck",
    (ADA, GRACE),
)  # fmt: skip
DOCUMENT = {
    "key": "i-1", "event": "trigger", "incident": "incident-2026-10-24-001", "title": "It is\nslow", "service": "api", "severity": "P1",
    "status": "open", "url": "https://chat.example/x", "opened_at": "2026-10-24T23:59:30.000Z", "reason": "stuck",
    "text": "P1 It is slow (api): stuck - incident-2026-10-24-001",
    "people": [
        {"name": "Ada", "username": "ada", "email": "ada@example.com", "phone": "+49 30 1"},
        {"name": "Grace", "username": "grace", "email": "", "phone": "+49 30 2"},
    ],
}  # fmt: skip
# PagerDuty/developer-docs, docs/events-API-v2/02-Trigger-Events.md: POST /v2/enqueue
EVENT = {
    "routing_key": SECRET, "event_action": "trigger", "dedup_key": "i-1",
    "payload": {
        "summary": DOCUMENT["text"], "source": "api", "severity": "error", "timestamp": "2026-10-24T23:59:30.000Z",
        "custom_details": {"incident": "incident-2026-10-24-001", "status": "open", "called": "Ada, Grace"},
    },
    "client": "incident.response", "links": [{"href": "https://chat.example/x", "text": "incident-2026-10-24-001"}],
}  # fmt: skip


def test_a_webhook_is_given_the_document() -> None:
    with Provider(Contract("POST", f"/hook/{SECRET}", {}, {"authorization": f"Bearer {SECRET}"}, [{}], DOCUMENT)) as server:
        Webhook(f"{server.url}/hook/{SECRET}", SECRET).page(PAGE)
        assert (len(server.asked), server.broken) == (1, [])
        with pytest.raises(PageError) as error:
            Webhook(f"{server.url}/other/{SECRET}", SECRET).page(PAGE)
    assert SECRET not in str(error.value)
    with pytest.raises(PageError) as error:
        Webhook(f"{server.url}/hook/{SECRET}").page(PAGE)
    assert "can't be reached" in str(error.value)
    assert SECRET not in str(error.value)


def test_pagerduty_is_given_events_as_it_documents_them() -> None:
    with Provider(Contract("POST", "/v2/enqueue", {}, {}, [{"status": "success"}], EVENT)) as server:
        PagerDuty(SECRET, server.url).page(PAGE)
        assert (len(server.asked), server.broken) == (1, [])
        long = replace(PAGE, title="x" * 3000)
        with pytest.raises(PageError) as error:
            PagerDuty(SECRET, server.url).page(long)
        assert SECRET not in str(error.value)
    for event in ("acknowledge", "resolve"):
        follow = {"routing_key": SECRET, "event_action": event, "dedup_key": "i-1"}
        with Provider(Contract("POST", "/v2/enqueue", {}, {}, [{"status": "success"}], follow)) as server:
            PagerDuty(SECRET, server.url).page(replace(PAGE, event=event))
            assert server.broken == []


def test_a_command_is_given_the_document_and_has_to_end_well(tmp_path: Path) -> None:
    given = tmp_path / "given"
    Command([sys.executable, "-c", f"import sys; open({str(given)!r}, 'w').write(sys.stdin.read())"]).page(PAGE)
    assert json.loads(given.read_text()) == DOCUMENT
    for command, says in (
        ([sys.executable, "-c", f"import sys; print('no credit, token={SECRET}'); sys.exit(3)"], "ended with 3: no credit, token="),
        (["/nonexistent/pager"], "/nonexistent/pager can't be started: No such file"),
        (["sh", "-c", "sleep 60 & sleep 60"], "did not end within 0.5 s"),
    ):
        with pytest.raises(PageError, match=says) as error:
            Command(command, timeout=0.5 if "sh" in command else 30).page(PAGE)
        assert SECRET not in str(error.value)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_goes_to_those_who_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str) -> None:
    with MailServer(tmp_path, security=security, user="bot", password=SECRET) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        who = ("bot", SECRET) if security != "none" else ("", "")
        Mail(Mailer("localhost", "bot@example.com", server.port, security, *who)).page(PAGE)
    (mail,) = server.mails
    assert mail.recipients == ["ada@example.com"]
    assert mail.message["Subject"] == "[P1] It is slow - incident-2026-10-24-001"
    assert mail.message["From"] == "bot@example.com"
    assert mail.message.get_content().splitlines() == [DOCUMENT["text"], "", "Status: open", f"Opened: {PAGE.opened_at}", PAGE.url]


@pytest.mark.parametrize(
    ("changes", "to", "says"),
    [
        ({"password": "wrong"}, [], "does not accept the user bot with this password"),
        ({"port": 1}, [], "could not be given the mail"),
        ({"security": "tls"}, [], "could not be given the mail"),
        ({}, ["nobody@refused.example"], "takes no mail for nobody@refused.example (550 no such mailbox)"),
        ({}, ["ada@example.com", "nobody@refused.example"], "takes no mail for nobody@refused.example (550 no such mailbox); the others have it"),
        ({"sender": "a\nb: c"}, [], "can't be written"),
    ],
)
def test_a_mail_that_is_not_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], to: list[str], says: str) -> None:
    with MailServer(tmp_path, security="starttls", user="bot", password=SECRET) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        known = {"host": "localhost", "sender": "bot@example.com", "port": server.port, "user": "bot", "password": SECRET}
        with pytest.raises(PageError) as error:
            Mail(Mailer(**{**known, **changes}), to).page(PAGE)
    assert says in str(error.value)
    assert SECRET not in str(error.value)


def test_a_server_without_encryption_is_given_no_password(tmp_path: Path) -> None:
    with MailServer(tmp_path, security="none", user="bot", password=SECRET) as server, pytest.raises(PageError, match="Does security: starttls fit"):
        Mail(Mailer("localhost", "bot@example.com", server.port, "starttls", "bot", SECRET)).page(PAGE)
    assert server.mails == []


def test_whoever_has_no_address_is_named() -> None:
    with pytest.raises(PageError, match=r"oncall\.people has no address for Grace"):
        Mail(Mailer("localhost", "bot@example.com")).page(replace(PAGE, people=(GRACE,)))


# The configuration


def configured(tmp_path: Path, notifiers: str) -> dict[str, Any]:
    path = tmp_path / "incident-response.yml"
    path.write_text(f"paging: {{notifiers: {notifiers}}}\noncall: {{people: {{ada: {{name: Ada, phone: '1'}}}}}}\n")
    return _config.load(path)


@pytest.mark.parametrize(
    ("notifiers", "says"),
    [
        ("[{type: webhook}]", "paging.notifiers[0] needs url"),
        ("[{type: mail, host: h}]", "paging.notifiers[0] needs from"),
        ("[{type: mail, host: h, from: f, user: u}]", "paging.notifiers[0] needs password_env"),
        ("[{type: command, command: 'rm x'}]", "paging.notifiers[0].command must be a command as a list"),
        ("[{type: command, command: [x], timeout: 300}]", "paging.notifiers[0].timeout must be a number of seconds above 0, 60 at most, not 300"),
        ("[{type: fax}]", "paging.notifiers[0].type must be one of mail, webhook, pagerduty, command"),
    ],
)
def test_a_notifier_that_makes_no_sense_is_named_with_its_line(tmp_path: Path, notifiers: str, says: str) -> None:
    with pytest.raises(_config.ConfigError) as error:
        configured(tmp_path, notifiers)
    assert f":1: {says}" in str(error.value)


def test_one_whose_secret_is_missing_says_so_in_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: SqliteJournal) -> None:
    monkeypatch.delenv("PAGERDUTY_ROUTING_KEY", raising=False)
    notifiers = "[{type: pagerduty}, {type: webhook, url_env: HOOK}, {type: command, command: ['true']}, {type: command, command: ['true']}]"
    given = policy_of(configured(tmp_path, notifiers), tmp_path, {})
    assert given is not None
    assert given.rules.notifiers == ("pagerduty", "webhook", "command", "command 2")
    assert given.whom(["ada"]) == [Named("Ada", "", "ada", "1")]
    opened(journal)
    why = "(who is on call isn't known: schedule: "
    first, second, third = look(journal, given, 0)
    assert first.startswith(f"pagerduty could not page anybody: the environment has no PAGERDUTY_ROUTING_KEY {why}")
    assert second.startswith(f"webhook could not page anybody: the environment has no HOOK {why}")
    assert third.startswith("Paged by command ")


@pytest.mark.parametrize(
    "broken",
    [
        "{type: webhook, name: x, url_env: HOOK}",
        "{type: webhook, name: x, url: 'http://[::1/y'}",
        '{type: command, name: x, command: ["a\\0b"]}',
    ],
)
def test_a_notifier_that_is_broken_keeps_no_other_from_being_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: SqliteJournal, broken: str
) -> None:
    monkeypatch.setenv("HOOK", f"http://[::1/{SECRET}")
    given = policy_of(configured(tmp_path, f"[{broken}, {{type: command, name: next, command: ['true']}}]"), tmp_path, {})
    assert given is not None
    opened(journal)
    first, second = look(journal, given, 0)
    assert first.startswith("x could not page anybody: ")
    assert SECRET not in first
    assert second.startswith("Paged by next")


def test_a_notifier_of_a_kind_that_nobody_thought_of_is_broken_too(journal: SqliteJournal) -> None:
    class Odd(Phone):
        def page(self, alert: Alert) -> None:
            raise RuntimeError(SECRET)

    opened(journal)
    assert look(journal, plan(odd=Odd(), sms=Phone()), 0) == ["Ada could not be paged by odd: it is broken (RuntimeError)", "Paged Ada by sms"]


def test_who_is_on_call_is_known_though_another_level_has_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "incident-response.yml"
    layer = "{name: NAME, people: [ada], start: '2020-01-06T09:00'MORE}"
    second = layer.replace("NAME", "backup").replace("2020", "2999")
    path.write_text(
        f"oncall: {{people: {{ada: {{name: Ada}}}}, schedule: {{layers: [{layer.replace('NAME', 'primary')}, {second}]}}}}\n".replace("MORE", "")
        + "paging: {notifiers: [{type: command, command: ['true']}]}\n"
    )
    given = policy_of(_config.load(path), tmp_path, {})
    assert given is not None
    assert [each.name for each in given.whom([])] == ["Ada"]


@pytest.mark.parametrize("query", ["", f"?key={SECRET}&x=%2F"])
def test_an_address_that_is_a_secret_is_shown_nowhere(query: str) -> None:
    for url in (f"http://127.0.0.1:1/{SECRET}/x{query}", f"http://bot:{SECRET}@127.0.0.1:1/x{query}"):
        with pytest.raises(PageError) as error:
            Webhook(url).page(PAGE)
        assert str(error.value) == "127.0.0.1 can't be reached: ConnectionError"


def test_whoever_is_called_for_a_lesser_severity_is_paged_and_a_change_with_its_reason_is_no_answer(journal: SqliteJournal) -> None:
    phone, sms = Phone(), Phone()
    given, incident = plan(phone=phone, sms=sms), opened(journal, "P2")
    adds(journal, incident, 60, "escalated", level=2, name="DevOps Lead", notify=["lead"], reason="stuck")
    assert look(journal, given, 60) == ["Paged Grace by phone"]
    adds(journal, incident, 70, "changed", commander="ada")
    adds(journal, incident, 70)
    assert look(journal, given, 400) == ["Paged Grace by sms"]


def test_a_long_title_is_cut_for_a_telephone() -> None:
    assert len(replace(PAGE, title="x" * 3000).summary()) < 400


def test_without_notifiers_nothing_is_planned(tmp_path: Path) -> None:
    assert policy_of(_config.load(None), tmp_path, {}) is None
