# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares an incident's entries with the handbook's clocks: late clocks, and the people to call. Every reminder has a key that is derived from the
entries, and the entry of a reminder contains its keys. So each reminder is sent once, even with several ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .entry import Entry, unix_time, utc
from .incident import CONCERNS, Incident, relapses
from .severity import Severity
from .status import Status

LEAD, LEADERSHIP = 2, 3
"""The levels that a clock calls automatically: DevOps lead; CTO and security lead. Only people call the CEO."""
_CALLED_FOR = {"security": LEADERSHIP, "data_loss": LEADERSHIP, "trade_off": LEAD}
_NEWS = {"opened", "note", "status", "changed", "run_ended", "run_vanished"}
_FORGOTTEN = 86400.0
_REVIEW_WARNINGS = ((24 * 3600.0, "24 h"), (4 * 3600.0, "4 h"))


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks in seconds from the opening of an incident; None means no clock."""

    ack: float | None = None
    respond: float | None = None
    mitigate: float | None = None
    resolve: float | None = None
    update: float | None = None
    review: float | None = None
    outage: float | None = None


@dataclass(frozen=True, slots=True)
class Reminder:
    """A late clock. In a `group`, the later reminder replaces the earlier one. `target` is the lowest level to call; 0 for none."""

    key: str
    group: str
    text: str
    target: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """A level, with the user names of its people."""

    name: str
    notify: tuple[str, ...] = ()


def due(state: Incident, entries: Sequence[Entry], clocks: Clocks, now: float) -> list[Reminder]:
    """All reminders that are due at `now` (Unix time), also those that were already sent. `state` is the result of `derive` for `entries`. A drill is
    never late."""
    if state.drill or not state.opened_at:
        return []
    since = now - state.opened
    if state.stage.is_over:
        return list(_review(state, clocks, now))
    concerns = [Reminder(f"concern {each}", each, CONCERNS[each], _CALLED_FOR[each]) for each in state.concerns]
    return [*concerns, *_stages(state, clocks, since, len(relapses(entries))), *_silence(state, entries, clocks, now)]


def told(entries: Sequence[Entry]) -> set[str]:
    """The keys of all sent reminders."""
    return {key for entry in entries for key in entry.data.get("reminders", []) if isinstance(key, str)}


def level(entries: Sequence[Entry]) -> int:
    """The last called level; level 1 is the people on call."""
    return max((int(entry.data["level"]) for entry in entries if entry.kind == "escalated"), default=1)


def called(entries: Sequence[Entry]) -> int:
    """The highest level in which somebody was called. An escalation to a level without people calls nobody."""
    return max((int(entry.data["level"]) for entry in entries if entry.kind == "escalated" and entry.data.get("notify")), default=1)


def reminding(reminders: Sequence[Reminder], entries: Sequence[Entry], levels: Sequence[Level], *, at: str) -> Entry | None:
    """One entry for all unsent reminders. None if there are none."""
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
    """The entry that calls a level (`again`: not for the first time), or says that the level has no people."""
    wanted = levels[target - 1]
    data = {"level": target, "name": wanted.name, "notify": list(wanted.notify), "reason": reason, "reminders": list(reminders)}
    data |= {"unnamed": not wanted.notify, "again": again}
    text = f"Escalated{' again' if again else ''} to {wanted.name}" if wanted.notify else f"Escalation: {unnamed(wanted.name)}"
    return Entry("escalated", at, actor=actor, text=f"{text}: {reason}", data=data)


def unnamed(level: str) -> str:
    """The text for a level without people in the configuration."""
    return f"{level} is needed, and NOBODY IS NAMED for that: call somebody yourself"


def _stages(state: Incident, clocks: Clocks, since: float, again: int) -> Iterator[Reminder]:
    """The late clocks of the incident's stage. After each step back from mitigated (`again` times), reminders are sent again, because customers wait
    since the opening."""
    status = state.stage
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
        if clocks.outage and state.severity in {Severity.P0, Severity.P1}:
            text = f"not mitigated {'' if again else 'for '}{length(clocks.outage)}{after}"
            yield from _late(since, clocks.outage, Reminder(f"outage{once}", "mitigate", text, LEADERSHIP))
    if clocks.resolve:
        yield from _late(since, clocks.resolve, Reminder("resolve", "resolve", f"not resolved for {length(clocks.resolve)}"))


def _silence(state: Incident, entries: Sequence[Entry], clocks: Clocks, now: float) -> Iterator[Reminder]:
    """Reminders about missing updates. The key contains the position of the last update, so that a new update starts the clock again."""
    position, last = max(((number, each) for number, each in enumerate(entries, start=1) if _is_news(each)), key=lambda each: each[0])
    quiet = now - unix_time(last.at)
    if clocks.update:
        for times, key, target in ((1, "update", 0), (2, "update twice", LEAD)):
            text = f"no update for {length(times * clocks.update)}: say what is known, even if it is nothing new"
            yield from _late(quiet, times * clocks.update, Reminder(f"{key} {position}", "update", text, target))
    days = int(quiet // _FORGOTTEN)
    if days > 0:
        yield Reminder(f"forgotten {position} {days}", "forgotten", f"still {state.status}, and nothing has happened for {length(days * _FORGOTTEN)}")


def _is_news(entry: Entry) -> bool:
    """Whether the entry is an update. Published texts are updates, too; component changes of the policy are not."""
    return entry.kind in _NEWS or (entry.kind == "published" and bool(entry.data.get("audience")))


def _review(state: Incident, clocks: Clocks, now: float) -> Iterator[Reminder]:
    """Reminders about the review, which is due a fixed time after the resolution."""
    over = state.resolved_at or state.closed_at
    if not clocks.review or not over or state.status == Status.REVIEWED:
        return
    deadline = unix_time(over) + clocks.review
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
    """A readable duration: 45 s, 10 min, 2 h, 3 days."""
    for size, word in ((86400, " days"), (3600, " h"), (60, " min")):
        if seconds >= size and seconds % size == 0 and (size < 86400 or seconds >= 2 * size):
            return f"{int(seconds // size)}{word}"
    return f"{seconds:g} s"


Waiting = Callable[[str], Clocks]
"""The clocks of a severity."""
