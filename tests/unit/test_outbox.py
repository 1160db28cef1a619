# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a delivery does with a chat that refuses: what it tries again, when, and what it does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_text
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import derive
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, ChatForbidden, ChatRejected, Message, Room
from ansible_collections.incident.response.plugins.module_utils._usecases import telling
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_delivery import Delivery, Patience
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_messages import Settings
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident

AT = "2025-11-10T10:05:00.000Z"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db", b"k" * 32) as opened:
        yield opened


class Chat:
    """A chat whose rooms have their names as ids. `refuses` says why a message is refused; empty where it isn't."""

    def __init__(self, refuses: Callable[[Message], str] = lambda message: "") -> None:
        self.refuses = refuses
        self.rooms: dict[str, list[str]] = {"incidents": []}
        self.tried: list[str] = []
        self.now = 0.0

    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
        if name in self.rooms:
            return None
        self.rooms[name] = []
        return Room(name, name)

    def room(self, name: str) -> Room | None:
        return Room(name, name) if name in self.rooms else None

    room_of = room

    def post(self, message: Message) -> None:
        self.tried.append(message.text)
        problem = self.refuses(message)
        if problem:
            raise ChatRejected(problem)
        self.rooms[message.rid].append(message.text)

    def members(self, team: str) -> list[tuple[str, str]]:
        return [("alice-id", "alice")]

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def opened(journal: SqliteJournal, service: str = "api", at: str = AT) -> str:
    with journal.transaction():
        return open_incident(journal, title="Slow", service=service, severity=Severity.P1, at=at, actor="ada", chat=True)


def says(journal: SqliteJournal, incident: str, *texts: str) -> None:
    with journal.transaction():
        journal.append(incident, [Entry("note", AT, actor="ada", text=text) for text in texts])


def delivery(journal: SqliteJournal, chat: Any, patience: Patience | None = None) -> Delivery:
    return Delivery(journal, chat, Settings(), lambda: chat.now, patience)


def spoken(chat: Chat, room: str) -> list[str]:
    return [text.partition(" - ")[2].removeprefix("*P1* api · ").partition(" (")[0] for text in chat.rooms[room] if " - " in text]


def test_a_message_that_can_not_be_taken_holds_up_nothing(journal: SqliteJournal) -> None:
    chat, incident = Chat(lambda message: "too long" if "Poison" in message.text else ""), opened(journal)
    says(journal, incident, "One", "Poison", "Poison again", "Two", "Three")
    assert not delivery(journal, chat).step(all_now=True), "what is refused is nothing to wait for"
    (room,) = [name for name in chat.rooms if name != "incidents"]
    assert spoken(chat, room) == ["One", "Two", "Three"]
    assert journal.pending(incident) == 2
    assert journal.troubles(incident) == ["the incident's channel takes no message of the bot: too long"]


@pytest.mark.parametrize(("late", "begins"), [(100, "🚨 *P1* api"), (1390, "🕓 *23 min ago* · 🚨 *P1* api")])
def test_an_alarm_that_comes_late_says_so(journal: SqliteJournal, late: float, begins: str) -> None:
    chat, incident = Chat(), opened(journal, at=utc(time.time() - late))
    says(journal, incident, "One")
    delivery(journal, chat).step(all_now=True)
    (room,) = [name for name in chat.rooms if name != "incidents"]
    assert chat.rooms["incidents"][0].replace("@oncall @alice ", "").startswith(begins), chat.rooms["incidents"]
    assert [text[:2] for text in chat.rooms[room]] == [begins[:2], AT[11:13]], "what calls nobody has its time already"


def test_a_room_that_refuses_is_asked_a_few_times_a_minute_and_keeps_its_order(journal: SqliteJournal) -> None:
    chat, incident = Chat(lambda message: "readonly" if message.rid != "incidents" else ""), opened(journal)
    says(journal, incident, *(f"Note {number}" for number in range(20)))
    bringing = delivery(journal, chat)
    for _half_a_second in range(100):
        bringing.step(all_now=True)
        chat.now += 0.5
    assert len([text for text in chat.tried if "#incident-" not in text]) == 3
    chat.refuses = lambda message: ""
    says(journal, incident, "The last")
    bringing.step(all_now=True)
    chat.now += 60
    bringing.step(all_now=True)
    (room,) = [name for name in chat.rooms if name != "incidents"]
    assert spoken(chat, room) == [*(f"Note {number}" for number in range(20)), "The last"]
    assert (journal.pending(incident), journal.troubles(incident), journal.undelivered()) == (0, [], [])


