# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be said outside of an incident, and when, read off its entries: the states of components by the policy, drafts at the
handbook's cadence, and the mails that published texts still have to go out by.

A text is a draft until somebody publishes it. Nothing goes out of a drill, and nothing of an incident under embargo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from . import status_page
from .incident import Entry, relapses, seconds, utc
from .status import Status
from .status_page import COMPONENT_STATES, OPERATIONAL, Record, claims, states_of

AUDIENCES = ("internal", "customers", "executives")
OCCASIONS = ("first_notice", "update", "delay", "resolved")
CUSTOMERS = "customers"
LEAD = 0.8
"""The part of the time between two updates after which the next one is drafted: so that it is out when it was promised for."""
_LOST, _WAIT, _TRIES = 120.0, 60.0, 3
"""A mail whose sending never said how it ended is sent again after so many seconds; one that failed as a whole so many later, so often."""
_NOTES = {"note", "status"}
MAIL = "mail"
"""What the entries of a mail's sending are told by from those of the status page."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy. `states`: what a severity does to the components of the incident's service; `drafts`: the severities of which customers are
    told, `after` so many seconds without mitigation; `auto`: those whose texts go out unseen. `every` and `resolve` are a severity's seconds
    between two updates, and until its resolution."""

    states: Mapping[str, str] = field(default_factory=dict)
    drafts: Collection[str] = ()
    auto: Collection[str] = ()
    after: float = 300
    every: Mapping[str, float | None] = field(default_factory=dict)
    resolve: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that waits to be published. `position` is its entry's; `post` is what it says on the status page, empty for none."""

    id: str
    audience: str
    occasion: str
    subject: str
    text: str
    post: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0
    next_due: str = ""
    actor: str = ""
    """Who wrote it; nobody where the cadence did."""
    message: str = ""
    stage: str = ""
    """What was to be said with it, and the incident's stage then: the same again is no news."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A published text that is to be sent now. `position` is the entry's that published it."""

    position: int
    audience: str
    subject: str
    text: str


def silent(state: Mapping[str, Any]) -> str:
    """Why nothing may go out; empty where it may."""
    if state["drill"]:
        return "it is a drill"
    if any(entry["kind"] == "unreadable" for entry in state["entries"]):
        return "a part of its record can't be read, and might say that it is under embargo"
    why = ", since a security breach is suspected" if "security" in state["concerns"] else ""
    return f"it is under embargo{why}" if state["embargo"] else ""


def following(state: Mapping[str, Any], entries: Sequence[Entry], components: Collection[str], rules: Rules) -> dict[str, str]:
    """The states of components that the policy sets now, empty where all are as it wants them.

    It acts when what it wants changes, so what a person sets meanwhile stays. When the incident is over, and its service healthy, all
    that it has ever named are operational again.
    """
    if silent(state):
        return {}
    status = Status(state["status"])
    asked = claims(record_of(entries))
    if status.is_over:
        ill = {name for name, claimed in asked.items() if claimed != OPERATIONAL} if state["healthy"] or status is not Status.RESOLVED else set()
        return dict.fromkeys(sorted(ill), OPERATIONAL)
    wanted = rules.states.get(state["severity"], OPERATIONAL)
    if status is Status.MITIGATED:
        wanted = min(wanted, "degraded_performance", key=COMPONENT_STATES.index)
    before = _by_policy(entries)
    return {name: wanted for name in components if before.get(name, OPERATIONAL) != wanted}


def drafted(state: Mapping[str, Any], entries: Sequence[Entry], rules: Rules, now: float) -> tuple[str, str] | None:
    """The audience that should hear of it now, and on which occasion; None where none should, or a draft for it waits.

    Customers hear of it first after a while, the others when somebody has begun to tell them. What a person drafted is left alone.
    """
    if silent(state) or state["severity"] not in rules.drafts:
        return None
    for audience in (CUSTOMERS, *(each for each in AUDIENCES if each != CUSTOMERS)):
        occasion = _occasion(audience, state, entries, rules, now)
        if occasion:
            return audience, occasion
    return None


