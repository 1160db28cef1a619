# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Computes the next paging attempt from the entries, so that each attempt is made once, even with several ticks. A call comes from the opening of an
incident or from an escalation. The notifiers are tried in their order until the call is answered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .entry import Entry, unix_time
from .incident import Incident
from .oncall import Named
from .status import Status

TRIGGER, ACKNOWLEDGE, RESOLVE = "trigger", "acknowledge", "resolve"
_LOST = 120.0
"""Seconds after which an attempt without a result is repeated, because its process was killed."""
_FOLLOW_TRIES = 3
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Rules:
    """`notifiers` are tried in this order: `after` seconds after the call, `wait` seconds after a successful attempt, and at once after a failed one.
    Notifiers in `following` also get a message when a call is answered, and when the incident is over."""

    notifiers: Sequence[str]
    severities: Collection[str]
    following: Collection[str] = ()
    after: float = 0
    wait: float = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """A due attempt. `call` is the position of the calling entry; `people` are user names; empty means the people on call."""

    call: int
    notifier: str
    event: str
    reason: str = ""
    people: Sequence[str] = ()

    def entry(self, kind: str, at: str, text: str, state: str = "") -> Entry:
        """The entry of an attempt: `paging` before it is made, `paged` afterwards."""
        return Entry(kind, at, text=text, state=state, data={"page": {"call": self.call, "notifier": self.notifier, "event": self.event}})


@dataclass(frozen=True, slots=True)
class Alert:
    """The data for a notifier. `key` is the same for all events of one call."""

    key: str
    event: str
    name: str
    title: str
    service: str
    severity: str
    status: str
    url: str
    opened_at: str
    reason: str
    people: Sequence[Named] = ()

    def summary(self) -> str:
        """One line, for a telephone's screen."""
        service = f" ({self.service})" if self.service else ""
        reason = f": {self.reason}" if self.reason else ""
        what = " ".join(f"{self.severity} {self.title}{service}{reason}".split())
        return f"{what if len(what) <= _LONGEST else what[: _LONGEST - 1] + '…'} - {self.name}"

    def document(self) -> dict[str, Any]:
        """The whole data, for a program."""
        keys = ("key", "event", "title", "service", "severity", "status", "url", "opened_at", "reason")
        people = [{"name": each.name, "username": each.username, "email": each.email, "phone": each.phone} for each in self.people]
        return {**{key: getattr(self, key) for key in keys}, "incident": self.name, "text": self.summary(), "people": people}


def due(state: Incident, entries: Sequence[Entry], rules: Rules, now: float) -> Attempt | None:
    """The next attempt at `now` (Unix time). `state` is the result of `derive` for `entries`. Nobody is paged in a drill."""
    if state.drill:
        return None
    calls = list(_calls(entries, rules))
    status = state.stage
    for position, entry in calls:
        event = RESOLVE if status.is_over else ACKNOWLEDGE if _answered(position, entry, entries, status) else ""
        for notifier in rules.notifiers if event else []:
            if notifier in rules.following and _follows(position, notifier, event, entries, rules, now):
                return Attempt(position, notifier, event)
    if status.is_over or not calls:
        return None
    position, entry = calls[-1]
    if (entry.kind != "escalated" and state.severity not in rules.severities) or _answered(position, entry, entries, status):
        return None
    return _next(position, entry, entries, rules, now)


def _calls(entries: Sequence[Entry], rules: Rules) -> Iterator[tuple[int, Entry]]:
    """The entries that call somebody, with their positions; also a severity that starts paging. A level without people calls nobody, so the earlier
    call continues."""
    severity = before = ""
    for position, entry in enumerate(entries, start=1):
        if entry.kind == "opened" or entry.data.get("notify" if entry.kind == "escalated" else "pages"):
            yield position, entry
        severity = str(entry.data.get("severity", severity)) if entry.kind in {"opened", "changed"} else severity
        if entry.kind == "changed" and severity in rules.severities and before not in rules.severities:
            yield position, entry
        before = severity


def _answered(position: int, call: Entry, entries: Sequence[Entry], status: Status) -> bool:
    if call.kind == "opened":
        return status is not Status.OPEN
    later = entries[position:]
    reasons = {each.at for each in later if each.kind == "changed"}  # a message with a change is no answer
    said = call.kind in {"escalated", "reminded"} and any(each.kind == "note" and each.at not in reasons for each in later)
    acts = call.kind == "reminded" and any(each.kind == "run_started" and each.data.get("person") for each in later)
    return said or acts or any(each.kind == "status" for each in later)


def _next(position: int, call: Entry, entries: Sequence[Entry], rules: Rules, now: float) -> Attempt | None:
    ready = unix_time(call.at) + rules.after
    for notifier in rules.notifiers:
        tried = _tried(position, notifier, TRIGGER, entries)
        if not tried or tried[-1].kind == "paging":
            ready = max(ready, unix_time(tried[-1].at) + _LOST) if tried else ready
            people = tuple(map(str, call.data.get("notify", [])))
            return Attempt(position, notifier, TRIGGER, str(call.data.get("reason", "")), people) if now >= ready else None
        ready = unix_time(tried[-1].at) + (rules.wait if tried[-1].state == "ok" else 0)
    return None


def _follows(position: int, notifier: str, event: str, entries: Sequence[Entry], rules: Rules, now: float) -> bool:
    """Whether a notifier that has paged must get the message that it may stop."""
    if not any(each.state == "ok" for each in _tried(position, notifier, TRIGGER, entries)):
        return False
    told = _tried(position, notifier, event, entries)
    if not told:
        return True
    last = told[-1]
    failed = sum(each.state == "failed" for each in told)
    if last.state == "ok" or failed >= _FOLLOW_TRIES:
        return False
    return now >= unix_time(last.at) + (rules.wait if last.state == "failed" else _LOST)


def _tried(position: int, notifier: str, event: str, entries: Sequence[Entry]) -> list[Entry]:
    page = {"call": position, "notifier": notifier, "event": event}
    return [each for each in entries if each.kind in {"paging", "paged"} and each.data.get("page") == page]
