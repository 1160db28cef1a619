# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The interfaces that the use cases need. Each interface has one adapter per backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from ._core import chain, status_page
from ._core.approval import Person, Said
from ._core.chat_lock import Written
from ._core.entry import Entry
from ._core.incident import Incident
from ._core.moment import Moment
from ._core.oncall import Duty
from ._core.paging import Alert
from ._core.status_page import Post, Shown, Update


class ChatError(Exception):
    """Chat could not carry out the call now. `retry_after` is in seconds; None if the caller decides."""

    retry_after: float | None = None
    lasting: bool = False
    """Whether trying again without a person's help is in vain."""


class ChatDown(ChatError):
    """No answer, or an invalid answer: it is not known whether the call was carried out."""


class ChatLimited(ChatError):
    """Too many calls: the call was not carried out."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class ChatDenied(ChatError):
    """The token is not accepted."""

    lasting = True


class ChatForbidden(ChatError):
    """The bot lacks a permission."""

    lasting = True


class ChatRejected(ChatError):
    """The server refused this call. `code` is the server's error code, empty without one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class ChatOdd(ChatRejected):
    """The answer to this call does not have the documented shape. Its result is unknown; other calls may succeed."""


@dataclass(frozen=True, slots=True)
class Room:
    """A channel on the server."""

    rid: str
    name: str
    topic: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message to post. We choose the id, so that posting it twice stores it once."""

    id: str
    rid: str
    text: str
    thread: str = ""
    in_channel: bool = False
    attachments: Sequence[dict[str, Any]] = ()


class Chat(Protocol):
    """A chat server. Every method raises ChatError."""

    # create_room: the new room; None if the name is taken. members: the people of a team, id and user name. user: the id.
    # person: by the id, otherwise by the name. post: returns when the message is stored, by this call or an earlier one.
    # said: the messages of the room from the message `since` on, oldest first.

    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None: ...
    def room(self, name: str) -> Room | None: ...
    def room_of(self, rid: str) -> Room | None: ...
    def set_topic(self, rid: str, topic: str) -> None: ...
    def set_fields(self, rid: str, fields: dict[str, Any]) -> None: ...
    def invite(self, rid: str, user_ids: Sequence[str]) -> None: ...
    def members(self, team: str) -> list[tuple[str, str]]: ...
    def user(self, name: str) -> str | None: ...
    def person(self, user_id: str, name: str) -> Person | None: ...
    def has(self, message_id: str) -> bool: ...
    def said(self, rid: str, since: str) -> list[Said]: ...
    def post(self, message: Message) -> None: ...
    def edit(self, rid: str, message_id: str, text: str) -> None: ...
    def pin(self, message_id: str) -> None: ...


class LockChat(Protocol):
    """The part of chat that a lock in chat needs. Every method raises ChatError."""

    # now: the last known time of the server's clock, as Unix time. written: the message with an id; None if there is none.

    def now(self) -> float: ...
    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None: ...
    def room(self, name: str) -> Room | None: ...
    def written(self, message_id: str) -> Written | None: ...
    def post(self, message: Message) -> None: ...


class OncallError(Exception):
    """The source could not say who is on call. The text is the reason."""


class OncallSource(Protocol):
    """Knows who is on call. `name` is its name in the configuration."""

    # on_call: the duties of all levels at that time, at least one. Raises OncallError.

    @property
    def name(self) -> str: ...
    def on_call(self, when: datetime) -> list[Duty]: ...


@runtime_checkable
class LevelSource(OncallSource, Protocol):
    """Can be asked for one level only. Raises OncallError if nobody is on call in it."""

    def of_level(self, when: datetime, level: int) -> list[Duty]: ...


@runtime_checkable
class PartialSource(OncallSource, Protocol):
    """Knows all levels, so that an empty level can be reported beside the answer for the others."""

    # uncovered: a text for each level that is missing in `found`, the source's answer for that time.

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]: ...


class PageError(Exception):
    """Nobody was reached by this notifier. The text is the reason."""


class Notifier(Protocol):
    """Pages people outside chat: by telephone, text message, mail."""

    # page: returns when the other system has accepted the page. Raises PageError.

    def page(self, alert: Alert) -> None: ...


class StatusPageError(Exception):
    """The page does not show it. The text is the reason. `retry_after` is in seconds; None if the caller decides."""

    def __init__(self, text: str, *, retry_after: float | None = None, lasting: bool = False) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.lasting = lasting
        """Whether trying again without a person's help is in vain."""


