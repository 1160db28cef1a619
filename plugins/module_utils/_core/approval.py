# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which actions need the yes of other people, and whether they have given it: people who may, in words that nobody has changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

YES = {"white_check_mark", "heavy_check_mark", "ballot_box_with_check", "thumbsup", "+1", "ok_hand"}
NOBODY = {"guest", "anonymous", "bot", "app", "livechat-agent", "livechat-guest"}
"""Roles in chat of whoever approves nothing."""
NOT_WRITTEN = "no person has written it"
UNNAMED = "it does not name this plan"
_NEAR = 0.7
NO = {"x", "negative_squared_cross_mark", "thumbsdown", "-1", "no_entry", "no_entry_sign"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy can ask of an action; empty where it isn't known."""

    action: str
    service: str
    environment: str
    severity: str
    backend: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the incident's room: who wrote it, and who put which emoji (without colons) under it.

    `edited`: it isn't what was written at first. `automatic`: no person has written it, but the server, a bot, or a program in somebody's name.
    """

    message: str
    user: str
    text: str
    reactions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    user_id: str = ""
    edited: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A user of chat. `kind` is `user` for people; `roles` is None where chat doesn't show them."""

    id: str
    name: str
    kind: str = "user"
    active: bool = True
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody has said. `void` says why it counts for nothing; empty where it counts. `message` is where it stands."""

    user: str
    yes: bool
    how: str
    void: str = ""
    message: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Who may answer to the message `request` about the `plan`.

    `may` are ids in chat, since a name can be given up, and taken by somebody else. `askers` are the people who ask, by their one names, and
    `asker_ids` their ids. `logins` are the other names of people. `vouched`: the configuration names those who may, so that chat need not show roles.
    """

    request: str
    plan: str
    may: Collection[str]
    askers: Collection[str]
    asker_ids: Collection[str] = ()
    logins: Mapping[str, str] = field(default_factory=dict)
    vouched: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """What all answers come to: by person, who has said yes; the first no; and what counts for nothing."""

    yes: Mapping[str, Answer]
    no: Answer | None
    void: Sequence[Answer]


def needed(rules: Iterable[Mapping[str, Collection[str]]], facts: Facts) -> bool:
    """Whether any rule is about the action. A rule is, if each of its lists has the action's own; one without lists is about all."""
    own = {
        "actions": facts.action, "services": facts.service, "environments": facts.environment, "severities": facts.severity,
        "backends": facts.backend,
    }  # fmt: skip
    return any(all(own[key] in wanted for key, wanted in rule.items()) for rule in rules)


def named(name: str, logins: Mapping[str, str]) -> str:
    """The one name, that in chat, of the person who has this one. Names are compared as a server does, in any case."""
    same = {each.lower(): person for each, person in logins.items()}
    return same.get(name.lower(), name).lower()


def tally(said: Iterable[Said], ballot: Ballot, who: Callable[[str, str], Person | None]) -> Tally:
    """What the answers in the room come to now. `who` finds a user of chat by id, or by name where the id is empty."""
    yes, void, no = dict[str, Answer](), list[Answer](), None
    for answer in _answers(said, ballot):
        person = None if answer.void else who(answer.user_id, answer.user)
        why = answer.void or _objection(answer, person, ballot)
        if why or person is None:
            people = person.id if person and person.kind == "user" else ""  # of whoever has reacted, the message says the name alone
            void.append(Answer(answer.user, answer.yes, answer.how, why, answer.message, answer.user_id or people))
        elif not answer.yes:
            no = no or answer
        else:
            yes.setdefault(named(person.name, ballot.logins), answer)
    return Tally(yes, no, void)


def _answers(said: Iterable[Said], ballot: Ballot) -> Iterator[Answer]:
    """Each word about this plan, with what is wrong with the message that it stands in."""
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
    """Whether the hash of a plan is meant that was mistyped: of another one, no more than a few places are the same."""
    return plan.startswith(named[:6]) or SequenceMatcher(None, named, plan).ratio() > _NEAR


def _flaw(said: Said, *, yes: bool, more: bool) -> str:
    """Why the message counts for nothing. A no with its reason is one, and so is one that was a yes at first."""
    if said.automatic:
        return NOT_WRITTEN
    if yes and said.edited:
        return "the message was edited"
    return "it says more than the command" if yes and more else ""


def _objection(answer: Answer, person: Person | None, ballot: Ballot) -> str:
    """Why the word of this person counts for nothing. Nobody approves what he asked for himself, but he may take it back."""
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
