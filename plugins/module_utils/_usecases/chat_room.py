# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manages an incident's room: finds or creates it, invites the people of the severity, and replaces an archived room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .._core import chat_text, naming
from .._core.entry import Entry
from .._core.incident import Incident
from .._core.redact import link
from .._core.severity import Severity
from .._core.status import Status
from .._ports import Chat, ChatForbidden, ChatRejected, Journal, OncallError, Outgoing, Projection, Room
from .chat_messages import MOVED, Settings, message_id, place

_TRIES = 200
INSTEAD = "instead"
"""The journal key for the reason why the team was called instead of the people on call."""
CALL = "call"
"""The key of the trouble that somebody could not be called."""


class Rooms:
    """The rooms of one journal in one chat. `trouble` stores a refused operation for an incident and a key; an empty text clears it. `filed` are
    ended incidents with an archived room."""

    def __init__(
        self, journal: Journal, chat: Chat, settings: Settings, trouble: Callable[[str, str, str], None], filed: set[str]
    ) -> None:  # fmt: skip
        self._journal, self._chat, self._settings, self._trouble, self._filed = journal, chat, settings, trouble, filed

    # Find or create

    def enter(self, incident: str, projection: Projection, state: Incident) -> Projection:
        """Find or make the incident's room, which gives the incident its number. Raises ChatError."""
        room = self._room(incident, state)
        with self._journal.transaction():
            if (state.name, state.channel) != (room.name, room.name):
                last = self._journal.entries(incident)[-1]
                named = self._named(room, room.name, last.at, f"Named {room.name}")
                self._journal.append(incident, _joined(named, state, _severity_of_another(room, incident)))
            projection = replace(projection, rid=room.rid, planned=0, edited=0)
            self._journal.project(incident, projection)
        return projection

    def _named(self, room: Room, name: str, at: str, text: str) -> Entry:
        url = f"{link(self._settings.base_url)}/channel/{room.name}" if self._settings.base_url else None
        return Entry("named", at, text=text, data={"name": name, "channel": room.name, "url": url})

    def _room(self, incident: str, state: Incident) -> Room:
        day = datetime.fromisoformat(state.opened_at or "").date()
        number = naming.number_of(state.name)
        names = [state.name] if number else []
        first = self._journal.next_number(day.isoformat(), drill=state.drill)
        names += [naming.numbered(day, each, drill=state.drill) for each in range(first, first + _TRIES)]
        return self._first_free(incident, state, names)

    def _first_free(self, incident: str, state: Incident, names: Sequence[str]) -> Room:
        """The first of these room names that is free, or already belongs to this incident. Raises ChatRejected if there is none."""
        for name in names:
            made = self._chat.create_room(name, fields(incident, state))
            if made:
                return made
            there = self._chat.room(name)
            if there and not there.archived and _ours(there, incident, state):
                return there
        raise ChatRejected(f"no free name after {len(names)} tries, {names[0]} to {names[-1]}")

    # Check

    def look(self, incident: str, projection: Projection, state: Incident) -> None:
        """Check the room: an archived room of an open incident is replaced, and the new name of a renamed room is stored. Raises ChatError."""
        try:
            room = self._chat.room_of(projection.rid)
        except (ChatForbidden, ChatRejected):
            return
        self._filed.discard(incident)
        if room is None:  # private now, or deleted: the next post shows it
            return
        if room.archived and state.stage.is_over:
            self._filed.add(incident)
        elif room.archived:
            self.move(incident, projection, state, "was archived")
        elif room.name != state.channel:
            text = f"Its channel is #{room.name} now (was #{state.channel})"
            with self._journal.transaction():
                self._journal.append(incident, [self._named(room, state.name, self._journal.entries(incident)[-1].at, text)])

    def move(self, incident: str, projection: Projection, state: Incident, why: str) -> None:
        """Continue in another room, with the same people and all undelivered messages. Raises ChatError."""
        before = state.channel or state.name
        room = self._first_free(incident, state, [f"{state.name}-{number}" for number in range(2, 2 + _TRIES)])
        with self._journal.transaction():
            start = projection.planned
            for row, outgoing in self._journal.unsent(incident):
                if not outgoing.channel:
                    start = min(start, outgoing.first - 1)
                    self._journal.drop(row, f"#{before} {why}")
            entries = self._journal.entries(incident)
            text = f"#{before} {why}: it goes on in #{room.name}"
            self._journal.append(incident, [self._named(room, state.name, entries[-1].at, text)])
            for key, shown in ((MOVED, f"{room.rid} {start}"), ("topic", ""), ("called for", "")):
                self._journal.remember(incident, key, shown)
            projection = replace(projection, rid=room.rid, planned=start, edited=min(projection.edited, start))
            self._journal.project(incident, projection)
            self._journal.plan(incident, self._continued(incident, projection, state, before, room, len(entries) + 1, why))
        self.call_in(incident, projection, self._journal.incident(incident), again=False)

    def _continued(self, incident: str, projection: Projection, state: Incident, before: str, room: Room, position: int, why: str) -> list[Outgoing]:
        here, drill = place(self._journal, incident), state.drill
        first = chat_text.marked(chat_text.continued(state, before, () if drill else projection.oncall, why), drill=drill)
        found = [Outgoing(position, position, here.message("continued"), first, pin=True)]
        if self._settings.incidents_channel:
            told = chat_text.marked(chat_text.moved(state, before, room.name, why), drill=drill)
            found.append(Outgoing(position, position, here.message("moved"), told, channel=self._settings.incidents_channel))
        return found

    # Members

    def call_in(self, incident: str, projection: Projection, state: Incident, *, again: bool) -> Projection:
        """Invite the people of the severity, once for each severity, so that a mention reaches them. `again` also retries people whom chat did not
        call before. Nobody is called in a drill. Raises ChatError."""
        severity, missed = str(state.severity), self._journal.recall(incident, f"trouble {CALL}")
        before = self._journal.recall(incident, "told").split()
        over = state.stage.is_over
        first = self._journal.recall(incident, "called for") != severity
        if state.drill or not (first or (again and missed)):
            return projection
        if missed and over:
            self._trouble(incident, CALL, "")
            return projection
        told, oncall, problems = list[str](), projection.oncall, list[str]()
        for name in self._settings.notify.get(severity, ()):
            people, problem = self._on_call(incident, projection.rid) if name == "oncall" else self.invite(projection.rid, name)
            told += people
            problems += [problem] if problem else []
            oncall = tuple(each for each in people if each != self._settings.team) if name == "oncall" and people else oncall
        projection = replace(projection, oncall=oncall)
        new = [] if first else [name for name in told if name not in before]
        with self._journal.transaction():
            self._journal.project(incident, projection)
            self._journal.remember(incident, "told", " ".join(told))
            self._journal.remember(incident, "called for", severity)
            if new and projection.planned:
                self._journal.plan(incident, self._called(incident, state, new))
        self._trouble(incident, CALL, "; ".join(problems))
        return projection

    def _called(self, incident: str, state: Incident, people: Sequence[str]) -> list[Outgoing]:
        position = len(self._journal.entries(incident)) + 1  # no entry: the message itself says that it is late
        text = chat_text.called(state, state.channel or state.name, people)
        return [
            Outgoing(position, position, message_id(incident, "called", name, state.severity, *people), text, channel=name)
            for name in dict.fromkeys(["", self._settings.incidents_channel])
        ]

    def _on_call(self, incident: str, rid: str) -> tuple[list[str], str]:
        """Invite the people on call, whom paging also calls. If they are not known, or chat does not know them, invite the team, and remember the
        reason. Returns the names to mention, and the reason if there are none. Raises ChatError."""
        named, why = list[str](), ""
        try:
            named = self._settings.on_call() if self._settings.on_call else []
            why = "" if named or not self._settings.on_call else "the person on call has no user name in chat"
        except OncallError as error:
            why = str(error)
        found = [self.invite(rid, name) for name in named]
        people = [name for names, _problem in found for name in names]
        if named and not people:
            why = "; ".join(problem for _names, problem in found)
        if not people:
            people, problem = self.invite(rid, self._settings.team)
            found = [(people, problem)]
        self._journal.remember(incident, INSTEAD, why)
        return people, "; ".join(problem for _names, problem in found if problem)

    def invite(self, rid: str, name: str) -> tuple[list[str], str]:
        """Invite a team or a person to a room. Returns the names to mention, and the reason if there are none."""
        try:
            people = self._people(name)
            self._chat.invite(rid, [person for person, dummy in people])
        except (ChatForbidden, ChatRejected) as error:
            return [], f"@{name} is not called: {error}"
        if not people:
            return [], f"@{name} is not called: the team {name} shows no members (has it any? The bot needs the permission view-all-teams)"
        return list(dict.fromkeys([name, *(user for dummy, user in people)])), ""

    def _people(self, name: str) -> list[tuple[str, str]]:
        """Ids and user names. Raises ChatRejected, ChatForbidden."""
        try:
            return self._chat.members(name)
        except (ChatForbidden, ChatRejected):
            person = self._chat.user(name)
            if not person:
                raise
            return [(person, name)]