class StatusPage(Protocol):
    """A status page at a provider. Every method raises StatusPageError."""

    # find: the post on the page, by the names of the incident. create, update: publish one update, with the states of its components;
    # create returns the provider's id. components: the state of each component, by its name. set_component: a state without a text.

    def find(self, post: Post) -> Shown | None: ...
    def create(self, post: Post, update: Update) -> str: ...
    def update(self, ref: str, post: Post, update: Update) -> None: ...
    def components(self) -> Mapping[str, str]: ...
    def set_component(self, name: str, state: str) -> None: ...


class JournalError(Exception):
    """The journal can't be read or written: it is damaged, locked for too long, or its disk is full."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A planned message for the entries `first` to `last`. `channel` is empty for the incident's own room. `invite`: user names of people to invite
    to the incident's room first. `outside`: the message must not be sent when the incident is under embargo."""

    first: int
    last: int
    message_id: str
    text: str
    channel: str = ""
    thread: str = ""
    in_channel: bool = False
    pin: bool = False
    invite: Sequence[str] = ()
    attachments: Sequence[dict[str, Any]] = ()
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Projection:
    """The position of an incident in chat. `planned` and `edited` are positions of entries."""

    rid: str = ""
    oncall: tuple[str, ...] = ()
    planned: int = 0
    edited: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder of a service's lock: a controller, identified by its host, its process and the start of that process."""

    service: str
    holder: str
    machine: str
    pid: int
    started: str
    since: str
    expires: float
    sealed: bool = field(default=True, compare=False)
    """Whether this version has sealed it, and nobody has changed it."""


class Record(Protocol):
    """The entries of all incidents, and what they say. A transaction is atomic, and nobody else writes during it. Each method raises JournalError."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and no other writer meanwhile: two controllers can't open one incident twice."""

    def mend(self, *, messages: bool = False) -> dict[str, list[str]]:
        """Correct rows beside the entries that somebody else changed; with `messages`, also the messages for chat. Returns the corrections in
        words, by incident; they are also on the timeline. Checks nothing if nobody else has written since the last check."""

    def append(self, incident: str, entries: Sequence[Entry]) -> int:
        """Append the new entries (identified by run and position in it). Returns their number. Must run in a transaction."""

    def entries(self, incident: str, after: int = 0) -> list[Entry]:
        """The entries at the positions after `after`, in order."""

    def incident(self, incident: str) -> Incident:
        """The incident, derived from its entries."""

    def reckoned(self, incident: str) -> list[Entry]:
        """The entries with their times corrected to this machine's current clock, for the clocks of the handbook. Entries of an older version have
        no arrival, and their times are trusted."""

    def sight(self, incident: str) -> None:
        """Let entries with a time in the future, from another machine or from a version without arrivals, count from now on. Otherwise they would
        stay too young while that clock is ahead."""

    def last_arrival(self) -> Moment | None:
        """The arrival of the last entry."""

    def find(self, name: str) -> str | None:
        """The id of the incident with this id, or with this current or earlier name."""

    def open_for(self, service: str, *, drill: bool = False) -> str | None:
        """The id of the service's newest incident, or drill, that is not over."""

    def newest_of(self, service: str, *, drill: bool = False) -> str | None:
        """The id of the service's newest incident, or drill, over or not."""

    def of_service(self, service: str, *, drill: bool = False) -> list[str]:
        """The ids of the service's incidents, or drills, newest first."""

    def open_incidents(self) -> list[str]:
        """The incidents that are not over, newest first."""

    def unreviewed(self, since: str) -> list[str]:
        """The incidents opened after `since` that are over and not reviewed, newest first."""

    def ids(self) -> list[str]:
        """All incidents, newest first."""

    def published(self) -> list[status_page.Record]:
        """The publications by incident, ordered by their first publication."""

    def publications(self) -> int:
        """The number of publications; it only grows."""

    def next_number(self, day: str, *, drill: bool = False) -> int:
        """The next number of the UTC day, for an incident or a drill. Only used if no chat is configured."""

    def incident_of(self, run: str) -> str | None:
        """The incident that has entries of the run; None if there is none."""

    def head(self, incident: str) -> chain.Head | None:
        """The number of entries and the seal of the last one; None for an unknown incident."""

    def seal_of(self, incident: str, position: int) -> str | None:
        """The seal of the entry at that position; None if there is none."""

    def info(self, incident: str) -> dict[str, Any]:
        """The data of `incident_info` for one incident. Unreadable entries are marked as such."""


