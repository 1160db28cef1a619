# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks for an approval in the incident's room, and waits for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from .._core import approval, chat_text, summary
from .._core.escalation import length
from .._core.incident import derive
from .._ports import Chat, ChatError, Journal, Message
from .chat_messages import Place, message_id, place

ARRIVAL = 30.0
"""The time for the run to appear in chat, in seconds. A slower chat counts as down, because somebody waits to act."""
_SPENT = "approved plan"
EVERY = 6.5
"""Seconds between two polls: a server allows 10 calls of one kind per minute."""


_MOST = 10
"""The largest number of invalid answers that get a reply in chat."""

_Found = TypeVar("_Found")


class NoAnswer(Exception):
    """The action isn't approved. The text says why."""


class Denied(Exception):
    """An approver has denied the action."""

    def __init__(self, answer: approval.Answer) -> None:
        super().__init__(answer.user)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Request:
    """`askers` are the requesters, by their chat names; empty for automation. `approvers` are chat users; if empty, the members of `team`. `needs` is
    the number of required approvals; `logins` are the other names of people."""

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
    """Wait for the required number of approvals. Raises NoAnswer, Denied. `clock` is monotonic, in seconds; `tell` reports the progress."""
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
    """Tell people in the thread that their answer does not count, and report the progress on the terminal. Each once. Raises ChatError."""
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
        if answer.user_id and answer.void != approval.NOT_WRITTEN:  # never reply to a program, which might reply again
            text = chat_text.void(answer.user, answer.how, answer.void, request.plan, yes=answer.yes)
            chat.post(Message(message_id(here.incident, "void", key), rid, text, thread=here.message("root", request.run)))


def spend(journal: Journal, ticket: str, run: str, *, check: bool) -> str:
    """The reason if the approved plan was already carried out; otherwise empty. Marks the plan as used, except in a `check`."""
    with journal.transaction():
        before = journal.recall("", f"{_SPENT} {ticket}")
        if not before and not check:
            journal.remember("", f"{_SPENT} {ticket}", run)
    return f"Plan {ticket.partition('-')[0]} was carried out already, by run {before}: a plan is used once" if before else ""


def _again(attempt: Callable[[], _Found | None], until: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> _Found:
    """Repeat until there is a result. Raises the last ChatError, or NoAnswer, when the time is up."""
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
    """The run's incident and room, when the run's own message exists in chat."""
    incident = journal.incident_of(run)
    projection = journal.projection(incident) if incident else None
    if incident and projection and projection.rid and chat.has(place(journal, incident).message("root", run)):
        return incident, projection.rid
    return None


def _approvers(request: Request, chat: Chat) -> tuple[list[tuple[str, str]], list[str]]:
    """Ids and names of the approvers, and the ids of the requesters. Raises NoAnswer."""
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
    """Invite the approvers to the room, and ask them. Returns the message's id."""
    chat.invite(rid, [each for each, dummy in people])
    sent = message_id(here.incident, "approval", request.run, request.plan)
    names = [name for dummy, name in people]
    entries = journal.entries(here.incident)
    about = summary.asked([entry for entry in entries if entry.run == request.run], chat_text.quoted) or chat_text.quoted(request.about)
    severity = derive(here.incident, entries).severity
    text = chat_text.approval(about, severity, request.plan, request.text.splitlines(), request.who, names, request.within, request.needs)
    chat.post(Message(sent, rid, text, thread=here.message("root", request.run), in_channel=True))
    return sent
