# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of our Rocket.Chat client, on the wire against the stand-in server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.approval import Person
from ansible_collections.incident.response.plugins.module_utils._ports import (
    ChatDenied,
    ChatDown,
    ChatError,
    ChatForbidden,
    ChatLimited,
    ChatRejected,
    Message,
    Room,
)
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat as Client
from servers.running import RocketChat
from sites import SOON

TOKEN = "bot-token"  # noqa: S105 - of the stand-in
FIELDS = {"incident": {"id": "i1", "service": "nginx", "status": "open"}}
HELLO = Message("m1", "general-id", "hello")

CALLS: dict[str, tuple[str, Callable[[Client], object]]] = {
    "create_room": ("channels.create", lambda client: client.create_room("new", {})),
    "room": ("channels.info", lambda client: client.room("general")),
    "set_topic": ("channels.info", lambda client: client.set_topic("general-id", "topic")),
    "set_fields": ("channels.setCustomFields", lambda client: client.set_fields("general-id", FIELDS)),
    "invite": ("channels.invite", lambda client: client.invite("general-id", ["alice-id"])),
    "members": ("teams.members", lambda client: client.members("oncall")),
    "has": ("chat.getMessage", lambda client: client.has("m1")),
    "post": ("chat.sendMessage", lambda client: client.post(HELLO)),
    "edit": ("chat.update", lambda client: client.edit("general-id", "m1", "text")),
    "pin": ("chat.pinMessage", lambda client: client.pin("m1")),
}
"""Each method with the first route that it calls."""

every_call = pytest.mark.parametrize(("route", "call"), CALLS.values(), ids=CALLS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RocketChat]:
    with RocketChat(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: RocketChat) -> Iterator[Client]:
    with closing(Client(server.url, "bot-id", TOKEN, timeout=SOON)) as made:
        yield made


def made(client: Client, name: str = "incident-1") -> Room:
    room = client.create_room(name, FIELDS)
    assert room is not None
    return room


# Rooms


def test_a_new_room_is_returned_with_its_fields_and_found_again(client: Client) -> None:
    room = made(client)
    assert (room.name, room.fields, room.topic, room.archived) == ("incident-1", FIELDS, "", False)
    assert client.room("incident-1") == room


def test_a_name_that_is_taken_gives_none_also_where_the_room_is_archived(server: RocketChat, client: Client) -> None:
    room = made(client)
    assert client.create_room("incident-1", {}) is None
    client._call("POST", "channels.archive", {"roomId": room.rid})
    assert client.create_room("incident-1", {}) is None
    found = client.room("incident-1")
    assert found is not None and found.archived and found.fields == FIELDS


def test_the_name_that_the_server_made_of_it_counts(server: RocketChat, client: Client) -> None:
    server.control(slugify=True)
    room = made(client, "incident 1")
    assert room.name == "incident-1"
    assert client.room("incident-1") == room


def test_a_bad_name_is_rejected_with_the_servers_code(client: Client) -> None:
    with pytest.raises(ChatRejected, match="not a valid room name") as caught:
        client.create_room("a b", {})
    assert caught.value.code == "error-invalid-room-name"


def test_a_missing_room_is_none(client: Client) -> None:
    assert client.room("none") is None


def test_the_same_topic_again_is_no_error_and_no_second_call(server: RocketChat, client: Client) -> None:
    rid = made(client).rid
    for topic in ("P1 nginx", "P1 nginx", "P2 nginx"):
        client.set_topic(rid, topic)
        assert server.room("incident-1")["topic"] == topic
    assert [call["status"] for call in server.calls("channels.setTopic")] == [200, 200]


def test_fields_are_replaced(server: RocketChat, client: Client) -> None:
    client.set_fields(made(client).rid, {"incident": {"id": "i1", "status": "resolved"}})
    assert server.room("incident-1")["customFields"] == {"incident": {"id": "i1", "status": "resolved"}}


