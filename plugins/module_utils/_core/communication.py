# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes from an incident's entries what must be published, and when: component states by the policy, drafts at the handbook's cadence, and unsent
mails of published texts. A text is a draft until somebody publishes it. A drill, or an incident under embargo, publishes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from . import status_page
from .entry import Entry, unix_time, utc
from .incident import Incident, relapses
from .status import Status
from .status_page import COMPONENT_STATES, OPERATIONAL, Record, claims, states_of

AUDIENCES = ("internal", "customers", "executives")
OCCASIONS = ("first_notice", "update", "delay", "resolved")
CUSTOMERS = "customers"
LEAD = 0.8
"""The part of the time between two updates after which the next draft is written, so that it can be published at the promised time."""
_LOST, _WAIT, _TRIES = 120.0, 60.0, 3
"""The time after which a mail without a result is sent again, and the delay and number of retries of a failed mail."""
_NOTES = {"note", "status"}
MAIL = "mail"
"""The mark of the entries about mails, in contrast to entries about the status page."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy. `states`: the component state for each severity; `drafts`: the severities with drafts for customers, `after` that many seconds
    without mitigation; `auto`: the severities whose texts are published without approval. `every` and `resolve` are the seconds of a severity between
    two updates, and until its resolution."""

    states: Mapping[str, str] = field(default_factory=dict)
    drafts: Collection[str] = ()
    auto: Collection[str] = ()
    after: float = 300
    every: Mapping[str, float | None] = field(default_factory=dict)
    resolve: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A pending draft. `position` is the position of its entry; `post` is its post for the status page, empty for none."""

    id: str
    audience: str
    occasion: str
    subject: str
    text: str
    post: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0
    next_due: str = ""
    actor: str = ""
    """The author; empty if the tick wrote it."""
    message: str = ""
    stage: str = ""
    """The message of the draft and the incident's stage. With the same values again, no new draft is written."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A published text to mail now. `position` is the position of the publishing entry."""

    position: int
    audience: str
    subject: str
    text: str


def silent(state: Incident) -> str:
    """The reason why nothing may be published; empty if it may."""
    if state.drill:
        return "it is a drill"
    if any(entry["kind"] == "unreadable" for entry in state.entries):
        return "a part of its record can't be read, and might say that it is under embargo"
    why = ", since a security breach is suspected" if "security" in state.concerns else ""
    return f"it is under embargo{why}" if state.embargo else ""


def following(state: Incident, entries: Sequence[Entry], components: Collection[str], rules: Rules) -> dict[str, str]:
    """The component states to set now; empty if there is no change. The policy only acts when its own wanted state changes, so states that a person
    sets in between are kept. When the incident is over and its service is healthy, all its components are operational again."""
    if silent(state):
        return {}
    status = state.stage
    asked = claims(record_of(entries))
    if status.is_over:
        ill = {name for name, claimed in asked.items() if claimed != OPERATIONAL} if state.healthy or status is not Status.RESOLVED else set()
        return dict.fromkeys(sorted(ill), OPERATIONAL)
    wanted = rules.states.get(state.severity, OPERATIONAL)
    if status is Status.MITIGATED:
        wanted = min(wanted, "degraded_performance", key=COMPONENT_STATES.index)
    before = _by_policy(entries)
    return {name: wanted for name in components if before.get(name, OPERATIONAL) != wanted}


def drafted(state: Incident, entries: Sequence[Entry], rules: Rules, now: float) -> tuple[str, str] | None:
    """The audience for the next draft, and the occasion; None if no draft is due, or one is pending. The first notice for customers comes after a
    delay; other audiences get updates only after somebody has started to inform them. A person's draft is not replaced."""
    if silent(state) or state.severity not in rules.drafts:
        return None
    for audience in (CUSTOMERS, *(each for each in AUDIENCES if each != CUSTOMERS)):
        occasion = _occasion(audience, state, entries, rules, now)
        if occasion:
            return audience, occasion
    return None


def _occasion(audience: str, state: Incident, entries: Sequence[Entry], rules: Rules, now: float) -> str:
    auto = audience == CUSTOMERS and state.severity in rules.auto
    said, status = told(entries, audience), state.stage
    pending = next((each for each in drafts(entries) if each.audience == audience and not (auto and each.actor)), None)
    if pending and pending.actor:
        return ""
    if status.is_over:
        done = (pending and pending.occasion == "resolved") or bool(said and said[-1].data.get("occasion") == "resolved")
        ill = status is Status.RESOLVED and not state.healthy
        post = post_of(entries)
        return "resolved" if said and not done and not ill and not (post and post.is_over) else ""
    mitigated = status is Status.MITIGATED
    if not said:
        late = now >= state.opened + rules.after
        return "first_notice" if audience == CUSTOMERS and late and not pending and not mitigated else ""
    if (mitigated or relapses(entries)) and not _since_turn(entries, audience):
        return "update"
    every = rules.every.get(state.severity)
    if not every or now < unix_time(said[-1].at) + LEAD * every:
        return ""
    if pending and not notes(entries, entries[pending.position - 1].at):
        return ""
    limit = rules.resolve.get(state.severity)
    late = not mitigated and bool(limit) and now >= state.opened + (limit or 0)
    return "delay" if late and not _has_drafted(entries, audience, "delay") else "update"