def _occasion(audience: str, state: Mapping[str, Any], entries: Sequence[Entry], rules: Rules, now: float) -> str:
    auto = audience == CUSTOMERS and state["severity"] in rules.auto
    said, status = told(entries, audience), Status(state["status"])
    pending = next((each for each in drafts(entries) if each.audience == audience and not (auto and each.actor)), None)
    if pending and pending.actor:
        return ""
    if status.is_over:
        done = (pending and pending.occasion == "resolved") or bool(said and said[-1].data.get("occasion") == "resolved")
        ill = status is Status.RESOLVED and not state["healthy"]
        post = post_of(entries)
        return "resolved" if said and not done and not ill and not (post and post.is_over) else ""
    mitigated = status is Status.MITIGATED
    if not said:
        late = now >= seconds(state["opened_at"]) + rules.after
        return "first_notice" if audience == CUSTOMERS and late and not pending and not mitigated else ""
    if (mitigated or relapses(entries)) and not _since_turn(entries, audience):
        return "update"
    every = rules.every.get(state["severity"])
    if not every or now < seconds(said[-1].at) + LEAD * every:
        return ""
    if pending and not notes(entries, entries[pending.position - 1].at):
        return ""
    limit = rules.resolve.get(state["severity"])
    late = not mitigated and bool(limit) and now >= seconds(state["opened_at"]) + (limit or 0)
    return "delay" if late and not _has_drafted(entries, audience, "delay") else "update"


def drafts(entries: Sequence[Entry]) -> list[Draft]:
    """The drafts that wait, oldest first: the last one of each audience, unless something was published for it since."""
    waiting: dict[str, Draft] = {}
    for position, entry in enumerate(entries, start=1):
        made = draft_of(entry, position)
        if made:
            waiting[made.audience] = made
        if entry.kind == "published":
            waiting.pop(str(entry.data.get("audience", "")), None)
    return sorted(waiting.values(), key=lambda each: each.position)


def draft_of(entry: Entry, position: int = 0) -> Draft | None:
    """The draft that an entry makes."""
    given = entry.data.get("draft")
    if entry.kind != "draft" or not isinstance(given, Mapping):
        return None
    words = {name: str(given.get(name, "")) for name in ("id", "audience", "occasion", "subject", "text", "next_due", "message", "stage")}
    post = given.get("post")
    post = post if isinstance(post, Mapping) else {}
    return Draft(**words, post=post, position=position, actor=entry.actor)


def told(entries: Sequence[Entry], audience: str) -> list[Entry]:
    """What was published for an audience, oldest first."""
    return [each for each in entries if each.kind == "published" and each.data.get("audience") == audience]


def notes(entries: Sequence[Entry], since: str) -> list[str]:
    """What people said of the incident after that time: never what runs did, nor who said it."""
    said = [each for each in entries if each.kind in _NOTES and not each.run and each.at > since and not each.data.get("inferred")]
    return [text for text in (each.text if each.kind == "note" else each.text.partition(": ")[2] for each in said) if text]


def draft_id(incident: str, position: int) -> str:
    """The name that people publish a draft by."""
    return hashlib.sha256(f"{incident}|draft|{position}".encode()).hexdigest()[:6]


def drafting(draft: Draft, *, at: str, actor: str, auto: bool) -> Entry:
    """The entry that makes a draft."""
    data: dict[str, Any] = {"id": draft.id, "audience": draft.audience, "occasion": draft.occasion, "subject": draft.subject, "text": draft.text}
    data |= {"post": dict(draft.post), "next_due": draft.next_due, "message": draft.message, "stage": draft.stage}
    how = "" if auto else f", to be published as {draft.id}"
    return Entry("draft", at, actor=actor, text=f"Draft for {draft.audience} ({words(draft.occasion)}){how}: {draft.subject}", data={"draft": data})


