# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the commands in the rooms of open incidents, each message once, even with several ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import _gate
from .._core import chat_command
from .._core import communication as communication_rules
from .._core.approval import Said
from .._core.chat_command import Command
from .._core.entry import Entry, utc
from .._core.incident import Incident, derive, transition
from .._core.status import Status
from .._ports import Chat, ChatForbidden, ChatRejected, Journal
from . import communication, escalation
from .chat_messages import message_id

ROOMS = 8
"""The largest number of rooms to read, the newest incidents first: a server allows 10 calls of one kind per minute."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The data for the commands: the policy of the clocks, the policy of publishing, and the user names of people who may publish in addition to the
    commander and the person who speaks for the incident."""

    policy: escalation.Policy
    outside: communication.Policy
    approvers: Sequence[str] = ()


def listen(journal: Journal, chat: Chat, given: Heard, *, now: float, write: bool, problems: list[str]) -> list[tuple[str, Entry]]:
    """The entries of the new commands, by the incident's name. Problems with reading go to `problems`. Raises ChatError."""
    found: list[tuple[str, Entry]] = []
    rooms = _rooms(journal, now)
    if len(rooms) > ROOMS:
        problems.append(f"{len(rooms)} incidents are open: what is asked for in chat is read in the channels of the newest {ROOMS} only")
    for incident in rooms[:ROOMS]:
        projection = journal.projection(incident)
        if projection is None or not projection.rid:
            continue
        try:
            said = _said(journal, chat, incident, projection.rid)
        except (ChatForbidden, ChatRejected) as error:
            name = journal.incident(incident).name
            problems.append(f"{name}: what is asked for in its channel can't be read: {error}")
            continue
        for each in said:
            command = None if each.automatic else chat_command.parse(each.text)  # a topic with the command is not a command of a person
            if command:
                found += _obey(journal, incident, each, command, given, now, write=write)
        if said and write:
            with journal.transaction():
                journal.remember(incident, "heard", said[-1].message)
    return found


def _rooms(journal: Journal, now: float) -> list[str]:
    """The open incidents, and the ended ones with a pending draft."""
    is_open = journal.open_incidents()
    ended = (each for each in escalation.watched(journal, now) if each not in is_open)
    return [*is_open, *(each for each in ended if communication_rules.drafts(journal.entries(each)))]


def _said(journal: Journal, chat: Chat, incident: str, rid: str) -> list[Said]:
    """The new messages. If the last known message was deleted, reading does not start from it."""
    refused: ChatRejected | None = None
    for since in (journal.recall(incident, "heard"), message_id(incident, "opening", 1, "")):
        try:
            if since:
                return chat.said(rid, since)
        except ChatRejected as error:
            refused = error
    if refused and chat.has(message_id(incident, "opening", 1, "")):  # otherwise nothing was written there yet
        raise refused
    return []


def _obey(journal: Journal, incident: str, said: Said, command: Command, given: Heard, now: float, *, write: bool) -> list[tuple[str, Entry]]:
    with journal.transaction():
        entries = journal.entries(incident)
        if any(entry.data.get("message") == said.message for entry in entries):
            return []
        state = derive(incident, entries)
        new = _entries(journal, incident, state, said, command, given, now)
        asked = [replace(each, data={**each.data, "message": said.message}) for each in new]
        if write:
            journal.append(incident, asked)
    return [(state.name, entry) for entry in asked[-1:]]


def _entries(journal: Journal, incident: str, state: Incident, said: Said, command: Command, given: Heard, now: float) -> list[Entry]:
    at, words = utc(now), _gate.clean(command.words, guess=True)
    if command.name == chat_command.ACKNOWLEDGE:
        if state.status != Status.OPEN:
            return []
        (entry,) = transition(Status.OPEN, Status.ACKNOWLEDGED, at=at, actor=said.user)
        return [replace(entry, text=f"{entry.text}: {words}" if words else entry.text)]
    if command.name == chat_command.PUBLISH:
        if said.edited:
            return [Entry("note", at, actor=said.user, text=f"Asked to publish {words} in a message that was edited, which counts for nothing")]
        return [_publishing(journal, incident, state, said.user, words, given, at)]
    if state.stage.is_over:
        return []
    reason = words or "asked for in chat"
    try:
        called = escalation.escalate(journal, incident, given.policy, reason=reason, target=None, at=at, actor=said.user)
    except escalation.Refused:
        return [Entry("note", at, actor=said.user, text=f"Asked to escalate ({reason}): everybody is called already")]
    return [called] if called else []


def _publishing(journal: Journal, incident: str, state: Incident, user: str, name: str, given: Heard, at: str) -> Entry:
    """The entry that publishes a draft, or says why it is not published."""
    may = [*(state.roles.get(role, "") for role in ("communications", "commander")), *given.approvers]
    if user.lower() not in {each.lower() for each in may if each}:
        people = ", ".join(dict.fromkeys(each for each in may if each)) or "nobody yet: say who speaks for it with the playbook incident_assign"
        return Entry("note", at, actor=user, text=f"Asked to publish {name}, and may not. Who may: {people}")
    try:
        return communication.publish(journal, incident, given.outside, communication.waiting(journal, incident, name.strip("`")), at=at, actor=user)
    except communication.Refused as error:
        return Entry("note", at, actor=user, text=f"Asked to publish {name}: {error}")