def test_the_members_of_a_team_are_invited_and_inviting_again_is_no_error(server: RocketChat, client: Client) -> None:
    rid, people = made(client).rid, client.members("oncall")
    assert people == [("alice-id", "alice"), ("bob-id", "bob")]
    for dummy in range(2):
        client.invite(rid, [user_id for user_id, dummy in people])
    client.invite(rid, [])
    assert server.room("incident-1")["members"] == ["incident-bot", "alice", "bob"]
    assert len(server.calls("channels.invite")) == 2


def test_an_unknown_team_or_person_is_rejected(client: Client) -> None:
    with pytest.raises(ChatRejected, match="team-does-not-exist"):
        client.members("none")
    with pytest.raises(ChatRejected, match="error-user-not-found"):
        client.invite(made(client).rid, ["nobody"])


def test_an_archived_room_can_not_be_changed(client: Client) -> None:
    rid = made(client).rid
    client._call("POST", "channels.archive", {"roomId": rid})
    changes: list[Callable[[], object]] = [
        lambda: client.set_topic(rid, "t"), lambda: client.set_fields(rid, {}), lambda: client.invite(rid, ["alice-id"])
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(ChatRejected) as caught:
            change()
        assert caught.value.code == "error-room-archived"


# Messages


def test_a_message_is_posted_with_its_attachments_and_a_reply_with_its_thread(server: RocketChat, client: Client) -> None:
    attachment = {"color": "#f00", "fields": [{"title": "Service", "value": "nginx", "short": True}]}
    client.post(Message("root", "general-id", "root", attachments=[attachment]))
    client.post(Message("quiet", "general-id", "reply", thread="root"))
    client.post(Message("shown", "general-id", "milestone", thread="root", in_channel=True))
    root = server.messages("general")[0]
    assert (root["_id"], root["msg"], root["attachments"]) == ("root", "root", [attachment])
    assert [(each["_id"], each.get("tshow")) for each in server.thread("general", "root")] == [("quiet", None), ("shown", True)]
    assert client.has("root") and not client.has("none")


def test_posting_twice_stores_once_and_keeps_the_first_text(server: RocketChat, client: Client) -> None:
    client.post(HELLO)
    client.post(HELLO)
    client.post(Message("m1", "general-id", "other"))
    assert [each["msg"] for each in server.messages("general")] == ["hello"]


def test_a_message_whose_answer_got_lost_counts_as_posted(server: RocketChat, client: Client) -> None:
    server.control(drop_after_store=1)
    client.post(HELLO)
    assert len(server.messages("general")) == 1
    assert [call["route"] for call in server.calls()] == ["chat.sendMessage", "chat.getMessage"]


def test_a_server_that_died_after_storing_is_down_and_the_second_try_stores_nothing_more(server: RocketChat, client: Client) -> None:
    server.control(die_after_store=1)
    with pytest.raises(ChatDown):
        client.post(HELLO)
    server.wait_until_dead()
    server.start()
    client.post(HELLO)
    assert len(server.messages("general")) == 1


def test_a_room_whose_answer_got_lost_is_taken_at_the_second_try_and_found(server: RocketChat, client: Client) -> None:
    server.control(die_after_store=1)
    with pytest.raises(ChatDown):
        made(client)
    server.wait_until_dead()
    server.start()
    assert client.create_room("incident-1", FIELDS) is None
    found = client.room("incident-1")
    assert found is not None and found.fields == FIELDS


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message("x", "general-id", "x" * 5001), "error-message-size-exceeded"),
        (Message("x", "none", "text"), "error-invalid-room"),
        (Message("x", "general-id", "@all"), "error-action-not-allowed"),
        (Message("x", "general-id", "text", attachments=[{"fields": [{"title": "t", "value": ""}]}]), "title and value is required"),
    ],
)
def test_a_message_that_the_server_refuses_is_rejected_in_its_words(server: RocketChat, client: Client, message: Message, words: str) -> None:
    with pytest.raises(ChatRejected, match=words):
        client.post(message)
    assert server.messages("general") == []


