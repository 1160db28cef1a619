# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides which actions need an approval, and whether the answers of the approvers count."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

YES = {"white_check_mark", "heavy_check_mark", "ballot_box_with_check", "thumbsup", "+1", "ok_hand"}
NOBODY = {"guest", "anonymous", "bot", "app", "livechat-agent", "livechat-guest"}
"""The chat roles that may not approve."""
NOT_WRITTEN = "no person has written it"
UNNAMED = "it does not name this plan"
_NEAR = 0.7
NO = {"x", "negative_squared_cross_mark", "thumbsdown", "-1", "no_entry", "no_entry_sign"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of an action that a rule can match; empty if unknown."""

    action: str
    service: str
    environment: str
    severity: str
    backend: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the incident's room, with its author and its reactions (emoji names without colons). `edited`: the text was changed. `automatic`:
    the server, a bot, or a program in somebody's name has written it."""

    message: str
    user: str
    text: str
    reactions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    user_id: str = ""
    edited: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A user of chat. `kind` is `user` for people; `roles` is None if chat doesn't show them."""

    id: str
    name: str
    kind: str = "user"
    active: bool = True
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a person. `void` is the reason why it does not count; empty if it counts. `message` is its message."""

    user: str
    yes: bool
    how: str
    void: str = ""
    message: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Ballot:
    """The request for an approval: the message `request` about the `plan`. `may` are the approvers' ids in chat, because names can be taken by other
    people. `askers` are the requesters by their main names, and `asker_ids` their ids. `logins` are the other names of people. `vouched`: the
    configuration names the approvers, so chat does not have to show their roles."""

    request: str
    plan: str
    may: Collection[str]
    askers: Collection[str]
    asker_ids: Collection[str] = ()
    logins: Mapping[str, str] = field(default_factory=dict)
    vouched: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """The result of all answers: the approvals by person, the first denial, and the answers that do not count."""

    yes: Mapping[str, Answer]
    no: Answer | None
    void: Sequence[Answer]


def needed(rules: Iterable[Mapping[str, Collection[str]]], facts: Facts) -> bool:
    """Whether any rule matches the action. A rule matches if each of its lists contains the action's value. A rule without lists matches every
    action."""
    own = {
        "actions": facts.action, "services": facts.service, "environments": facts.environment, "severities": facts.severity,
        "backends": facts.backend,
    }  # fmt: skip
    return any(all(own[key] in wanted for key, wanted in rule.items()) for rule in rules)


def named(name: str, logins: Mapping[str, str]) -> str:
    """The main (chat) name of the person with this name. The comparison ignores case, like a server."""
    same = {each.lower(): person for each, person in logins.items()}
    return same.get(name.lower(), name).lower()


def tally(said: Iterable[Said], ballot: Ballot, who: Callable[[str, str], Person | None]) -> Tally:
    """The current result of the answers in the room. `who` finds a user of chat by id, or by name if the id is empty."""
    yes, void, no = dict[str, Answer](), list[Answer](), None
    for answer in _answers(said, ballot):
        person = None if answer.void else who(answer.user_id, answer.user)
        why = answer.void or _objection(answer, person, ballot)
        if why or person is None:
            people = person.id if person and person.kind == "user" else ""  # a message only contains the names of people who reacted
            void.append(Answer(answer.user, answer.yes, answer.how, why, answer.message, answer.user_id or people))
        elif not answer.yes:
            no = no or answer
        else:
            yes.setdefault(named(person.name, ballot.logins), answer)
    return Tally(yes, no, void)


def _answers(said: Iterable[Said], ballot: Ballot) -> Iterator[Answer]:
    """Each answer about this plan, with the problem of its message."""
    for each in said:
        words = "".join(" " if char == "`" else char for char in each.text if unicodedata.category(char) != "Cf").lower().split()
        if words[:1] in (["!approve"], ["!deny"]):
            yes, plan, named = words[0] == "!approve", ballot.plan.lower(), "".join(words[1:2]).strip(",.;:!?")
            if named == plan:
                yield Answer(each.user, yes, words[0], _flaw(each, yes=yes, more=words[1:] != [plan]), each.message, each.user_id)
            elif not named or _nearly(named, plan):
                yield Answer(each.user, yes, words[0], NOT_WRITTEN if each.automatic else UNNAMED, each.message, each.user_id)
        if each.message == ballot.request:
            changed = "the question was edited since it was asked" if each.edited else ""
            for emojis, yes in ((NO, False), (YES, True)):
                for emoji in sorted(emojis & each.reactions.keys()):
                    yield from (Answer(user, yes, f":{emoji}:", changed if yes else "", each.message) for user in each.reactions[emoji])


def _nearly(named: str, plan: str) -> bool:
    """Whether the text is a mistyped hash of this plan. A different hash agrees in only a few positions."""
    return plan.startswith(named[:6]) or SequenceMatcher(None, named, plan).ratio() > _NEAR


def _flaw(said: Said, *, yes: bool, more: bool) -> str:
    """The reason why the message does not count. A denial with a reason counts, and so does a denial that was edited from an approval."""
    if said.automatic:
        return NOT_WRITTEN
    if yes and said.edited:
        return "the message was edited"
    return "it says more than the command" if yes and more else ""


def _objection(answer: Answer, person: Person | None, ballot: Ballot) -> str:
    """The reason why the answer of this person does not count. Requesters can't approve their own action, but they may deny it."""
    if person is None:
        return "chat has no such user any more"
    if person.kind != "user" or (person.roles or frozenset()) & NOBODY:
        return "guests and bots approve nothing"
    if not person.active:
        return "the user is deactivated"
    if person.id in ballot.asker_ids or named(person.name, ballot.logins) in ballot.askers:
        return "nobody approves what he asked for himself" if answer.yes else ""
    if person.id not in ballot.may:
        return "not one of those who may (safety.approval.approvers)"
    if person.roles is None and not ballot.vouched:
        return "chat doesn't show who is a guest: give the bot the permission view-full-other-user-info, or name safety.approval.approvers"
    return ""
