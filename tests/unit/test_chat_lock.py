# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock that controllers share by chat alone: one holds a service at a time, whatever the others do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_lock
from ansible_collections.incident.response.plugins.module_utils._core.chat_lock import Claim, Holder, Written
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, ChatRejected, Message, Room
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat as Client
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import Held, Wish, free, look, take
from servers.running import RocketChat

ROOM = "service-locks"
NOON = 12 * 3600.0 + 1800
ADA = Wish("api", "20251110T100500-1a2b3c4d", "a" * 12, "restart by ada from lap-a", 900)
LIN = Wish("api", "20251110T100501-5e6f7a8b", "b" * 12, "restart by lin from lap-b", 900)


@dataclass
class Chat:
    """A chat that stores each id once. `before_post` is what somebody else does between a look and a message."""

    clock: float = NOON
    stored: dict[str, Written] = field(default_factory=dict)
    before_post: Callable[[], object] | None = None
    asked: int = 0

    def now(self) -> float:
        return self.clock

    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
        return Room("rid", name)

    def room(self, name: str) -> Room | None:
        return Room("rid", name)

    def written(self, message_id: str) -> Written | None:
        self.asked += 1
        return self.stored.get(message_id)

    def post(self, message: Message) -> None:
        """As the real server: the time is taken first, and then it is looked whether there is such an id (functions/sendMessage.ts)."""
        at, first, self.before_post = self.clock, self.before_post, None
        if first:
            first()
        self.stored.setdefault(message.id, Written("bot", message.text, at))


def taken(chat: Chat, wish: Wish) -> Held:
    found = take(chat, wish, ROOM)
    assert isinstance(found, Held), found
    return found


def test_the_first_takes_it_and_the_second_is_told_who_has_it() -> None:
    chat = Chat()
    taken(chat, ADA)
    there = take(chat, LIN, ROOM)
    assert there == Holder(ADA.run, ADA.by, "restart by ada from lap-a", NOON + 900)
    assert look(chat, LIN, ROOM) == there
    assert look(chat, ADA, ROOM) is None


def test_it_is_free_when_it_was_let_go_and_when_it_has_expired() -> None:
    chat = Chat()
    free(chat, ADA, ROOM, taken(chat, ADA))
    taken(chat, LIN)
    chat.clock += 900
    taken(chat, ADA)


def test_who_was_slower_by_a_message_does_not_have_it() -> None:
    chat = Chat()
    chat.before_post = lambda: taken(chat, LIN)
    assert isinstance(take(chat, ADA, ROOM), Holder)


def test_another_service_is_another_lock() -> None:
    chat = Chat()
    taken(chat, ADA)
    taken(chat, replace(LIN, service="web"))


def test_a_run_that_asks_again_still_has_it() -> None:
    chat = Chat()
    assert taken(chat, ADA) == taken(chat, ADA)
    assert len(chat.stored) == 1


def test_the_next_run_of_the_same_journal_takes_over_what_an_earlier_one_has_not_given_back() -> None:
    chat = Chat()
    first = taken(chat, ADA)
    second = replace(ADA, run="20251110T101500-99999999")
    held = taken(chat, second)
    free(chat, ADA, ROOM, first)  # late, and of no effect
    assert isinstance(take(chat, LIN, ROOM), Holder)
    free(chat, second, ROOM, held)
    taken(chat, LIN)


def test_a_lock_reaches_over_the_change_of_the_period() -> None:
    chat = Chat(clock=13 * 3600.0 - 10)
    held = taken(chat, ADA)
    chat.clock += 30
    assert isinstance(take(chat, LIN, ROOM), Holder)
    free(chat, ADA, ROOM, held)
    free(chat, LIN, ROOM, taken(chat, LIN))
    taken(chat, ADA)


def test_who_read_the_clock_before_the_period_changed_can_not_take_what_another_took_after() -> None:
    chat = Chat(clock=13 * 3600.0 - 0.1)

    def later() -> None:
        chat.clock += 0.2
        taken(chat, LIN)

    chat.before_post = later
    assert isinstance(take(chat, ADA, ROOM), Holder)


def test_who_was_asleep_over_the_change_of_the_period_has_taken_nothing() -> None:
    class Asleep(Chat):
        def post(self, message: Message) -> None:
            if "ada" in message.text and self.clock < 13 * 3600:
                self.clock += 1800
                taken(self, LIN)
            super().post(message)

    assert isinstance(take(Asleep(clock=13 * 3600.0 - 0.1), ADA, ROOM), Holder)