def _severity_of_another(room: Room, incident: str) -> str:
    """The severity of the room's incident, if another controller has opened it; otherwise empty."""
    mark = room.fields.get("incident")
    severity = str(mark.get("severity")) if isinstance(mark, dict) and mark.get("id") != incident else ""
    return severity if severity in set(Severity) else ""


def _joined(named: Entry, state: Incident, severity: str) -> list[Entry]:
    """The entry that names the incident. If it joins another controller's incident, the entry says so, and the worse severity counts for both."""
    if not severity:
        return [named]
    found = [replace(named, data={**named.data, "joined": severity})]
    if severity < state.severity:
        text = f"Severity is now {severity} (was {state.severity}), since another controller has opened it as that"
        found.append(Entry("changed", named.at, text=text, data={"severity": severity, "joined": severity}))
    return found


def _ours(room: Room, incident: str, state: Incident) -> bool:
    """Whether the room belongs to this incident: we created it and lost the answer, or another controller opened it for the same incident."""
    mark = room.fields.get("incident")
    if not isinstance(mark, dict):
        return False
    try:
        over = Status(str(mark.get("status"))).is_over
    except ValueError:
        return False
    same = bool(state.service) and mark.get("service") == state.service and not state.stage.is_over
    return mark.get("id") == incident or (same and not over)


def fields(incident: str, state: Incident) -> dict[str, Any]:
    """The custom fields of a room, for other controllers."""
    return {"incident": {"id": incident, "service": state.service, "status": state.status, "severity": state.severity}}
