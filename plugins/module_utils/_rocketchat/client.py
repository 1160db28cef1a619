# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of Rocket.Chat's REST API that incidents need (developer.rocket.chat, apidocs; server 6 to 8)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

try:
    import requests

    from .._exchange import Exchange, TooMuch, reason
except ImportError:
    requests = None  # type: ignore[assignment]

from .. import _gate
from .._core import shape
from .._core.approval import Person, Said
from .._core.chat_lock import Written
from .._core.redact import shown
from .._libraries import complaint
from .._ports import ChatDenied, ChatDown, ChatError, ChatForbidden, ChatLimited, ChatOdd, ChatRejected, Message, Room

if TYPE_CHECKING:
    from .._exchange import Answer

_TAKEN = {"error-duplicate-channel-name", "error-archived-duplicate-name"}
_ABSENT = {"error-room-not-found"}
_LONGEST_WAIT = 120.0
_Read = TypeVar("_Read")
_PAGES = 5


class RocketChat:
    """One persistent connection. Every method raises ChatError with the server's message. `timeout` is the limit of a whole call in seconds; `clock`
    returns Unix time. Answers are parsed with `_core.shape`."""

    def __init__(
        self, url: str, user_id: str, token: str, *, verify: bool | str = True, timeout: float = 10, clock: Callable[[], float] = time.time
    ) -> None:
        if requests is None:
            raise ChatDenied(complaint("chat", "requests"))
        self.url, self._timeout, self._clock = url.rstrip("/"), timeout, clock
        self._user_id, self._token = user_id, token
        self.skew: float | None = None
        """The seconds by which this machine's clock is ahead of the server's clock; None if unknown."""
        _gate.learn([token])
        headers = {"X-Auth-Token": token, "X-User-Id": user_id, "Content-Type": "application/json"}
        self._exchange = Exchange(headers, verify=verify)

    @classmethod
    def of(cls, connection: Mapping[str, Any], *, timeout: float = 10) -> RocketChat:
        """Create a client from the result of `connect.options`."""
        return cls(connection["url"], connection["user_id"], connection["token"], verify=connection["verify"], timeout=timeout)

    def close(self) -> None:
        self._exchange.close()

    def _call(self, method: str, route: str, body: dict[str, Any] | None = None, **query: str) -> dict[str, Any]:
        answer = self._answer(method, route, body, query)
        self._compare(answer.headers.get("Date"))
        where = answer.headers.get("Location", "")
        if 300 <= answer.status < 400 and where:
            raise ChatDown(f"{self.url} sends {route} on to {self._safe(where)}: set ROCKETCHAT_URL to where the server is")
        try:
            content = answer.json() if answer.content else {}
        except shape.Odd as error:
            msg = f"{self.url} answered {route} with {answer.status} and {error}: is this the address of a Rocket.Chat server?"
            raise ChatDown(msg) from None
        if not isinstance(content, dict):
            raise ChatDown(f"{self.url} answered {route} with something that is no object")
        if answer.status == 200 and content.get("success") is True:
            return content
        raise self._error(route, answer, content)

    def _answer(self, method: str, route: str, body: dict[str, Any] | None, query: dict[str, str]) -> Answer:
        try:
            return self._exchange.ask(method, f"{self.url}/api/v1/{route}", within=self._timeout, query=query, body=_gate.clean_data(body))
        except (requests.exceptions.InvalidHeader, UnicodeError):
            msg = "ROCKETCHAT_USER_ID or ROCKETCHAT_TOKEN has characters that can't be sent (a line break at its end?)"
            raise ChatDenied(msg) from None
        except TooMuch as error:
            raise ChatDown(f"{self.url} {error} ({route})") from None
        except (requests.RequestException, ValueError) as error:
            raise ChatDown(f"{self.url} can't be reached ({route}): {self._safe(reason(error))}") from None

    def _read(self, route: str, content: Any, read: Callable[[Any], _Read]) -> _Read:
        """The parsed answer of a route. Raises ChatOdd."""
        try:
            return read(content)
        except shape.Odd as error:
            raise ChatOdd(f"{self.url} answered {route} with something else than a Rocket.Chat server does: {error}") from None

    def _compare(self, date: str | None) -> None:
        try:
            self.skew = self._clock() - parsedate_to_datetime(date or "").timestamp()
        except (TypeError, ValueError, OverflowError):
            return

    def _error(self, route: str, answer: Answer, content: dict[str, Any]) -> ChatError:
        words = self._safe(content.get("error") or content.get("message") or f"status {answer.status}")
        match answer.status:
            case 429:
                return ChatLimited(f"{route}: {words}", self._reset(answer))
            case 401:
                return ChatDenied(f"{self.url} does not accept the token (ROCKETCHAT_USER_ID, ROCKETCHAT_TOKEN): {words}")
            case 403:
                return ChatForbidden(f"the bot may not do {route}: {words}")
            case 400 if content.get("errorType") == "totp-required":
                return ChatDenied(f"{self.url} asks the bot for a second factor ({route}): make a token that ignores two-factor, ROCKETCHAT_TOKEN")
            case status if 400 <= status < 500:
                return ChatRejected(f"{route}: {words}", str(content.get("errorType", "")))
            case status:
                return ChatDown(f"{self.url} answered {route} with {status}: {words}")

    def _reset(self, answer: Answer) -> float:
        """Seconds until X-RateLimit-Reset (Unix time in ms) by the server's own clock, clamped."""
        try:
            date = answer.headers.get("Date")
            now = parsedate_to_datetime(date).timestamp() if date else self._clock()
            wait = float(answer.headers["X-RateLimit-Reset"]) / 1000 - now
        except (KeyError, ValueError, TypeError, OverflowError):
            wait = 60.0
        return min(max(wait, 0.5), _LONGEST_WAIT) if math.isfinite(wait) else _LONGEST_WAIT

    def _safe(self, words: object) -> str:
        return shown(str(words), 300, _gate.known())

    def create_room(self, name: str, fields: dict[str, Any]) -> Room | None:
        """The new public channel; None if the name is taken. A server may change the name: the name in the answer counts."""
        try:
            return self._read("channels.create", self._call("POST", "channels.create", {"name": name, "customFields": fields}), _room)
        except ChatRejected as error:
            if error.code in _TAKEN:
                return None
            raise

    def room(self, name: str) -> Room | None:
        """The public channel with that name, archived or not; None if there is none."""
        return self._room(roomName=name)

    def room_of(self, rid: str) -> Room | None:
        """The public channel with that id and its current name; None if there is none (any more)."""
        return self._room(roomId=rid)

    def _room(self, **which: str) -> Room | None:
        try:
            return self._read("channels.info", self._call("GET", "channels.info", None, **which), _room)
        except ChatRejected as error:
            if error.code in _ABSENT:
                return None
            raise

    def set_topic(self, rid: str, topic: str) -> None:
        """Set the topic. The server refuses the current topic, so the topic is read first."""
        current = self._read("channels.info", self._call("GET", "channels.info", roomId=rid), _room)
        if current.topic != topic:
            self._call("POST", "channels.setTopic", {"roomId": rid, "topic": topic})

    def set_fields(self, rid: str, fields: dict[str, Any]) -> None:
        self._call("POST", "channels.setCustomFields", {"roomId": rid, "customFields": fields})

    def invite(self, rid: str, user_ids: Sequence[str]) -> None:
        if user_ids:
            self._call("POST", "channels.invite", {"roomId": rid, "userIds": list(user_ids)})

    def members(self, team: str) -> list[tuple[str, str]]:
        """The first 100 people of the team (the server returns more only in pages), without the bot itself."""
        answer = self._call("GET", "teams.members", teamName=team, count="100")
        people = self._read("teams.members", answer, lambda found: shape.readable(shape.entries(found, "members"), _member))
        return [person for person in people if person[0] != self._user_id]

    def add_members(self, team: str, user_ids: Sequence[str]) -> None:
        if user_ids:
            self._call("POST", "teams.addMembers", {"teamName": team, "members": [{"userId": each} for each in user_ids]})

    def remove_member(self, team: str, user_id: str) -> None:
        self._call("POST", "teams.removeMember", {"teamName": team, "userId": user_id})

    def user(self, name: str) -> str | None:
        """The id of a user; None if there is none."""
        person = self.person("", name)
        return person.id if person else None

    def person(self, user_id: str, name: str) -> Person | None:
        """A user, by id, or by name if the id is empty; None if there is none. Roles need the permission `view-full-other-user-info`
        (app/lib/server/functions/getFullUserData.ts)."""
        try:
            about = {"userId": user_id} if user_id else {"username": name}
            answer = self._call("GET", "users.info", None, **about)
        except ChatRejected:
            return None
        return self._read("users.info", answer, _person)

    def said(self, rid: str, since: str) -> list[Said]:
        """The room's messages from the message `since` on, including thread replies, oldest first: the newest 500 at most."""
        begin = self._read("chat.getMessage", self._call("GET", "chat.getMessage", msgId=since), lambda found: _instant(shape.at(found, "message")))
        oldest = (begin - timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # both ends are excluded
        messages: list[Any] = []
        for page in range(_PAGES):
            about = {"roomId": rid, "oldest": oldest, "showThreadMessages": "true", "count": "100"} | ({"offset": str(page * 100)} if page else {})
            answer = self._call("GET", "channels.history", None, **about)
            found = self._read("channels.history", answer, lambda each: shape.entries(each, "messages"))
            messages += found
            if len(found) < 100:
                break
        readable = shape.readable(reversed(messages), lambda each: (_instant(each), _said(each)))  # newest first: so it is for the same instant, too
        return [said for _when, said in sorted(readable, key=lambda each: each[0])]

    def own_replies(self, rid: str) -> list[str]:
        """This bot's thread replies among the newest 100 messages of a room, without messages that somebody has changed since."""
        answer = self._call("GET", "channels.history", None, roomId=rid, showThreadMessages="true", count="100")
        found = self._read("channels.history", answer, lambda each: shape.entries(each, "messages"))
        return list(filter(None, shape.readable(found, self._own_reply)))

    def _own_reply(self, message: Any) -> str:
        ours = shape.at(message, "u", "_id") == self._user_id
        return str(message.get("msg") or "") if ours and message.get("tmid") and not message.get("editedBy") else ""

    def has(self, message_id: str) -> bool:
        try:
            return bool(self._call("GET", "chat.getMessage", msgId=message_id).get("message"))
        except ChatRejected:
            return False

    def now(self) -> float:
        """The server's clock as Unix time, computed from its last answer; this machine's clock if there is none."""
        return self._clock() - (self.skew or 0.0)

    def written(self, message_id: str) -> Written | None:
        """The message with that id, of any author; None if there is none, or if the bot may not see it."""
        try:
            answer = self._call("GET", "chat.getMessage", msgId=message_id)
        except ChatRejected:
            return None
        return self._read("chat.getMessage", answer, _written)

    def post(self, message: Message) -> None:
        """Returns when the message is stored, by this call or an earlier one. For an existing message id, the server returns a meaningless error, and
        an answer can get lost. So after any failure the server is asked whether it has the message."""
        body: dict[str, Any] = {"_id": message.id, "rid": message.rid, "msg": message.text}
        if message.thread:
            body |= {"tmid": message.thread, "tshow": message.in_channel}
        if message.attachments:
            body["attachments"] = list(message.attachments)
        try:
            self._call("POST", "chat.sendMessage", {"message": body})
        except (ChatLimited, ChatDenied, ChatForbidden):
            raise
        except ChatError as error:
            try:
                if self.has(message.id):
                    return
            except ChatError:
                raise ChatDown(str(error)) from None
            raise

    def edit(self, rid: str, message_id: str, text: str) -> None:
        self._call("POST", "chat.update", {"roomId": rid, "msgId": message_id, "text": text})

    def pin(self, message_id: str) -> None:
        self._call("POST", "chat.pinMessage", {"messageId": message_id})


def _room(answer: Any) -> Room:
    """Raises Odd."""
    found = next((answer[key] for key in ("channel", "group", "room") if answer.get(key)), None)
    fields = shape.maybe(found, "customFields") or {}
    if not isinstance(fields, dict):
        raise shape.Odd("no object at customFields")
    archived = bool(shape.maybe(found, "archived"))
    return Room(shape.text(found, "_id"), shape.text(found, "name"), shape.optional(found, "topic"), fields, archived)


def _member(answer: Any) -> tuple[str, str]:
    """Raises Odd."""
    return shape.ident(answer, "user", "_id"), shape.ident(answer, "user", "username")


def _instant(message: Any) -> datetime:
    """The time of a message. Raises Odd."""
    try:
        return datetime.fromisoformat(shape.text(message, "ts")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise shape.Odd("no time at ts") from None


def _written(answer: Any) -> Written | None:
    """A current message; None if the answer has none. Raises Odd."""
    message = shape.maybe(answer, "message")
    if not message:
        return None
    text = shape.optional(message, "msg")
    return Written(shape.text(message, "u", "username"), text, _instant(message).timestamp(), deleted=message.get("t") == "rm")


def _person(answer: Any) -> Person | None:
    """The user in an answer; None if there is none. Raises Odd."""
    identity = shape.optional(answer, "user", "_id")
    if not identity:
        return None
    user = shape.mapping(answer, "user")
    roles = user.get("roles")
    shown = frozenset(map(str, roles)) if isinstance(roles, list) else None
    kind = shape.optional(user, "type") or "user"
    return Person(identity, shape.optional(user, "username"), kind, active=user.get("active") is not False, roles=shown)


def _said(message: Any) -> Said:
    """Raises Odd."""
    reactions = shape.maybe(message, "reactions") or {}
    if not isinstance(reactions, dict):
        raise shape.Odd("no object at reactions")
    given = {emoji.strip(":"): tuple(map(str, shape.entries(who, "usernames"))) for emoji, who in reactions.items()}
    automatic = any(message.get(key) for key in ("t", "bot", "alias"))
    return Said(
        shape.ident(message, "_id"), shape.text(message, "u", "username"), shape.optional(message, "msg"), given, shape.optional(message, "u", "_id"),
        edited=bool(message.get("editedAt")), automatic=automatic,
    )  # fmt: skip
