# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publications by a person or a program on the status page: an incident, maintenance, or only components."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .._core import communication as communication_rules
from .._core import status_page
from .._core.entry import Entry, utc
from .._core.status_page import ALONE, IMPACTS, INCIDENT_STATES, MAINTENANCE_STATES, OPERATIONAL, OVER, Post
from .._ports import Journal
from . import communication, lifecycle
from .communication import IMPACT_OF, Refused

COMPONENTS_ALONE = f"{ALONE}:components"
"""The record of components that are set without an incident."""
LONGEST_TITLE, LONGEST_TEXT = 200, 10_000
"""The limit in characters."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The request; empty texts change nothing. `incident` is a name or id; for maintenance, any constant name."""

    state: str = ""
    incident: str = ""
    service: str = ""
    called: str = ""
    """The service as it was typed: an alias of today may be the name of yesterday."""
    title: str = ""
    impact: str = ""
    components: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    notify: bool = True
    starts: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The entry to append to a record, or none. `name` is the readable name."""

    record: str
    name: str
    entry: Entry | None
    before: dict[str, Any]
    after: dict[str, Any]


def plan(journal: Journal, wanted: Wanted, listed: Collection[str], *, at: str, actor: str, held: Mapping[str, str] | None = None) -> Change:
    """Raises Refused for an invalid request, before anything is recorded. `listed` are the page's components; empty if any component is allowed.
    `held` are the components of incidents that may not be published, with the incidents' names."""
    _known(wanted.components, listed)
    for key, longest in (("title", LONGEST_TITLE), ("text", LONGEST_TEXT)):
        if len(getattr(wanted, key)) > longest:
            raise Refused(f"the {'message' if key == 'text' else key} is too long: {longest} characters at most. Nothing was published.")
    record, name = _record(journal, wanted)
    if record.startswith(ALONE):
        for component in wanted.components:
            if held and component in held:
                raise Refused(f"nothing of {held[component]} goes out, so {component} stays as it is. Nothing was published.")
    entries = tuple((number, each) for number, each in enumerate(journal.entries(record), start=1) if each.kind == "published")
    before = status_page.post(status_page.Record(record, name, (), entries))
    claimed = status_page.claims(status_page.Record(record, name, (), entries))
    said = _said(journal, record, wanted, before, claimed, at)
    after = status_page.Record(record, name, (), (*entries, (0, Entry("published", at, data={"post": said}))))
    changed = bool(said)
    data = {"post": said, "audience": communication_rules.CUSTOMERS}
    entry = Entry("published", at, actor=actor, text=_text(wanted, said), data=data) if changed else None
    if entry and not wanted.state:
        entry = communication_rules.setting(said["components"], at=at, policy=False, actor=actor)
    shown = status_page.post(after) if changed else before
    return Change(record, name, entry, _view(name, before, claimed), _view(name, shown, {**claimed, **said.get("components", {})}))


def _known(components: Mapping[str, str], listed: Collection[str]) -> None:
    for name, state in components.items():
        if listed and name not in listed:
            near = difflib.get_close_matches(name, listed, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(listed)[:20])}"
            raise Refused(f"the status page has no component {name}: {hint} (status_page.components). Nothing was published.")
        if state not in status_page.COMPONENT_STATES:
            raise Refused(f"{name} can't be {state}: its state is one of {', '.join(status_page.COMPONENT_STATES)}. Nothing was published.")


def known(journal: Journal) -> set[str]:
    """The known names of components if the configuration has no list: earlier components, and services with a problem."""
    services = {str(journal.incident(each).service) for each in journal.open_incidents()}
    return {*status_page.histories(journal.published()), *services} - {""}


def held(journal: Journal, components: Callable[[str], Sequence[str]]) -> dict[str, str]:
    """The components of the services of open incidents under embargo, with the incident's name."""
    states = [journal.incident(each) for each in journal.open_incidents()]
    return {name: state.name for state in states if state.embargo and not state.drill for name in components(state.service)}


def _record(journal: Journal, wanted: Wanted) -> tuple[str, str]:
    """The record's id, and its name."""
    found = journal.find(wanted.incident) if wanted.incident else None
    if wanted.state in MAINTENANCE_STATES and found is None:
        if not wanted.incident:
            raise Refused("give the maintenance a name by `incident`, such as maintenance-2026-12-01-db: by it the next task finds it")
        return f"{ALONE}{wanted.incident}", wanted.incident
    if not wanted.state and not wanted.components:
        raise Refused("say what is to be shown: a `state` with a `message`, or `components`")
    if not wanted.state and not wanted.incident and not wanted.service:
        return COMPONENTS_ALONE, "components"
    if wanted.incident and found is None and journal.entries(f"{ALONE}{wanted.incident}"):
        if wanted.state:
            raise Refused(f"{wanted.incident} is maintenance: its state is one of {', '.join(MAINTENANCE_STATES)}")
        return f"{ALONE}{wanted.incident}", wanted.incident
    asked = lifecycle.Wanted(None, incident=wanted.incident, service=wanted.service, called=wanted.called)
    found = communication.locate(journal, asked, communication_rules.CUSTOMERS)
    state = journal.incident(found)
    communication.forbid(state)
    if state.stage.is_over and wanted.state not in {"", *OVER}:
        raise Refused(f"{state.name} is {state.status}: open another one if it came back: incident.response.incident_open")
    return found, state.name


