# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a chat answers to any of our calls: it is read, or it is an error of ours; and a delivery leaves nothing behind for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible_collections.incident.response.plugins.module_utils._exchange import Answer, Exchange
from ansible_collections.incident.response.plugins.module_utils._ports import ChatError, ChatLimited, Message, Room
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
from fuzz.made_up import ODD, VALUE, nearly
from hypothesis import given
from hypothesis import strategies as st

ROOM = {"_id": "R1", "name": "incident-1", "topic": "P1", "customFields": {"incident": {"id": "i1"}}, "archived": False}
MESSAGE = {
    "_id": "M1", "rid": "R1", "msg": "!ack", "ts": "2026-01-05T10:00:00.000Z", "u": {"_id": "U1", "username": "alice"},
    "reactions": {":+1:": {"usernames": ["bob"]}},
}  # fmt: skip
SAMPLE = {
    "success": True, "channel": ROOM, "members": [{"user": {"_id": "U1", "username": "alice"}}], "user": {"_id": "U1", "username": "alice"},
    "message": MESSAGE, "messages": [MESSAGE, MESSAGE],
}  # fmt: skip
CALLS: dict[str, Callable[[RocketChat], Any]] = {
    "create_room": lambda chat: chat.create_room("new", {}),
    "room": lambda chat: chat.room("general"),
    "room_of": lambda chat: chat.room_of("R1"),
    "set_topic": lambda chat: chat.set_topic("R1", "topic"),
    "set_fields": lambda chat: chat.set_fields("R1", {}),
    "invite": lambda chat: chat.invite("R1", ["U1"]),
    "members": lambda chat: chat.members("oncall"),
    "add_members": lambda chat: chat.add_members("oncall", ["U1"]),
    "remove_member": lambda chat: chat.remove_member("oncall", "U1"),
    "user": lambda chat: chat.user("alice"),
    "has": lambda chat: chat.has("M1"),
    "said": lambda chat: chat.said("R1", "M1"),
    "post": lambda chat: chat.post(Message("M1", "R1", "hello")),
    "edit": lambda chat: chat.edit("R1", "M1", "text"),
    "pin": lambda chat: chat.pin("M1"),
}
HEADER = ODD.filter(str.isascii) | st.sampled_from(["Mon, 05 Jan 2026 10:00:00 GMT", "Mon, 05 Jan 0001 10:00:00 -9999", "nan", "inf", "1e999", "-1"])


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Nearly what is documented, or any JSON, or any bytes; with any status, headers and encoding."""
    status = draw(st.sampled_from([200] * 9 + [201, 204, 301, 302, 400, 401, 403, 404, 405, 429, 500, 502, 503]))
    named = draw(st.dictionaries(st.sampled_from(["Date", "X-RateLimit-Reset", "Location", "Retry-After"]), HEADER, max_size=3))
    encoding = draw(st.sampled_from([None, "utf-8", "latin-1", "utf-16", "no-such", "hex", ""]))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return Answer(status, named, draw(st.binary(max_size=50)), encoding)
    content = json.dumps(draw(VALUE if kind == 1 else nearly(SAMPLE)))
    return Answer(status, named, draw(st.sampled_from([content.encode(), content.encode("utf-16"), b"\xff" + content.encode()])), encoding)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(made_up=st.data())
def test_whatever_chat_answers_is_read_or_an_error_of_ours(call: Callable[[RocketChat], Any], made_up: st.DataObject) -> None:
    chat = RocketChat("http://chat", "bot-id", "bot-token")
    with mock.patch.object(Exchange, "ask", side_effect=lambda *_asked, **_more: made_up.draw(answers())):
        try:
            found = call(chat)
        except ChatLimited as error:
            assert error.retry_after is not None and 0 < error.retry_after <= 120
        except ChatError as error:
            assert str(error)
        else:
            assert found is None or isinstance(found, bool | str | list | Room)
