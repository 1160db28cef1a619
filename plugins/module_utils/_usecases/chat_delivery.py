# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Delivers the journal to chat: in order, each entry once, also after failures. Messages are planned from the entries and stored before they are
sent, with an id that is derived from the entries. After a crash, the same message is sent with the same id, and the server stores one. Edited texts
(root messages, the topic) are compared with the text that chat is known to show. Refused messages stay in the outbox with the reason, and are
retried."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .. import _gate
from .._core import chat_text, communication
from .._core.entry import Entry, unix_time
from .._core.incident import Incident, derive
from .._core.severity import Severity
from .._ports import Chat, ChatError, ChatForbidden, ChatRejected, Journal, JournalError, Message, Outgoing, Projection
from .chat_messages import Place, Planner, Settings, message_id, place
from .chat_room import CALL, INSTEAD, Rooms, fields

_MILESTONES = {"opened", "run_started", "run_ended", "run_vanished", "status", "changed", "note", "reminded", "escalated", "draft", "published"}
_AGAIN = 60.0
"""Seconds until a refused message is retried: a server allows 10 calls of one kind per minute."""
_LOOK = 15.0
"""Seconds between two checks of a room."""
_GONE = "error-invalid-room"
"""The server's errors for a room that no longer exists (apps/meteor/app/authorization/server/functions/canSendMessage.ts)."""
_LATE = 120.0
"""Seconds after which a message that calls people says how late it is."""
_IN_A_ROW = 3
"""After this number of refusals in a row, the other messages for a room are not tried now. A single bad message must not block the later ones."""


@dataclass
class Patience:
    """State that avoids repeated calls to chat. A long-running delivery keeps it across broken connections."""

    tried: dict[str, float] = field(default_factory=dict)
    """The time of the last retry of an incident's refused messages."""
    looked: dict[str, float] = field(default_factory=dict)
    """The time of the last check of the incident's room."""
    refused: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """The reasons of consecutive refusals of an incident's messages for a channel."""
    filed: set[str] = field(default_factory=set)
    """Ended incidents with an archived room."""
    failing: list[str] = field(default_factory=list)
    """Incidents that interrupted a delivery. They come last, so that they don't block others."""


