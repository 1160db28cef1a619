# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans the messages for an incident's entries: their texts, channels and ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._core import chat_text, communication, summary
from .._core.entry import Entry
from .._core.incident import ROLES, derive
from .._core.status import Status
from .._ports import Journal, Outgoing, Projection

_USER_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """The channels and recipients. `notify` maps a severity to teams or user names; `oncall` stands for the `team`. `every` is the minimum time
    between two batches of one incident in seconds, so that a run stays below the server's limit of 10 calls per minute. `links` are the addresses for
    an incident, by their titles; `runbooks` are the runbooks of the services."""

    incidents_channel: str = "incidents"
    team: str = "oncall"
    base_url: str = ""
    every: float = 8.0
    security_channel: str = "security"
    notify: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"P0": ("oncall", "leadership"), "P1": ("oncall",)})
    links: Mapping[str, str] = field(default_factory=dict)
    runbooks: Mapping[str, str] = field(default_factory=dict)
    on_call: Callable[[], list[str]] | None = None
    """The user names of the people on call now, from the same sources as for paging; None if no schedule is configured. Raises OncallError."""


@dataclass(frozen=True, slots=True)
class Place:
    """The room of an incident. `rid` is empty for the first room. A later room begins after the entry at `start`."""

    incident: str
    rid: str = ""
    start: int = 0

    def message(self, *parts: object) -> str:
        """The id of a message in the incident's room. A later room has separate messages about the same things."""
        return message_id(f"{self.incident}|{self.rid}" if self.rid else self.incident, *parts)


def place(journal: Journal, incident: str) -> Place:
    """The current room of the incident."""
    rid, _blank, start = journal.recall(incident, MOVED).partition(" ")
    return Place(incident, rid, int(start or 0))


MOVED = "moved"
"""The journal key for the new room of an incident whose room was archived."""


def message_id(incident: str, *parts: object) -> str:
    """The id of one of our messages, derived from its subject."""
    return hashlib.sha256("|".join([incident, *map(str, parts)]).encode()).hexdigest()[:24]


