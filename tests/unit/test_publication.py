# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of what goes out: components by the policy, drafts at the cadence, nothing of a drill or under embargo, each mail once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import communication as communication_rules
from ansible_collections.incident.response.plugins.module_utils._core import status_page
from ansible_collections.incident.response.plugins.module_utils._core.communication import Mail, Rules
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import transition
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal import sqlite
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, Message, Room
from ansible_collections.incident.response.plugins.module_utils._usecases import chat_commands, communication
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_delivery import Delivery
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_messages import Settings
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils._wiring.templates import Templates

OPENED = datetime.fromisoformat("2026-10-24T23:59:30+00:00").timestamp()
RULES = Rules(
    states={"P0": "major_outage", "P1": "degraded_performance"}, drafts={"P0", "P1"}, after=300, every={"P0": 600.0, "P1": 600.0},
    resolve={"P0": 7200.0, "P1": 7200.0},
)  # fmt: skip


class Post:
    """Notes what it sends; `broken` says why it doesn't."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.broken: communication.Undelivered | None = None

    def send(self, mail: Mail) -> str:
        if self.broken:
            raise self.broken
        self.sent.append(mail)
        return f"Wrote to {mail.audience}"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


def opened(journal: SqliteJournal, severity: str = "P1", **more: Any) -> str:
    with journal.transaction():
        level = Severity(severity)
        return open_incident(journal, title="Pool exhausted on db-7", service="api", severity=level, at=utc(OPENED), actor="ada", chat=False, **more)


def adds(journal: SqliteJournal, incident: str, seconds: float, kind: str = "note", text: str = "News", **data: Any) -> None:
    with journal.transaction():
        journal.append(incident, [Entry(kind, utc(OPENED + seconds), actor="ada", text=text, data=data)])


def goes(journal: SqliteJournal, incident: str, after: str, seconds: float, **data: Any) -> None:
    with journal.transaction():
        current = journal.incident(incident).status
        entries = transition(Status(current), Status(after), at=utc(OPENED + seconds), actor="ada")
        journal.append(incident, [replace(each, data={**each.data, **data}) for each in entries])


def plan(rules: Rules = RULES, post: Post | None = None, **more: Any) -> communication.Policy:
    given: dict[str, Any] = {"recipients": {"customers": 2}, "send": post.send} if post else {}
    return communication.Policy(rules, lambda service: [service], Templates("", "").write, "customer-success", **{**given, **more})


def look(journal: SqliteJournal, given: communication.Policy, seconds: float) -> list[str]:
    return [entry.text for dummy, entry in communication.look(journal, given, clock=lambda: OPENED + seconds, write=True)[0]]


def api(journal: SqliteJournal) -> list[str]:
    return [state for dummy, state in status_page.histories(journal.published()).get("api", ())]


# Components


def test_a_component_follows_the_incident_and_is_cleared_when_it_is_resolved(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    assert look(journal, given, 0) == ["Status page: api is degraded performance"]
    assert look(journal, given, 0) == []
    adds(journal, incident, 60, "changed", severity="P0")
    assert look(journal, given, 60) == ["Status page: api is major outage"]
    goes(journal, incident, "mitigated", 120)
    assert look(journal, given, 120) == ["Status page: api is degraded performance"]
    goes(journal, incident, "resolved", 180, healthy=True)
    assert look(journal, given, 180) == ["Status page: api is operational"]
    assert look(journal, given, 1e6) == []
    assert api(journal) == ["degraded_performance", "major_outage", "degraded_performance", "operational"]


def test_what_was_not_healthy_at_its_resolution_stays_as_it_is_until_it_is_closed(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    look(journal, given, 0)
    goes(journal, incident, "resolved", 60, healthy=False)
    assert look(journal, given, 60) == []
    goes(journal, incident, "closed", 120)
    assert look(journal, given, 120) == ["Status page: api is operational"]


def test_what_a_person_sets_stays_until_the_severity_changes_or_the_incident_is_over(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    look(journal, given, 0)
    with journal.transaction():
        both = {"api": "partial_outage", "web": "major_outage"}
        journal.append(incident, [communication_rules.setting(both, at=utc(OPENED), policy=False, actor="ada")])
    assert look(journal, given, 60) == []
    goes(journal, incident, "resolved", 120)
    assert look(journal, given, 120) == ["Status page: api is operational, web is operational"]


def test_of_two_incidents_the_worse_one_is_shown(journal: SqliteJournal) -> None:
    first, second = opened(journal, "P0"), opened(journal, "P1")
    look(journal, plan(), 0)
    goes(journal, first, "resolved", 60)
    look(journal, plan(), 60)
    assert api(journal) == ["major_outage", "degraded_performance"]
    goes(journal, second, "resolved", 120)
    look(journal, plan(), 120)
    assert api(journal)[-1] == "operational"


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_a_severity_that_the_policy_does_not_name_sets_nothing(journal: SqliteJournal, severity: str) -> None:
    opened(journal, severity)
    assert look(journal, plan(), 1e5) == []


# Embargo and drills


def test_nothing_goes_out_of_a_drill_or_under_embargo(journal: SqliteJournal) -> None:
    given = plan(replace(RULES, auto={"P0"}, after=0), Post())
    opened(journal, "P0", drill=True)
    breach = opened(journal, "P0")
    adds(journal, breach, 0, "changed", concerns=["security"])
    assert look(journal, given, 0) == look(journal, given, 1e5) == []
    with pytest.raises(communication.Refused, match="under embargo"):
        communication.draft(journal, breach, given, communication.Asked("customers", "first_notice"), at=utc(OPENED))
    assert journal.published() == []
    adds(journal, breach, 1e5, "changed", embargo=False)
    assert look(journal, given, 1e5)[0] == "Status page: api is major outage"


def test_a_breach_that_is_suspected_later_stops_what_was_not_sent_yet(journal: SqliteJournal) -> None:
    post = Post()
    given = plan(replace(RULES, auto={"P1"}, after=0), post)
    incident = opened(journal)
    post.broken = communication.Undelivered("the server is down")
    look(journal, given, 0)
    adds(journal, incident, 1, "changed", concerns=["security"])
    post.broken = None
    assert look(journal, given, 1e4) == []
    assert post.sent == []


# Drafts


def test_drafts_come_at_the_cadence_with_what_was_said_since_the_last_update(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    look(journal, given, 0)
    assert look(journal, given, 299) == []
    adds(journal, incident, 200, text="Root cause: pool exhausted")
    (first,) = look(journal, given, 300)
    assert first.startswith("Draft for customers (first notice), to be published as ")
    assert look(journal, given, 100000) == []  # the draft waits: nothing was promised to anybody yet
    (made,) = communication_rules.drafts(journal.entries(incident))
    assert "Root cause: pool exhausted" in made.text
    assert "db-7" not in made.text  # the title is for those inside
    with journal.transaction():
        journal.append(incident, [communication.publish(journal, incident, given, made, at=utc(OPENED + 400), actor="ada")])
    assert communication_rules.drafts(journal.entries(incident)) == []
    adds(journal, incident, 500, text="Scaled the pool")
    assert look(journal, given, 400 + 479) == []
    look(journal, given, 400 + 480)
    (second,) = communication_rules.drafts(journal.entries(incident))
    assert (second.occasion, "Scaled the pool" in second.text, "Root cause" in second.text) == ("update", True, False)
    assert look(journal, given, 400 + 480 + 479) == look(journal, given, 1e4) == []  # there is nothing new to say
    adds(journal, incident, 1e4, text="It is better")
    look(journal, given, 1e4)
    (third,) = communication_rules.drafts(journal.entries(incident))
    assert (third.id != second.id, "It is better" in third.text) == (True, True)
    late = communication.publish(journal, incident, given, third, at=utc(OPENED + 2e4), actor="ada")
    promised = communication_rules.clock(utc(OPENED + 2e4 + 600), utc(OPENED + 2e4))
    assert f"We will say more by {promised}." in late.data["text"]  # counted from when it is published
    assert late.data["post"]["body"] == late.data["text"]


def test_what_a_person_drafted_is_left_alone_but_holds_up_nothing_that_goes_out_by_itself(journal: SqliteJournal) -> None:
    incident = opened(journal)
    asked = communication.Asked("customers", "first_notice", "Mine")
    mine = replace(communication.draft(journal, incident, plan(), asked, at=utc(OPENED)), id="mine")
    with journal.transaction():
        journal.append(incident, [communication_rules.drafting(mine, at=utc(OPENED), actor="ada", auto=False)])
    assert not any("Draft" in each for each in look(journal, plan(), 1e4))
    assert any("Published for customers" in each for each in look(journal, plan(replace(RULES, auto={"P1"})), 1e4))


def test_others_who_were_told_are_told_more_at_the_cadence(journal: SqliteJournal) -> None:
    incident, post = opened(journal), Post()
    given = plan(post=post, recipients={"executives": 1})
    assert not any("executives" in each for each in look(journal, given, 1e4))
    made = communication.draft(journal, incident, given, communication.Asked("executives", "first_notice"), at=utc(OPENED))
    with journal.transaction():
        journal.append(incident, [communication.publish(journal, incident, given, made, at=utc(OPENED + 1e4), actor="ada")])
    assert any("Draft for executives (update)" in each or "Draft for executives (delay)" in each for each in look(journal, given, 1e4 + 480))


@pytest.mark.parametrize("every", [0.0, None])
def test_no_cadence_drafts_nothing_again(journal: SqliteJournal, every: float | None) -> None:
    incident, given = opened(journal), plan(replace(RULES, every={"P1": every}))
    publishes(journal, incident, given, "first_notice", 0)
    assert not any("Draft" in each for each in look(journal, given, 1e4))


def test_a_concern_after_a_lifted_embargo_puts_it_under_one_again(journal: SqliteJournal) -> None:
    incident = opened(journal)
    states = []
    changes: list[dict[str, Any]] = [{"embargo": True}, {"embargo": False}, {"concerns": ["security"]}, {"embargo": False}]
    for seconds, data in enumerate(changes):
        adds(journal, incident, seconds, "changed", **data)
        states.append(journal.incident(incident).embargo)
    assert states == [True, False, True, False]


def test_a_record_that_cannot_be_read_goes_out_nowhere_and_stops_no_other(journal: SqliteJournal) -> None:
    bad, good = opened(journal), opened(journal)
    adds(journal, bad, 1)
    journal._db.execute("UPDATE entries SET body = 'broken' WHERE incident = ? AND position = 1", (bad,))
    adds(journal, bad, 2, "published", post={"status": "investigating", "body": "x"}, mail=True)
    look(journal, plan(post=Post()), 400)
    assert [record.id for record in journal.published() if record.id != bad] == [good]


def test_an_old_incident_that_is_resolved_is_cleared(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    look(journal, given, 0)
    for stage in ("closed", "reviewed"):
        goes(journal, incident, stage, 40 * 86400)
    assert look(journal, given, 40 * 86400) == ["Status page: api is operational"]


def publishes(journal: SqliteJournal, incident: str, given: communication.Policy, occasion: str, seconds: float) -> None:
    made = communication.draft(journal, incident, given, communication.Asked("customers", occasion), at=utc(OPENED + seconds))
    with journal.transaction():
        journal.append(incident, [communication.publish(journal, incident, given, made, at=utc(OPENED + seconds), actor="ada")])


def test_mitigation_and_resolution_are_drafted_at_once_for_those_who_know_of_it(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    publishes(journal, incident, given, "first_notice", 1)
    look(journal, given, 1)
    goes(journal, incident, "mitigated", 60)
    assert any("(update)" in each for each in look(journal, given, 60))
    (draft,) = communication_rules.drafts(journal.entries(incident))
    assert draft.post["status"] == "monitoring"
    goes(journal, incident, "resolved", 120)
    assert any("(resolved)" in each for each in look(journal, given, 120))
    assert look(journal, given, 1e6) == []
    (draft,) = communication_rules.drafts(journal.entries(incident))
    assert draft.post["status"] == "resolved"
    assert "lasted 2 min" in draft.text


def test_what_is_not_mitigated_after_all_is_drafted_at_once_and_no_longer_called_monitored(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    publishes(journal, incident, given, "first_notice", 1)
    goes(journal, incident, "mitigated", 60)
    look(journal, given, 60)
    publishes(journal, incident, given, "update", 61)
    assert look(journal, given, 62) == []
    goes(journal, incident, "investigating", 70)
    assert any("(update)" in each for each in look(journal, given, 70))
    assert look(journal, given, 71) == []
    (draft,) = communication_rules.drafts(journal.entries(incident))
    assert draft.post["status"] == "investigating"


def test_what_was_never_told_is_not_called_solved(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    goes(journal, incident, "resolved", 60)
    assert not any("Draft" in each for each in look(journal, given, 1e5))


def test_a_delay_is_told_once_when_it_is_not_resolved_in_time(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    publishes(journal, incident, given, "first_notice", 7000)
    assert any("(delay)" in each for each in look(journal, given, 7600))
    assert not any("(delay)" in each for each in look(journal, given, 9600))


def test_what_goes_out_by_itself_has_nothing_that_people_wrote(journal: SqliteJournal) -> None:
    incident = opened(journal)
    adds(journal, incident, 1, text="password of db-7 was in the log")
    given = plan(replace(RULES, auto={"P1"}, after=60))
    assert any(each.startswith("Published for customers (first notice), by the status page: Problems") for each in look(journal, given, 60))
    (record,) = journal.published()
    made = status_page.post(record)
    assert made and made.title == "Problems with api"
    assert "password" not in made.updates[0].body
    assert "db-7" not in made.updates[0].body
    assert made.components == {"api": "degraded_performance"}
    assert made.impact == "major"


def test_a_draft_is_published_once_and_a_wrong_name_says_which_there_are(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    look(journal, given, 300)
    (made,) = communication_rules.drafts(journal.entries(incident))
    assert communication.waiting(journal, incident, f" {made.id.upper()} ") == made
    with pytest.raises(communication.Refused, match=made.id):
        communication.waiting(journal, incident, "nothing")


def test_that_it_is_resolved_is_told_only_when_it_is(journal: SqliteJournal) -> None:
    with pytest.raises(communication.Refused, match="resolve it before"):
        communication.draft(journal, opened(journal), plan(), communication.Asked("customers", "resolved"), at=utc(OPENED))


# Mail


def test_a_mail_is_sent_once_and_tried_again_only_where_all_of_it_failed(journal: SqliteJournal) -> None:
    post = Post()
    given, incident = plan(post=post), opened(journal)
    publishes(journal, incident, given, "first_notice", 0)
    post.broken = communication.Undelivered("the server is down")
    assert "not taken on: the server is down" in look(journal, given, 0)[-1]
    assert not any("mail" in each for each in look(journal, given, 59))
    post.broken = None
    assert look(journal, given, 61)[-1] == "Wrote to customers"
    assert not any("Wrote" in each for each in look(journal, given, 1e4))
    assert len(post.sent) == 1


def test_who_was_refused_is_said_and_the_others_get_no_second_mail(journal: SqliteJournal) -> None:
    post = Post()
    given, incident = plan(post=post), opened(journal)
    publishes(journal, incident, given, "first_notice", 0)
    post.broken = communication.Undelivered("no mailbox gone@example.com; the others have it", partly=True)
    assert "no mailbox gone@example.com" in look(journal, given, 0)[-1]
    post.broken = None
    look(journal, given, 1e4)
    assert post.sent == []


def test_a_sender_that_was_killed_is_stepped_in_for(journal: SqliteJournal) -> None:
    post = Post()
    given, incident = plan(post=post), opened(journal)
    publishes(journal, incident, given, "first_notice", 0)
    position = len(journal.entries(incident))
    adds(journal, incident, 1, "sending", of=position, by="mail")
    adds(journal, incident, 2, "sent", of=position, by="page")
    assert not any("Wrote" in each for each in look(journal, given, 120))
    assert any("Wrote" in each for each in look(journal, given, 121))


def test_damaged_entries_say_nothing_and_stop_nothing(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record may hold what an older or a broken version wrote."""
    monkeypatch.setattr(sqlite, "misfit", lambda _entry: "")
    incident = opened(journal)
    damaged: list[Mapping[str, Any]] = [{"draft": "x"}, {"draft": {"audience": 1}}, {"post": 7}, {"of": "x"}]
    damaged.append({"post": {"components": [1], "status": 5}})
    for data in damaged:
        for kind in ("draft", "published", "sent"):
            adds(journal, incident, 1, kind, **data)

    def goes_on() -> None:
        look(journal, plan(post=Post()), 400)
        assert status_page.histories(journal.published())

    goes_on()
    monkeypatch.undo()  # now they are told as damaged
    goes_on()
    assert [each.kind for each in journal.entries(incident)].count("unreadable") == 4


