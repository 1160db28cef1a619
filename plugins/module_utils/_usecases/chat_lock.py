# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take and free a service in chat, for controllers that share no journal: one of them acts at a time."""

from __future__ import annotations

from dataclasses import dataclass

from .._core import chat_lock, chat_text
from .._core.chat_lock import Claim, Holder, Written
from .._core.entry import utc
from .._ports import ChatDown, ChatRejected, LockChat, Message

_TRIES = 6
"""How often another client may be faster before the attempt is given up."""
_LONGEST = 4096
"""The largest number of messages in a chain."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A run that wants to act on `service`, of the journal `by`. `who` is a description of the run. It needs the lock for at most `seconds`. A lock
    of another run of the same journal is over, because the journal's own lock was checked before. `force` overrides any holder."""

    service: str
    run: str
    by: str
    who: str
    seconds: int
    drill: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The taken lock: the room's id, and the position in its chain. `instead_of` is the overridden holder, if there was one."""

    rid: str
    period: int
    place: int
    instead_of: Holder | None = None


@dataclass(frozen=True, slots=True)
class _Chain:
    """A period's chain: the number of its messages, and the holder by the last message."""

    period: int
    length: int
    holder: Holder | None


def look(chat: LockChat, wish: Wish, channel: str) -> Holder | None:
    """The other holder of the service now. Raises ChatError."""
    chat.room(channel)  # this call reads the server's clock
    return next((each for each in (_holder(chain, wish) for chain in _chains(chat, wish.service)) if each), None)


def take(chat: LockChat, wish: Wish, channel: str) -> Held | Holder:
    """Take the lock, or return its holder. Raises ChatError."""
    rid = _room(chat, channel)
    forced: Holder | None = None
    for _try in range(_TRIES):
        before, now = _chains(chat, wish.service)
        for chain in (now, before):
            if chain.holder and chain.holder.run == wish.run:
                return Held(rid, chain.period, chain.length - 1)
        other = _holder(now, wish) or _holder(before, wish)
        if other and not wish.force:
            return other
        forced = forced or other
        claim = Claim(False, wish.run, wish.by, 0)
        if before.holder or (chat_lock.is_new(chat.now()) and now.length == 0):  # nobody may continue writing there
            ends = chat_lock.freeing(wish.service, claim)
            if not _is(_written(chat, wish, rid, before, ends), claim):
                continue
        claim = Claim(True, wish.run, wish.by, min(wish.seconds, chat_lock.PERIOD))
        until = utc(chat.now() + claim.seconds)[11:16]
        stored = _written(chat, wish, rid, now, chat_lock.holding(wish.service, wish.who, claim, until))
        if _is(stored, claim) and stored and chat_lock.period(stored.at) == now.period:
            return Held(rid, now.period, now.length, forced)
    raise ChatRejected(f"others were faster {_TRIES} times")


def free(chat: LockChat, wish: Wish, channel: str, held: Held | None) -> None:
    """Release the lock if the run still holds it. `held` is the taken lock; None if unknown. Raises ChatError."""
    claim = Claim(False, wish.run, wish.by, 0)
    text = chat_text.marked(chat_lock.freeing(wish.service, claim), drill=wish.drill)
    if held:  # another message at that position has taken it over
        chat.post(Message(chat_lock.message_id(wish.service, held.period, held.place + 1), held.rid, text))
        return
    room = chat.room(channel)
    for chain in _chains(chat, wish.service) if room else ():
        if room and chain.holder and chain.holder.run == wish.run:
            chat.post(Message(chat_lock.message_id(wish.service, chain.period, chain.length), room.rid, text))


def _room(chat: LockChat, channel: str) -> str:
    """The id of the room of the locks. It is created if it does not exist."""
    room = chat.room(channel) or chat.create_room(channel, {}) or chat.room(channel)
    if not room:
        raise ChatRejected(f"#{channel} can't be used: it is private, or its name is taken otherwise")
    return room.rid


def _holder(chain: _Chain, wish: Wish) -> Holder | None:
    """Another holder by that chain."""
    return chain.holder if chain.holder and chain.holder.by != wish.by else None


def _chains(chat: LockChat, service: str) -> tuple[_Chain, _Chain]:
    """The chain of the previous period, which may still hold a lock, and the chain of the current period."""
    while True:
        period = chat_lock.period(chat.now())
        before, now = (_chain(chat, service, each) for each in (period - 1, period))
        if chat_lock.period(chat.now()) == period:
            return before, now


def _chain(chat: LockChat, service: str, period: int) -> _Chain:
    """Find the first position without a message, with steps that double, then halve."""
    last, low, high = None, -1, 0
    while found := chat.written(chat_lock.message_id(service, period, high)):
        last, low, high = found, high, 2 * high + 1
        if high > _LONGEST:
            raise ChatRejected(f"the lock of {service} has changed hands more than {_LONGEST} times within an hour")
    while high - low > 1:
        middle = (low + high) // 2
        found = chat.written(chat_lock.message_id(service, period, middle))
        last, low, high = (found, middle, high) if found else (last, low, middle)
    return _Chain(period, high, chat_lock.holder(last, period, chat.now()))


def _written(chat: LockChat, wish: Wish, rid: str, chain: _Chain, text: str) -> Written | None:
    """The server's message at the chain's next position, after an attempt to write `text` there."""
    message = chat_lock.message_id(wish.service, chain.period, chain.length)
    chat.post(Message(message, rid, chat_text.marked(text, drill=wish.drill)))
    stored = chat.written(message)
    if stored is None:
        raise ChatDown("a message was taken, and isn't there")
    return stored


def _is(stored: Written | None, claim: Claim) -> bool:
    """Whether the message is ours, and not from a faster client."""
    return stored is not None and chat_lock.read(stored.text) == claim
