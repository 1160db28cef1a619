# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the use cases need from the outside: each interface has an adapter per backend."""

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
from ._core.paging import Page
from ._core.status_page import Post, Record, Shown, Update


class ChatError(Exception):
    """The chat could not do it now; `retry_after` is in seconds, None where the caller decides."""

    retry_after: float | None = None
    lasting: bool = False
    """Whether trying again without a person's help is in vain."""


class ChatDown(ChatError):
    """No answer, or none that makes sense: whether it was done is not known."""


class ChatLimited(ChatError):
    """Too many calls: not done."""

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
    """A definite no to this call; `code` is the server's own, where it gave one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class ChatOdd(ChatRejected):
    """The answer to this call is of another shape than documented: what it was about isn't known, and other calls may go well."""


@dataclass(frozen=True, slots=True)
class Room:
    """A channel as the server has it."""

    rid: str
    name: str
    topic: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be posted. The id is ours, so that posting twice stores once."""

    id: str
    rid: str
    text: str
    thread: str = ""
    in_channel: bool = False
    attachments: Sequence[dict[str, Any]] = ()


class Chat(Protocol):
    """A chat server. Every method raises ChatError."""

    # create_room: the new room; None where the name is taken. members: the people of a team, id and user name. user: the id.
    # person: by the id, else by the name. post: returns once the message is stored, by this call or an earlier one.
    # said: the room from the message `since` on, oldest first.

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
    """What a lock in chat needs of it. Every method raises ChatError."""

    # now: the server's clock, as far as it has said, as Unix time. written: what the server has under an id; None where nothing.

    def now(self) -> float: ...
    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None: ...
    def room(self, name: str) -> Room | None: ...
    def written(self, message_id: str) -> Written | None: ...
    def post(self, message: Message) -> None: ...


class OncallError(Exception):
    """The source could not say who is on call, and why."""


class OncallSource(Protocol):
    """Knows who is on call. `name` is what the configuration calls it."""

    # on_call: of all levels at that time, at least one. Raises OncallError.

    @property
    def name(self) -> str: ...
    def on_call(self, when: datetime) -> list[Duty]: ...


@runtime_checkable
class LevelSource(OncallSource, Protocol):
    """Can be asked for one level alone. Raises OncallError where that has nobody."""

    def of_level(self, when: datetime, level: int) -> list[Duty]: ...


@runtime_checkable
class PartialSource(OncallSource, Protocol):
    """Knows which levels there are, so that one without anybody is said beside the others' answer."""

    # uncovered: in words, for each level that `found`, its answer of that time, has nobody of.

    def uncovered(self, found: Sequence[Duty], when: datetime) -> list[str]: ...


class PageError(Exception):
    """Nobody was reached this way, and why."""


class Notifier(Protocol):
    """Reaches people where chat doesn't: by telephone, text message, mail."""

    # page: returns once somebody else has taken it on. Raises PageError.

    def page(self, page: Page) -> None: ...


class StatusPageError(Exception):
    """It isn't shown, and why. `retry_after` is in seconds, None where the caller decides."""

    def __init__(self, text: str, *, retry_after: float | None = None, lasting: bool = False) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.lasting = lasting
        """Whether trying again without a person's help is in vain."""


class StatusPage(Protocol):
    """A status page at a provider. Every method raises StatusPageError."""

    # find: the post as it is there, by the names of the incident. create, update: bring one update there, with the states of its components;
    # create answers with the provider's id. components: the state of each, by its name. set_component: where nothing is said with it.

    def find(self, post: Post) -> Shown | None: ...
    def create(self, post: Post, update: Update) -> str: ...
    def update(self, ref: str, post: Post, update: Update) -> None: ...
    def components(self) -> Mapping[str, str]: ...
    def set_component(self, name: str, state: str) -> None: ...


class JournalError(Exception):
    """The journal can't be read or written: it is damaged, locked for too long, or its disk is full."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A planned message: it stands for the entries `first` to `last`. `channel` is empty for the incident's own room.

    `invite`: user names of people who are to be in the incident's room before. `outside`: nobody may read it once the incident is under embargo.
    """

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
    """How far an incident has got in chat. `planned` and `edited` are positions of entries."""

    rid: str = ""
    oncall: tuple[str, ...] = ()
    planned: int = 0
    edited: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a service: a controller known by its host, process and that process's start."""

    service: str
    holder: str
    machine: str
    pid: int
    started: str
    since: str
    expires: float
    sealed: bool = field(default=True, compare=False)
    """Whether it is as this version wrote it."""


class Journal(Protocol):
    """The record. A transaction is all or nothing, and nobody else writes meanwhile."""

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
