# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for a Rocket.Chat 8 server, as a process of its own that can be killed and started again.

It answers the calls an incident needs as the real server does, and is nowhere kinder; comments name the file
of RocketChat/Rocket.Chat (under `apps/meteor/`, unless it begins with `packages/`) that a behaviour is taken from.
System messages ("changed the topic", "pinned a message") are left out. The one account that can log in is a
bot with the `bot` role, which owns the rooms that it creates and no others.

For tests, outside the real API and without authentication: `POST /_control` sets fields of `Settings`,
`POST /_person` is what somebody else writes or reacts with in a client, `POST /_admin` what an admin does to a room there,
`GET /_state` shows what is stored and which calls came since the start (status 0: not answered).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]

BOT = "incident-bot"
TOKEN = "bot-token"  # noqa: S105 - of no server but this one
USERS = {"bot-id": BOT, "alice-id": "alice", "bob-id": "bob", "carol-id": "carol", "dora-id": "dora", "eve-id": "eve"}
TEAMS = {"oncall": ["alice", "bob"], "leadership": ["dora"]}
SEEDED = ("incidents", "security", "devops", "general", "customer-success")
LONGEST_MESSAGE = 5000  # Message_MaxAllowedSize, in UTF-16 units


@dataclass
class Settings:
    """How the server behaves; changed by POST /_control."""

    latency: float = 0  # seconds before each answer
    hang: bool = False  # accept and never answer; what came meanwhile is never done
    refuse_token: bool = False  # 401 to everything
    forbid: list[str] = field(default_factory=list)  # routes whose permission the bot lacks
    fail: dict[str, int] = field(default_factory=dict)  # routes for which a proxy answers, with this status and HTML
    rate_limit: bool = False  # off: the bot role has `api-bypass-rate-limit`
    rate_limit_max: int = 10
    rate_limit_window: float = 60
    die_after_store: int = 0  # at the n-th room or message from now: store it and die unanswered
    drop_after_store: int = 0  # at the n-th message from now: store it and close the connection unanswered, once
    see_roles: bool = False  # the bot was given `view-full-other-user-info`: by default only admins have it
    users: dict[str, Json] = field(default_factory=dict)  # by name, what differs of a user: `type`, `roles`, `active`
    see_teams: bool = True  # the bot was given `view-all-teams`: by default only admins have it
    last_owner: str = ""  # the user who is the only owner of all teams
    slugify: bool = False  # UI_Allow_room_names_with_special_chars
    refuse_archived: bool = False  # as a server (or an app on it) that takes no message into an archived room; the real one of today does
    no_editing: bool = False  # Message_AllowEditing is off
    edit_minutes: int = 0  # Message_AllowEditing_BlockEditInMinutes is over for all messages
    no_pinning: bool = False  # Message_AllowPinning is off
    two_factor: bool = False  # the token doesn't ignore two-factor
    longest: int = LONGEST_MESSAGE  # Message_MaxAllowedSize, in UTF-16 units
    redirect: bool = False  # a proxy sends everybody from http to https
    drip: float = 0  # a broken proxy: seconds between two bytes of an answer, from its first line on
    odd: dict[str, str] = field(default_factory=dict)  # routes whose work is done, and that something in between answers with this body
    charset: str = ""  # what a proxy makes of an answer's text: written so, and called so in the Content-Type


@dataclass
class Room:
    _id: str
    name: str
    fname: str
    owner: str
    private: bool = False
    topic: str = ""
    customFields: Json = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    archived: bool = False
    ro: bool = False  # read-only; the bot lacks `post-readonly`
    muted: list[str] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)

    def document(self) -> Json:
        """As the API shows it: what was never set is absent."""
        shown = {key: value for key in ("topic", "customFields", "archived", "ro", "muted") if (value := getattr(self, key))}
        kind = "p" if self.private else "c"
        return {"_id": self._id, "name": self.name, "fname": self.fname, "t": kind, "usersCount": len(self.members), **shown}


@dataclass
class Call:
    method: str
    route: str
    at: float
    status: int = 0


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    drip: float = 0
    charset: str = ""


