# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes of an incident by a person or a program: its stage (open, acknowledged … reviewed), or an update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._core.entry import Entry
from .._core.incident import CONCERNS, RESOLUTION, ROLES, Incident, calling, derive, transition
from .._core.severity import DEFAULT_SEVERITY, Severity
from .._core.status import IllegalTransition, Status, is_back, steps
from .._ports import Journal
from .record import open_incident

_SEEN = ("title", "service", "severity", "status")
_WORDS = {"root_cause": "Root cause", "fix": "Fix", "monitoring": "Monitoring", "next": "Next"}


class Refused(ValueError):
    """The request is refused. The text says why, and what to do. `missing` are the required texts that are not given."""

    def __init__(self, text: str, missing: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request. `status` is None for an update without a new stage; empty texts change nothing."""

    status: Status | None
    incident: str = ""
    service: str = ""
    called: str = ""
    """The service as it was typed: an alias of today may be the name of yesterday."""
    title: str = ""
    severity: Severity | None = None
    message: str = ""
    resolution: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    concerns: tuple[str, ...] = ()
    force: bool = False
    embargo: bool | None = None
    healthy: bool | None = None
    """Whether the service is healthy; None if it was not checked."""


@dataclass(frozen=True, slots=True)
class Change:
    """The entries to append to an incident; if `incident` is None, a new incident is opened."""

    incident: str | None
    entries: tuple[Entry, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    seen: int = 0
    """The number of entries before the change."""

    @property
    def changed(self) -> bool:
        return self.incident is None or bool(self.entries)


def locate(journal: Journal, wanted: Wanted) -> str | None:
    """The incident of the request; None if `wanted` opens a new one. Raises Refused if there is none, or if it is of another service."""
    if wanted.incident:
        found = journal.find(wanted.incident)
        if found is None:
            raise Refused(f"no incident is called {wanted.incident}. {_open_now(journal)}")
        _refuse_other(journal, journal.incident(found), wanted)
        return found
    if wanted.service:
        found = journal.open_for(wanted.service)
        if found is None and wanted.status is not Status.OPEN:
            found = journal.newest_of(wanted.service)
            if found is None:
                raise Refused(f"there is no incident of {wanted.service}. {_open_now(journal)}")
        return found
    if wanted.status is not Status.OPEN:
        raise Refused(f"which incident? Name it by `incident`, INCIDENT_ID or `service`. {_open_now(journal)}")
    states = [journal.incident(each) for each in journal.open_incidents()]
    return next((state.id for state in states if not state.service and not state.drill and state.title == wanted.title), None)


def _open_now(journal: Journal) -> str:
    states = [journal.incident(each) for each in journal.open_incidents()[:10]]
    names = [f"{state.name} ({state.service or 'of no service'})" for state in states]
    return f"Open now: {', '.join(names) or 'none'}"


def _refuse_other(journal: Journal, state: Incident, wanted: Wanted) -> None:
    """Refuse a step for a service in another service's incident: one of the two is a mistake. The wrong incident would be resolved, or nobody
    would be called for the right one."""
    if wanted.service and state.service and state.service not in (wanted.service, wanted.called):
        whose = f"{state.name}, which incident or INCIDENT_ID names, is of {state.service}, and not of {wanted.service}"
        raise Refused(f"{whose}. Leave out one of them. {_open_now(journal)}")


def plan(incident: str | None, entries: Sequence[Entry], wanted: Wanted, *, at: str, actor: str) -> Change:
    """The changes in `wanted` that the incident does not have yet. Raises Refused."""
    if incident is None:
        return _opening(wanted, at=at, actor=actor)
    state = derive(incident, entries)
    if wanted.status is None and not wanted.incident and state.stage in {Status.CLOSED, Status.REVIEWED}:
        over = f"no incident of {wanted.service} is open: the last one, {state.name}, is {state.status}"
        raise Refused(f"{over}. If it came back, open a new one; if that one is meant, name it: -e incident={state.name}")
    wanted = _opened_as_milder(state, wanted)
    planned = [*_details(_facts(state), wanted, at, actor), *_concerns(state.concerns, wanted, at, actor)]
    planned += _embargo(derive(incident, [*entries, *planned]).embargo, wanted, at, actor)
    severity = Severity(wanted.severity or state.severity)
    if wanted.status is not None:
        planned += _stages(state, wanted, wanted.status, severity, at, actor)
    if wanted.message and not any(_says(entry, wanted.message) for entry in planned) and not _said_last(entries, wanted.message):
        if planned and planned[-1].kind == "changed":  # the readers of the change also get the reason
            planned[-1] = replace(planned[-1], text=f"{planned[-1].text}: {wanted.message}")
        else:
            planned.append(Entry("note", at, actor=actor, text=wanted.message))
    after = derive(incident, [*entries, *planned])
    return Change(incident, tuple(planned), _view(state), _view(after), len(entries))


def _opened_as_milder(state: Incident, wanted: Wanted) -> Wanted:
    """Opening an open incident with a lower severity only adds a note: a second alert must not stop the clocks and calls of a P0."""
    if wanted.status is not Status.OPEN or not wanted.severity or str(wanted.severity) <= state.severity:
        return wanted
    said = ": ".join(filter(None, (f"Reported once more, as {wanted.severity} (it stays {state.severity})", wanted.title, wanted.message)))
    return replace(wanted, severity=None, title="", message=said)


def apply(change: Change, journal: Journal, *, at: str, actor: str, chat: bool) -> str:
    """Append the planned entries. Returns the incident's id. Must run in the transaction of the plan."""
    incident = change.incident
    if incident is None:
        after = change.after
        incident = open_incident(
            journal, title=after["title"], service=after["service"], severity=Severity(after["severity"]), at=at, actor=actor, chat=chat
        )
    if chat:
        journal.want_chat(incident)
    journal.append(incident, change.entries)
    return incident


def _opening(wanted: Wanted, *, at: str, actor: str) -> Change:
    if not (wanted.title or wanted.service):
        raise Refused("to open an incident, say what is wrong (title) or with what (service)")
    after = {
        "title": wanted.title or f"Incident of {wanted.service}", "service": wanted.service,
        "severity": str(wanted.severity or DEFAULT_SEVERITY), "status": str(Status.OPEN),
    }  # fmt: skip
    note = (Entry("note", at, actor=actor, text=wanted.message),) if wanted.message else ()
    roles = _details({**after, **dict.fromkeys(ROLES, "")}, Wanted(None, roles=wanted.roles), at, actor)
    concerns = _concerns([], wanted, at, actor)
    under = "security" in wanted.concerns
    embargo, under = _embargo(under, wanted, at, actor), under if wanted.embargo is None else wanted.embargo
    return Change(None, (*roles, *concerns, *embargo, *note), {}, {**after, **wanted.roles, "concerns": list(wanted.concerns), "embargo": under})


def _embargo(current: bool, wanted: Wanted, at: str, actor: str) -> list[Entry]:
    if wanted.embargo is None or wanted.embargo is current:
        return []
    text = (
        "Under embargo: nothing of it goes to customers"
        if wanted.embargo
        else "The embargo is lifted, so customers may be told; the incident goes on"
    )
    return [Entry("changed", at, actor=actor, text=text, data={"embargo": wanted.embargo})]


def _concerns(current: Sequence[str], wanted: Wanted, at: str, actor: str) -> list[Entry]:
    new = [each for each in dict.fromkeys(wanted.concerns) if each not in current]
    text = ", and ".join(CONCERNS[each] for each in new)
    text += ": nothing of it goes to customers until the embargo is lifted" if "security" in new and wanted.embargo is None else ""
    return [Entry("changed", at, actor=actor, text=text[:1].upper() + text[1:], data={"concerns": new})] if new else []


def _facts(state: Incident) -> dict[str, str]:
    """The facts that a request may change, by their names in an entry."""
    return {"title": state.title, "service": state.service, "severity": state.severity, **dict.fromkeys(ROLES, ""), **state.roles}


def _details(current: Mapping[str, str], wanted: Wanted, at: str, actor: str) -> list[Entry]:
    service = wanted.service if not current["service"] else ""  # an incident stays its service's
    asked = {"title": wanted.title, "service": service, "severity": str(wanted.severity or ""), **wanted.roles}
    new = {key: value for key, value in asked.items() if value and value != current[key]}
    if not new:
        return []
    if list(new) == ["commander"] and wanted.message:
        was = f" (was {current['commander']})" if current["commander"] else ""
        return [Entry("changed", at, actor=actor, text=f"Handed over to {new['commander']}{was}", data=dict(new))]
    text = ", ".join(f"{key} is now {value}{f' (was {current[key]})' if current[key] else ''}" for key, value in new.items())
    return [Entry("changed", at, actor=actor, text=text[:1].upper() + text[1:], data=dict(new))]


def _stages(state: Incident, wanted: Wanted, stage: Status, severity: Severity, at: str, actor: str) -> list[Entry]:
    """The entries of the stages up to `stage`, the last one with the message. Opening a mitigated incident means that the problem has come back."""
    resolution = {**state.resolution, **wanted.resolution}
    current = state.stage
    came_back = (current, stage) == (Status.MITIGATED, Status.OPEN)
    stage = Status.INVESTIGATING if came_back else stage
    if current is stage or (stage is Status.OPEN and not current.is_over):
        new = {key: value for key, value in wanted.resolution.items() if value != state.resolution.get(key)}
        text = "; ".join(f"{_WORDS[key]}: {value}" for key, value in new.items())
        return [Entry("changed", at, actor=actor, text=text, data=new)] if new else []
    try:
        path = steps(current, stage)
    except IllegalTransition as error:
        raise Refused(str(error)) from None
    missing = [key for key in RESOLUTION if not resolution.get(key)]
    if Status.RESOLVED in path and missing and severity in {Severity.P0, Severity.P1} and not wanted.force:
        raise Refused(f"to resolve a {severity} incident, also give {', '.join(missing)} (or force: true, and write it down later)", missing)
    *inferred, last = transition(current, stage, at=at, actor=actor)
    data = dict(last.data)
    if wanted.healthy is not None:
        data["healthy"] = wanted.healthy
    if Status.RESOLVED in path:
        data["block"] = {key: resolution[key] for key in RESOLUTION if resolution.get(key)}
        if wanted.message:
            data["block"]["message"] = wanted.message
    text = f"{last.text}: {wanted.message}" if wanted.message else last.text
    found = [*inferred, replace(last, text=text, data=data)]
    if is_back(current, stage):  # the people on call believed that it is mitigated
        said = wanted.message or (wanted.title if came_back else "")
        text = f"Being investigated again, since it {'came back' if came_back else 'is not mitigated'}{f': {said}' if said else ''}"
        found.append(calling(f"again {len(state.entries)}", text, at=at, pages=came_back, actor=actor, announced=came_back))
    return found


def _says(entry: Entry, message: str) -> bool:
    return entry.kind == "note" and entry.text == message or entry.kind in {"status", "changed"} and entry.text.endswith(f": {message}")


def _said_last(entries: Sequence[Entry], message: str) -> bool:
    """Whether the message equals the last one. Then running the same task again adds nothing."""
    spoken = [entry for entry in entries if entry.kind == "note" or (entry.kind in {"status", "changed"} and not entry.run and ": " in entry.text)]
    return bool(spoken) and _says(spoken[-1], message)


def _view(state: Incident) -> dict[str, Any]:
    return {**{key: getattr(state, key) for key in (*_SEEN, "concerns", "embargo")}, **state.roles, **state.resolution}
