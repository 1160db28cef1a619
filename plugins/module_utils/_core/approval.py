# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which actions need the yes of a second person, and whether somebody has given it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

YES = {"white_check_mark", "heavy_check_mark", "ballot_box_with_check", "thumbsup", "+1", "ok_hand"}
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
    """A message in the incident's room: who wrote it, and who put which emoji (without colons) under it."""

    message: str
    user: str
    text: str
    reactions: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person who may has said."""

    user: str
    yes: bool
    how: str


def needed(rules: Iterable[Mapping[str, Collection[str]]], facts: Facts) -> bool:
    """Whether any rule is about the action. A rule is, if each of its lists has the action's own; one without lists is about all."""
    own = {
        "actions": facts.action, "services": facts.service, "environments": facts.environment, "severities": facts.severity,
        "backends": facts.backend,
    }  # fmt: skip
    return any(all(own[key] in wanted for key, wanted in rule.items()) for rule in rules)


def answer(said: Iterable[Said], *, request: str, plan: str, allowed: Collection[str], requester: str) -> Answer | None:
    """The first word of somebody who may, on the message `request` or by naming the `plan`; None while nobody has said it.

    Nobody approves what he asked for himself, but he may take it back. User names are compared as a server does, in any case.
    """
    may = {name.lower() for name in allowed} - {requester.lower()}
    deny = may | {requester.lower()}
    for each in said:
        words = each.text.replace("`", " ").lower().split()
        if words[:1] in (["!approve"], ["!deny"]) and words[1:2] == [plan.lower()]:
            yes = words[0] == "!approve"
            if each.user.lower() in (may if yes else deny):
                return Answer(each.user, yes, words[0])
        if each.message == request:
            for emojis, people, yes in ((NO, deny, False), (YES, may, True)):
                for emoji in emojis & each.reactions.keys():
                    user = next((user for user in each.reactions[emoji] if user.lower() in people), None)
                    if user is not None:
                        return Answer(user, yes, f":{emoji}:")
    return None