class Failure(Exception):
    """A thrown server error where it has a code, a plain failure where not (app/api/server/ApiClass.ts, failure)."""

    def __init__(self, words: str | None, code: str = "", status: int = 400, **details: str) -> None:
        self.status = status
        self.body: Json = {"success": False}
        if words is not None:
            self.body["error"] = f"{words} [{code}]" if code else words
        if code and status == 400:
            self.body |= {"errorType": code} | ({"details": details} if details else {})


class Dropped(Exception):
    """The connection ends here, without an answer."""


@dataclass(frozen=True)
class Route:
    """One call: its method, what does it, and its schema, as far as it has one (packages/rest-typings/src/v1)."""

    method: str
    action: Callable[[Server, Json], Json]
    required: dict[str, type] = field(default_factory=dict)
    optional: dict[str, type] | None = None  # None: any other key is taken and ignored
    code: str = "invalid-params"  # routes declared with `API.v1.post` say `error-invalid-params`

    def validate(self, params: Json) -> None:
        wrong = [f"must have required property '{key}'" for key in self.required if key not in params]
        types = self.required | (self.optional or {})
        if self.optional is not None and set(params) - set(types):
            wrong.append("must NOT have additional properties")
        wrong += [f"must be {kind.__name__}" for key, kind in types.items() if key in params and not isinstance(params[key], kind)]
        wrong += ["must NOT have fewer than 1 characters" for key in self.required if key.endswith("Id") and params.get(key) == ""]
        if wrong:
            raise Failure("\n ".join(wrong), self.code)


