# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an incident is late with, and who is called for it: the handbook's clocks, read off the entries.

Every reminder has a key that follows from the entries, and its keys are in the entry that tells it: so each is told once, whoever looks
and however often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .incident import CONCERNS, Entry, relapses, seconds, utc
from .severity import Severity
from .status import Status

LEAD, LEADERSHIP = 2, 3
"""The levels that a clock calls by itself: DevOps lead; CTO and security lead. The CEO is called by people only."""
_CALLED_FOR = {"security": LEADERSHIP, "data_loss": LEADERSHIP, "trade_off": LEAD}
_NEWS = {"opened", "note", "status", "changed", "run_ended", "run_vanished"}
_FORGOTTEN = 86400.0
_REVIEW_WARNINGS = ((24 * 3600.0, "24 h"), (4 * 3600.0, "4 h"))


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds from the opening of an incident; None for no such clock."""

    ack: float | None = None
    respond: float | None = None
    mitigate: float | None = None
    resolve: float | None = None
    update: float | None = None
    review: float | None = None
    outage: float | None = None


@dataclass(frozen=True, slots=True)
class Reminder:
    """It is late. `group` is what the later one of stands for the earlier; `target` is the level that is called at least, 0 for none."""

    key: str
    group: str
    text: str
    target: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """Who is called next: user names."""

    name: str
    notify: tuple[str, ...] = ()


def due(state: Mapping[str, Any], entries: Sequence[Entry], clocks: Clocks, now: float) -> list[Reminder]:
    """All that is late at `now` (Unix time), told before or not. `state` is what `derive` makes of `entries`. A drill is never late."""
    if state["drill"] or not state["opened_at"]:
        return []
    since = now - seconds(state["opened_at"])
    if Status(state["status"]).is_over:
        return list(_review(state, clocks, now))
    concerns = [Reminder(f"concern {each}", each, CONCERNS[each], _CALLED_FOR[each]) for each in state["concerns"]]
    return [*concerns, *_stages(state, clocks, since, len(relapses(entries))), *_silence(state, entries, clocks, now)]


def told(entries: Sequence[Entry]) -> set[str]:
    """The keys of all reminders so far."""
    return {key for entry in entries for key in entry.data.get("reminders", []) if isinstance(key, str)}


def level(entries: Sequence[Entry]) -> int:
    """The level that was called last: 1 is who is on call."""
    return max((int(entry.data["level"]) for entry in entries if entry.kind == "escalated"), default=1)


def called(entries: Sequence[Entry]) -> int:
    """The highest level of which somebody was called: an escalation for which nobody is named calls nobody."""
    return max((int(entry.data["level"]) for entry in entries if entry.kind == "escalated" and entry.data.get("notify")), default=1)


def reminding(reminders: Sequence[Reminder], entries: Sequence[Entry], levels: Sequence[Level], *, at: str) -> Entry | None:
    """One entry for all that was not told yet, however much that is. None where there is nothing."""
    before = told(entries)
    fresh = [each for each in reminders if each.key not in before]
    if not fresh:
        return None
    latest = list({each.group: each for each in fresh}.values())
    text = "; ".join(each.text for each in latest)
    keys = [each.key for each in fresh]
    target = min(max(each.target for each in latest), len(levels))
    if target > level(entries):
        return escalation(levels, target, text, at=at, reminders=keys)
    return Entry("reminded", at, text=text[:1].upper() + text[1:], data={"reminders": keys})


def escalation(
    levels: Sequence[Level], target: int, reason: str, *, at: str, actor: str = "", reminders: Sequence[str] = (), again: bool = False
) -> Entry:  # fmt: skip
    """The entry that calls a level, for the second time where it does so `again`, or says that nobody is named for it."""
    wanted = levels[target - 1]
    data = {"level": target, "name": wanted.name, "notify": list(wanted.notify), "reason": reason, "reminders": list(reminders)}
    data |= {"unnamed": not wanted.notify, "again": again}
    text = f"Escalated{' again' if again else ''} to {wanted.name}" if wanted.notify else f"Escalation: {unnamed(wanted.name)}"
    return Entry("escalated", at, actor=actor, text=f"{text}: {reason}", data=data)


def unnamed(level: str) -> str:
    """The words for a level that the configuration leaves empty."""
    return f"{level} is needed, and NOBODY IS NAMED for that: call somebody yourself"


def _stages(state: Mapping[str, Any], clocks: Clocks, since: float, again: int) -> Iterator[Reminder]:
    """Find what is late for the stage that the incident has. What was told before the incident was found not to be mitigated, `again` times, is
    told anew: customers wait since it opened."""
    status = Status(state["status"])
    if status is Status.OPEN and clocks.ack:
        yield from _late(since, clocks.ack, Reminder("ack", "ack", f"nobody has acknowledged for {length(clocks.ack)}"))
        yield from _late(since, 2 * clocks.ack, Reminder("ack twice", "ack", f"nobody has acknowledged for {length(2 * clocks.ack)}", LEAD))
    if status in {Status.OPEN, Status.ACKNOWLEDGED} and clocks.respond is not None:
        who = "acknowledged, but " if status is Status.ACKNOWLEDGED else ""
        within = f"within {length(clocks.respond)}" if clocks.respond else "at once"
        yield from _late(since, clocks.respond, Reminder("respond", "respond", f"{who}not being investigated: work is to begin {within}"))
    if not _mitigated(status):
        once, after = (f" again {again}", " after it was opened (it was thought to be)") if again else ("", "")
        if clocks.mitigate:
            text = f"not mitigated {'' if again else 'for '}{length(clocks.mitigate)}{after}: whoever is stuck gets help"
            yield from _late(since, clocks.mitigate, Reminder(f"mitigate{once}", "mitigate", text, LEAD))
        if clocks.outage and state["severity"] in {Severity.P0, Severity.P1}:
            text = f"not mitigated {'' if again else 'for '}{length(clocks.outage)}{after}"
            yield from _late(since, clocks.outage, Reminder(f"outage{once}", "mitigate", text, LEADERSHIP))
    if clocks.resolve:
        yield from _late(since, clocks.resolve, Reminder("resolve", "resolve", f"not resolved for {length(clocks.resolve)}"))


def _silence(state: Mapping[str, Any], entries: Sequence[Entry], clocks: Clocks, now: float) -> Iterator[Reminder]:
    """Late news. Its key is the last news, so that the next one starts the clock again."""
    position, last = max(((number, each) for number, each in enumerate(entries, start=1) if _is_news(each)), key=lambda each: each[0])
    quiet = now - seconds(last.at)
    if clocks.update:
        for times, key, target in ((1, "update", 0), (2, "update twice", LEAD)):
            text = f"no update for {length(times * clocks.update)}: say what is known, even if it is nothing new"
            yield from _late(quiet, times * clocks.update, Reminder(f"{key} {position}", "update", text, target))
    days = int(quiet // _FORGOTTEN)
    if days > 0:
        yield Reminder(
            f"forgotten {position} {days}", "forgotten", f"still {state['status']}, and nothing has happened for {length(days * _FORGOTTEN)}"
        )


def _is_news(entry: Entry) -> bool:
    """Words that went out are news, too; what the policy does to a component is none."""
    return entry.kind in _NEWS or (entry.kind == "published" and bool(entry.data.get("audience")))


def _review(state: Mapping[str, Any], clocks: Clocks, now: float) -> Iterator[Reminder]:
    """A review is due so long after the resolution."""
    over = state["resolved_at"] or state["closed_at"]
    if not clocks.review or not over or state["status"] == Status.REVIEWED:
        return
    deadline = seconds(over) + clocks.review
    for before, words in _REVIEW_WARNINGS:
        if before < clocks.review:
            yield from _late(
                now, deadline - before, Reminder(f"review {words}", "review", f"the review is due within {words}, by {utc(deadline)[:16]}Z")
            )
    yield from _late(now, deadline, Reminder("review", "review", f"the review is overdue since {utc(deadline)[:16]}Z"))


def _late(now: float, deadline: float, reminder: Reminder) -> Iterator[Reminder]:
    if now >= deadline:
        yield reminder


def _mitigated(status: Status) -> bool:
    return status not in {Status.OPEN, Status.ACKNOWLEDGED, Status.INVESTIGATING}


def length(seconds: float) -> str:
    """A length of time as people say it: 45 s, 10 min, 2 h, 3 days."""
    for size, word in ((86400, " days"), (3600, " h"), (60, " min")):
        if seconds >= size and seconds % size == 0 and (size < 86400 or seconds >= 2 * size):
            return f"{int(seconds // size)}{word}"
    return f"{seconds:g} s"


Waiting = Callable[[str], Clocks]
"""The clocks of a severity."""