def test_a_draft_of_what_is_over_is_heard_in_chat_as_long_as_it_waits(journal: SqliteJournal) -> None:
    incident, given = opened(journal), plan()
    publishes(journal, incident, given, "first_notice", 1)
    goes(journal, incident, "resolved", 60)
    assert chat_commands._rooms(journal, OPENED + 60) == []
    look(journal, given, 60)
    assert chat_commands._rooms(journal, OPENED + 60) == [incident]
    publishes(journal, incident, given, "resolved", 120)
    assert chat_commands._rooms(journal, OPENED + 120) == []


def test_customers_in_chat_hear_nothing_once_there_is_an_embargo(journal: SqliteJournal) -> None:
    """Neither what is planned by then, nor what was planned before and could not be posted."""
    incident, given = opened(journal), plan()
    with journal.transaction():
        journal.want_chat(incident)
    publishes(journal, incident, given, "first_notice", 1)
    posted: list[str] = []

    class Chat:
        """A room for everything; the channel of customer success can't be reached at first."""

        down = True

        def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
            return Room(name, name)

        def room(self, name: str) -> Room | None:
            return Room(name, name)

        def post(self, message: Message) -> None:
            if message.rid == "customer-success" and self.down:
                raise ChatDown("it is down")
            posted.append(message.rid)

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: []

    chat: Any = Chat()
    delivery = Delivery(journal, chat, Settings(), lambda: 0.0)
    with pytest.raises(ChatDown):
        delivery.step(all_now=True)
    adds(journal, incident, 2, "changed", concerns=["security"])
    chat.down = False
    delivery.step(all_now=True)
    assert "customer-success" not in posted
    assert "security" in posted
