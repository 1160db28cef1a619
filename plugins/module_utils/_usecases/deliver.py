# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the journal into chat: in order, each entry once, whatever fails in between.

What is to be posted is planned from the entries and stored before it is sent, under a message id that
follows from the entries. So whoever goes on after a crash sends the same message under the same id, and
the server keeps one. What is edited (root messages, the topic) is compared with what is known to show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .._core import chat_text, naming, publication
from .._core.incident import Entry, derive
from .._core.severity import Severity
from .._core.status import Status
from .._ports import Chat, ChatForbidden, ChatRejected, Journal, Message, Outgoing, Projection, Room

_MILESTONES = {"opened", "run_started", "run_ended", "run_vanished", "status", "changed", "note", "reminded", "escalated", "draft", "published"}
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are said. `notify` says who is told of which severity: teams, or user names; `oncall` is the `team`.

    `every` is the least time between two batches of one incident, in seconds: with 10 calls a minute a server lets a run through
    without a wait.
    """

    incidents_channel: str = "incidents"
    team: str = "oncall"
    base_url: str = ""
    every: float = 8.0
    security_channel: str = "security"
    notify: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"P0": ("oncall", "leadership"), "P1": ("oncall",)})


class Delivery:
    """Delivers one journal to one chat. `clock` is monotonic, in seconds."""

    def __init__(self, journal: Journal, chat: Chat, settings: Settings, clock: Callable[[], float]) -> None:
        self._journal, self._chat, self._settings, self._clock = journal, chat, settings, clock
        self._batched: dict[str, float] = {}
        self._edited: dict[str, float] = {}
        self.notes: list[str] = []
        """What was refused for good, in words for the person who looks after the bot."""

    def step(self, *, all_now: bool = False) -> bool:
        """Deliver what is due; `all_now` makes everything due. Whether anything is left. Raises ChatError."""
        for incident in self._journal.undelivered():
            try:
                self._deliver(incident, all_now)
            except ChatRejected as error:
                self.notes.append(f"an incident can't be shown: {error}")
        return bool(self._journal.undelivered())

    def _deliver(self, incident: str, all_now: bool) -> None:
        projection = self._journal.projection(incident)
        if projection is None:
            return
        if not projection.rid or any("severity" in entry.data for entry in self._journal.entries(incident, projection.planned)):
            entries = self._journal.entries(incident)
            state = derive(incident, entries)
            if not projection.rid and _can_wait(state, entries):
                self._backlog(incident, projection, state, entries)
                return
            if not projection.rid:
                projection = self._enter(incident, projection, state)
            projection = self._call_in(incident, projection, state)
        self._send(incident, projection)
        while self._plan(incident, all_now):
            self._send(incident, projection)
        self._refresh(incident, all_now)

    # The room

    def _backlog(self, incident: str, projection: Projection, state: dict[str, Any], entries: Sequence[Entry]) -> None:
        """What can wait for the next sprint gets a line where incidents are announced, and no room until it gets worse or somebody acts."""
        with self._journal.transaction():
            if self._settings.incidents_channel and not projection.planned:
                text = chat_text.backlog(state, entries[0].actor)
                line = Outgoing(1, len(entries), message_id(incident, "backlog"), chat_text.marked(text, drill=state["drill"]))
                self._journal.plan(incident, [replace(line, channel=self._settings.incidents_channel)])
            self._journal.project(incident, replace(projection, planned=len(entries), edited=len(entries)))
        self._send(incident, projection)

    def _enter(self, incident: str, projection: Projection, state: dict[str, Any]) -> Projection:
        """Find or make the incident's room, which gives the incident its number."""
        room = self._room(incident, state)
        with self._journal.transaction():
            url = f"{self._settings.base_url}/channel/{room.name}" if self._settings.base_url else None
            data = {"name": room.name, "channel": room.name, "url": url}
            if (state["name"], state["channel"]) != (room.name, room.name):
                last = self._journal.entries(incident)[-1]
                self._journal.append(incident, [Entry("named", last.at, text=f"Named {room.name}", data=data)])
            projection = replace(projection, rid=room.rid, planned=0, edited=0)
            self._journal.project(incident, projection)
        return projection

    def _room(self, incident: str, state: dict[str, Any]) -> Room:
        day = datetime.fromisoformat(state["opened_at"]).date()
        fields = self._fields(incident, state)
        number = naming.number_of(state["name"])
        names = [state["name"]] if number else []
        first = self._journal.next_number(day.isoformat(), drill=state["drill"])
        for name in [*names, *(naming.numbered(day, each, drill=state["drill"]) for each in range(first, first + _TRIES))]:
            made = self._chat.create_room(name, fields)
            if made:
                return made
            there = self._chat.room(name)
            if there and not there.archived and self._ours(there, incident, state):
                return there
        raise ChatRejected(f"no free name for an incident of {day.isoformat()} after {_TRIES} tries")

    @staticmethod
    def _ours(room: Room, incident: str, state: dict[str, Any]) -> bool:
        """Whether the room is this incident's: made by us and the answer got lost, or opened by another controller for the same."""
        mark = room.fields.get("incident")
        if not isinstance(mark, dict):
            return False
        try:
            over = Status(str(mark.get("status"))).is_over
        except ValueError:
            return False
        same = bool(state["service"]) and mark.get("service") == state["service"] and not Status(state["status"]).is_over
        return mark.get("id") == incident or (same and not over)

    @staticmethod
    def _fields(incident: str, state: dict[str, Any]) -> dict[str, Any]:
        return {"incident": {"id": incident, "service": state["service"], "status": state["status"]}}

    def _call_in(self, incident: str, projection: Projection, state: dict[str, Any]) -> Projection:
        """Invite whom the severity tells, once for each severity, so that a mention reaches them. Nobody is called in a drill."""
        severity = str(state["severity"])
        if state["drill"] or self._journal.shown(incident, "called for") == severity:
            return projection
        told, oncall = list[str](), projection.oncall
        for name in self._settings.notify.get(severity, ()):
            team = self._settings.team if name == "oncall" else name
            people = self._invite(projection.rid, team)
            told += people
            oncall = tuple(people[1:]) if name == "oncall" and people else oncall
        projection = replace(projection, oncall=oncall)
        with self._journal.transaction():
            self._journal.project(incident, projection)
            self._journal.show(incident, "told", " ".join(told))
            self._journal.show(incident, "called for", severity)
        return projection

    def _invite(self, rid: str, name: str) -> list[str]:
        """Bring a team, or a person, into a room; the names to mention. Whom the server doesn't know is said, and costs nothing else."""
        try:
            people = self._people(name)
            self._chat.invite(rid, [person for person, dummy in people])
        except (ChatForbidden, ChatRejected) as error:
            self.notes.append(f"@{name} could not be invited: {error}")
            return []
        if not people:
            self.notes.append(f"nobody is called: the team {name} shows no members (the bot needs the permission view-all-teams)")
            return []
        return list(dict.fromkeys([name, *(user for dummy, user in people)]))

    def _people(self, name: str) -> list[tuple[str, str]]:
        """Ids and user names. Raises ChatRejected, ChatForbidden."""
        try:
            return self._chat.members(name)
        except (ChatForbidden, ChatRejected):
            person = self._chat.user(name)
            if not person:
                raise
            return [(person, name)]

    # Messages

    def _send(self, incident: str, projection: Projection) -> None:
        for row, outgoing in self._journal.waiting(incident):
            rid = projection.rid if not outgoing.channel else self._rid_of(outgoing.channel)
            problem = ""
            if outgoing.outside and publication.silent(derive(incident, self._journal.entries(incident))):
                problem = "nothing of it may go out any more"
            elif not rid:
                problem = f"there is no channel #{outgoing.channel}: make it, and invite the bot"
            else:
                for name in outgoing.invite:  # who isn't in a room doesn't hear of being named there
                    self._invite(projection.rid, name)
                try:
                    self._chat.post(
                        Message(outgoing.message_id, rid, outgoing.text, outgoing.thread, outgoing.in_channel, outgoing.attachments)
                    )
                except ChatRejected as error:
                    problem = str(error)
                if outgoing.pin and not problem:
                    self._optional(self._chat.pin, outgoing.message_id)
            if problem:
                self.notes.append(f"entries {outgoing.first} to {outgoing.last} could not be posted: {problem}")
            with self._journal.transaction():
                self._journal.done(row, problem)

    def _rid_of(self, channel: str) -> str:
        room = self._chat.room(channel)
        return room.rid if room else ""

    def _optional(self, call: Callable[..., None], *arguments: object) -> bool:
        """A nicety: refused, it is said once and left out."""
        try:
            call(*arguments)
        except (ChatForbidden, ChatRejected) as error:
            if str(error) not in self.notes:
                self.notes.append(str(error))
            return False
        return True

    def _plan(self, incident: str, all_now: bool) -> bool:
        """Store what is to be posted next. Whether there is anything."""
        with self._journal.transaction():
            projection = self._journal.projection(incident)
            if projection is None or self._journal.waiting(incident):
                return projection is not None
            fresh = self._journal.entries(incident, projection.planned)
            head = self._journal.head(incident)
            if not fresh or head is None:
                return False
            waited = self._clock() - self._batched.get(incident, float("-inf"))
            if not all_now and waited < self._settings.every and not any(entry.kind in _MILESTONES for entry in fresh):
                return False
            entries = self._journal.entries(incident)
            told = self._journal.shown(incident, "told").split()
            planner = _Planner(incident, projection, entries, head.seal[:12], self._settings, told)
            self._journal.plan(incident, list(planner.messages(projection.planned)))
            self._journal.project(incident, replace(projection, planned=len(entries)))
            self._batched[incident] = self._clock()
        return True

    # What is edited

    def _refresh(self, incident: str, all_now: bool) -> None:
        """Bring root messages, the topic and the room's own mark up to date."""
        projection = self._journal.projection(incident)
        if projection is None or self._journal.waiting(incident):
            return
        entries = self._journal.entries(incident)
        fresh = entries[projection.edited : projection.planned]
        if not fresh:
            return
        waited = self._clock() - self._edited.get(incident, float("-inf"))
        if not all_now and waited < self._settings.every and not any(entry.kind in _MILESTONES for entry in fresh):
            return
        state = derive(incident, entries)
        for run in dict.fromkeys(entry.run for entry in fresh if entry.run):
            text = chat_text.marked(chat_text.root([entry for entry in entries if entry.run == run]), drill=state["drill"])
            self._changed(incident, f"root {run}", text, self._chat.edit, projection.rid, message_id(incident, "root", run))
        self._changed(incident, "topic", chat_text.topic(state, projection.oncall), self._chat.set_topic, projection.rid)
        if self._journal.shown(incident, "status") != state["status"]:
            self._optional(self._chat.set_fields, projection.rid, self._fields(incident, state))
            with self._journal.transaction():
                self._journal.show(incident, "status", state["status"])
        self._edited[incident] = self._clock()
        with self._journal.transaction():
            self._journal.project(incident, replace(self._journal.projection(incident) or projection, edited=projection.planned))

    def _changed(self, incident: str, key: str, text: str, call: Callable[..., None], *arguments: object) -> None:
        if self._journal.shown(incident, key) != text:
            self._optional(call, *arguments, text)
            with self._journal.transaction():
                self._journal.show(incident, key, text)