def _said(journal: Journal, record: str, wanted: Wanted, before: Post | None, claimed: Mapping[str, str], at: str) -> dict[str, Any]:
    """The changed fields; empty if everything is already shown."""
    components = {name: state for name, state in wanted.components.items() if claimed.get(name, OPERATIONAL) != state or name not in claimed}
    if not wanted.state:
        for given in ("text", "title", "impact", "starts", "ends"):
            if getattr(wanted, given):
                raise Refused(f"`{'message' if given == 'text' else given}` needs a `state`: {', '.join((*INCIDENT_STATES, *MAINTENANCE_STATES))}")
        return {"components": components} if components else {}
    if not wanted.text:
        raise Refused("say something with a `message`: those who read the page want to know more than the state")
    if before and before.is_maintenance != (wanted.state in MAINTENANCE_STATES):
        raise Refused(f"{before.name} is {'maintenance' if before.is_maintenance else 'an incident'} on the page, which can't become {wanted.state}")
    times = _times(wanted, before, at)
    if wanted.state in OVER:
        components = {name: OPERATIONAL for name, state in claimed.items() if state != OPERATIONAL and name not in wanted.components} | components
    if wanted.state == "scheduled":  # the maintenance changes components when it begins
        planned, components = dict(wanted.components), {name: OPERATIONAL for name in wanted.components if name not in claimed}
    else:
        planned = {}
        if wanted.state == "in_progress" and before and before.status == "scheduled":
            components = {**{name: state for name, state in before.planned.items() if claimed.get(name) != state}, **components}
    severity = str(journal.incident(record).severity) if not record.startswith(ALONE) else ""
    impact = wanted.impact or ("" if before else IMPACT_OF.get(severity, IMPACTS[0]))
    title = wanted.title or ("" if before else _title({**claimed, **components}, wanted))
    opened = "" if before or record.startswith(ALONE) else str(journal.incident(record).opened_at)
    fresh: dict[str, Any] = {"title": title, "impact": impact, "starts": opened, **times, "planned": planned}
    same = before is not None and (before.status, before.updates[-1].body) == (wanted.state, wanted.text)
    said = {key: value for key, value in fresh.items() if value and (before is None or getattr(before, key) != value)}
    if same and not components and not said:
        return {}
    said |= {"status": wanted.state, "body": wanted.text, "notify": wanted.notify}
    return {**said, "components": components} if components else said


def _times(wanted: Wanted, before: Post | None, at: str) -> dict[str, str]:
    """When maintenance starts and ends, in UTC."""
    found = {}
    for key, text in (("starts", wanted.starts), ("ends", wanted.ends)):
        if not text:
            continue
        if wanted.state not in MAINTENANCE_STATES:
            raise Refused(f"`{key}` is for maintenance; an incident has begun")
        try:
            when = datetime.fromisoformat(text)
            found[key] = utc((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            raise Refused(f"{key}={text} is no time such as 2026-12-01T22:00:00Z") from None
    both = {**({"starts": before.starts, "ends": before.ends} if before else {}), **found}
    if wanted.state not in MAINTENANCE_STATES:
        return found
    if not (both.get("starts") and both.get("ends")):
        new = "" if before else f" (the page knows no maintenance {wanted.incident} yet)"
        raise Refused(f"say when the maintenance `starts` and `ends`, as 2026-12-01T22:00:00Z{new}")
    if wanted.state == "scheduled" and before is None and both["ends"] <= at:
        raise Refused(f"the maintenance would be over by now: it ends {both['ends']}")
    if both["ends"] <= both["starts"]:
        raise Refused(f"the maintenance would end ({both['ends']}) before it starts ({both['starts']})")
    return found


def _title(components: Mapping[str, str], wanted: Wanted) -> str:
    kind = "Maintenance of" if wanted.state in MAINTENANCE_STATES else "Problems with"
    return f"{kind} {', '.join(components) or 'our service'}"


def _text(wanted: Wanted, said: Mapping[str, Any]) -> str:
    if not wanted.state:
        return ""
    parts = ", ".join(f"{name} is {communication_rules.words(state)}" for name, state in said.get("components", {}).items())
    return f"Status page: {communication_rules.words(wanted.state)}: {wanted.text}{f' ({parts})' if parts else ''}"


def _view(name: str, post: Post | None, components: Mapping[str, str]) -> dict[str, Any]:
    """The result of the task."""
    update = post.updates[-1] if post else None
    return {
        "incident": name, "title": post.title if post else "", "state": post.status if post else "", "impact": post.impact if post else "",
        "message": update.body if update else "", "components": dict(components), "starts": post.starts if post else "",
        "ends": post.ends if post else "", "updates": len(post.updates) if post else 0,
    }  # fmt: skip