def publishing(draft: Draft, *, at: str, actor: str, room: bool, channel: str, mails: int, next_due: str) -> Entry:
    """The entry that publishes it. `room`: whether the incident has one in chat; `mails` is the number of addresses, 0 where nobody is written
    to. The time that the draft promises becomes the one that is promised now."""
    draft = _promising(draft, next_due, at)
    places = [
        *(["the status page"] if draft.post else []),
        *([f"#{channel}"] if channel else []),
        *(["its channel"] if room and draft.audience != CUSTOMERS else []),
        *([f"mail to {mails} address{'es' if mails > 1 else ''}"] if mails else []),
    ]
    data: dict[str, Any] = {"draft": draft.id, "audience": draft.audience, "occasion": draft.occasion, "subject": draft.subject, "text": draft.text}
    data |= {"channel": channel, "mail": bool(mails), "next_due": next_due, "message": draft.message, "stage": draft.stage}
    data |= {"post": dict(draft.post)} if draft.post else {}
    text = f"Published for {draft.audience} ({words(draft.occasion)}), by {', '.join(places)}: {draft.subject}"
    return Entry("published", at, actor=actor, text=text, data=data)


def _promising(draft: Draft, due: str, at: str) -> Draft:
    if not (draft.next_due and due):
        return draft
    before, now = clock(draft.next_due, at), clock(due, at)
    post = {**draft.post, "body": str(draft.post["body"]).replace(before, now)} if draft.post.get("body") else draft.post
    return replace(draft, text=draft.text.replace(before, now), post=post)


def clock(at: str, now: str) -> str:
    """A time as people outside read it, with the day where that is another one."""
    when = datetime.fromisoformat(at)
    return when.strftime("%H:%M UTC") if at[:10] == now[:10] else f"{when.day} {when:%b, %H:%M UTC}"


def setting(components: Mapping[str, str], *, at: str, policy: bool, actor: str = "") -> Entry:
    """The entry that sets states of components, and says nothing with it."""
    text = "Status page: " + ", ".join(f"{name} is {words(state)}" for name, state in components.items())
    return Entry("published", at, actor=actor, text=text, data={"post": {"components": dict(components)}, "policy": policy})


def mails(entries: Sequence[Entry], now: float) -> Iterator[Mail]:
    """What is to be sent at `now`. What failed as a whole is tried again, what failed for some is not: the others have it."""
    for position, entry in enumerate(entries, start=1):
        if entry.kind != "published" or not entry.data.get("mail"):
            continue
        tried = [each for each in entries if each.kind in {"sending", "sent"} and each.data.get("of") == position and each.data.get("by") == MAIL]
        failed = [each for each in tried if each.state == "failed"]
        if tried:
            last = tried[-1]
            lost = last.kind == "sending" and now >= seconds(last.at) + _LOST
            again = last in failed and not last.data.get("partly") and len(failed) < _TRIES and now >= seconds(last.at) + _WAIT
            if not (lost or again):
                continue
        yield Mail(position, str(entry.data["audience"]), str(entry.data["subject"]), str(entry.data["text"]))


def next_due(at: str, every: float | None) -> str:
    """When the next update is promised for, UTC; empty where nothing is promised."""
    return utc(seconds(at) + every) if every else ""


def words(state: str) -> str:
    """`degraded_performance` as people write it."""
    return state.replace("_", " ")


def record_of(entries: Sequence[Entry]) -> Record:
    """The published ones among the entries of one incident."""
    return Record("", "", (), tuple((number, each) for number, each in enumerate(entries, start=1) if each.kind == "published"))


def post_of(entries: Sequence[Entry]) -> status_page.Post | None:
    """What the status page says of one incident, once it says anything."""
    return status_page.post(record_of(entries))


def _by_policy(entries: Sequence[Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "published" and entry.data.get("policy"):
            found |= states_of(entry.data.get("post", {}))
    return found


def _since_turn(entries: Sequence[Entry], audience: str) -> bool:
    """Whether the audience was told, or is about to be, since the effect is gone, or turned out not to be."""
    turns = [number for number, each in enumerate(entries, start=1) if each.kind == "status" and each.data.get("to") == Status.MITIGATED]
    later = entries[max([*turns, *relapses(entries)], default=0) :]
    made = [draft for draft in map(draft_of, later) if draft and draft.audience == audience]
    return bool(made or told(later, audience))


def _has_drafted(entries: Sequence[Entry], audience: str, occasion: str) -> bool:
    return any((draft.audience, draft.occasion) == (audience, occasion) for draft in map(draft_of, entries) if draft)