def test_a_connection_that_breaks_does_not_ask_again_what_was_refused(journal: SqliteJournal) -> None:
    chat, patience = Chat(lambda message: "readonly"), Patience()
    opened(journal)
    for _connection in range(10):
        delivery(journal, chat, patience).step(all_now=True)
    assert len(chat.tried) == 2
    delivery(journal, chat).step(all_now=True)
    assert len(chat.tried) == 4, "a new courier tries at once"


def test_a_room_that_can_not_be_made_keeps_no_other_incident_from_chat(journal: SqliteJournal) -> None:
    class Picky(Chat):
        def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
            if fields["incident"]["service"] == "api":
                raise ChatForbidden("the bot may not do channels.create")
            return super().create_room(name, fields)

    chat, bad, good = Picky(), opened(journal), opened(journal, "web")
    assert not delivery(journal, chat).step(all_now=True)
    assert (journal.pending(good), journal.troubles(good)) == (0, [])
    assert journal.pending(bad)
    assert journal.troubles(bad) == ["it can't be shown in chat: the bot may not do channels.create"]


def test_an_incident_that_breaks_a_delivery_in_a_new_way_keeps_no_other_from_chat(journal: SqliteJournal) -> None:
    class Odd(Chat):
        def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
            if fields["incident"]["service"] == "api":
                raise AttributeError("'NoneType' object has no attribute 'get'")
            return super().create_room(name, fields)

    chat, bad, good = Odd(), opened(journal), opened(journal, "web")
    assert not delivery(journal, chat).step(all_now=True)
    assert (journal.pending(good), journal.troubles(good)) == (0, [])
    assert journal.pending(bad)
    assert "a mistake of this collection: AttributeError" in journal.troubles(bad)[0]


def test_an_incident_that_breaks_a_delivery_off_comes_last_the_next_time(journal: SqliteJournal) -> None:
    class Broken(Chat):
        def post(self, message: Message) -> None:
            if message.rid.endswith("-001"):
                raise ChatDown("503")
            super().post(message)

    chat, patience, bad, good = Broken(), Patience(), opened(journal), opened(journal, "web")
    for _connection in range(2):
        with pytest.raises(ChatDown):
            delivery(journal, chat, patience).step(all_now=True)
    assert journal.pending(bad)
    assert journal.pending(good) == 0


def test_only_what_is_missing_is_pending(journal: SqliteJournal) -> None:
    chat, incident = Chat(lambda message: "readonly" if message.rid == "incidents" else ""), opened(journal)
    says(journal, incident, "One", "Two")
    delivery(journal, chat).step(all_now=True)
    assert journal.pending(incident) == 1
    told = telling.told(journal, incident, chat=True, calls=True)
    assert (told["delivered"], told["mentioned"], told["pending"]) == (False, ["alice"], 1)
    assert telling.words(told).startswith(f"{told['incident']} is recorded, and not all of it was told in chat: #incidents takes no message of")


def test_an_older_version_sees_what_is_refused_as_what_it_gave_up(journal: SqliteJournal) -> None:
    chat, incident = Chat(lambda message: "readonly" if message.rid == "incidents" else ""), opened(journal)
    delivery(journal, chat).step(all_now=True)
    assert journal.undelivered() == [incident]
    assert journal.undelivered(refused=False) == []
    assert journal.waiting(incident) == []


# What helps


def opening(links: dict[str, str], title: str = "Slow") -> str:
    state = derive("i", [Entry("opened", AT, data={"severity": "P1", "title": title, "service": "api"})])
    return chat_text.opening(state, "ada", "", ["alice"], links)[0]


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("https://a.example/x) @all [b](https://evil.example", "[Runbook](https://a.example/x%29%20%40all%20%5Bb%5D%28https://evil.example)"),
        ("https://a.example/ü?q=1&r=2#s", "[Runbook](https://a.example/%C3%BC?q=1&r=2#s)"),
        ("https://a.example/%20<|*_`", "[Runbook](https://a.example/%20%3C%7C%2A_%60)"),
        ("the red folder", "Runbook: the red folder"),
        ("@all *see* #general", "Runbook: `@\u200ball *see* #\u200bgeneral`"),
        ("javascript://x", "Runbook: `javascript:\u200b//x`"),
    ],
)
def test_a_link_names_nobody_and_ends_where_it_ends(link: str, shown: str) -> None:
    assert opening({"Runbook": link}).splitlines()[-1] == shown


def test_links_that_are_too_long_are_left_out_and_the_message_is_taken() -> None:
    links = {"Runbook": "https://a.example/" + "x" * 3000, "Logs": "https://b.example/" + "y" * 3000, "Metrics": "https://c.example/"}
    text = opening(links, "🔥" * 6000)
    assert chat_text.units(text) < 5000
    assert "[Runbook]" in text
    assert "[Logs]" not in text
    assert "[Metrics](https://c.example/)" in text
