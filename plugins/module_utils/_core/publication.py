# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be said outside of an incident, and when, read off its entries: the states of components by the policy, drafts at the
handbook's cadence, and the mails that published texts still have to go out by.

A text is a draft until somebody publishes it. Nothing goes out of a drill, and nothing of an incident under embargo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .incident import Entry, seconds, utc
from .status import Status
from .status_page import COMPONENT_STATES, OPERATIONAL, Record, claims, states_of

AUDIENCES = ("internal", "customers", "executives")
OCCASIONS = ("first_notice", "update", "delay", "resolved")
CUSTOMERS = "customers"
_LEAD = 0.8
"""The part of the time between two updates after which the next one is drafted: so that it is out when it was promised for."""
_LOST, _WAIT, _TRIES = 120.0, 60.0, 3
"""A mail whose sending never said how it ended is sent again after so many seconds; one that failed as a whole so many later, so often."""
_NOTES = {"note", "status"}


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy. `components` are those of the incident's service, `states` what a severity does to them; `drafts` the severities of which
    customers are told, `after` so many seconds without mitigation; `auto` those whose texts go out unseen."""

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
    return "it is under embargo, since a security breach is suspected" if state["embargo"] else ""


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


def drafted(state: Mapping[str, Any], entries: Sequence[Entry], rules: Rules, now: float) -> str:
    """The occasion on which customers should hear of it now and no draft waits; empty for none."""
    if silent(state) or state["severity"] not in rules.drafts:
        return ""
    said = told(entries, CUSTOMERS)
    status = Status(state["status"])
    pending = [each for each in drafts(entries) if each.audience == CUSTOMERS]
    if status.is_over:
        done = any(each.occasion == "resolved" for each in pending) or bool(said and said[-1].data.get("occasion") == "resolved")
        return "resolved" if said and not done else ""
    mitigated = status is Status.MITIGATED
    if not said:
        late = now >= seconds(state["opened_at"]) + rules.after
        return "first_notice" if late and not pending and not mitigated else ""
    since = max((seconds(entries[each.position - 1].at) for each in pending), default=0.0)
    every = rules.every.get(state["severity"])
    due = every is not None and now >= max(seconds(said[-1].at), since) + _LEAD * every
    news = mitigated and not _since_mitigation(entries)
    if not (due or news):
        return ""
    limit = rules.resolve.get(state["severity"])
    return "delay" if not mitigated and limit and now >= seconds(state["opened_at"]) + limit and not _occasions(entries, "delay") else "update"


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
    words = {name: str(given.get(name, "")) for name in ("id", "audience", "occasion", "subject", "text")}
    post = given.get("post")
    return Draft(**words, post=post if isinstance(post, Mapping) else {}, position=position)


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
    data = {"id": draft.id, "audience": draft.audience, "occasion": draft.occasion, "subject": draft.subject, "text": draft.text, "post": draft.post}
    how = "" if auto else f", to be published as {draft.id}"
    return Entry("draft", at, actor=actor, text=f"Draft for {draft.audience} ({words(draft.occasion)}){how}: {draft.subject}", data={"draft": data})


def publishing(draft: Draft, *, at: str, actor: str, channel: str, mails: int, next_due: str) -> Entry:
    """The entry that publishes it. `mails` is the number of addresses, 0 where nobody is written to."""
    places = [
        *(["the status page"] if draft.post else []),
        *([f"#{channel}"] if channel else []),
        *([f"mail to {mails} address{'es' if mails > 1 else ''}"] if mails else []),
    ]
    data: dict[str, Any] = {"draft": draft.id, "audience": draft.audience, "occasion": draft.occasion, "subject": draft.subject, "text": draft.text}
    data |= {"channel": channel, "mail": bool(mails), "next_due": next_due}
    data |= {"post": dict(draft.post)} if draft.post else {}
    text = f"Published for {draft.audience} ({words(draft.occasion)}), by {', '.join(places) or 'nothing but this timeline'}: {draft.subject}"
    return Entry("published", at, actor=actor, text=text, data=data)


def setting(components: Mapping[str, str], *, at: str, policy: bool, actor: str = "") -> Entry:
    """The entry that sets states of components, and says nothing with it."""
    text = "Status page: " + ", ".join(f"{name} is {words(state)}" for name, state in components.items())
    return Entry("published", at, actor=actor, text=text, data={"post": {"components": dict(components)}, "policy": policy})


def mails(entries: Sequence[Entry], now: float) -> Iterator[Mail]:
    """What is to be sent at `now`. What failed as a whole is tried again, what failed for some is not: the others have it."""
    for position, entry in enumerate(entries, start=1):
        if entry.kind != "published" or not entry.data.get("mail"):
            continue
        tried = [each for each in entries if each.kind in {"sending", "sent"} and each.data.get("of") == position]
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


def _by_policy(entries: Sequence[Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind == "published" and entry.data.get("policy"):
            found |= states_of(entry.data.get("post", {}))
    return found


def _since_mitigation(entries: Sequence[Entry]) -> bool:
    """Whether customers were told, or are about to be, since the effect is gone."""
    reached = max((number for number, each in enumerate(entries) if each.kind == "status" and each.data.get("to") == Status.MITIGATED), default=-1)
    later = entries[reached + 1 :]
    made = [draft for draft in map(draft_of, later) if draft and draft.audience == CUSTOMERS]
    return bool(made or told(later, CUSTOMERS))


def _occasions(entries: Sequence[Entry], occasion: str) -> bool:
    return any(draft.occasion == occasion for draft in map(draft_of, entries) if draft)