class Planner:
    """The messages for an incident's new entries, in order."""

    def __init__(
        self, place: Place, projection: Projection, entries: Sequence[Entry], head: str, settings: Settings, told: Sequence[str], instead: str = ""
    ) -> None:  # fmt: skip
        """`told` are the called people, `instead` the reason why the team was called instead of the people on call."""
        self._incident, self._place = place.incident, place
        self._projection, self._entries, self._head, self._settings = projection, entries, head, settings
        self._told, self._instead = told, instead
        self._state = derive(self._incident, entries)
        self._room = self._state.channel or self._state.name

    def messages(self, after: int) -> Iterator[Outgoing]:
        """The messages to post for the entries at the positions after `after`."""
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
            elif entry.kind not in {"named", "paging", "sending"} and not entry.data.get("inferred"):
                people = self._named(entry)
                yield self._message("said", position + 1, text=chat_text.said(entry, self._state, people), invite=people)
                yield from self._worse(position + 1, entry)
                yield from self._all_clear(position + 1, entry)
            position += 1

    def _named(self, entry: Entry) -> tuple[str, ...]:
        """The people who got a role in the entry, and must hear of it. In a drill nobody is called."""
        found = dict.fromkeys(str(entry.data.get(role) or "") for role in ROLES) if entry.kind == "changed" and not self._state.drill else {}
        return tuple(name for name in found if _USER_NAME.fullmatch(name))

    def _message(self, kind: str, first: int, *, text: str, last: int | None = None, **more: Any) -> Outgoing:
        parts = kind, first, more.pop("part", "")
        message = message_id(self._incident, *parts) if more.get("channel") else self._place.message(*parts)
        return Outgoing(first, last or first, message, chat_text.marked(text, drill=self._state.drill), **more)

    def _opening(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        oncall = self._projection.oncall
        seen = summary.symptom(self._entries[position:], chat_text.quoted) if self._entries[position:] else ""
        run = next((each.run for each in self._entries[position:] if each.kind == "run_started" and each.actor == entry.actor), "")
        doing = summary.doing([each for each in self._entries if each.run == run], chat_text.quoted) if run else ""
        link, instead = entry.data.get("link", ""), self._instead
        text, attachments = chat_text.opening(
            self._state, entry.actor, link, oncall, self._help(), seen, doing, instead, str(entry.data.get("severity", ""))
        )
        yield self._message("opening", position, text=text, attachments=attachments, pin=True)
        joined = next((each.data["joined"] for each in self._entries if each.kind == "named" and each.data.get("joined")), "")
        told = bool(joined) and joined <= str(entry.data.get("severity", ""))  # by the controller that opened it
        told |= any(self._is_worse(place, each) for place, each in enumerate(self._entries[position:], start=position + 1))  # that is announced
        if self._settings.incidents_channel and not told:
            text = chat_text.announcement(self._state, self._room, entry.actor, self._told, seen, doing)
            yield self._message("announcement", position, text=text, channel=self._settings.incidents_channel)

    def _all_clear(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Announce the end of the incident, once: when it is resolved, or when it is closed without a resolution."""
        to, before = entry.data.get("to"), [each for each in self._entries[: position - 1] if each.kind == "status"]
        closed = to == Status.CLOSED and bool(before) and before[-1].data.get("to") == Status.RESOLVED and before[-1].data.get("inferred")
        if entry.kind == "status" and not entry.data.get("inferred") and (to == Status.RESOLVED or closed) and self._settings.incidents_channel:
            text = chat_text.all_clear(self._state, self._room, entry)
            yield self._message("all clear", position, text=text, channel=self._settings.incidents_channel)

    def _help(self) -> dict[str, str]:
        """The links for people who join: the service's runbook, and the configured addresses."""
        runbook = self._settings.runbooks.get(self._state.service, "")
        return ({"Runbook": runbook} if runbook else {}) | {title: link for title, link in self._settings.links.items() if link}

    def _is_worse(self, position: int, entry: Entry) -> bool:
        """Whether the entry raises the severity."""
        severity = entry.data.get("severity", "") if entry.kind == "changed" and not entry.run and not entry.data.get("joined") else ""
        return bool(severity) and severity < derive(self._incident, self._entries[: position - 1]).severity

    def _worse(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Announce a raised severity to the people of the new severity, and a suspected breach in the security channel."""
        if self._is_worse(position, entry) and self._settings.incidents_channel:
            severity, before = entry.data["severity"], derive(self._incident, self._entries[: position - 1]).severity
            text = chat_text.worse(replace(self._state, name=self._room), before, severity, entry, self._told)
            yield self._message("worse", position, text=text, channel=self._settings.incidents_channel)
        if "security" in entry.data.get("concerns", []) and self._settings.security_channel:
            text = chat_text.security(replace(self._state, name=self._room), entry)
            yield self._message("security", position, text=text, channel=self._settings.security_channel)

    def _late(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Post a reminder for the meant people; an escalation is also announced. In a drill nobody is called."""
        if self._state.drill:
            entry = replace(entry, data={**entry.data, "notify": []})
        lead = [name for name in (self._state.roles.get("commander"),) if name]
        nobody = not self._state.drill and (entry.kind == "reminded" or bool(entry.data.get("unnamed"))) and not (self._projection.oncall or lead)
        announced = bool(entry.data.get("announced"))
        meant = (self._told if announced else ()) or self._projection.oncall or lead or [self._settings.team] * nobody
        text = chat_text.late(entry, self._state, self._room, meant)
        people = (*map(str, entry.data.get("notify", [])), *[self._settings.team] * nobody)
        yield self._message("late", position, text=text, invite=people)
        if (entry.kind == "escalated" or announced) and self._settings.incidents_channel:
            text += f" · #{self._room}" if announced else ""
            yield self._message("late told", position, text=text, channel=self._settings.incidents_channel)

    def _draft(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Send a draft to the person who speaks for the incident, otherwise to the commander or the called people. A draft that is published at once
        asks nobody."""
        made = communication.draft_of(entry)
        if made is None or any(each.data.get("draft") == made.id for each in self._entries[position : position + 1]):
            return
        roles = self._state.roles
        people = [name for name in (roles.get("communications") or roles.get("commander"),) if name] or list(self._projection.oncall)
        yield self._message("said", position, text=chat_text.draft(made, people), invite=tuple(people[:1] if roles else ()))

    def _published(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """A publication as a message. Component changes of the policy are only on the timeline. Texts for customers are also posted in their
        channel."""
        if not entry.data.get("policy"):
            words = f"\n{chat_text.told(entry)}" if entry.data.get("text") else ""
            yield self._message("said", position, text=f"{chat_text.said(entry, self._state)}{words}")
        if entry.data.get("channel") and entry.data.get("text") and not communication.silent(self._state):
            yield self._message("told", position, text=chat_text.told(entry), channel=str(entry.data["channel"]), outside=True)

    def _glass(self, position: int, entry: Entry) -> Iterator[Outgoing]:
        """Announce an action without approval, in the incident's room and in the channel for incidents."""
        actor = next((each.actor for each in self._entries if each.run == entry.run and each.kind == "run_started"), "")
        team = self._settings.team if self._settings.team in self._told else ""
        people = () if self._state.drill else (team, *self._projection.oncall)
        about, without = str(entry.data.get("about", "")), str(entry.data.get("without") or "approval")
        text = chat_text.glass(about, self._room, actor, str(entry.data["break_glass"]), people, without)
        yield self._message("glass", position, text=text)
        if self._settings.incidents_channel:
            yield self._message("glass told", position, text=text, channel=self._settings.incidents_channel)

    def _run(self, first: int, last: int) -> Iterator[Outgoing]:
        """The messages for one run's entries from position `first` to `last`: its root message, replies, and its last reply."""
        batch = self._entries[first - 1 : last]
        run = batch[0].run
        thread = self._place.message("root", run)
        moved = self._place.rid and all(entry.run != run for entry in self._entries[self._place.start : first - 1])
        begins = bool(moved) or batch[0].kind == "run_started"
        if begins:
            text = chat_text.root([entry for entry in self._entries if entry.run == run], self._state.severity)
            yield Outgoing(first, first, thread, chat_text.marked(text, drill=self._state.drill))
        lines = chat_text.lines_of([entry for entry in batch if entry.kind not in {"run_started", "run_ended", "run_vanished"}])
        for part, text in enumerate(chat_text.fenced(lines)):
            yield self._message("reply", first, part=part, last=last, text=text, thread=thread)
        for position, entry in enumerate(batch, start=first):
            if entry.data.get("break_glass"):
                yield from self._glass(position, entry)
        if any(entry.kind in {"run_ended", "run_vanished"} for entry in batch):
            whole, severity = [entry for entry in self._entries if entry.run == run], self._state.severity
            text = chat_text.closing(whole, self._head, len(self._entries), severity, known=begins)
            yield self._message("closing", first, last=last, text=text, thread=thread, in_channel=not begins)