class Server:
    """What the server knows and does. Everything happens under one lock."""

    def __init__(self, state_file: Path) -> None:
        self.settings = Settings()
        self.calls: list[Call] = []
        self.changed = threading.Condition()
        self._windows: dict[tuple[str, str, str], tuple[float, int]] = {}
        self._file = state_file
        self._rooms: dict[str, Room] = {}
        self._teams = {name: list(people) for name, people in TEAMS.items()}
        if state_file.exists():
            self._rooms = {each["_id"]: Room(**each) for each in json.loads(state_file.read_text("utf-8"))["rooms"]}
        else:
            for name in SEEDED:
                self._rooms[f"{name}-id"] = Room(f"{name}-id", name, name, owner="admin", members=["admin", *USERS.values()])
            self._save()

    # For tests

    def control(self, changes: Json) -> None:
        known = {each.name for each in fields(Settings)}
        if set(changes) - known:
            raise Failure(f"no such setting: {sorted(set(changes) - known)}")
        with self.changed:
            for key, value in changes.items():
                setattr(self.settings, key, value)
            if any(key.startswith("rate_limit") for key in changes):
                self._windows.clear()
            self.changed.notify_all()

    def state(self) -> Json:
        with self.changed:
            return {"rooms": [asdict(room) for room in self._rooms.values()], "calls": [asdict(call) for call in self.calls]}

    def person(self, does: Json) -> None:
        """What somebody else does in a client: `user` writes `text` in `room` (in the thread `tmid`), or puts `emoji` under `message`, or
        makes another `text` of it (`edit`), or takes another name (`rename`). `more` is what else the message has, as that of an integration does.

        A new name goes into what was written, and not into reactions (app/lib/server/functions/saveUserIdentity.ts).
        """
        with self.changed:
            message = self._message(does["message"]) if "message" in does else None
            if "rename" in does:
                self._rename(does["user"], does["rename"])
            elif message and "text" in does:
                message |= {"msg": does["text"], "editedAt": _now(), "editedBy": {"_id": f"{does['user']}-id", "username": does["user"]}}
            elif message:
                message.setdefault("reactions", {}).setdefault(f":{does['emoji']}:", {"usernames": []})["usernames"].append(does["user"])
            else:
                room = next(room for room in self._rooms.values() if room.name == does["room"])
                about = {"tmid": does["tmid"]} if does.get("tmid") else {}
                user = {"_id": next((each for each in USERS if USERS[each] == does["user"]), f"{does['user']}-id"), "username": does["user"]}
                more = json.loads(does.get("more", "{}"))
                room.messages.append({"_id": _id(), "rid": room._id, "msg": does["text"], "ts": _now(), "u": user, **about, **more})
            self._save()

    def _rename(self, old: str, new: str) -> None:
        user_id = next(each for each in USERS if USERS[each] == old)
        USERS[user_id] = new
        for room in self._rooms.values():
            room.members = [new if each == old else each for each in room.members]
            for message in room.messages:
                if message["u"]["_id"] == user_id:
                    message["u"]["username"] = new
        self._teams = {team: [new if each == old else each for each in people] for team, people in self._teams.items()}

    def admin(self, does: Json) -> None:
        """What an admin does to `room`: sets the other fields, or deletes it (`gone`); or to a `message`: gives it another `text`, or deletes it."""
        with self.changed:
            if "message" in does:
                self._moderate(does["message"], does.get("text"))
                return
            room = next(room for room in self._rooms.values() if room.name == does["room"])
            if does.get("gone"):
                del self._rooms[room._id]
            for key, value in does.items():
                if key not in {"room", "gone"}:
                    setattr(room, key, value)
            self._save()

    def _moderate(self, message_id: str, text: str | None) -> None:
        """app/lib/server/functions/deleteMessage.ts: without Message_KeepHistory and Message_ShowDeletedStatus, as by default, it is gone."""
        for room in self._rooms.values():
            for message in [each for each in room.messages if each["_id"] == message_id]:
                if text is None:
                    room.messages.remove(message)
                else:
                    message |= {"msg": text, "editedAt": _now(), "editedBy": {"_id": "admin-id", "username": "admin"}}
        self._save()

    # A call

    def answer(self, method: str, name: str, params: Json, headers: dict[str, str], address: str) -> Answer:
        """The answer to a call; raises Dropped where there is none."""
        with self.changed:
            call = Call(method, name, time.time())
            self.calls.append(call)
            if self.settings.hang:
                self.changed.wait_for(lambda: not self.settings.hang)
                raise Dropped
            answer = self._answer(method, name, params, headers, address)
            latency = self.settings.latency
            answer.drip, answer.charset = self.settings.drip, self.settings.charset
            if answer.status == 200 and name in self.settings.odd:
                answer.body = self.settings.odd[name]
        time.sleep(latency)
        call.status = answer.status
        return answer

    def _answer(self, method: str, name: str, params: Json, headers: dict[str, str], address: str) -> Answer:
        if name in self.settings.fail:
            status = self.settings.fail[name]
            return Answer(status, f"<html><body><h1>{status}</h1>nginx</body></html>", kind="text/html")
        if self.settings.redirect:
            return Answer(301, "", {"Location": "https://chat.example.com/"}, "text/html")
        limits: dict[str, str] = {}
        try:
            route = ROUTES.get(name)
            if route is None or route.method != method:
                raise Failure("Resource not found", status=404)
            self._authenticate(headers)
            self._limit(limits, address, name, method)
            if self.settings.two_factor and name in _TWO_FACTOR:
                raise Failure("TOTP Required", "totp-required", method="totp")
            route.validate(params)
            # app/api/server/ApiClass.ts, permissionsRequired: from 8.0 a missing permission is 403 and has no errorType
            if name in self.settings.forbid:
                raise Failure("User does not have the permissions required for this action", "error-forbidden", 403)
            return Answer(200, json.dumps({**route.action(self, params), "success": True}), limits)
        except Failure as failure:
            return Answer(failure.status, json.dumps(failure.body), limits)

    def _authenticate(self, headers: dict[str, str]) -> None:
        """app/api/server/ApiClass.ts, authenticatedRoute: the token counts only together with its own user id."""
        if self.settings.refuse_token or headers.get("x-auth-token") != TOKEN or headers.get("x-user-id") != "bot-id":
            raise Failure("You must be logged in to do this.", status=401)

    def _limit(self, headers: dict[str, str], address: str, name: str, method: str) -> None:
        """app/api/server/ApiClass.ts, enforceRateLimit: by address, route and method, before validation; no Retry-After."""
        if not self.settings.rate_limit:
            return
        now, most, window = time.time(), self.settings.rate_limit_max, self.settings.rate_limit_window
        start, count = self._windows.get((address, name, method), (now, 0))
        if now - start >= window:
            start, count = now, 0
        self._windows[address, name, method] = start, count + 1
        left = start + window - now
        headers["X-RateLimit-Limit"] = str(most)
        headers["X-RateLimit-Remaining"] = str(max(most - count - 1, 0))
        headers["X-RateLimit-Reset"] = str(int((now + left) * 1000))
        if count >= most:
            words = f"Error, too many requests. Please slow down. You must wait {math.ceil(left)} seconds before trying this endpoint again."
            raise Failure(words, "error-too-many-requests", 429)

    # Storage

    def _save(self) -> None:
        temporary = self._file.with_name(self._file.name + ".new")
        temporary.write_text(json.dumps({"rooms": [asdict(room) for room in self._rooms.values()]}), "utf-8")
        temporary.replace(self._file)

    def _stored(self, *, message: bool) -> None:
        """Keep what was just added; then fail, where a test asked for it."""
        self._save()
        if self.settings.die_after_store:
            self.settings.die_after_store -= 1
            if not self.settings.die_after_store:
                os._exit(1)
        if message and self.settings.drop_after_store:
            self.settings.drop_after_store -= 1
            if not self.settings.drop_after_store:
                raise Dropped

    def _message(self, message_id: str) -> Json | None:
        found = (each for room in self._rooms.values() for each in room.messages if each["_id"] == message_id)
        return next(found, None)

    def _known(self, message_id: str) -> Json:
        """app/api/server/v1/chat.ts: how pinMessage and react look a message up."""
        message = self._message(message_id)
        if message is None:
            raise Failure('The provided "messageId" does not match any existing message.', "error-message-not-found")
        return message

    def _room(self, params: Json, *, kind: str = "channel", archived: bool = False) -> Room:
        """app/api/server/v1/channels.ts, findChannelByIdOrName, and its like in groups.ts and rooms.ts."""
        if "roomId" in params:
            room = self._rooms.get(params["roomId"])
        else:
            room = next((each for each in self._rooms.values() if each.name == params.get("roomName")), None)
        if room is None or (kind != "room" and room.private is (kind == "channel")):
            what = "group" if kind == "group" else "channel"
            raise Failure(f'The required "roomId" or "roomName" param provided does not match any {what}', "error-room-not-found")
        if room.archived and not archived:
            raise Failure(f"The channel, {room.name}, is archived", "error-room-archived")
        return room

    # Rooms

    def create(self, params: Json, *, private: bool = False) -> Json:
        if not params["name"]:
            raise Failure('Param "name" is required')
        name = self._valid_name(params["name"])
        asked = [*params.get("members", []), *(user for team in params.get("teams", []) for user in self._teams.get(team, []))]
        members = [] if params.get("excludeSelf") else [BOT]
        members += [user for user in dict.fromkeys(asked) if user in USERS.values() and user != BOT]
        room = Room(_id(), name, params["name"], BOT, private, customFields=params.get("customFields", {}), members=members)
        self._rooms[room._id] = room
        self._stored(message=False)
        return {"group" if private else "channel": room.document()}

    def create_group(self, params: Json) -> Json:
        return self.create(params, private=True)

    def _valid_name(self, asked: str) -> str:
        """app/utils/server/lib/getValidRoomName.ts. With slugify the wish has to be unique, the name is made so."""
        slugify = self.settings.slugify
        name = re.sub(r"[^0-9a-zA-Z_-]+", "-", asked).strip("-") if slugify else asked
        if not re.fullmatch(r"[0-9a-zA-Z\-_.]+", name):
            raise Failure(f"{name} is not a valid room name.", "error-invalid-room-name", channel_name=name)
        taken = next((room for room in self._rooms.values() if asked == (room.fname if slugify else room.name)), None)
        if taken and taken.archived:
            raise Failure(f"There's an archived channel with name {name}", "error-archived-duplicate-name", channel_name=name)
        if taken:
            raise Failure(f"A channel with name '{name}' exists", "error-duplicate-channel-name", channel_name=name)
        names, base, following = {room.name for room in self._rooms.values()}, name, 0
        while name in names:
            following += 1
            name = f"{base}-{following}"
        return name

    def info(self, params: Json) -> Json:
        return {"channel": self._room(params, archived=True).document()}

    def group_info(self, params: Json) -> Json:
        return {"group": self._room(params, kind="group", archived=True).document()}

    def room_info(self, params: Json) -> Json:
        """app/api/server/v1/rooms.ts: unlike channels.info it refuses an archived room."""
        return {"room": self._room(params, kind="room").document()}

    def _own(self, params: Json) -> Room:
        """app/channel-settings/server/methods/saveRoomSettings.ts: `edit-room` is its owner's."""
        room = self._room(params)
        if room.owner != BOT:
            raise Failure("Editing room is not allowed", "error-action-not-allowed", action="Editing_room")
        return room

    def set_topic(self, params: Json) -> Json:
        """app/api/server/v1/channels.ts: a topic that is set already is refused."""
        if "topic" not in params:
            raise Failure('The bodyParam "topic" is required')
        if self._room(params).topic == params["topic"]:
            raise Failure("The channel topic is the same as what it would be changed to.")
        self._own(params).topic = params["topic"]
        self._save()
        return {"topic": params["topic"]}

    def set_fields(self, params: Json) -> Json:
        if not isinstance(params.get("customFields"), dict):
            raise Failure('The bodyParam "customFields" is required with a type like object.')
        room = self._own(params)
        room.customFields = params["customFields"]
        self._save()
        return {"channel": room.document()}

    def invite(self, params: Json) -> Json:
        """app/lib/server/methods/addUsersToRoom.ts: a member already is no error; inviting needs to own the room."""
        room = self._room(params)
        asked = [*params.get("userIds", []), *filter(None, [params.get("userId")])]
        if not asked:
            words = 'Please provide "userId" or "username" or "userIds" or "usernames" as param'
            raise Failure(words, "error-users-params-not-provided")
        if room.owner != BOT:
            raise Failure("Not allowed", "error-not-allowed", method="addUsersToRoom")
        if not set(asked) <= set(USERS):
            raise Failure("User not found", "error-user-not-found", method="addUsersToRoom")
        room.members += [USERS[each] for each in dict.fromkeys(asked) if USERS[each] not in room.members]
        self._save()
        return {"channel": room.document()}

    def archive(self, params: Json) -> Json:
        self._own(params).archived = True
        self._save()
        return {}

    def history(self, params: Json) -> Json:
        """app/lib/server/methods/getChannelHistory.ts: newest first, both ends excluded; replies only where they are shown."""
        room = self._room(params, archived=True)
        oldest, latest = (_moment(params.get(key, other)) for key, other in (("oldest", "1970-01-01"), ("latest", "9999-01-01")))
        threads = params.get("showThreadMessages") == "true"
        within = [each for each in room.messages if oldest < _moment(each["ts"]) < latest]
        return {"messages": _page([each for each in reversed(within) if threads or not each.get("tmid") or each.get("tshow")], params)}

    # Messages

    def send(self, params: Json) -> Json:
        """app/lib/server/methods/sendMessage.ts, then app/lib/server/functions/sendMessage.ts, in their order."""
        message: Json = {key: value for key, value in params["message"].items() if value is not None}
        _check_types(message, {"_id": str, "rid": str, "msg": str, "tmid": str, "tshow": bool, "attachments": list, "alias": str, "avatar": str})
        if message.get("tshow") and not message.get("tmid"):
            raise Failure("tshow provided but missing tmid", "invalid-params", method="sendMessage")
        self._check_size(message.get("msg", ""))
        parent = self._message(message["tmid"]) if message.get("tmid") else None
        if parent:  # no thread within a thread, and a reply goes where its thread is
            message |= {"tmid": parent.get("tmid") or parent["_id"], "rid": parent["rid"]}
        if not message.get("rid"):
            raise Failure("The 'rid' property on the message object is missing.")
        room = self._rooms.get(message["rid"])
        if room is None:
            raise Failure("error-invalid-room")
        self._check_room(room)
        if message.get("alias") or message.get("avatar"):
            raise Failure("Not enough permission")
        for attachment in message.get("attachments", []):
            _check_attachment(attachment)
        if message.get("customFields"):
            raise Failure("Custom fields not enabled")
        _check_mentions(message.get("msg", ""))
        if self._message(message.get("_id", "")):
            # functions/sendMessage.ts returns nothing then, and what shows a message stumbles over that
            raise Failure("Cannot read properties of undefined (reading 'starred')")
        stored = {"_id": message.get("_id") or _id(), "rid": room._id, "msg": message.get("msg", ""), "ts": _now()}
        stored |= {"u": {"_id": "bot-id", "username": BOT}}
        stored |= {key: message[key] for key in ("tmid", "tshow", "attachments", "emoji") if message.get(key)}
        room.messages.append(stored)
        self._stored(message=True)
        return {"message": stored}

    def _check_room(self, room: Room) -> None:
        """app/authorization/server/functions/canSendMessage.ts: these have no code. A public channel takes messages of a bot that isn't in it (it may
        `view-c-room`); an archived one does, too (RocketChat/Rocket.Chat#12906)."""
        if room.private and BOT not in room.members:
            raise Failure("error-not-allowed")
        if room.ro:
            raise Failure("You can't send messages because the room is readonly.")
        if BOT in room.muted:
            raise Failure("You_have_been_muted")
        if room.archived and self.settings.refuse_archived:
            raise Failure("room_is_archived")

    def _check_size(self, text: str) -> None:
        """JavaScript's length: UTF-16 units. Too long is refused, never cut (app/lib/server/methods/sendMessage.ts)."""
        if len(text.encode("utf-16-le", "surrogatepass")) // 2 > self.settings.longest:
            raise Failure("Message size exceeds Message_MaxAllowedSize", "error-message-size-exceeded", method="sendMessage")

    def get_message(self, params: Json) -> Json:
        """app/api/server/v1/chat.ts: a missing message is a 400 without any text."""
        message = self._message(params["msgId"])
        if message is None:
            raise Failure(None)
        return {"message": message}

    def update(self, params: Json) -> Json:
        """app/lib/server/methods/updateMessage.ts: the text and nothing else; the same text changes nothing."""
        message = self._message(params["msgId"])
        if message is None:
            raise Failure(f'No message found with the id of "{params["msgId"]}".')
        if message["rid"] != params["roomId"]:
            raise Failure("The room id provided does not match where the message is from.")
        if message["msg"] != params["text"]:
            if self.settings.no_editing:
                raise Failure("Message editing not allowed", "error-action-not-allowed", method="updateMessage", action="Message_editing")
            if self.settings.edit_minutes:
                raise Failure("Message editing is blocked", "error-message-editing-blocked", method="updateMessage")
            self._check_room(self._rooms[message["rid"]])
            self._check_size(params["text"])
            _check_mentions(params["text"])
            message |= {"msg": params["text"], "editedAt": _now(), "editedBy": {"_id": "bot-id", "username": BOT}}
            self._save()
        return {"message": message}

    def thread(self, params: Json) -> Json:
        root = self._message(params["tmid"])
        if root is None:
            raise Failure("Invalid Message", "error-invalid-message")
        replies = [each for each in self._rooms[root["rid"]].messages if each.get("tmid") == root["_id"]]
        page = _page(replies, params)
        return {"messages": page, "count": len(page), "total": len(replies)}

    def pin(self, params: Json) -> Json:
        """app/message-pin/server/pinMessage.ts: pinning twice is no error."""
        message = self._known(params["messageId"])
        if self.settings.no_pinning:
            raise Failure("Message pinning not allowed", "error-action-not-allowed", method="pinMessage", action="Message_pinning")
        message |= {"pinned": True, "pinnedBy": {"_id": "bot-id", "username": BOT}}
        self._save()
        return {"message": message}

    def react(self, params: Json) -> Json:
        """app/reactions/server/setReaction.ts; without `shouldReact` it toggles."""
        message = self._known(params["messageId"])
        emoji = f":{params['emoji'].replace(':', '')}:"
        if not re.fullmatch(r":[\w+-]+:", emoji):
            raise Failure("Invalid emoji provided.", "error-not-allowed", method="setReaction")
        reactions = message.setdefault("reactions", {})
        if params.get("shouldReact", emoji not in reactions):
            reactions[emoji] = {"usernames": [BOT]}
        else:
            reactions.pop(emoji, None)
        self._save()
        return {}

    # People

    def members(self, params: Json) -> Json:
        """app/api/server/v1/teams.ts, 50 at a time unless `count` says otherwise.

        server/services/team/service.ts, members: who is neither in the team nor has `view-all-teams` sees an empty one.
        """
        team = self._team(params)
        people = [{"user": _user(each), "roles": ["member"]} for each in USERS if USERS[each] in team]
        people = people if self.settings.see_teams else []
        page = _page(people, params)
        return {"members": page, "count": len(page), "total": len(people)}

    def _team(self, params: Json) -> list[str]:
        team = self._teams.get(params.get("teamName", ""))
        if team is None:
            raise Failure("team-does-not-exist")
        return team

    def add_members(self, params: Json) -> Json:
        """app/api/server/v1/teams.ts. Who is in the team already stays so (server/services/team/service.ts, addMembers)."""
        team, asked = self._team(params), [each["userId"] for each in params["members"]]
        if not set(asked) <= set(USERS):
            raise Failure("The user is invalid", "invalid-user")
        team += [USERS[each] for each in asked if USERS[each] not in team]
        return {}

    def remove_member(self, params: Json) -> Json:
        """app/api/server/v1/teams.ts; of one who is no member, server/services/team/service.ts, removeMembers."""
        team = self._team(params)
        if params["userId"] not in USERS:
            raise Failure("invalid-user")
        if USERS[params["userId"]] not in team:
            raise Failure("user-not-found-in-team", "user-not-found-in-team")
        if USERS[params["userId"]] == self.settings.last_owner:  # a plain Error there, so an answer without a code
            raise Failure("last-owner-can-not-be-removed")
        team.remove(USERS[params["userId"]])
        return {}

    def user(self, params: Json) -> Json:
        found = next((each for each in USERS if params.get("userId") == each or params.get("username") == USERS[each]), None)
        if found is None:
            raise Failure("User not found.")
        differs = self.settings.users.get(USERS[found], {})
        roles = {"roles": differs.get("roles", ["user"])} if self.settings.see_roles else {}  # app/lib/server/functions/getFullUserData.ts
        return {"user": {**_user(found), **{key: value for key, value in differs.items() if key != "roles"}, **roles}}


