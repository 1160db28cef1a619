# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The public data: posts with their updates, and the state of each component, all derived from `published` entries. The terms are those of Atlassian
Statuspage, which most providers share (developer.statuspage.io, "Incidents", "Components")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .entry import Entry

INCIDENT_STATES = ("investigating", "identified", "monitoring", "resolved")
MAINTENANCE_STATES = ("scheduled", "in_progress", "verifying", "completed")
OVER = {"resolved", "completed"}
IMPACTS = ("none", "minor", "major", "critical")
COMPONENT_STATES = ("operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage")
"""From the best to the worst."""
OPERATIONAL = COMPONENT_STATES[0]
ALONE = "page:"
"""The prefix of record ids that belong to no incident: maintenance, by its name, and components that are set by hand."""


@dataclass(frozen=True, slots=True)
class Update:
    """An update at `at` (UTC, ISO 8601 with a `Z`). `seq` is its position in the post's record. `components` has the component states of this update,
    by name. `notify`: whether the provider notifies its subscribers."""

    seq: int
    at: str
    status: str
    body: str
    components: Mapping[str, str] = field(default_factory=dict)
    notify: bool = True


@dataclass(frozen=True, slots=True)
class Post:
    """A public incident or maintenance. `id` never changes; `name` is the current name; `names` are all names it ever had. `updates` are ordered
    oldest first, at least one. `components` are the current states of the affected components. `starts` is the actual or planned start; `ends` is the
    end of a maintenance, empty otherwise. `planned` are the component states that a maintenance sets when it begins."""

    id: str
    name: str
    title: str
    impact: str
    updates: tuple[Update, ...]
    components: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""
    planned: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return self.updates[-1].status

    @property
    def is_maintenance(self) -> bool:
        return self.status in MAINTENANCE_STATES

    @property
    def is_over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the page. `history` has each change of its state (time and state), oldest first. `since` is the time of its first listing; its
    earlier state is unknown."""

    name: str
    state: str = OPERATIONAL
    description: str = ""
    group: str = ""
    since: str = ""
    history: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page. `posts` are ordered newest first; `updated_at` is the time of the last change, not of the rendering."""

    title: str
    url: str
    updated_at: str
    components: tuple[Component, ...]
    posts: tuple[Post, ...]
    support_url: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The account at a provider. `components` maps each component name to the provider's id; empty if the provider finds it by name."""

    page: str = ""
    url: str = ""
    token: str = ""
    user: str = ""
    components: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """A post at a provider: the provider's id, and the state and text of its newest update."""

    ref: str
    status: str
    body: str


def worst(states: Iterable[str]) -> str:
    """The worst of the component states; operational if there are none."""
    return max(states, key=COMPONENT_STATES.index, default=OPERATIONAL)


@dataclass(frozen=True, slots=True)
class Record:
    """All `published` entries of an incident, a maintenance or a component record, with their positions."""

    id: str
    name: str
    names: tuple[str, ...]
    entries: tuple[tuple[int, Entry], ...]


def post(record: Record) -> Post | None:
    """The post of a record; None if only components were set."""
    title, impact, starts, ends = "", IMPACTS[0], "", ""
    components: dict[str, str] = {}
    planned: dict[str, str] = {}
    updates = []
    for position, entry, said in _said(record):
        title, impact = str(said.get("title") or title), str(said["impact"] if said.get("impact") in IMPACTS else impact)
        starts, ends = str(said.get("starts") or starts), str(said.get("ends") or ends)
        components |= states_of(said)
        planned |= states_of(said, "planned")
        if said.get("status") in (*INCIDENT_STATES, *MAINTENANCE_STATES):
            notify = bool(said.get("notify", True))
            updates.append(Update(position, entry.at, str(said["status"]), str(said.get("body", "")), states_of(said), notify))
    if not updates:
        return None
    return Post(record.id, record.name, title, impact, tuple(updates), components, record.names, starts, ends, planned)


def claims(record: Record) -> dict[str, str]:
    """The wanted state of each component that the incident has named."""
    found: dict[str, str] = {}
    for _position, _entry, said in _said(record):
        found |= states_of(said)
    return found


def histories(records: Iterable[Record]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The changes of each component's state, oldest first: the worst state that any incident wants at that time."""
    asked: dict[str, dict[str, str]] = {}
    found: dict[str, list[tuple[str, str]]] = {}
    for at, incident, components in sorted((each for record in records for each in _changes(record)), key=lambda each: each[0]):
        for name, state in components.items():
            asked.setdefault(name, {})[incident] = state
            now, before = worst(asked[name].values()), found.setdefault(name, [])
            if now != (before[-1][1] if before else OPERATIONAL):
                before.append((at, now))
    return {name: tuple(before) for name, before in found.items()}


def _changes(record: Record) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The changes in the order of the record: a clock that was set back does not reorder them."""
    latest = ""
    for _position, entry, said in _said(record):
        latest = max(latest, entry.at)
        yield latest, record.id, states_of(said)


def current(histories: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, str]:
    """The current state of each component."""
    return {name: changes[-1][1] if changes else OPERATIONAL for name, changes in histories.items()}


def states_of(said: Mapping[str, object], key: str = "components") -> dict[str, str]:
    """The component states in a published entry. Invalid states are ignored."""
    given = said.get(key)
    return {str(name): str(state) for name, state in given.items() if state in COMPONENT_STATES} if isinstance(given, Mapping) else {}


def _said(record: Record) -> Iterator[tuple[int, Entry, Mapping[str, object]]]:
    for position, entry in record.entries:
        said = entry.data.get("post")
        if isinstance(said, Mapping):
            yield position, entry, said
