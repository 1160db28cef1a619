# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turns spool lines into entries of an incident: opens an incident, or updates the open one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .._core.entry import Entry
from .._core.incident import FAILED, Incident, calling, derive, transition
from .._core.naming import numbered
from .._core.severity import DEFAULT_SEVERITY, Severity
from .._core.status import Status, is_back
from .._core.undo import actions, failed, versions
from .._core.verdict import Verdict
from .._ports import Journal

VANISHED = 1_000_000_000
"""The position of the entry about a vanished controller: after all lines of the run."""


def ingest(journal: Journal, lines: Sequence[dict[str, Any]], *, opens: bool = True) -> str | None:
    """Put a run's lines into the journal, in order and each once, even if called repeatedly. Returns the incident's id. Returns None for a run in
    check mode, or one that does not open incidents (`opens`), if its service has no open incident. If the run had chat configured, the incident is
    shown and numbered in chat."""
    if not lines:
        return None
    with journal.transaction():
        incident = journal.incident_of(lines[0]["run"])
        for line in lines:
            entry = Entry(**{key: value for key, value in line.items() if key in Entry.__slots__})
            if incident is None:
                incident = _attach(journal, entry, chat=bool(entry.data.get("chat")), opens=opens)
                if incident is None:
                    return None
            if entry.kind == "run_vanished" and any(each.run == entry.run and each.kind == "run_ended" for each in journal.entries(incident)):
                continue
            if entry.data.get("chat"):
                journal.want_chat(incident)
            if not journal.append(incident, [entry]):  # the line is offered again
                continue
            if entry.kind == "run_started" and entry.data.get("person") and not entry.data.get("check"):
                _advance(journal, incident, Status.ACKNOWLEDGED, entry)
            if entry.kind == "run_ended" and entry.state == Verdict.WORKED and not entry.data.get("check"):
                _mitigate(journal, incident, entry)
            if entry.kind in {"run_ended", "run_vanished"}:
                _after_failure(journal, incident, entry)
        return incident


def _mitigate(journal: Journal, incident: str, end: Entry) -> None:
    entries = journal.entries(incident)
    if _is_its_own(derive(incident, entries), _start(entries, end.run)):
        _advance(journal, incident, Status.MITIGATED, end)


def _is_its_own(incident: Incident, start: Entry | None) -> bool:
    """Whether the run acted on the incident's own service. An action on another one, recorded here because somebody named this incident, says nothing
    about the health of this one's service."""
    service = start.data.get("service") if start else ""
    return not service or not incident.service or service == incident.service


def _start(entries: Sequence[Entry], run: str) -> Entry | None:
    return next((each for each in entries if each.run == run and each.kind == "run_started"), None)


def _attach(journal: Journal, start: Entry, *, chat: bool, opens: bool) -> str | None:
    asked, service = start.data.get("incident", ""), start.data.get("service", "")
    drill = bool(start.data.get("drill"))
    found = journal.find(asked) if asked else None
    if found and journal.info(found)["drill"] != drill:
        found = None
    found = found or (journal.open_for(service, drill=drill) if service else None)
    if found:
        return found
    if start.data.get("check") or not opens:
        return None
    try:
        severity = Severity.parse(start.data.get("severity") or DEFAULT_SEVERITY)
    except ValueError:
        severity = DEFAULT_SEVERITY
    title = start.data.get("title") or f"{start.action.capitalize()} of {service or 'a service'}"
    note = f" ({asked} was asked for, and isn't known here{' as a drill' if drill else ''})" if asked else ""
    link = start.data.get("link", "")
    return open_incident(
        journal, title=title, service=service, severity=severity, at=start.at, actor=start.actor, chat=chat, note=note, link=link,
        drill=drill,
    )  # fmt: skip


def open_incident(
    journal: Journal, *, title: str, service: str, severity: Severity, at: str, actor: str, chat: bool, note: str = "", link: str = "",
    drill: bool = False,
) -> str:  # fmt: skip
    """Open a new incident and return its id. With chat, its number comes later."""
    incident = secrets.token_hex(8)
    data = {"title": title, "service": service, "severity": str(severity), "drill": drill, "link": link}
    entries = [Entry("opened", at, actor=actor, text=f"Opened: {title}{note}", data=data)]
    if not chat:
        day = datetime.fromisoformat(at).date()
        name = numbered(day, journal.next_number(day.isoformat(), drill=drill), drill=drill)
        entries.append(Entry("named", at, text=f"Named {name}", data={"name": name}))
    journal.append(incident, entries)
    if chat:
        journal.want_chat(incident)
    return incident


def _after_failure(journal: Journal, incident: str, end: Entry) -> None:
    """Take a mitigated incident back to investigating after a failed action. This, and an action that made it worse, calls the people on call."""
    entries = journal.entries(incident)
    if not failed(entries, end.run):
        return
    state, start, worse = derive(incident, entries), _start(entries, end.run), end.state == Verdict.MADE_WORSE
    current = state.stage
    back = is_back(current, Status.INVESTIGATING) and _is_its_own(state, start)
    if not back and not worse:
        return
    what = f"the {start.action} of {start.data.get('service') or 'a service'}" if start else "a run"
    verdict = "broke it" if worse else f"failed (verdict {end.state.replace('_', ' ')})"
    acted = [each for each in actions(entries) if each.run == end.run]
    hosts, left = _hosts_now(entries, end.run), versions(acted[-1]) if acted else ""
    now, again = ", ".join(hosts.values()), ", so it is being investigated again" if back else ""
    eased = worse and list(hosts) == [True]
    began = f"{what[:1].upper()}{what[1:]}"
    text = f"{now}: {what} {verdict}" if now else f"{began} {verdict}"
    if eased:
        text = f"{began} failed and was undone: {now}. The incident is still open: find another way"
    text += f"{again}{f'; {left}' if left else ''}"
    alone = not (start and start.data.get("person"))  # no person started it
    step = transition(current, Status.INVESTIGATING, at=end.at, actor=end.actor, run=end.run) if back else []
    journal.append(incident, [*step, calling(f"{FAILED}{end.run}", text, at=end.at, pages=worse or alone, eased=eased)])


def _hosts_now(entries: Sequence[Entry], run: str) -> dict[bool, str]:
    """The current health of the hosts that the run made worse: a rolled back host may be healthy again."""
    well = {each.host: each.data.get("healthy") for each in entries if each.run == run and each.data.get("verdict") == Verdict.MADE_WORSE}
    found = {state: [host for host in sorted(well) if well[host] is state] for state in (False, True)}
    words = {False: "DOWN", True: "healthy again"}
    return {state: f"{', '.join(hosts)} {'is' if len(hosts) == 1 else 'are'} {words[state]}" for state, hosts in found.items() if hosts}


def _advance(journal: Journal, incident: str, wanted: Status, cause: Entry) -> None:
    entries = journal.entries(incident)
    current = derive(incident, entries).stage
    order = list(Status)
    if order.index(current) < order.index(wanted):
        journal.append(incident, transition(current, wanted, at=cause.at, actor=cause.actor, run=cause.run))