# packages/rest-typings and app/2fa: which calls ask for a second factor is the server's setting; a token that doesn't ignore it gets this everywhere
_TWO_FACTOR = {"channels.create", "channels.invite", "chat.sendMessage", "chat.update"}
_CREATE: dict[str, type] = {
    "members": list, "teams": list, "readOnly": bool, "excludeSelf": bool, "customFields": dict, "extraData": dict,
}  # fmt: skip
ROUTES = {
    "channels.archive": Route("POST", Server.archive),
    "channels.create": Route("POST", Server.create, {"name": str}, _CREATE),
    "channels.history": Route("GET", Server.history),
    "channels.info": Route("GET", Server.info),
    "channels.invite": Route("POST", Server.invite),
    "channels.setCustomFields": Route("POST", Server.set_fields),
    "channels.setTopic": Route("POST", Server.set_topic),
    "chat.getMessage": Route("GET", Server.get_message, {"msgId": str}, {}),
    "chat.getThreadMessages": Route("GET", Server.thread, {"tmid": str}, {"count": str, "offset": str, "sort": str}),
    "chat.pinMessage": Route("POST", Server.pin, {"messageId": str}, {}, "error-invalid-params"),
    "chat.react": Route("POST", Server.react, {"emoji": str, "messageId": str}, {"shouldReact": bool}),
    "chat.sendMessage": Route("POST", Server.send, {"message": dict}, {"previewUrls": list}),
    "chat.update": Route(
        "POST", Server.update, {"roomId": str, "msgId": str, "text": str}, {"previewUrls": list, "customFields": dict}, "error-invalid-params"
    ),
    "groups.create": Route("POST", Server.create_group, {"name": str}, _CREATE),
    "groups.info": Route("GET", Server.group_info),
    "rooms.info": Route("GET", Server.room_info),
    "teams.addMembers": Route("POST", Server.add_members, {"teamName": str, "members": list}),
    "teams.members": Route("GET", Server.members),
    "teams.removeMember": Route("POST", Server.remove_member, {"teamName": str, "userId": str}, {"rooms": list}),
    "users.info": Route("GET", Server.user),
}


