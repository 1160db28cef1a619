# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The interfaces that the use cases need. Each interface has one adapter per backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from ._core import chain
from ._core.approval import Person, Said
from ._core.chat_lock import Written
from ._core.incident import Entry
from ._core.moment import Moment
from ._core.oncall import Duty
from ._core.paging import Alert
from ._core.status_page import Post, Record, Shown, Update


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


class Journal(Protocol):
    """The record. A transaction is atomic, and nobody else writes during it."""

    def transaction(self) -> AbstractContextManager[None]: ...
    def mend(self, *, messages: bool = False) -> dict[str, list[str]]: ...
    def append(self, incident: str, entries: Sequence[Entry]) -> int: ...
    def entries(self, incident: str, after: int = 0) -> list[Entry]: ...
    def reckoned(self, incident: str) -> list[Entry]: ...
    def sight(self, incident: str) -> None: ...
    def last_arrival(self) -> Moment | None: ...
    def find(self, name: str) -> str | None: ...
    def open_for(self, service: str, *, drill: bool = False) -> str | None: ...
    def newest_of(self, service: str, *, drill: bool = False) -> str | None: ...
    def of_service(self, service: str, *, drill: bool = False) -> list[str]: ...
    def open_incidents(self) -> list[str]: ...
    def unreviewed(self, since: str) -> list[str]: ...
    def ids(self) -> list[str]: ...
    def published(self) -> list[Record]: ...
    def publications(self) -> int: ...
    def next_number(self, day: str, *, drill: bool = False) -> int: ...
    def incident_of(self, run: str) -> str | None: ...
    def head(self, incident: str) -> chain.Head | None: ...
    def seal_of(self, incident: str, position: int) -> str | None: ...
    def info(self, incident: str) -> dict[str, Any]: ...
    def want_chat(self, incident: str) -> None: ...
    def projection(self, incident: str) -> Projection | None: ...
    def project(self, incident: str, projection: Projection) -> None: ...
    def undelivered(self, *, refused: bool = True) -> list[str]: ...
    def pending(self, incident: str) -> int: ...
    def plan(self, incident: str, outgoing: Sequence[Outgoing]) -> None: ...
    def waiting(self, incident: str) -> list[tuple[int, Outgoing]]: ...
    def unsent(self, incident: str) -> list[tuple[int, Outgoing]]: ...
    def sent(self, incident: str) -> list[tuple[int, Outgoing]]: ...
    def done(self, row: int) -> None: ...
    def refuse(self, row: int, problem: str) -> None: ...
    def drop(self, row: int, reason: str) -> None: ...
    def requeue(self, incident: str) -> None: ...
    def troubles(self, incident: str) -> list[str]: ...
    def shown(self, incident: str, key: str) -> str: ...
    def shown_by(self, key: str) -> dict[str, str]: ...
    def show(self, incident: str, key: str, text: str) -> None: ...
    def lease(self, service: str) -> Lease | None: ...
    def take(self, lease: Lease) -> None: ...
    def release(self, holder: str) -> None: ...
