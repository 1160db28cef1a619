# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask in the incident's room for the yes of other people, and wait for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from .._core import approval, chat_text, summary
from .._core.incident import derive
from .._core.overdue import length
from .._ports import Chat, ChatError, Journal, Message
from .chat_messages import Place, message_id, place

ARRIVAL = 30.0
"""Seconds for the run to get into chat. One that takes longer is as good as down, while somebody waits to act."""
_SPENT = "approved plan"
EVERY = 6.5
"""Seconds between two looks: a server lets 10 calls a minute of one kind through."""


_MOST = 10
"""How many words that count for nothing are answered in chat."""

_Found = TypeVar("_Found")


class NoAnswer(Exception):
    """It isn't approved; the text says why."""


class Denied(Exception):
    """Somebody who may has said no."""

    def __init__(self, answer: approval.Answer) -> None:
        super().__init__(answer.user)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Request:
    """`askers` are the people who ask, by their names in chat; none for automation. `approvers` are chat users; with none, the members of `team`.

    `needs` is how many people have to say yes; `logins` are the other names of people.
    """

    run: str
    about: str
    plan: str
    text: str
    who: str
    askers: Collection[str]
    approvers: Sequence[str]
    team: str
    within: float
    needs: int = 1
    logins: Mapping[str, str] = field(default_factory=dict)


def obtain(
    request: Request, journal: Journal, chat: Chat, *, clock: Callable[[], float], sleep: Callable[[float], None], tell: Callable[[str], None]
) -> list[approval.Answer]:  # fmt: skip
    """The yes of as many people as it needs. Raises NoAnswer, Denied. `clock` is monotonic, in seconds; `tell` says how far it is."""
    until = clock() + request.within
    arrived = min(until, clock() + ARRIVAL)
    try:
        incident, rid = _again(lambda: _place(request.run, journal, chat), arrived, clock, sleep)
        people, asker_ids = _again(lambda: _approvers(request, chat), arrived, clock, sleep)
        here = place(journal, incident)
        sent = _again(lambda: _ask(request, here, rid, people, journal, chat), arrived, clock, sleep)
    except ChatError as error:
        raise NoAnswer(f"chat could not be asked: {error}") from None
    may = [each for each, dummy in people]
    ballot = approval.Ballot(sent, request.plan, may, request.askers, asker_ids, request.logins, vouched=bool(request.approvers))
    problem, told = "", set[str]()
    count = approval.Tally({}, None, ())
    while True:
        pause = EVERY
        try:
            count, problem = approval.tally(chat.said(rid, sent), ballot, chat.person), ""
            if count.no:
                raise Denied(count.no)
            if len(count.yes) >= request.needs:
                return list(count.yes.values())
            _say(request, here, rid, chat, count, told, tell)
        except ChatError as error:
            problem, pause = f" (chat: {error})", max(EVERY, error.retry_after or 0)
        if clock() >= until:
            raise NoAnswer(f"{_so_far(request, count)}{problem}")
        sleep(min(pause, max(0.1, until - clock())))


def _so_far(request: Request, count: approval.Tally) -> str:
    within = f"within {length(request.within)}"
    yes = ", ".join(each.user for each in count.yes.values())
    start = f"of the {request.needs} who are needed {yes} alone has approved it {within}" if yes else f"nobody has answered {within}"
    return start + "".join(f"; {_void(each)}" for each in list(count.void)[-3:])


def _void(answer: approval.Answer) -> str:
    return f"{answer.how} by {answer.user} counts for nothing: {answer.void}"


def _say(
    request: Request, here: Place, rid: str, chat: Chat, count: approval.Tally, told: set[str], tell: Callable[[str], None]
) -> None:  # fmt: skip
    """Whoever has answered in vain reads so where it was done, and who waits at the terminal reads how far it is. Each once. Raises ChatError."""
    if count.yes:
        words = f"approved by {', '.join(each.user for each in count.yes.values())}; {request.needs - len(count.yes)} more needed"
        if words not in told:
            tell(words)
        told.add(words)
    for answer in count.void:
        key = f"{answer.message} {answer.user} {answer.how}"
        if key in told or len(told) >= _MOST:
            continue
        told.add(key)
        tell(_void(answer))
        if answer.user_id and answer.void != approval.NOT_WRITTEN:  # no answer to a program, which might answer to it
            text = chat_text.void(answer.user, answer.how, answer.void, request.plan, yes=answer.yes)
            chat.post(Message(message_id(here.incident, "void", key), rid, text, thread=here.message("root", request.run)))


def spend(journal: Journal, ticket: str, run: str, *, check: bool) -> str:
    """Why an approved plan may not be carried out, since it was before; empty where it may. It may not from now on, unless it is a `check`."""
    with journal.transaction():
        before = journal.shown("", f"{_SPENT} {ticket}")
        if not before and not check:
            journal.show("", f"{_SPENT} {ticket}", run)
    return f"Plan {ticket.partition('-')[0]} was carried out already, by run {before}: a plan is used once" if before else ""


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


def _approvers(request: Request, chat: Chat) -> tuple[list[tuple[str, str]], list[str]]:
    """Ids and names of those who may approve, and the ids of those who ask. Raises NoAnswer."""
    ids = {name: chat.user(name) for name in sorted(request.askers)}
    lost = [name for name, found in ids.items() if not found]
    if lost:
        raise NoAnswer(f"chat knows no user {lost[0]}, so it can't be told who is somebody else: say it under safety.approval.logins")
    known = [(chat.user(name), name) for name in request.approvers]
    found = [(each, name) for each, name in known if each] if request.approvers else chat.members(request.team)
    others = dict[str, tuple[str, str]]()
    for each, name in found:
        person = approval.named(name, request.logins)
        if each not in ids.values() and person not in request.askers:
            others.setdefault(person, (each, name))
    if not others:
        raise NoAnswer("chat knows nobody who may approve it but the one who asks (safety.approval.approvers)")
    if len(others) < request.needs:
        who = f"{len(others)} who may, beside the one who asks (safety.approval.approvers)"
        raise NoAnswer(f"{request.needs} people are needed (safety.approval.approvals), and chat knows {who}")
    return list(others.values()), [each for each in ids.values() if each]


def _ask(request: Request, here: Place, rid: str, people: Sequence[tuple[str, str]], journal: Journal, chat: Chat) -> str:
    """Bring those who may approve into the room, and ask them; the message's id."""
    chat.invite(rid, [each for each, dummy in people])
    sent = message_id(here.incident, "approval", request.run, request.plan)
    names = [name for dummy, name in people]
    entries = journal.entries(here.incident)
    about = summary.asked([entry for entry in entries if entry.run == request.run], chat_text.quoted) or chat_text.quoted(request.about)
    severity = derive(here.incident, entries)["severity"]
    text = chat_text.approval(about, severity, request.plan, request.text.splitlines(), request.who, names, request.within, request.needs)
    chat.post(Message(sent, rid, text, thread=here.message("root", request.run), in_channel=True))
    return sent
