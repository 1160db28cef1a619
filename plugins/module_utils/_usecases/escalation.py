# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks all incidents for late clocks, and reminds or escalates: each once, even with several machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._core import escalation
from .._core.entry import Entry, utc
from .._core.incident import derive
from .._ports import Journal


class Refused(ValueError):
    """The request is refused. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The configuration's clocks and levels."""

    clocks: escalation.Waiting
    levels: tuple[escalation.Level, ...]


def look(journal: Journal, policy: Policy, *, now: float, write: bool) -> list[tuple[str, Entry]]:
    """The new reminders and escalations, by the incident's name. A second tick at the same moment finds nothing. A late incident is checked again
    inside a transaction, because another machine may be sending the reminder."""
    found = []
    for incident in watched(journal, now):
        if write:
            journal.sight(incident)
        if _next(journal, policy, incident, now) is None:
            continue
        if not write:
            entry = _next(journal, policy, incident, now)
        else:
            with journal.transaction():
                entry = _next(journal, policy, incident, now)
                if entry:
                    journal.append(incident, [entry])
        if entry:
            found.append((journal.incident(incident).name, entry))
    return found


def watched(journal: Journal, now: float) -> list[str]:
    """The watched incidents: the open ones, and the ended, unreviewed ones of the last 30 days."""
    return [*journal.open_incidents(), *journal.unreviewed(utc(now - _LOOK_BACK))]


def escalate(journal: Journal, incident: str, policy: Policy, *, reason: str, target: int | None, at: str, actor: str) -> Entry:
    """The entry that calls the next level with people, or the `target` (also if it was already called). If no people are configured, the entry says
    so. Raises Refused. Must run in a transaction."""
    entries = journal.entries(incident)
    state, now = derive(incident, entries), escalation.called(entries)
    if state.stage.is_over:
        raise Refused(f"{state.name} is {state.status}: nobody is called for it. Open a new one if it came back.")
    wanted = target or next((number for number, each in enumerate(policy.levels, start=1) if number > now and each.notify), now + 1)
    if not 1 <= wanted <= len(policy.levels):
        names = ", ".join(f"{number} {each.name}" for number, each in enumerate(policy.levels, start=1))
        said = "everybody is called already" if target is None else f"level={target} is no level"
        raise Refused(f"{said}. The levels of escalation are: {names}")
    if wanted == 1 and not policy.levels[0].notify:
        after = "call them yourself, or leave level out, which calls the next"
        raise Refused(f"level=1 is who is on call, and was called when {state.name} was opened: {after}")
    return escalation.escalation(policy.levels, wanted, reason, at=at, actor=actor, again=wanted <= now)


def _next(journal: Journal, policy: Policy, incident: str, now: float) -> Entry | None:
    entries = journal.reckoned(incident)
    state = derive(incident, entries)
    reminders: Sequence[escalation.Reminder] = escalation.due(state, entries, policy.clocks(state.severity), now)
    return escalation.reminding(reminders, entries, policy.levels, at=utc(now))


_LOOK_BACK = 30 * 86400.0
