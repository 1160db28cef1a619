# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask in the incident's room for the yes of a second person, and wait for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .._core import approval, chat_text
from .._ports import Chat, ChatError, Journal, Message
from .chat_messages import Place, message_id, place

ARRIVAL = 30.0
"""Seconds for the run to get into chat. One that takes longer is as good as down, while somebody waits to act."""
EVERY = 6.5
"""Seconds between two looks: a server lets 10 calls a minute of one kind through."""


_Found = TypeVar("_Found")


class NoAnswer(Exception):
    """Nobody has approved it; the text says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """`requester` is the chat user who asks, empty for automation. `approvers` are chat users; with none, the members of `team`."""

    run: str
    about: str
    plan: str
    text: str
    who: str
    requester: str
    approvers: Sequence[str]
    team: str
    within: float


def obtain(request: Request, journal: Journal, chat: Chat, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> approval.Answer:
    """The answer of a person who may give it. Raises NoAnswer. `clock` is monotonic, in seconds."""
    until = clock() + request.within
    arrived = min(until, clock() + ARRIVAL)
    try:
        incident, rid = _again(lambda: _place(request.run, journal, chat), arrived, clock, sleep)
        people = _again(lambda: _approvers(request, chat), arrived, clock, sleep)
        sent = _again(lambda: _ask(request, place(journal, incident), rid, people, chat), arrived, clock, sleep)
    except ChatError as error:
        raise NoAnswer(f"chat could not be asked: {error}") from None
    problem = ""
    while True:
        pause = EVERY
        try:
            said, problem = chat.said(rid, sent), ""
            found = approval.answer(said, request=sent, plan=request.plan, allowed=[name for dummy, name in people], requester=request.requester)
            if found:
                return found
        except ChatError as error:
            problem, pause = f" (chat: {error})", max(EVERY, error.retry_after or 0)
        if clock() >= until:
            raise NoAnswer(f"nobody has answered within {request.within / 60:g} minutes{problem}")
        sleep(min(pause, max(0.1, until - clock())))


def _again(attempt: Callable[[], _Found | None], until: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> _Found:
    """The first result that is one. Raises the last ChatError, or NoAnswer, when the time is up."""
    while True:
        pause, problem = 0.2, None
        try:
            found = attempt()
            if found is not None:
                return found
        except ChatError as error:
            problem, pause = error, max(1.0, error.retry_after or 0)
            if error.lasting:
                raise
        if clock() + pause > until:
            raise problem or NoAnswer("the run has not arrived in chat")
        sleep(pause)


def _place(run: str, journal: Journal, chat: Chat) -> tuple[str, str] | None:
    """The run's incident and its room, once the run's own message is there to answer to."""
    incident = journal.incident_of(run)
    projection = journal.projection(incident) if incident else None
    if incident and projection and projection.rid and chat.has(place(journal, incident).message("root", run)):
        return incident, projection.rid
    return None


def _approvers(request: Request, chat: Chat) -> list[tuple[str, str]]:
    """Ids and names of those who may approve. Raises NoAnswer."""
    if request.requester and chat.user(request.requester) is None:
        raise NoAnswer(f"chat knows no user {request.requester}, so it can't be told who is somebody else: say it under safety.approval.logins")
    known = [(chat.user(name), name) for name in request.approvers]
    found = [(each, name) for each, name in known if each] if request.approvers else chat.members(request.team)
    others = [(each, name) for each, name in found if name.lower() != request.requester.lower()]
    if not others:
        raise NoAnswer("chat knows nobody who may approve it but the one who asks (safety.approval.approvers)")
    return others


def _ask(request: Request, here: Place, rid: str, people: Sequence[tuple[str, str]], chat: Chat) -> str:
    """Bring those who may approve into the room, and ask them; the message's id."""
    chat.invite(rid, [each for each, dummy in people])
    sent = message_id(here.incident, "approval", request.run, request.plan)
    names = [name for dummy, name in people]
    text = chat_text.approval(request.about, request.plan, request.text.splitlines(), request.who, names, request.within)
    chat.post(Message(sent, rid, text, thread=here.message("root", request.run), in_channel=True))
    return sent