def _id() -> str:
    return uuid.uuid4().hex[:17]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _user(user_id: str) -> Json:
    return {"_id": user_id, "username": USERS[user_id], "name": USERS[user_id].title(), "type": "user", "status": "online", "active": True}


def _page(found: list[Json], params: Json) -> list[Json]:
    """app/api/server/helpers/getPaginationItems.ts: 50 unless asked otherwise, never more than 100."""
    offset, count = int(params.get("offset", 0)), min(int(params.get("count", 50)), 100)
    return found[offset : offset + count]


def _check_types(message: Json, types: dict[str, type]) -> None:
    wrong = [f"must be {kind.__name__}" for key, kind in types.items() if key in message and not isinstance(message[key], kind)]
    if wrong:
        raise Failure("\n ".join(wrong), "invalid-params")


def _check_mentions(text: str) -> None:
    """server/services/messages/hooks/BeforeSavePreventMention.ts: a bot may call neither @all nor @here, not even in a code fence."""
    called = re.search(r"(?:^|\s|>)@(all|here)(?![\w.-])", text)
    if called:
        words = f"Notify {called[1]} in this room not allowed"
        raise Failure(words, "error-action-not-allowed", action="Notify_all_in_this_room")


def _check_attachment(attachment: object) -> None:
    """app/lib/server/functions/sendMessage.ts, validateAttachment: the parts that an incident's message may have."""
    if not isinstance(attachment, dict):
        raise Failure("must be object", "invalid-params")
    for key in ("color", "text", "title", "author_name"):
        if not isinstance(attachment.get(key, ""), str):
            raise Failure(f"Match error: Expected string, got {type(attachment[key]).__name__} in field {key}")
    for key in ("title_link", "author_link", "author_icon", "image_url", "thumb_url", "message_link"):
        if attachment.get(key) is not None and not re.match(r"https?://[^\s/]", str(attachment[key])):
            raise Failure("Invalid href value provided")
    for each in attachment.get("fields") or []:
        if not isinstance(each.get("title", ""), str) or not isinstance(each.get("value", ""), str | int | float):
            raise Failure("Match error: Expected string in field fields")
        if not isinstance(each.get("short", True), bool):
            raise Failure("Match error: Expected boolean in field short")
        if not each.get("title") or not each.get("value"):  # 0 and false are empty too
            raise Failure("Invalid attachment field, title and value is required")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: else head and body wait for each other
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        params: Json = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            if method == "POST":
                params = self._body(content)
            if parts.path == "/_state":
                answer = Answer(200, json.dumps(self.server.chat.state()))
            elif parts.path == "/_control":
                self.server.chat.control(params)
                answer = Answer(200, "{}")
            elif parts.path == "/_person":
                self.server.chat.person(params)
                answer = Answer(200, "{}")
            elif parts.path == "/_admin":
                self.server.chat.admin(params)
                answer = Answer(200, "{}")
            else:
                name = parts.path.removeprefix("/api/v1/")
                headers = {key.lower(): value for key, value in self.headers.items()}
                answer = self.server.chat.answer(method, name, params, headers, str(self.client_address[0]))
        except Dropped:
            self.close_connection = True
            return
        except Failure as failure:
            answer = Answer(failure.status, json.dumps(failure.body))
        self._send(answer)

    def _body(self, content: bytes) -> Json:
        """A body counts only where it says that it is JSON."""
        if self.headers.get_content_type() != "application/json" or not content:
            return {}
        try:
            found = json.loads(content)
        except ValueError:
            raise Failure("Invalid JSON") from None
        if not isinstance(found, dict):
            raise Failure("must be object", "invalid-params")
        return found

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode(answer.charset or "utf-8")
        if answer.drip:
            for each in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
                self.wfile.write(bytes([each]))
                self.wfile.flush()
                time.sleep(answer.drip)
            return
        self.send_response(answer.status)
        kind = f"{answer.kind}; charset={answer.charset}" if answer.charset else answer.kind
        for key, value in {"Content-Type": kind, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: GET /_state has the calls."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, chat: Server) -> None:
        self.chat = chat
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is nobody's error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description="a stand-in for a Rocket.Chat server, for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--state-file", type=Path, required=True)
    parser.add_argument("--max-seconds", type=float, default=600)
    options = parser.parse_args()
    end = threading.Timer(options.max_seconds, os._exit, (0,))
    end.daemon = True
    end.start()
    with Listener(options.port, Server(options.state_file)) as listener:
        temporary = options.ready_file.with_name(options.ready_file.name + ".new")
        temporary.write_text(f"{listener.server_port}\n")
        temporary.replace(options.ready_file)
        listener.serve_forever()


if __name__ == "__main__":
    main()
