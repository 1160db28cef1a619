# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pages the called people. Each attempt is made once and recorded on the timeline, even with several ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .._core import paging
from .._core.entry import Entry, utc
from .._core.incident import derive
from .._core.oncall import Named
from .._ports import Journal, Notifier, OncallError, PageError
from .escalation import watched


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of the configuration, the notifiers by name, and the people: user names, or the people on call if there are none."""

    rules: paging.Rules
    notifiers: Mapping[str, Notifier]
    whom: Callable[[Sequence[str]], list[Named]]


def look(journal: Journal, policy: Policy, *, clock: Callable[[], float], write: bool) -> list[tuple[str, Entry]]:
    """Make all due attempts. Returns the entries by the incident's name. An attempt is claimed in a transaction first, so only one of several ticks
    makes it."""
    found = []
    for incident in watched(journal, clock()):
        while True:
            attempt = _claim(journal, incident, policy, clock, write=write)
            if attempt is None:
                break
            name, entry = _make(journal, incident, attempt, policy, clock, write=write)
            found.append((name, entry))
            if not write:
                break
            with journal.transaction():
                journal.append(incident, [entry])
    return found


def _claim(journal: Journal, incident: str, policy: Policy, clock: Callable[[], float], *, write: bool) -> paging.Attempt | None:
    attempt = _due(journal, incident, policy, clock)
    if attempt is None or not write:
        return attempt
    with journal.transaction():
        attempt = _due(journal, incident, policy, clock)
        if attempt:
            journal.append(incident, [attempt.entry("paging", utc(clock()), f"Paging by {attempt.notifier}")])
    return attempt


def _due(journal: Journal, incident: str, policy: Policy, clock: Callable[[], float]) -> paging.Attempt | None:
    entries = journal.reckoned(incident)
    return paging.due(derive(incident, entries), entries, policy.rules, clock())


def _make(journal: Journal, incident: str, attempt: paging.Attempt, policy: Policy, clock: Callable[[], float], *, write: bool) -> tuple[str, Entry]:
    """Make an attempt. Returns the incident's name, and the entry with the result."""
    state = journal.incident(incident)
    people, unknown = list[Named](), ""
    if attempt.event == paging.TRIGGER:
        try:
            people = policy.whom(attempt.people)
        except OncallError as error:
            unknown = f" (who is on call isn't known: {error})"
    page = paging.Alert(
        f"{incident}-{attempt.call}", attempt.event, state.name, state.title, state.service, state.severity, state.status,
        state.url or "", state.opened_at or "", attempt.reason, tuple(people),
    )  # fmt: skip
    who = ", ".join(each.name for each in people)
    told = {paging.ACKNOWLEDGE: "that it was answered", paging.RESOLVE: "that it is over"}.get(attempt.event, "")
    try:
        if write:
            _call(policy.notifiers[attempt.notifier], page)
    except PageError as error:
        whom = f"{who} could not be paged by {attempt.notifier}" if who else f"{attempt.notifier} could not page anybody"
        text = f"{attempt.notifier} could not be told {told}" if told else whom
        return state.name, attempt.entry("paged", utc(clock()), f"{text}: {error}{unknown}", "failed")
    text = f"Told {attempt.notifier} {told}" if told else f"Paged {who}{' ' if who else ''}by {attempt.notifier}{unknown}"
    return state.name, attempt.entry("paged", utc(clock()), text, "ok")


def _call(notifier: Notifier, alert: paging.Alert) -> None:
    """Call a notifier. Raises PageError for any exception, so that the next notifier is tried."""
    try:
        notifier.page(alert)
    except PageError:
        raise
    except Exception as error:
        raise PageError(f"it is broken ({type(error).__name__})") from error