def _can_wait(state: dict[str, Any], entries: Sequence[Entry]) -> bool:
    """Whether it is for the backlog, and nobody acts on it or is called for it."""
    return state["severity"] == Severity.P3 and not state["concerns"] and not any(entry.run or entry.kind == "escalated" for entry in entries)


def message_id(incident: str, *parts: object) -> str:
    """The id of a message of ours: it follows from what the message is about."""
    return hashlib.sha256("|".join([incident, *map(str, parts)]).encode()).hexdigest()[:24]


class _Planner:
    """The messages that an incident's new entries ask for, in order."""

    def __init__(
        self, incident: str, projection: Projection, entries: Sequence[Entry], head: str, settings: Settings, told: Sequence[str]
    ) -> None:
        self._incident, self._projection, self._entries, self._head, self._settings = incident, projection, entries, head, settings
        self._told = told
        self._state = derive(incident, entries)

    def messages(self, after: int) -> Iterator[Outgoing]:
        """What to post for the entries at the positions after `after`."""
        position = after
        while position < len(self._entries):
            entry = self._entries[position]
            if entry.kind == "opened":
                yield from self._opening(position + 1, entry)
            elif entry.run:
                end = position
                while end < len(self._entries) and self._entries[end].run == entry.run:
                    end += 1
                yield from self._run(position + 1, end)
                position = end
                continue
            elif entry.kind in {"reminded", "escalated"}:
                yield from self._late(position + 1, entry)
            elif entry.kind == "draft":
                yield from self._draft(position + 1, entry)
            elif entry.kind == "published":
                yield from self._published(position + 1, entry)
            elif entry.kind not in {"named", "paging", "sending"}:
                yield self._message("said", position + 1, text=chat_text.said(entry))
                yield from self._worse(position + 1, entry)
            position += 1

    def _message(self, kind: str, first: int, *, text: str, last: int | None = None, **more: Any) -> Outgoing:
        message = message_id(self._incident, kind, first, more.pop("part", ""))
        return Outgoing(first, last or first, message, chat_text.marked(text, drill=self._state["drill"]), **more)

    def _opening(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        oncall = self._projection.oncall
        text, attachments = chat_text.opening(self._state, entry.actor, entry.data.get("link", ""), oncall)
        yield self._message("opening", position, text=text, attachments=attachments, pin=True)
        if self._settings.incidents_channel:
            text = chat_text.announcement(self._state, self._state["name"], entry.actor, self._told)
            yield self._message("announcement", position, text=text, channel=self._settings.incidents_channel)

    def _worse(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """A severity that rises is announced again, to those whom it tells now; a suspected breach, to those who look after security."""
        severity = entry.data.get("severity", "")
        before = derive(self._incident, self._entries[: position - 1])["severity"] if severity else ""
        if severity < before and self._settings.incidents_channel:
            text = chat_text.worse(self._state, before, severity, entry.actor, self._told)
            yield self._message("worse", position, text=text, channel=self._settings.incidents_channel)
        if "security" in entry.data.get("concerns", []) and self._settings.security_channel:
            text = chat_text.security(self._state, entry)
            yield self._message("security", position, text=text, channel=self._settings.security_channel)

    def _late(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Here, to those who are meant; an escalation is announced, too. In a drill nobody is called."""
        if self._state["drill"]:
            entry = replace(entry, data={**entry.data, "notify": []})
        lead = [name for name in (self._state["roles"].get("commander"),) if name]
        nobody = not self._state["drill"] and entry.kind == "reminded" and not (self._projection.oncall or lead)
        text = chat_text.late(entry, self._state["name"], self._projection.oncall or lead or [self._settings.team] * nobody)
        people = (*map(str, entry.data.get("notify", [])), *[self._settings.team] * nobody)
        yield self._message("late", position, text=text, invite=people)
        if entry.kind == "escalated" and self._settings.incidents_channel:
            yield self._message("late told", position, text=text, channel=self._settings.incidents_channel)

    def _draft(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """To whoever speaks for the incident, else to whoever leads it or is called for it. One that goes out at once asks nobody."""
        made = publication.draft_of(entry)
        if made is None or any(each.data.get("draft") == made.id for each in self._entries[position : position + 1]):
            return
        roles = self._state["roles"]
        people = [name for name in (roles.get("communications") or roles.get("commander"),) if name] or list(self._projection.oncall)
        yield self._message("said", position, text=chat_text.draft(made, people), invite=tuple(people[:1] if roles else ()))

    def _published(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """What the policy does to components is on the timeline, and no message; customers' words are also said where they are known."""
        if not entry.data.get("policy"):
            words = f"\n{chat_text.told(entry)}" if entry.data.get("text") else ""
            yield self._message("said", position, text=f"{chat_text.said(entry)}{words}")
        if entry.data.get("channel") and entry.data.get("text") and not publication.silent(self._state):
            yield self._message("told", position, text=chat_text.told(entry), channel=str(entry.data["channel"]), outside=True)

    def _glass(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Everybody hears of an action that nobody approved: here, and where incidents are announced."""
        actor = next((each.actor for each in self._entries if each.run == entry.run and each.kind == "run_started"), "")
        people = () if self._state["drill"] else (self._settings.team if self._projection.oncall else "", *self._projection.oncall)
        text = chat_text.glass(str(entry.data.get("about", "")), self._state["name"], actor, str(entry.data["break_glass"]), people)
        yield self._message("glass", position, text=text)
        if self._settings.incidents_channel:
            yield self._message("glass told", position, text=text, channel=self._settings.incidents_channel)

    def _run(self, first: int, last: int) -> Iterator[Outgoing]:
        """One run's entries from position `first` to `last`: its root message, a reply or a few, its closing line."""
        batch = self._entries[first - 1 : last]
        run = batch[0].run
        thread = message_id(self._incident, "root", run)
        if batch[0].kind == "run_started":
            text = chat_text.root([entry for entry in self._entries if entry.run == run])
            yield Outgoing(first, first, thread, chat_text.marked(text, drill=self._state["drill"]))
        lines = chat_text.lines_of([entry for entry in batch if entry.kind not in {"run_started", "run_ended", "run_vanished"}])
        for part, text in enumerate(chat_text.fenced(lines)):
            yield self._message("reply", first, part=part, last=last, text=text, thread=thread)
        for position, entry in enumerate(batch, start=first):
            if entry.data.get("break_glass"):
                yield from self._glass(position, entry)
        end = next((entry for entry in batch if entry.kind in {"run_ended", "run_vanished"}), None)
        if end:
            evidence = str(end.data.get("evidence", "")).splitlines()
            text = chat_text.closing(end, evidence, self._head, len(self._entries))
            yield self._message("closing", first, last=last, text=text, thread=thread, in_channel=True)