def drafts(entries: Sequence[Entry]) -> list[Draft]:
    """The pending drafts, oldest first: the last draft of each audience, unless a text was published for it since."""
    waiting: dict[str, Draft] = {}
    for position, entry in enumerate(entries, start=1):
        made = draft_of(entry, position)
        if made:
            waiting[made.audience] = made
        if entry.kind == "published":
            waiting.pop(str(entry.data.get("audience", "")), None)
    return sorted(waiting.values(), key=lambda each: each.position)


def draft_of(entry: Entry, position: int = 0) -> Draft | None:
    """The draft in an entry."""
    given = entry.data.get("draft")
    if entry.kind != "draft" or not isinstance(given, Mapping):
        return None
    words = {name: str(given.get(name, "")) for name in ("id", "audience", "occasion", "subject", "text", "next_due", "message", "stage")}
    post = given.get("post")
    post = post if isinstance(post, Mapping) else {}
    return Draft(**words, post=post, position=position, actor=entry.actor)


def told(entries: Sequence[Entry], audience: str) -> list[Entry]:
    """The publications for an audience, oldest first."""
    return [each for each in entries if each.kind == "published" and each.data.get("audience") == audience]


def notes(entries: Sequence[Entry], since: str) -> list[str]:
    """The messages of people about the incident after that time, without names, and without entries of runs."""
    said = [each for each in entries if each.kind in _NOTES and not each.run and each.at > since and not each.data.get("inferred")]
    return [text for text in (each.text if each.kind == "note" else each.text.partition(": ")[2] for each in said) if text]


def draft_id(incident: str, position: int) -> str:
    """The name of a draft."""
    return hashlib.sha256(f"{incident}|draft|{position}".encode()).hexdigest()[:6]


def drafting(draft: Draft, *, at: str, actor: str, auto: bool) -> Entry:
    """The entry that records a draft."""
    data: dict[str, Any] = {"id": draft.id, "audience": draft.audience, "occasion": draft.occasion, "subject": draft.subject, "text": draft.text}
    data |= {"post": dict(draft.post), "next_due": draft.next_due, "message": draft.message, "stage": draft.stage}
    how = "" if auto else f", to be published as {draft.id}"
    return Entry("draft", at, actor=actor, text=f"Draft for {draft.audience} ({words(draft.occasion)}){how}: {draft.subject}", data={"draft": data})


def publishing(draft: Draft, *, at: str, actor: str, room: bool, channel: str, mails: int, next_due: str) -> Entry:
    """The entry that publishes a draft. `room`: whether the incident has a room in chat; `mails` is the number of addresses, 0 for no mail. The
    promised time of the next update in the draft becomes valid."""
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
    """A readable time, with the day if it is another day."""
    when = datetime.fromisoformat(at)
    return when.strftime("%H:%M UTC") if at[:10] == now[:10] else f"{when.day} {when:%b, %H:%M UTC}"


def setting(components: Mapping[str, str], *, at: str, policy: bool, actor: str = "") -> Entry:
    """The entry that sets component states without a text."""
    text = "Status page: " + ", ".join(f"{name} is {words(state)}" for name, state in components.items())
    return Entry("published", at, actor=actor, text=text, data={"post": {"components": dict(components)}, "policy": policy})


def mails(entries: Sequence[Entry], now: float) -> Iterator[Mail]:
    """The mails to send at `now`. A mail that failed completely is retried; a mail that failed for some recipients is not, because the others have
    it."""
    for position, entry in enumerate(entries, start=1):
        if entry.kind != "published" or not entry.data.get("mail"):
            continue
        tried = [each for each in entries if each.kind in {"sending", "sent"} and each.data.get("of") == position and each.data.get("by") == MAIL]
        failed = [each for each in tried if each.state == "failed"]
        if tried:
            last = tried[-1]
            lost = last.kind == "sending" and now >= unix_time(last.at) + _LOST
            again = last in failed and not last.data.get("partly") and len(failed) < _TRIES and now >= unix_time(last.at) + _WAIT
            if not (lost or again):
                continue
        yield Mail(position, str(entry.data["audience"]), str(entry.data["subject"]), str(entry.data["text"]))


def next_due(at: str, every: float | None) -> str:
    """The promised time of the next update, UTC; empty without a promise."""
    return utc(unix_time(at) + every) if every else ""


def words(state: str) -> str:
    """The readable form of a state such as `degraded_performance`."""
    return state.replace("_", " ")


def record_of(entries: Sequence[Entry]) -> Record:
    """The `published` entries of one incident."""
    return Record("", "", (), tuple((number, each) for number, each in enumerate(entries, start=1) if each.kind == "published"))


def post_of(entries: Sequence[Entry]) -> status_page.Post | None:
    """The post of one incident on the status page; None if there is none."""
    return status_page.post(record_of(entries))


def _by_policy(entries: Sequence[Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "published" and entry.data.get("policy"):
            found |= states_of(entry.data.get("post", {}))
    return found


def _since_turn(entries: Sequence[Entry], audience: str) -> bool:
    """Whether the audience was told, or a draft is pending, since the incident was mitigated, or went back from mitigated."""
    turns = [number for number, each in enumerate(entries, start=1) if each.kind == "status" and each.data.get("to") == Status.MITIGATED]
    later = entries[max([*turns, *relapses(entries)], default=0) :]
    made = [draft for draft in map(draft_of, later) if draft and draft.audience == audience]
    return bool(made or told(later, audience))


def _has_drafted(entries: Sequence[Entry], audience: str, occasion: str) -> bool:
    return any((draft.audience, draft.occasion) == (audience, occasion) for draft in map(draft_of, entries) if draft)