class Delivery:
    """Delivers one journal to one chat. `clock` is monotonic, `now` the time of day, both in seconds."""

    def __init__(
        self, journal: Journal, chat: Chat, settings: Settings, clock: Callable[[], float], patience: Patience | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._journal, self._chat, self._settings, self._clock, self._now = journal, chat, settings, clock, now
        self._patience = patience or Patience()
        self._rooms = Rooms(journal, chat, settings, self._trouble, self._patience.filed)
        self._batched: dict[str, float] = {}
        self._edited: dict[str, float] = {}
        self._stuck: set[str] = set()
        self.notes: list[str] = []
        """The refusals, as texts for the person who maintains the bot."""

    def step(self, *, all_now: bool = False) -> bool:
        """Deliver what is due; `all_now` makes everything due. Whether anything is left that may get there without somebody's help.

        One incident's trouble, whatever it is, leaves the others alone. Raises ChatError, OSError, JournalError.
        """
        failing = self._patience.failing
        for incident, told in self._journal.mend(messages=True).items():
            self.notes += [f"{incident}: {text}" for text in told]
        for incident in sorted(self._journal.undelivered(), key=failing.__contains__):
            again = self._again(incident)
            if incident in self._stuck and not again:
                continue
            failing[:] = [*(each for each in failing if each != incident), incident]
            try:
                self._deliver(incident, all_now, again)
                self._trouble(incident, "room", "")
                self._stuck.discard(incident)
            except (ChatForbidden, ChatRejected) as error:
                self._trouble(incident, "room", f"it can't be shown in chat: {error}")
                self._stuck.add(incident)
            except (ChatError, OSError, JournalError):
                raise
            except Exception as error:
                self._trouble(incident, "room", f"it can't be shown in chat, which is a mistake of this collection: {type(error).__name__}: {error}")
                self._stuck.add(incident)
            failing.remove(incident)
        return bool(set(self._journal.undelivered(refused=False)) - self._stuck)

    def _again(self, incident: str) -> bool:
        """Whether the incident's refused messages must be retried now."""
        if self._clock() - self._patience.tried.get(incident, float("-inf")) < _AGAIN or not self._journal.troubles(incident):
            return False
        self._patience.tried[incident] = self._clock()
        for key in [key for key in self._patience.refused if key[0] == incident]:
            del self._patience.refused[key]
        with self._journal.transaction():
            self._journal.requeue(incident)
        return True

    def _trouble(self, incident: str, key: str, text: str) -> None:
        """Store a refused operation of chat; an empty text clears it."""
        text = _gate.clean(text)
        if self._journal.recall(incident, f"trouble {key}") != text:
            with self._journal.transaction():
                self._journal.remember(incident, f"trouble {key}", text)
            self._note(incident, text)

    def _note(self, incident: str, text: str) -> None:
        if text:
            self._patience.tried.setdefault(incident, self._clock())
            if text not in self.notes:
                self.notes.append(text)

    def _deliver(self, incident: str, all_now: bool, again: bool) -> None:
        projection = self._journal.projection(incident)
        if projection is None:
            return
        missed = again and bool(self._journal.recall(incident, f"trouble {CALL}"))
        if missed or not projection.rid or any("severity" in entry.data for entry in self._journal.entries(incident, projection.planned)):
            entries = self._journal.entries(incident)
            state = derive(incident, entries)
            if not projection.rid and _can_wait(state, entries):
                self._backlog(incident, projection, state, entries)
                return
            if not projection.rid:
                projection = self._rooms.enter(incident, projection, state)
                self._patience.looked[incident] = self._clock()
                state = self._journal.incident(incident)
            projection = self._rooms.call_in(incident, projection, state, again=again)
        self._look(incident, projection, again)
        self._send(incident)
        while self._plan(incident, all_now):
            self._send(incident)
        self._refresh(incident, all_now, again)

    def _backlog(self, incident: str, projection: Projection, state: Incident, entries: Sequence[Entry]) -> None:
        """Post a P3 as a line in the channel for incidents. It has no room until it gets worse or somebody acts."""
        with self._journal.transaction():
            if self._settings.incidents_channel and not projection.planned:
                text = chat_text.backlog(state, entries[0].actor)
                line = Outgoing(1, len(entries), message_id(incident, "backlog"), chat_text.marked(text, drill=state.drill))
                self._journal.plan(incident, [replace(line, channel=self._settings.incidents_channel)])
            self._journal.project(incident, replace(projection, planned=len(entries), edited=len(entries)))
        self._send(incident)

    def _look(self, incident: str, projection: Projection, again: bool) -> None:
        """Check the room before posting in it."""
        new = self._journal.waiting(incident) or self._journal.entries(incident, projection.planned)
        if not new or (not again and self._clock() - self._patience.looked.get(incident, float("-inf")) < _LOOK):
            return
        self._patience.looked[incident] = self._clock()
        self._rooms.look(incident, projection, self._journal.incident(incident))

    # Messages

    def _send(self, incident: str) -> None:
        projection = self._journal.projection(incident) or Projection()
        for row, outgoing in self._journal.waiting(incident):
            if outgoing.outside and communication.silent(self._journal.incident(incident)):
                with self._journal.transaction():
                    self._journal.drop(row, "nothing of it may go out any more")
                continue
            problem = self._post(incident, projection, outgoing)
            if _GONE in problem and not outgoing.channel and self._chat.room_of(projection.rid) is None:
                self._rooms.move(incident, projection, self._journal.incident(incident), "was deleted")
                return
            with self._journal.transaction():
                if problem:
                    self._journal.refuse(row, problem)
                else:
                    self._journal.done(row)
            self._note(incident, problem)

    def _post(self, incident: str, projection: Projection, outgoing: Outgoing) -> str:
        """Send a message. Returns the reason if it was refused; empty if it is stored. After several refusals in a room, the rest isn't tried now."""
        refused = self._patience.refused.setdefault((incident, outgoing.channel), [])
        if len(refused) >= _IN_A_ROW:
            return refused[-1]
        try:
            problem = self._said(incident, projection, outgoing)
        except (ChatForbidden, ChatRejected) as error:
            where = f"#{outgoing.channel}" if outgoing.channel else "the incident's channel"
            problem = f"{where} takes no message of the bot: {error}"
        if problem:
            refused.append(problem)
        else:
            refused.clear()
        return problem

    def _said(self, incident: str, projection: Projection, outgoing: Outgoing) -> str:
        """Post the message in its room. Returns the reason if that is not possible. Raises ChatError."""
        rid, channel, text = projection.rid, outgoing.channel, self._dated(incident, outgoing)
        if not channel and incident in self._patience.filed:
            if outgoing.thread or not self._settings.incidents_channel:
                return ""  # nobody would read it there, and it is in the record
            channel, text = self._settings.incidents_channel, f"{text}\n#{self._journal.incident(incident).channel} is archived"
        if channel:
            room = self._chat.room(channel)
            if room is None or room.archived:
                what = "is archived" if room else "isn't there"
                return f"#{channel} {what}: make it, and invite the bot (channels.* of the configuration says which)"
            rid = room.rid
        for name in outgoing.invite:  # a mention does not reach a person outside the room
            self._trouble(incident, f"{CALL} {name}", self._rooms.invite(projection.rid, name)[1])
        self._chat.post(Message(outgoing.message_id, rid, text, outgoing.thread, outgoing.in_channel, outgoing.attachments))
        if outgoing.pin:
            self._optional(incident, "pin", "its first message can't be pinned", self._chat.pin, outgoing.message_id)
        return ""

    def _dated(self, incident: str, outgoing: Outgoing) -> str:
        """The text. A late message that calls people says how late it is."""
        entries = self._journal.reckoned(incident) if outgoing.channel or outgoing.pin or outgoing.invite else []
        if len(entries) < outgoing.first:
            return outgoing.text
        late = self._now() - unix_time(entries[outgoing.first - 1].at)
        return chat_text.belated(outgoing.text, late) if late > _LATE else outgoing.text

    def _optional(self, incident: str, key: str, words: str, call: Callable[..., None], *arguments: object) -> bool:
        """An optional call. If it is refused, this is reported once, and the call is skipped."""
        try:
            call(*arguments)
        except (ChatForbidden, ChatRejected) as error:
            self._trouble(incident, key, f"{words}: {error}")
            return False
        self._trouble(incident, key, "")
        return True

    def _plan(self, incident: str, all_now: bool) -> bool:
        """Store the next messages to post. Returns whether there are any."""
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
            told = self._journal.recall(incident, "told").split()
            instead = self._journal.recall(incident, INSTEAD)
            planner = Planner(place(self._journal, incident), projection, entries, head.seal[:12], self._settings, told, instead)
            self._journal.plan(incident, list(planner.messages(projection.planned)))
            self._journal.project(incident, replace(projection, planned=len(entries)))
            self._batched[incident] = self._clock()
        return True

    # Edited texts

    def _refresh(self, incident: str, all_now: bool, again: bool) -> None:
        """Update the root messages, the topic and the room's custom fields; `again` also retries refused updates."""
        projection = self._journal.projection(incident)
        if projection is None or self._journal.waiting(incident):
            return
        entries, here = self._journal.entries(incident), place(self._journal, incident)
        fresh = entries[max(0 if again else projection.edited, here.start) : projection.planned]
        if not fresh and not again:
            return
        waited = self._clock() - self._edited.get(incident, float("-inf"))
        if not all_now and not again and waited < self._settings.every and not any(entry.kind in _MILESTONES for entry in fresh):
            return
        if incident not in self._patience.filed:
            self._show(incident, projection, here, entries, fresh)
        self._edited[incident] = self._clock()
        with self._journal.transaction():
            self._journal.project(incident, replace(self._journal.projection(incident) or projection, edited=projection.planned))

    def _show(self, incident: str, projection: Projection, here: Place, entries: Sequence[Entry], fresh: Sequence[Entry]) -> None:
        state = derive(incident, entries)
        self._show_runs(projection, here, state, entries, fresh)
        topic, words = chat_text.topic(state, projection.oncall), "the topic can't be set, so it isn't current"
        self._changed(incident, "topic", topic, "topic", words, self._chat.set_topic, projection.rid)
        mark = f"{state.status} {state.severity}"
        if self._journal.recall(incident, "status") != mark:
            words = "the channel can't be marked with its status, by which other controllers know it"
            if self._optional(incident, "mark", words, self._chat.set_fields, projection.rid, fields(incident, state)):
                with self._journal.transaction():
                    self._journal.remember(incident, "status", mark)

    def _show_runs(
        self, projection: Projection, here: Place, state: Incident, entries: Sequence[Entry], fresh: Sequence[Entry]
    ) -> None:  # fmt: skip
        """Update the runs' root messages. If one can't be edited, the others aren't tried, because none can."""
        incident, words = here.incident, "what the first message of a run says can't be edited any more, so look at its last reply"
        unsent = {outgoing.message_id for _row, outgoing in self._journal.unsent(incident)}
        runs = dict.fromkeys(entry.run for entry in fresh if entry.run and here.message("root", entry.run) not in unsent)
        for run in runs:
            text = chat_text.marked(chat_text.root([entry for entry in entries if entry.run == run], state.severity), drill=state.drill)
            if not self._changed(incident, f"root {run}", text, "edit", words, self._chat.edit, projection.rid, here.message("root", run)):
                return

    def _changed(self, incident: str, key: str, text: str, trouble: str, words: str, call: Callable[..., None], *arguments: object) -> bool:
        """Show the text for the key, unless it is already shown. Returns whether it is shown."""
        text = _gate.clean(text)
        if self._journal.recall(incident, key) == text:
            return True
        if not self._optional(incident, trouble, words, call, *arguments, text):
            return False
        with self._journal.transaction():
            self._journal.remember(incident, key, text)
        return True


def _can_wait(state: Incident, entries: Sequence[Entry]) -> bool:
    """Whether the incident is only for the backlog: nobody acts on it or is called for it."""
    return state.severity == Severity.P3 and not state.concerns and not any(entry.run or entry.kind == "escalated" for entry in entries)
