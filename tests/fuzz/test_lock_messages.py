# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in the places of the locks in chat, whoever comes in between: a run gets the lock, hears who has it, or why it can't be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from ansible_collections.incident.response.plugins.module_utils._core import chat_lock
from ansible_collections.incident.response.plugins.module_utils._core.chat_lock import Claim, Holder, Written
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, ChatError, Message, Room
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import Held, Wish, free, look, take
from hypothesis import given
from hypothesis import strategies as st

ROOM, BEGIN = "service-locks", 13 * 3600.0 - 30
WISHES = [Wish("api", f"run-{number}", f"{number % 3:012x}", f"restart by ada from lap-{number}", 40) for number in range(5)]
SIGNS = st.builds(
    "{} `{} run={} by={} for={}`".format, st.text(max_size=9), st.sampled_from(["held", "free", "x"]), st.text(max_size=9) | st.just("run-1"),
    st.sampled_from(["0" * 12, "a" * 12, "", "A" * 12]), st.integers(-1, 10**9),
)  # fmt: skip
TEXTS = st.text(max_size=80) | SIGNS | st.builds("{}\n{}".format, st.text(max_size=20), SIGNS)
TIMES = st.floats(BEGIN - 8000, BEGIN + 8000) | st.just(0.0)
WRITTEN = st.none() | st.builds(Written, st.text(max_size=9), TEXTS, TIMES, st.booleans())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.just("2026-11-27T12:00:00.000Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["_id", "u", "username", "msg", "ts", "t", "message"]), inner),
    max_leaves=15,
)


@dataclass
class Honest:
    """Stores each id once, under a clock that goes on; `meanwhile` is what is done before one of its answers."""

    clock: float = BEGIN
    stored: dict[str, Written] = field(default_factory=dict)
    meanwhile: list[Any] = field(default_factory=list)

    def now(self) -> float:
        return self.clock

    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
        return None

    def room(self, name: str) -> Room | None:
        return Room("rid", name)

    def written(self, message_id: str) -> Written | None:
        self._meanwhile()
        return self.stored.get(message_id)

    def post(self, message: Message) -> None:
        """As the real server: the time is taken first, and then it is looked whether there is such an id (functions/sendMessage.ts)."""
        at = self.clock
        self._meanwhile()
        self.stored.setdefault(message.id, Written("bot", message.text, at))

    def _meanwhile(self) -> None:
        if self.meanwhile:
            self.meanwhile.pop()()


class Liar(Honest):
    """Says of each place, each time, what was made up."""

    def __init__(self, says: st.DataObject) -> None:
        super().__init__()
        self._says, self.calls = says, 0

    def written(self, message_id: str) -> Written | None:
        self.calls += 1
        assert self.calls < 1000, "it asks for ever"
        return self._says.draw(WRITTEN)

    def post(self, message: Message) -> None:
        if self._says.draw(st.integers(0, 9)) == 0:
            raise ChatDown("no answer")


@given(st.text() | TEXTS)
def test_any_text_is_a_claim_or_none(text: str) -> None:
    claim = chat_lock.read(text)
    assert claim is None or chat_lock.read(chat_lock.freeing("api", claim) if not claim.held else chat_lock.holding("api", "", claim, "")) == claim


@given(st.text(), st.text(), st.booleans(), st.integers(0, 999_999))
def test_what_is_written_is_read_again_whatever_people_and_services_are_called(service: str, who: str, held: bool, seconds: int) -> None:
    claim = Claim(held, "run-1", "0" * 12, seconds)
    text = chat_lock.holding(service, who, claim, "10:00") if held else chat_lock.freeing(service, claim)
    assert chat_lock.read(text) == claim
    there = chat_lock.holder(Written("bot", text, BEGIN), chat_lock.period(BEGIN), BEGIN)
    assert there is None or (held and there.words.isprintable())


@given(st.data())
def test_a_chat_that_lies_is_no_hang_and_no_error_but_ours(data: st.DataObject) -> None:
    wish = WISHES[data.draw(st.integers(0, 4))]
    try:
        found = data.draw(st.sampled_from([take, look]))(Liar(data), wish, ROOM)
        assert found is None or isinstance(found, Held | Holder)
        free(Liar(data), wish, ROOM, None)
    except ChatError:
        pass


@given(JSON)
def test_any_answer_for_a_message_is_one_or_an_error_of_ours(answer: Any) -> None:
    chat = RocketChat("http://chat", "bot-id", "token")
    with mock.patch.object(RocketChat, "_call", return_value=answer if isinstance(answer, dict) else {"message": answer}):
        try:
            found = chat.written("id")
            assert found is None or isinstance(found.at, float)
        except ChatError:
            pass


@given(st.data())
def test_no_two_journals_hold_a_service_at_once_whenever_the_others_come(data: st.DataObject) -> None:
    chat = Honest()
    busy: set[str] = set()
    """Journals of which a run acts, or is about to: their own lock keeps their other runs away."""
    acts: dict[str, float] = {}

    def attempt(number: int) -> None:
        wish = WISHES[number]
        if wish.by in busy:
            return
        busy.add(wish.by)
        try:
            found = take(chat, wish, ROOM)
        except ChatError:
            found = None
        if isinstance(found, Held):
            acts[wish.by] = chat.stored[chat_lock.message_id("api", found.period, found.place)].at + wish.seconds
            assert acts[wish.by] <= chat.clock or sum(until > chat.clock for until in acts.values()) == 1, acts
            if data.draw(st.booleans()):
                return
            del acts[wish.by]
            if data.draw(st.booleans()):  # else it was killed
                free(chat, wish, ROOM, found)
        busy.discard(wish.by)

    def later() -> None:
        chat.clock += data.draw(st.sampled_from([0.0, 0.1, 5.0, 25.0, 3600.0]))

    for _step in range(data.draw(st.integers(1, 6))):
        for number in data.draw(st.lists(st.integers(0, 4), max_size=4)):
            chat.meanwhile += [later, lambda number=number: attempt(number)]
        later()
        attempt(data.draw(st.integers(0, 4)))