class Outbox(Protocol):
    """The messages for chat, each stored before it is sent, and the position of each incident in chat. Each method raises JournalError."""

    def want_chat(self, incident: str) -> None:
        """Show the incident in chat from now on, from its first entry."""

    def projection(self, incident: str) -> Projection | None:
        """The position of the incident in chat; None if it isn't shown there."""

    def project(self, incident: str, projection: Projection) -> None:
        """Store the position of the incident in chat."""

    def undelivered(self, *, refused: bool = True) -> list[str]:
        """The incidents with undelivered entries, oldest first; by default also those with refused messages."""

    def pending(self, incident: str) -> int:
        """The number of entries that are not in chat, including refused ones; 0 if the incident isn't shown in chat."""

    def plan(self, incident: str, outgoing: Sequence[Outgoing]) -> None:
        """Store messages to send, in order."""

    def waiting(self, incident: str) -> list[tuple[int, Outgoing]]:
        """The messages to send, in order, with their rows."""

    def unsent(self, incident: str) -> list[tuple[int, Outgoing]]:
        """The messages to send, and the refused ones."""

    def sent(self, incident: str) -> list[tuple[int, Outgoing]]:
        """The sent messages."""

    def done(self, row: int) -> None:
        """Mark the message as stored in chat."""

    def refuse(self, row: int, problem: str) -> None:
        """Mark the message as refused; it stays, with the reason. (The state is called failed since the first version, which gave such messages
        up.)"""

    def drop(self, row: int, reason: str) -> None:
        """Mark the message as not to be sent."""

    def requeue(self, incident: str) -> None:
        """Let refused messages wait again, in their order."""

    def troubles(self, incident: str) -> list[str]:
        """The reasons why chat doesn't show the whole incident, each once."""


class Memory(Protocol):
    """What chat or the status page is known to show, as a text by incident and key. Each method raises JournalError."""

    def recall(self, incident: str, key: str) -> str:
        """The text that is known to be shown for the key; empty if none is."""

    def recalled(self, key: str) -> dict[str, str]:
        """The texts that are known to be shown for the key, by incident."""

    def remember(self, incident: str, key: str, text: str) -> None:
        """Store the text that is shown for the key."""


class Leases(Protocol):
    """The locks of services. Each method raises JournalError."""

    def lease(self, service: str) -> Lease | None:
        """The holder of the service's lock; None if it is free."""

    def take(self, lease: Lease) -> None:
        """Store the holder of a service's lock."""

    def release(self, holder: str) -> None:
        """Free every lock of this holder."""


class Journal(Record, Outbox, Memory, Leases, Protocol):
    """All of the journal: every backend has one class for it."""