def test_a_refused_message_is_not_given_up_while_the_server_can_not_say_whether_it_has_it(server: RocketChat, client: Client) -> None:
    client.post(HELLO)
    server.control(fail={"chat.getMessage": 502})
    with pytest.raises(ChatDown):
        client.post(HELLO)


def test_an_edit_changes_the_text_and_the_same_text_again_is_no_error(server: RocketChat, client: Client) -> None:
    client.post(HELLO)
    for text in ("after", "after"):
        client.edit("general-id", "m1", text)
    assert [each["msg"] for each in server.messages("general")] == ["after"]
    with pytest.raises(ChatRejected, match="No message found"):
        client.edit("general-id", "none", "text")


def test_a_message_is_pinned_also_twice(server: RocketChat, client: Client) -> None:
    client.post(HELLO)
    client.pin("m1")
    client.pin("m1")
    assert server.messages("general")[0]["pinned"] is True
    with pytest.raises(ChatRejected) as caught:
        client.pin("none")
    assert caught.value.code == "error-message-not-found"


# Failures


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RocketChat]:
    """A server that tests of failures share: nothing is stored on it."""
    with RocketChat(tmp_path_factory.mktemp("failing")) as running:
        yield running


@every_call
def test_a_refused_token_is_denied(failing: RocketChat, route: str, call: Callable[[Client], object]) -> None:
    with closing(Client(failing.url, "bot-id", "another-token")) as client, pytest.raises(ChatDenied, match="ROCKETCHAT_TOKEN") as caught:
        call(client)
    assert caught.value.lasting and "another-token" not in str(caught.value)


@every_call
def test_a_missing_permission_is_forbidden_and_names_the_call(failing: RocketChat, route: str, call: Callable[[Client], object]) -> None:
    failing.control(forbid=[route], fail={})
    with closing(Client(failing.url, "bot-id", TOKEN)) as client, pytest.raises(ChatForbidden, match=f"may not do {route}") as caught:
        call(client)
    assert caught.value.lasting


@every_call
@pytest.mark.parametrize("status", [200, 403, 502])
def test_an_answer_in_html_is_down_whatever_its_status(failing: RocketChat, route: str, call: Callable[[Client], object], status: int) -> None:
    failing.control(fail=dict.fromkeys((route, "chat.getMessage"), status), forbid=[])
    with closing(Client(failing.url, "bot-id", TOKEN)) as client, pytest.raises(ChatDown, match=f"{status} and no JSON") as caught:
        call(client)
    assert not caught.value.lasting


@every_call
def test_nothing_that_listens_is_down(tmp_path: Path, route: str, call: Callable[[Client], object]) -> None:
    with closing(Client("http://127.0.0.1:9", "bot-id", TOKEN)) as client, pytest.raises(ChatDown, match="can't be reached") as caught:
        call(client)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(("window", "ahead"), [(60, 0), (5, 0), (60, -3600), (60, 3600)])
def test_too_many_calls_are_limited_with_a_wait_within_reason_even_where_clocks_differ(server: RocketChat, window: float, ahead: float) -> None:
    server.control(rate_limit=True, rate_limit_max=1, rate_limit_window=window)
    with closing(Client(server.url, "bot-id", TOKEN, clock=lambda: time.time() + ahead)) as client:
        client.room("general")
        with pytest.raises(ChatLimited, match="too many requests") as caught:
            client.room("general")
    assert caught.value.retry_after is not None
    assert 0.5 <= caught.value.retry_after <= window + 1  # the server's Date has whole seconds


def test_a_limited_message_is_not_asked_for_and_not_stored(server: RocketChat, client: Client) -> None:
    server.control(rate_limit=True, rate_limit_max=1)
    client.post(HELLO)
    with pytest.raises(ChatLimited):
        client.post(Message("m2", "general-id", "second"))
    assert [call["route"] for call in server.calls()] == ["chat.sendMessage"] * 2
    assert len(server.messages("general")) == 1