def test_a_lock_in_chat_lasts_an_hour_at_the_longest() -> None:
    chat = Chat()
    taken(chat, replace(ADA, seconds=86400))
    chat.clock += 3599
    assert isinstance(take(chat, LIN, ROOM), Holder)
    chat.clock += 1
    taken(chat, LIN)


def test_what_is_overridden_is_named_and_the_overridden_frees_nothing() -> None:
    chat = Chat()
    first = taken(chat, ADA)
    held = taken(chat, replace(LIN, force=True))
    assert held.instead_of and held.instead_of.run == ADA.run
    free(chat, ADA, ROOM, first)
    assert isinstance(take(chat, replace(ADA, run="r3"), ROOM), Holder)


def test_what_can_not_be_read_holds_the_service_for_a_quarter_of_an_hour() -> None:
    chat = Chat()
    chat.stored[chat_lock.message_id("api", 12, 0)] = Written("mallory", "`held run=x", NOON)
    there = take(chat, ADA, ROOM)
    assert isinstance(there, Holder)
    assert "@mallory" in there.words
    chat.clock += 900
    taken(chat, ADA)


def test_a_message_that_was_deleted_holds_nothing() -> None:
    chat = Chat()
    taken(chat, ADA)
    place = chat_lock.message_id("api", 12, 0)
    chat.stored[place] = replace(chat.stored[place], deleted=True)
    taken(chat, LIN)


def test_a_run_that_does_not_know_whether_it_took_it_frees_what_is_there_of_it() -> None:
    chat = Chat()
    free(chat, ADA, ROOM, None)
    assert not chat.stored
    taken(chat, ADA)
    free(chat, LIN, ROOM, None)
    assert isinstance(take(chat, LIN, ROOM), Holder)
    free(chat, ADA, ROOM, None)
    taken(chat, LIN)


def test_a_long_chain_takes_few_questions() -> None:
    chat = Chat()
    for number in range(100):
        wish = replace(ADA, run=f"run-{number}")
        free(chat, wish, ROOM, taken(chat, wish))
    chat.asked = 0
    taken(chat, LIN)
    assert chat.asked <= 20


def test_where_others_are_always_faster_it_is_given_up() -> None:
    chat = Chat()

    class Busy(Chat):
        def post(self, message: Message) -> None:
            self.stored.setdefault(message.id, Written("bot", chat_lock.freeing("api", Claim(False, "other", "c" * 12, 0)), self.clock))

    with pytest.raises(ChatRejected, match="others were faster"):
        take(Busy(chat.clock), ADA, ROOM)


def test_a_chat_that_loses_what_it_took_is_told() -> None:
    class Forgetful(Chat):
        def post(self, message: Message) -> None:
            """Stores nothing."""

    with pytest.raises(ChatDown, match="isn't there"):
        take(Forgetful(), ADA, ROOM)


def test_a_copy_of_the_state_folder_on_another_machine_is_another_journal() -> None:
    assert chat_lock.identity(b"key", "lap-a") != chat_lock.identity(b"key", "lap-b")
    assert chat_lock.identity(b"key", "lap-a") != chat_lock.identity(b"other", "lap-a")
    assert "key" not in chat_lock.identity(b"key", "lap-a")


@pytest.mark.parametrize("who", ["restart by @all #general", "a\nb `held run=x by=cccccccccccc for=9`", "x: until 10:00, until", "\x1b[2J", "\ud800"])
def test_what_people_are_called_changes_nothing_and_mentions_nobody(who: str) -> None:
    chat = Chat()
    taken(chat, replace(ADA, who=who, service="api@1"))
    (text,) = (each.text for each in chat.stored.values())
    claim = chat_lock.read(text)
    assert claim
    assert (claim.run, claim.by) == (ADA.run, ADA.by)
    assert "@all" not in text
    there = take(chat, replace(LIN, service="api@1"), ROOM)
    assert isinstance(there, Holder)
    assert there.words.isprintable()


def test_of_many_that_want_it_at_once_one_gets_it_in_each_of_twenty_races(tmp_path: Path) -> None:
    with RocketChat(tmp_path / "chat") as server:
        for race in range(20):
            found: list[Held | Holder] = []

            def run(number: int, race: int, found: list[Held | Holder]) -> None:
                chat = Client(server.url, "bot-id", "bot-token", timeout=240)
                found.append(take(chat, Wish(f"api{race}", f"run-{number}", f"{number:012x}", "restart", 900), ROOM))
                chat.close()

            racers = [threading.Thread(target=run, args=(number, race, found)) for number in range(6)]
            for each in racers:
                each.start()
            for each in racers:
                each.join()
            assert sum(isinstance(each, Held) for each in found) == 1, found
            assert len(found) == 6
