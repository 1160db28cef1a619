# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do what people ask for in the rooms of open incidents, each message once, whoever listens."""

from __future__ import annotations

from dataclasses import replace

from .._core import chat_command
from .._core.approval import Said
from .._core.chat_command import Command
from .._core.incident import Entry, derive, transition, utc
from .._core.redact import redact
from .._core.status import Status
from .._ports import Chat, ChatRejected, Journal
from . import tick
from .deliver import message_id

ROOMS = 8
"""How many rooms are read at most, the newest incidents first: a server lets 10 calls a minute of one kind through."""


def listen(journal: Journal, chat: Chat, policy: tick.Policy, *, now: float, write: bool) -> list[tuple[str, Entry]]:
    """What was asked for since the last time, by the incident's name. Raises ChatError."""
    found: list[tuple[str, Entry]] = []
    for incident in journal.open_incidents()[:ROOMS]:
        projection = journal.projection(incident)
        if projection is None or not projection.rid:
            continue
        said = _said(journal, chat, incident, projection.rid)
        for each in said:
            command = chat_command.parse(each.text)
            if command:
                found += _obey(journal, incident, each, command, policy, now, write=write)
        if said and write:
            with journal.transaction():
                journal.show(incident, "heard", said[-1].message)
    return found


def _said(journal: Journal, chat: Chat, incident: str, rid: str) -> list[Said]:
    """What is new. A message that was the last one, and is deleted since, is no place to go on from."""
    for since in (journal.shown(incident, "heard"), message_id(incident, "opening", 1, "")):
        try:
            if since:
                return chat.said(rid, since)
        except ChatRejected:
            continue
    return []


def _obey(
    journal: Journal, incident: str, said: Said, command: Command, policy: tick.Policy, now: float, *, write: bool
) -> list[tuple[str, Entry]]:
    with journal.transaction():
        entries = journal.entries(incident)
        if any(entry.data.get("message") == said.message for entry in entries):
            return []
        state = derive(incident, entries)
        new = _entries(journal, incident, Status(state["status"]), said, command, policy, now)
        asked = [replace(each, data={**each.data, "message": said.message}) for each in new]
        if write:
            journal.append(incident, asked)
    return [(state["name"], entry) for entry in asked[-1:]]


def _entries(journal: Journal, incident: str, status: Status, said: Said, command: Command, policy: tick.Policy, now: float) -> list[Entry]:
    at, words = utc(now), redact(command.words)
    if command.name == chat_command.ACKNOWLEDGE:
        if status is not Status.OPEN:
            return []
        (entry,) = transition(Status.OPEN, Status.ACKNOWLEDGED, at=at, actor=said.user)
        return [replace(entry, text=f"{entry.text}: {words}" if words else entry.text)]
    reason = words or "asked for in chat"
    try:
        called = tick.escalate(journal, incident, policy, reason=reason, target=None, at=at, actor=said.user)
    except tick.Refused:
        return [Entry("note", at, actor=said.user, text=f"Asked to escalate ({reason}): everybody is called already")]
    return [called] if called else []