def test_a_limit_on_asking_after_a_lost_answer_is_down_so_that_it_is_tried_again(server: RocketChat, client: Client) -> None:
    server.control(rate_limit=True, rate_limit_max=1, drop_after_store=1)
    client.has("m1")
    with pytest.raises(ChatDown):
        client.post(HELLO)


def test_a_hanging_server_is_down_within_the_time_out(server: RocketChat) -> None:
    server.control(hang=True)
    with closing(Client(server.url, "bot-id", TOKEN, timeout=0.2)) as client:
        with pytest.raises(ChatDown):
            client.room("general")
        with pytest.raises(ChatDown):
            client.post(HELLO)
        server.control(hang=False)
        client.post(HELLO)
    assert len(server.messages("general")) == 1


def test_a_server_that_drips_is_down_when_its_time_is_up(server: RocketChat) -> None:
    """Each byte comes soon enough, and the whole never."""
    server.control(drip=0.05)
    with closing(Client(server.url, "bot-id", TOKEN, timeout=1)) as client, pytest.raises(ChatDown, match="takes longer than 1 s to answer"):
        client.room("general")


DEEP = "[" * 100_000 + "]" * 100_000
ODD = [
    "null", "[]", "3", "{}", DEEP, '{"success": true, "members": ' + DEEP + "}", '{"success": true}', '{"success": true, "channel": null}',
    '{"success": true, "channel": [], "members": [], "message": 1, "messages": 1, "user": 1}', "9" * 5000,
    '{"success": true, "channel": {"_id": 1, "name": null, "customFields": []}, "members": {}, "message": {"ts": 1}, "messages": {}, "user": []}',
]  # fmt: skip


@pytest.mark.parametrize(
    ("route", "call"),
    [
        *CALLS.values(),
        ("users.info", lambda client: client.user("alice")),
        ("chat.getMessage", lambda client: client.said("general-id", "m1")),
    ],
    ids=[*CALLS, "user", "said"],
)
def test_an_odd_answer_is_told_or_taken_as_nothing(server: RocketChat, client: Client, route: str, call: Callable[[Client], object]) -> None:
    client.post(HELLO)
    for body in ODD:
        server.control(odd={route: body})
        with suppress(ChatError):
            call(client)
    server.control(odd={})
    assert client.has("m1")  # it goes on, whatever it was


def test_one_member_or_message_that_is_odd_leaves_the_others(server: RocketChat, client: Client) -> None:
    """A user who was deleted is listed as null."""
    people = [{"user": None}, None, {"user": {"_id": 5}}, {"user": {"_id": "alice-id", "username": "alice"}}]
    said = [{"_id": "a", "ts": "2026-01-05T10:00:00.000Z", "u": {"username": "alice"}, "msg": "!ack"}, {"_id": "b"}, None, {"ts": 1}]
    client.post(HELLO)
    odd: dict[str, dict[str, object]] = {"teams.members": {"members": people}, "channels.history": {"messages": said}}
    server.control(odd={route: json.dumps({"success": True, **body}) for route, body in odd.items()})
    assert client.members("oncall") == [("alice-id", "alice")]
    assert [each.message for each in client.said("general-id", "m1")] == ["a"]


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "utf-8-sig"])
def test_an_answer_in_another_encoding_is_read(server: RocketChat, client: Client, charset: str) -> None:
    room = made(client)
    client.set_topic(room.rid, "Größe")
    server.control(charset=charset)
    found = client.room("incident-1")
    assert found is not None and found.topic == "Größe"


def test_a_slow_server_is_waited_for(server: RocketChat, client: Client) -> None:
    server.control(latency=0.2)
    assert client.room("general") is not None


def test_a_client_goes_on_over_a_restart_of_the_server(server: RocketChat, client: Client) -> None:
    assert client.room("general") is not None
    server.restart()
    assert client.room("general") is not None
    client.post(HELLO)
    server.restart()
    assert client.has("m1")


