# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows beside the entries that somebody else changed are put right and told, and never believed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._ports import Lease, Message, Outgoing, Projection, Room
from ansible_collections.incident.response.plugins.module_utils._usecases import lock
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_delivery import Delivery
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_messages import Settings
from ansible_collections.incident.response.plugins.module_utils._usecases.record import ingest, open_incident

AT = "2025-11-10T10:05:00.000Z"
REBUILT = "The index of this incident said something else than its entries: it was made anew from them"
PUT_BACK = "How far this incident is in chat was changed by somebody else: it was put back"


class Chat:
    """A chat that takes everything; each message once, as a server does."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}

    def create_room(self, name: str, _fields: dict[str, Any]) -> Room:
        return Room(name, name)

    def room(self, name: str) -> Room:
        return Room(name, name)

    room_of = room

    def post(self, message: Message) -> None:
        self.messages.setdefault(message.id, message)

    def members(self, _team: str) -> list[tuple[str, str]]:
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None

    def texts(self) -> str:
        return "\n".join(message.text for message in self.messages.values())


def as_any(chat: Chat) -> Any:
    """No more of a chat is needed."""
    return chat


def opened(folder: Path, service: str = "api", *, chat: bool = True) -> str:
    with open_journal(folder) as journal, journal.transaction():
        return open_incident(journal, title=f"{service} is slow", service=service, severity=Severity.P1, at=AT, actor="ada", chat=chat)


def says(folder: Path, incident: str, *texts: str) -> None:
    with open_journal(folder) as journal, journal.transaction():
        journal.append(incident, [Entry("note", AT, actor="ada", text=text) for text in texts])


def delivered(folder: Path, chat: Chat) -> list[str]:
    """What the courier has to note, after it has brought all there."""
    with open_journal(folder) as journal:
        delivery = Delivery(journal, as_any(chat), Settings(), lambda: 0.0)
        while delivery.step(all_now=True):
            pass
        return delivery.notes


def forge(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "journal.db", isolation_level=None)) as database:
        assert database.execute(statement, values).rowcount


def texts(folder: Path, incident: str) -> list[str]:
    with open_journal(folder) as journal:
        return [entry.text for entry in journal.entries(incident)]


def index(folder: Path) -> tuple[Any, ...]:
    with open_journal(folder) as journal:
        ids = journal.ids()
        return ids, journal.open_incidents(), journal.open_for("api"), [journal.info(each)["name"] for each in ids], journal.publications()


FORGED = {
    "closed": ("UPDATE incidents SET status = 'closed'", ()),
    "of another service": ("UPDATE incidents SET service = 'shop'", ()),
    "of another name": ("UPDATE incidents SET name = 'drill-1'", ()),
    "gone": ("DELETE FROM incidents", ()),
    "invented": ("INSERT INTO incidents VALUES ('evil', 'incident-2025-11-10-009', 'api', 'open', '2025-11-11')", ()),
    "its name is gone": ("DELETE FROM names", ()),
    "its name is another's": ("UPDATE names SET incident = 'evil'", ()),
    "another name": ("INSERT INTO names VALUES ('incident-2025-11-10-777', (SELECT id FROM incidents))", ()),
    "published": ("INSERT INTO published SELECT id, 1 FROM incidents", ()),
    "numbers as text": ("UPDATE incidents SET opened_at = 5, status = x'ff'", ()),
}


@pytest.mark.parametrize(("statement", "values"), FORGED.values(), ids=FORGED)
def test_an_index_that_says_something_else_than_the_entries_is_made_anew_and_told(tmp_path: Path, statement: str, values: tuple[object, ...]) -> None:
    incident = opened(tmp_path, chat=False)
    with open_journal(tmp_path) as journal:
        name = journal.info(incident)["name"]
    before = index(tmp_path)
    forge(tmp_path, statement, *values)
    assert index(tmp_path) == before
    with open_journal(tmp_path) as journal:
        assert (journal.find(name), journal.find("incident-2025-11-10-777"), journal.find("evil")) == (incident, None, None)
        assert journal.info(incident)["verified"]
    assert texts(tmp_path, incident).count(REBUILT) == int("INSERT INTO incidents" not in statement)  # which has none


def test_an_index_is_not_made_anew_from_entries_that_were_changed(tmp_path: Path) -> None:
    incident = opened(tmp_path, chat=False)
    forge(tmp_path, "UPDATE entries SET body = replace(body, 'api', 'shop')")
    forge(tmp_path, "DELETE FROM marks")
    with open_journal(tmp_path) as journal:
        assert journal.of_service("shop") == []
        assert not journal.info(incident)["verified"]


FURTHER = {
    "further than there are entries": "UPDATE projections SET planned = 1000", "before the first": "UPDATE projections SET planned = -981",
    "no number": "UPDATE projections SET planned = 'many'", "edited": "UPDATE projections SET edited = 77",
    "another room": "UPDATE projections SET rid = 'general'", "no list": "UPDATE projections SET oncall = '{'",
}  # fmt: skip


@pytest.mark.parametrize("change", FURTHER.values(), ids=FURTHER)
@pytest.mark.parametrize("unmarked", [False, True], ids=["marked", "its copy is gone"])
def test_how_far_chat_is_is_put_back_where_it_was_changed(tmp_path: Path, change: str, unmarked: bool) -> None:
    if unmarked and "rid" in change:
        unmarked = False  # a version before this one may have written that
    incident, chat = opened(tmp_path), Chat()
    delivered(tmp_path, chat)
    says(tmp_path, incident, "One")
    forge(tmp_path, change)
    if unmarked:
        forge(tmp_path, "DELETE FROM marks WHERE kind = 'projection'")
    with open_journal(tmp_path) as journal:
        assert journal.pending(incident) >= 0
        assert journal.undelivered() == [incident]
    delivered(tmp_path, chat)
    assert "One" in chat.texts()
    assert {message.rid for message in chat.messages.values()} == {chat.create_room(name, {}).name for name in ("incidents", rid(tmp_path, incident))}
    with open_journal(tmp_path) as journal:
        assert journal.pending(incident) == 0
    assert PUT_BACK in texts(tmp_path, incident)


def rid(folder: Path, incident: str) -> str:
    with open_journal(folder) as journal:
        projection = journal.projection(incident)
        assert projection
        return projection.rid


def test_an_incident_that_was_taken_out_of_chats_reach_is_put_back(tmp_path: Path) -> None:
    incident, chat = opened(tmp_path), Chat()
    forge(tmp_path, "DELETE FROM projections")
    delivered(tmp_path, chat)
    assert "api is slow" in chat.texts()
    assert PUT_BACK in texts(tmp_path, incident)


def message(**more: Any) -> str:
    fields = {"first": 1, "last": 1, "message_id": "m1", "text": "@all we are shutting down", "channel": "general"}
    return json.dumps(fields | more)


def test_a_forged_message_is_never_posted_and_is_told(tmp_path: Path) -> None:
    incident, chat = opened(tmp_path), Chat()
    delivered(tmp_path, chat)
    forge(tmp_path, "INSERT INTO outbox (incident, body, first) VALUES (?, ?, 1)", incident, message())
    with open_journal(tmp_path) as journal:
        assert journal.waiting(incident) == []
    notes = delivered(tmp_path, chat)
    assert "shutting down" not in chat.texts()
    assert any("was not planned by this version: it was not sent" in note for note in notes)
    assert "it was not sent" in chat.texts()


NO_MESSAGES = [message(last=10**9), message(first=-5), message(last="x"), "{", "[]", "null", '{"last": 1, "evil": 1}', '{"last":' + "[" * 50_000]


@pytest.mark.parametrize("body", NO_MESSAGES, ids=range(len(NO_MESSAGES)))
def test_what_no_message_can_be_holds_up_nothing(tmp_path: Path, body: str) -> None:
    incident, chat = opened(tmp_path), Chat()
    forge(tmp_path, "INSERT INTO outbox (incident, body, first) VALUES (?, ?, ?)", incident, body, "first")
    delivered(tmp_path, chat)
    says(tmp_path, incident, "One")
    delivered(tmp_path, chat)
    assert "One" in chat.texts()
    with open_journal(tmp_path) as journal:
        assert journal.pending(incident) == 0


def test_a_message_whose_words_were_changed_goes_out_as_the_entries_say(tmp_path: Path) -> None:
    incident, chat = opened(tmp_path), Chat()
    delivered(tmp_path, chat)
    says(tmp_path, incident, "One")
    with open_journal(tmp_path) as journal, journal.transaction():
        journal.plan(incident, [Outgoing(3, 3, "m3", "One")])
        journal.project(incident, Projection(rid(tmp_path, incident), (), 3, 2))
    forge(tmp_path, "UPDATE outbox SET body = replace(body, 'One', 'Two') WHERE state = 'waiting'")
    delivered(tmp_path, chat)
    assert "One" in chat.texts()
    assert "Two" not in chat.texts()


def test_a_message_that_was_marked_as_sent_is_sent(tmp_path: Path) -> None:
    incident, chat = opened(tmp_path), Chat()
    delivered(tmp_path, chat)
    with open_journal(tmp_path) as journal, journal.transaction():
        journal.plan(incident, [Outgoing(1, 1, "m1", "Hidden")])
    forge(tmp_path, "UPDATE outbox SET state = 'sent' WHERE state = 'waiting'")
    says(tmp_path, incident, "One")
    delivered(tmp_path, chat)
    assert "Hidden" in chat.texts()
    assert "What is still to be sent to chat was changed by somebody else: it was put back" in texts(tmp_path, incident)


def test_what_a_version_before_this_one_was_about_to_send_is_sent_once(tmp_path: Path) -> None:
    incident, chat = opened(tmp_path), Chat()
    with open_journal(tmp_path) as journal:
        delivery = Delivery(journal, as_any(chat), Settings(), lambda: 0.0)
        delivery.step(all_now=True)
    says(tmp_path, incident, "One")
    delivered(tmp_path, chat)
    before = dict(chat.messages)
    forge(tmp_path, "DELETE FROM marks")
    forge(tmp_path, "UPDATE outbox SET state = 'waiting' WHERE id = (SELECT max(id) FROM outbox)")
    delivered(tmp_path, chat)
    assert [each.text for each in chat.messages.values()][: len(before)] == [each.text for each in before.values()]
    assert sum("One" in each.text for each in chat.messages.values()) == 1


def lease(**more: Any) -> Lease:
    fields: dict[str, Any] = {"service": "api", "holder": "run", "machine": "m", "pid": 7, "started": "1", "since": AT, "expires": 100.0}
    return Lease(**fields | more)


def test_a_forged_lock_keeps_nobody_from_acting(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal, journal.transaction():
        journal.take(lease(holder="gone"))
    forge(tmp_path, "UPDATE leases SET holder = 'evil', expires = 1e12")
    with open_journal(tmp_path) as journal:
        assert lock.forged(journal, "api")
        assert lock.acquire(journal, lease(holder="mine", machine="here"), now=50.0, alive=lambda *_: True) is None
        assert lock.forged(journal, "api") is None
        assert lock.acquire(journal, lease(holder="other", machine="there"), now=50.0, alive=lambda *_: True) == lease(holder="mine", machine="here")


def test_a_lock_that_a_version_before_this_one_took_holds_while_its_run_goes_on(tmp_path: Path) -> None:
    start = {"kind": "run_started", "run": "old", "run_seq": 1, "at": AT, "actor": "ada", "action": "restart", "data": {"service": "api"}}
    with open_journal(tmp_path) as journal:
        ingest(journal, [start])
    forge(tmp_path, "INSERT INTO leases VALUES ('api', 'old', 'm', 7, '1', ?, 100.0)", AT)
    with open_journal(tmp_path) as journal:
        assert lock.acquire(journal, lease(holder="new", machine="here"), now=50.0, alive=lambda *_: True) == lease(holder="old")
        ingest(journal, [start | {"kind": "run_ended", "run_seq": 2, "state": "worked"}])
        assert lock.acquire(journal, lease(holder="new", machine="here"), now=50.0, alive=lambda *_: True) is None