@pytest.mark.parametrize(
    "token",
    [
        "S3cretToken\n",
        "S3cretToken\r\nX: y",
        " S3cretToken",
        "S3cretTokenü€",
        "S3cretToken",
    ],
)
def test_the_token_is_in_no_error_text_even_where_it_can_not_be_sent(failing: RocketChat, token: str) -> None:
    failing.control(fail={}, forbid=[])
    with closing(Client(failing.url, "bot-id", token)) as client, pytest.raises(ChatError) as caught:
        client.room("general")
    assert "S3cretToken" not in str(caught.value)


# Who says what


def test_what_was_said_in_the_same_instant_keeps_its_order(server: RocketChat, client: Client) -> None:
    """A server's time has milliseconds, and it lists the newest first."""
    rid = made(client).rid
    client.post(Message("begin", rid, "?"))
    for text in "abc":
        server.person("alice", room="incident-1", text=text, more='{"ts": "2099-01-01T00:00:00.000Z"}')
    assert [each.text for each in client.said(rid, "begin")[1:]] == ["a", "b", "c"]


def test_what_no_person_wrote_and_what_was_edited_is_known_for_it(server: RocketChat, client: Client) -> None:
    rid = made(client).rid
    client.post(Message("begin", rid, "?"))
    for more in ("{}", '{"t": "room_changed_topic"}', '{"bot": {"i": "x"}}', '{"alias": "alice"}'):
        server.person("alice", room="incident-1", text="!approve 1a2b3c", more=more)
    server.person("alice", message=server.messages("incident-1")[1]["_id"], text="!approve 1a2b3c now")
    said = client.said(rid, "begin")[1:]
    assert [(each.user_id, each.edited, each.automatic) for each in said] == [
        ("alice-id", True, False), ("alice-id", False, True), ("alice-id", False, True), ("alice-id", False, True)
    ]  # fmt: skip


def test_what_was_said_is_read_though_much_is_said_after_it(server: RocketChat, client: Client) -> None:
    rid = made(client).rid
    client.post(Message("begin", rid, "?"))
    server.person("alice", room="incident-1", text="!approve 1a2b3c")
    for number in range(120):
        client.post(Message(f"more-{number}", rid, "and more"))
    assert [each.text for each in client.said(rid, "begin")][:2] == ["?", "!approve 1a2b3c"]


def test_a_person_is_found_by_id_under_any_name_and_has_roles_where_the_bot_may_see_them(server: RocketChat, client: Client) -> None:
    server.control(users={"eve": {"type": "bot", "roles": ["guest"], "active": False}})
    assert client.person("eve-id", "alice") == Person("eve-id", "eve", "bot", active=False)
    server.control(see_roles=True)
    assert client.person("", "eve") == Person("eve-id", "eve", "bot", active=False, roles=frozenset({"guest"}))
    server.person("alice", rename="alicia")
    assert client.person("alice-id", "alice") == Person("alice-id", "alicia", roles=frozenset({"user"}))
    assert client.person("", "alice") is None


@pytest.mark.parametrize(
    ("wanted", "said", "checked"),
    [
        (None, "", True), (None, "false", False), (None, "No ", False), (None, "true", True), (True, "false", False), (False, "true", False),
        ("false", "", False), ("off", "true", False), ("true", "false", True),
    ],
)  # fmt: skip
def test_a_certificate_is_checked_unless_somebody_says_false(wanted: object, said: str, checked: bool) -> None:
    given = {"url": "https://chat.example.com", "user_id": "x", "token": "x", "validate_certs": wanted}
    assert connect.options(given, {"ROCKETCHAT_VALIDATE_CERTS": said})["verify"] is checked


@pytest.mark.parametrize("said", ["flase", "nope", "2", "n"])
def test_a_switch_that_is_neither_true_nor_false_is_no_connection(said: str) -> None:
    environ = {"ROCKETCHAT_URL": "https://chat.example.com", "ROCKETCHAT_USER_ID": "x", "ROCKETCHAT_TOKEN": "x"}
    for given, more in (({}, {"ROCKETCHAT_VALIDATE_CERTS": said}), ({"validate_certs": said}, {})):
        with pytest.raises(connect.Misconfigured, match="must be true or false"):
            connect.options(given, environ | more)
