# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in Rocket.Chat server behaves as the real one: what the other tests believe of it is asserted here."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from servers.rocketchat import Settings
from servers.running import RocketChat
from sites import SOON, eventually

HEADERS = {"X-Auth-Token": "bot-token", "X-User-Id": "bot-id", "Content-Type": "application/json"}
NUMBERS = count()
Json = dict[str, Any]


class Api:
    """Plain calls to the server, with the bot's headers unless told otherwise."""

    def __init__(self, server: RocketChat) -> None:
        self.server, self.session = server, requests.Session()
        self.session.headers.update(HEADERS)

    def get(self, route: str, headers: Any = None, **query: str) -> requests.Response:
        return self.session.get(f"{self.server.url}/api/v1/{route}", params=query, headers=headers, timeout=SOON)

    def post(self, route: str, body: Json, headers: dict[str, str] | None = None) -> requests.Response:
        return self.session.post(f"{self.server.url}/api/v1/{route}", json=body, headers=headers, timeout=SOON)

    def room(self, **more: Any) -> Json:
        """A new channel, as the server shows it."""
        answer = self.post("channels.create", {"name": f"room-{next(NUMBERS)}", **more})
        assert answer.status_code == 200, answer.text
        channel: Json = answer.json()["channel"]
        return channel

    def send(self, rid: str, msg: str = "hello", **more: Any) -> requests.Response:
        return self.post("chat.sendMessage", {"message": {"rid": rid, "msg": msg, **more}})

    def sent(self, rid: str, msg: str = "hello", **more: Any) -> Json:
        answer = self.send(rid, msg, **more)
        assert answer.status_code == 200, answer.text
        message: Json = answer.json()["message"]
        return message


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RocketChat]:
    with RocketChat(tmp_path_factory.mktemp("rocketchat")) as server:
        yield server


@pytest.fixture
def api(shared: RocketChat) -> Iterator[Api]:
    """The server that tests share, with the settings of the start again afterwards."""
    yield Api(shared)
    shared.control(**vars(Settings()))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Api]:
    """A server of the test's own, which it may kill."""
    with RocketChat(tmp_path) as server:
        yield Api(server)


def refused(answer: requests.Response, code: str | None = None, words: str = "") -> Json:
    """A 400 with that errorType (None: without any) and those words."""
    body: Json = answer.json()
    assert (answer.status_code, body["success"], body.get("errorType")) == (400, False, code), body
    assert words in body.get("error", "")
    return body


# Protocol


@pytest.mark.parametrize("wrong", [{"X-Auth-Token": "other"}, {"X-User-Id": "alice-id"}, {"X-Auth-Token": ""}, {"X-User-Id": ""}])
def test_a_token_that_is_missing_wrong_or_of_another_user_is_401(api: Api, wrong: dict[str, str]) -> None:
    answer = api.get("channels.info", headers=wrong, roomName="general")
    assert (answer.status_code, answer.json()) == (401, {"success": False, "error": "You must be logged in to do this."})


def test_a_refused_token_is_401_to_every_call(api: Api) -> None:
    api.server.control(refuse_token=True)
    assert {api.get("channels.info", roomName="general").status_code, api.send("general-id").status_code} == {401}


def test_a_thrown_error_has_reason_and_code_in_its_text_and_a_type_and_details(api: Api) -> None:
    name = api.room()["name"]
    body = refused(api.post("channels.create", {"name": name}), "error-duplicate-channel-name")
    assert body["error"] == f"A channel with name '{name}' exists [error-duplicate-channel-name]"
    assert body["details"] == {"channel_name": name}


def test_a_missing_permission_is_403_without_a_type(api: Api) -> None:
    api.server.control(forbid=["channels.create"])
    answer = api.post("channels.create", {"name": "forbidden"})
    words = "User does not have the permissions required for this action [error-forbidden]"
    assert (answer.status_code, answer.json()) == (403, {"success": False, "error": words})
    assert api.get("channels.info", roomName="general").status_code == 200


def test_a_body_that_does_not_say_that_it_is_json_is_not_read(api: Api) -> None:
    refused(api.post("channels.create", {"name": "unread"}, headers={"Content-Type": "text/plain"}), "invalid-params", "'name'")


def test_a_body_that_is_no_json_is_400(api: Api) -> None:
    refused(api.session.post(f"{api.server.url}/api/v1/channels.create", data="{", timeout=SOON))


@pytest.mark.parametrize(("method", "route"), [("GET", "channels.nothing"), ("GET", "channels.create"), ("POST", "channels.info")])
def test_an_unknown_route_or_method_is_404(api: Api, method: str, route: str) -> None:
    assert api.session.request(method, f"{api.server.url}/api/v1/{route}", timeout=SOON).status_code == 404


def test_a_proxy_in_front_answers_html(api: Api) -> None:
    api.server.control(fail={"chat.sendMessage": 502})
    answer = api.send("general-id")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert "<html>" in answer.text
    assert api.get("channels.info", roomName="general").status_code == 200


def test_a_connection_is_kept(api: Api) -> None:
    answers = [api.get("channels.info", roomName="general") for dummy in range(3)]
    assert all(answer.raw.version == 11 and "close" not in answer.headers.get("Connection", "") for answer in answers)


# The rate limit


def test_without_a_limit_there_are_no_headers_of_one(api: Api) -> None:
    answers = [api.get("channels.info", roomName="general") for dummy in range(12)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [key for key in answers[0].headers if key.lower().startswith("x-ratelimit")]


def test_the_eleventh_call_within_a_minute_is_429_and_says_when_to_come_back(api: Api) -> None:
    api.server.control(rate_limit=True)
    answers = [api.get("channels.info", roomName="general") for dummy in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == [str(left) for left in [*range(9, -1, -1), 0]]
    last = answers[-1]
    assert last.headers["X-RateLimit-Limit"] == "10"
    assert 50_000 < int(last.headers["X-RateLimit-Reset"]) - time.time() * 1000 <= 60_000
    assert "Retry-After" not in last.headers
    assert last.json() == {"success": False, "error": last.json()["error"]}
    assert last.json()["error"].startswith("Error, too many requests. Please slow down. You must wait ")
    assert last.json()["error"].endswith(" seconds before trying this endpoint again. [error-too-many-requests]")


def test_each_route_is_counted_by_itself(api: Api) -> None:
    api.server.control(rate_limit=True, rate_limit_max=1)
    assert [api.get("channels.info", roomName="general").status_code for dummy in range(2)] == [200, 429]
    assert api.get("rooms.info", roomName="general").status_code == 200


def test_after_the_window_calls_are_taken_again(api: Api) -> None:
    api.server.control(rate_limit=True, rate_limit_max=1, rate_limit_window=0.2)
    assert [api.get("channels.info", roomName="general").status_code for dummy in range(2)] == [200, 429]
    assert eventually(lambda: api.get("channels.info", roomName="general").status_code == 200)


def test_the_limit_comes_after_the_token_and_before_validation(api: Api) -> None:
    api.server.control(rate_limit=True, rate_limit_max=1)
    assert api.post("channels.create", {}, headers={"X-Auth-Token": "other"}).status_code == 401
    assert [api.post("channels.create", {}).status_code for dummy in range(2)] == [400, 429]


# Rooms


@pytest.mark.parametrize("name", ["incidents", "devops", "general"])
def test_an_empty_server_has_its_channels(api: Api, name: str) -> None:
    assert api.get("channels.info", roomName=name).json()["channel"]["name"] == name


def test_a_channel_is_found_by_name_and_by_id_with_its_fields(api: Api) -> None:
    made = api.room(customFields={"incident": {"id": "i1"}})
    for query in ({"roomName": made["name"]}, {"roomId": made["_id"]}):
        found = api.get("channels.info", **query).json()["channel"]
        assert (found["_id"], found["customFields"]) == (made["_id"], {"incident": {"id": "i1"}})
        assert "topic" not in found and "archived" not in found


@pytest.mark.parametrize("route", ["channels.info", "groups.info", "rooms.info", "channels.history"])
@pytest.mark.parametrize("query", [{"roomName": "none"}, {"roomId": "none"}])
def test_a_missing_room_is_400(api: Api, route: str, query: dict[str, str]) -> None:
    refused(api.get(route, **query), "error-room-not-found")


def test_a_private_room_is_no_channel_and_a_channel_no_private_room(api: Api) -> None:
    made = api.post("groups.create", {"name": f"room-{next(NUMBERS)}"}).json()["group"]
    assert api.get("groups.info", roomId=made["_id"]).json()["group"]["t"] == "p"
    assert api.get("rooms.info", roomId=made["_id"]).json()["room"]["_id"] == made["_id"]
    refused(api.get("channels.info", roomId=made["_id"]), "error-room-not-found")
    refused(api.get("groups.info", roomName="general"), "error-room-not-found")
    refused(api.post("channels.create", {"name": made["name"]}), "error-duplicate-channel-name")


@pytest.mark.parametrize("name", ["a b", "ä", "a/b", "#a", "a\n"])
def test_a_bad_name_is_refused(api: Api, name: str) -> None:
    refused(api.post("channels.create", {"name": name}), "error-invalid-room-name")


@pytest.mark.parametrize("body", [{}, {"name": 1}, {"name": "x", "topic": "t"}, {"name": "x", "members": "alice"}, {"name": "x", "customFields": 1}])
def test_channels_create_takes_its_own_keys_and_types_only(api: Api, body: Json) -> None:
    refused(api.post("channels.create", body), "invalid-params", "[invalid-params]")


def test_the_name_of_an_archived_channel_is_taken_too(api: Api) -> None:
    made = api.room()
    assert api.post("channels.archive", {"roomId": made["_id"]}).status_code == 200
    refused(api.post("channels.create", {"name": made["name"]}), "error-archived-duplicate-name")


def test_members_teams_and_the_maker_are_in_a_new_channel(api: Api) -> None:
    assert api.server.room(api.room(members=["carol", "nobody"], teams=["oncall"])["name"])["members"] == ["incident-bot", "carol", "alice", "bob"]
    assert api.server.room(api.room(excludeSelf=True)["name"])["members"] == []


def test_a_slugifying_server_makes_another_name_of_it(api: Api) -> None:
    api.server.control(slugify=True)
    number = next(NUMBERS)
    assert api.room(name=f"Lost orders {number}")["name"] == f"Lost-orders-{number}"
    assert api.room(name=f"Lost  orders {number}")["name"] == f"Lost-orders-{number}-1"
    refused(api.post("channels.create", {"name": f"Lost orders {number}"}), "error-duplicate-channel-name")


def test_the_same_topic_again_is_400_without_a_type(api: Api) -> None:
    body = {"roomId": api.room()["_id"], "topic": "P1"}
    assert api.post("channels.setTopic", body).json() == {"success": True, "topic": "P1"}
    refused(api.post("channels.setTopic", body), None, "The channel topic is the same as what it would be changed to.")
    assert api.get("channels.info", roomId=body["roomId"]).json()["channel"]["topic"] == "P1"


def test_custom_fields_are_replaced(api: Api) -> None:
    rid = api.room(customFields={"a": 1})["_id"]
    answer = api.post("channels.setCustomFields", {"roomId": rid, "customFields": {"b": 2}})
    assert answer.json()["channel"]["customFields"] == {"b": 2}
    refused(api.post("channels.setCustomFields", {"roomId": rid}), None, "customFields")


def test_people_are_invited_once_and_a_member_already_is_no_error(api: Api) -> None:
    made = api.room()
    for body in ({"userIds": ["alice-id", "bob-id"]}, {"userIds": ["alice-id"]}, {"userId": "carol-id"}):
        assert api.post("channels.invite", {"roomId": made["_id"], **body}).status_code == 200
    assert api.server.room(made["name"])["members"] == ["incident-bot", "alice", "bob", "carol"]


@pytest.mark.parametrize(("body", "code"), [({"userIds": ["nobody"]}, "error-user-not-found"), ({}, "error-users-params-not-provided")])
def test_inviting_nobody_known_is_400(api: Api, body: Json, code: str) -> None:
    refused(api.post("channels.invite", {"roomId": api.room()["_id"], **body}), code)


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("channels.archive", {}),
        ("channels.setTopic", {"topic": "t"}),
        ("channels.setCustomFields", {"customFields": {}}),
        ("channels.invite", {"userIds": ["alice-id"]}),
    ],
)
def test_an_archived_channel_can_be_read_and_posted_to_but_not_changed(api: Api, route: str, body: Json) -> None:
    rid = api.room()["_id"]
    assert api.post("channels.archive", {"roomId": rid}).status_code == 200
    refused(api.post(route, {"roomId": rid, **body}), "error-room-archived")
    refused(api.get("rooms.info", roomId=rid), "error-room-archived")
    assert api.get("channels.info", roomId=rid).json()["channel"]["archived"] is True
    assert api.send(rid).status_code == 200


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        ("channels.archive", {}, "error-action-not-allowed"),
        ("channels.setTopic", {"topic": "t"}, "error-action-not-allowed"),
        ("channels.setCustomFields", {"customFields": {}}, "error-action-not-allowed"),
        ("channels.invite", {"userIds": ["alice-id"]}, "error-not-allowed"),
    ],
)
def test_the_bot_may_not_change_a_channel_of_somebody_else(api: Api, route: str, body: Json, code: str) -> None:
    refused(api.post(route, {"roomId": "general-id", **body}), code)


# Messages


def test_a_message_is_stored_with_its_parts_and_found_by_its_id(api: Api) -> None:
    room = api.room()
    attachment = {"color": "#f00", "title": "T", "fields": [{"title": "a", "value": "b", "short": True}]}
    root = api.sent(room["_id"], "root", _id=f"{room['_id']}-root", attachments=[attachment])
    reply = api.sent(room["_id"], "reply", tmid=root["_id"], tshow=True)
    assert [(each["_id"], each["msg"], each.get("tmid"), each.get("tshow")) for each in api.server.messages(room["name"])] == [
        (f"{room['_id']}-root", "root", None, None),
        (reply["_id"], "reply", root["_id"], True),
    ]
    assert api.server.messages(room["name"])[0]["attachments"] == [attachment]
    assert api.server.thread(room["name"], root["_id"]) == [reply]
    assert api.get("chat.getMessage", msgId=root["_id"]).json()["message"] == root
    assert root["u"]["username"] == "incident-bot"


def test_a_missing_message_is_400_without_any_words(api: Api) -> None:
    answer = api.get("chat.getMessage", msgId="none")
    assert (answer.status_code, answer.json()) == (400, {"success": False})


def test_an_id_that_exists_stores_and_overwrites_nothing_and_answers_an_accidental_400(api: Api) -> None:
    room, other = api.room(), api.room()
    first = api.sent(room["_id"], "first", _id=f"{room['_id']}-x")
    refused(api.send(room["_id"], "second", _id=first["_id"]))
    refused(api.send(other["_id"], "second", _id=first["_id"]))
    assert api.server.messages(room["name"]) == [first]
    assert api.server.messages(other["name"]) == []


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ({"rid": "none"}, None, "error-invalid-room"),
        ({"rid": "general"}, None, "error-invalid-room"),
        ({}, None, "'rid'"),
        ({"tshow": True}, "invalid-params", "tshow provided but missing tmid"),
        ({"msg": 1}, "invalid-params", "must be"),
        ({"msg": "x" * 5001}, "error-message-size-exceeded", ""),
        ({"msg": "😀" * 2501}, "error-message-size-exceeded", ""),
        ({"msg": "look: @all"}, "error-action-not-allowed", "Notify all"),
        ({"msg": "```\n@here\n```"}, "error-action-not-allowed", "Notify here"),
        ({"alias": "someone"}, None, "Not enough permission"),
        ({"customFields": {"a": 1}}, None, "Custom fields not enabled"),
        ({"attachments": ["text"]}, "invalid-params", ""),
        ({"attachments": [{"title": 1}]}, None, "Match error"),
        ({"attachments": [{"title_link": "javascript:alert(1)"}]}, None, "Invalid href value provided"),
        *[
            ({"attachments": [{"fields": [one]}]}, None, "Invalid attachment field, title and value is required")
            for one in ({"title": "", "value": "v"}, {"title": "t", "value": ""}, {"title": "t"}, {"title": "t", "value": 0}, {"value": False})
        ],
    ],
)
def test_a_message_that_is_not_in_order_is_400_and_not_stored(api: Api, message: Json, code: str | None, words: str) -> None:
    room = api.room()
    if message and set(message) != {"rid"}:
        message = {"rid": room["_id"], **message}
    refused(api.post("chat.sendMessage", {"message": {"_id": f"{room['_id']}-bad", "msg": "m", **message}}), code, words)
    assert api.server.messages(room["name"]) == []
    assert api.get("chat.getMessage", msgId=f"{room['_id']}-bad").status_code == 400


@pytest.mark.parametrize("text", ["x" * 5000, "😀" * 2500, "me@all.example", "@\u200ball", "@allan", ""])
def test_a_message_at_the_limit_or_that_only_looks_like_a_mention_is_stored(api: Api, text: str) -> None:
    assert api.sent(api.room()["_id"], text)["msg"] == text


def test_a_reply_goes_where_its_thread_is_and_threads_do_not_nest(api: Api) -> None:
    room, other = api.room(), api.room()
    root = api.sent(room["_id"])
    reply = api.sent(other["_id"], tmid=root["_id"])
    assert (reply["rid"], reply["tmid"]) == (room["_id"], root["_id"])
    assert api.sent(room["_id"], tmid=reply["_id"])["tmid"] == root["_id"]


def test_an_update_changes_the_text_and_the_same_text_changes_nothing(api: Api) -> None:
    room = api.room()
    message = api.sent(room["_id"], "before", attachments=[{"text": "kept"}])
    body = {"roomId": room["_id"], "msgId": message["_id"], "text": "before"}
    assert api.post("chat.update", body).json()["message"] == message
    edited = api.post("chat.update", body | {"text": "after"}).json()["message"]
    assert (edited["msg"], edited["attachments"], edited["ts"]) == ("after", [{"text": "kept"}], message["ts"])
    assert "editedAt" in edited
    assert api.server.messages(room["name"]) == [edited]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"msgId": "none"}, None),
        ({"roomId": "general-id"}, None),
        ({"text": "x" * 5001}, "error-message-size-exceeded"),
        ({"attachments": []}, "error-invalid-params"),
    ],
)
def test_an_update_of_another_message_of_more_than_the_text_or_too_long_is_400(api: Api, change: Json, code: str | None) -> None:
    room = api.room()
    message = api.sent(room["_id"], "before")
    refused(api.post("chat.update", {"roomId": room["_id"], "msgId": message["_id"], "text": "after", **change}), code)
    assert api.server.messages(room["name"]) == [message]


def test_a_message_is_pinned_and_pinning_it_twice_is_no_error(api: Api) -> None:
    room = api.room()
    body = {"messageId": api.sent(room["_id"])["_id"]}
    assert [api.post("chat.pinMessage", body).status_code for dummy in range(2)] == [200, 200]
    assert api.server.messages(room["name"])[0]["pinned"] is True


def test_a_reaction_is_set_toggled_and_taken_away(api: Api) -> None:
    room = api.room()
    body = {"messageId": api.sent(room["_id"])["_id"], "emoji": "eyes"}
    shown = []
    for more in ({"shouldReact": True}, {"shouldReact": True}, {}, {}, {"shouldReact": False}):
        assert api.post("chat.react", body | more).status_code == 200
        shown.append(api.server.messages(room["name"])[0]["reactions"])
    one = {":eyes:": {"usernames": ["incident-bot"]}}
    assert shown == [one, one, {}, one, {}]


@pytest.mark.parametrize(
    ("route", "body", "code"),
    [
        ("chat.pinMessage", {"messageId": "none"}, "error-message-not-found"),
        ("chat.pinMessage", {}, "error-invalid-params"),
        ("chat.pinMessage", {"messageId": ""}, "error-invalid-params"),
        ("chat.pinMessage", {"messageId": "x", "more": 1}, "error-invalid-params"),
        ("chat.react", {"messageId": "none", "emoji": "eyes"}, "error-message-not-found"),
        ("chat.react", {"messageId": "none"}, "invalid-params"),
        ("chat.sendMessage", {"message": {}, "more": 1}, "invalid-params"),
        ("chat.sendMessage", {"rid": "general-id", "msg": "m"}, "invalid-params"),
        ("chat.update", {"roomId": "general-id", "msgId": "x"}, "error-invalid-params"),
    ],
)
def test_unknown_messages_and_bodies_against_the_schema_are_400(api: Api, route: str, body: Json, code: str) -> None:
    refused(api.post(route, body), code)


@pytest.mark.parametrize("query", [{}, {"msgId": "x", "more": "1"}, {"msgId": ""}])
def test_chat_get_message_takes_its_one_parameter_only(api: Api, query: dict[str, str]) -> None:
    refused(api.get("chat.getMessage", **query), "invalid-params")


def test_the_history_is_newest_first_within_its_times_and_shows_replies_only_if_asked(api: Api) -> None:
    room = api.room()
    root = api.sent(room["_id"], "root")
    reply, shown = api.sent(room["_id"], "reply", tmid=root["_id"]), api.sent(room["_id"], "shown", tmid=root["_id"], tshow=True)

    def history(**query: str) -> list[str]:
        return [each["_id"] for each in api.get("channels.history", roomId=room["_id"], **query).json()["messages"]]

    assert history() == [shown["_id"], root["_id"]]
    assert history(showThreadMessages="true") == [shown["_id"], reply["_id"], root["_id"]]
    assert history(count="1") == [shown["_id"]]
    assert history(latest=root["ts"]) == []
    assert history(oldest="2001-01-01T00:00:00.000Z", latest="2002-01-01T00:00:00.000Z") == []


def test_the_replies_of_a_thread_come_in_order_and_by_the_page(api: Api) -> None:
    room = api.room()
    root = api.sent(room["_id"])["_id"]
    replies = [api.sent(room["_id"], str(number), tmid=root)["_id"] for number in range(3)]
    found = api.get("chat.getThreadMessages", tmid=root).json()
    assert ([each["_id"] for each in found["messages"]], found["total"]) == (replies, 3)
    assert [each["_id"] for each in api.get("chat.getThreadMessages", tmid=root, offset="1", count="1").json()["messages"]] == replies[1:2]
    refused(api.get("chat.getThreadMessages", tmid="none"), "error-invalid-message")


# People


def test_the_members_of_a_team_are_listed_and_an_unknown_team_is_400(api: Api) -> None:
    found = api.get("teams.members", teamName="oncall").json()
    assert [(each["user"]["_id"], each["user"]["username"]) for each in found["members"]] == [("alice-id", "alice"), ("bob-id", "bob")]
    assert found["total"] == 2
    refused(api.get("teams.members", teamName="none"), None, "team-does-not-exist")


def test_a_bot_that_may_not_see_teams_gets_an_empty_one(api: Api) -> None:
    api.server.control(see_teams=False)
    assert api.get("teams.members", teamName="oncall").json() == {"success": True, "members": [], "count": 0, "total": 0}


def test_a_user_is_found_by_name_or_id_and_an_unknown_one_is_400(api: Api) -> None:
    assert api.get("users.info", username="carol").json()["user"]["_id"] == "carol-id"
    assert api.get("users.info", userId="carol-id").json()["user"]["username"] == "carol"
    refused(api.get("users.info", username="nobody"), None, "User not found.")


# What tests can make it do


def test_the_calls_are_listed_in_order_with_their_status(own: Api) -> None:
    own.get("channels.info", roomName="general")
    own.post("channels.create", {})
    found = own.server.calls()
    assert [(call["method"], call["route"], call["status"]) for call in found] == [("GET", "channels.info", 200), ("POST", "channels.create", 400)]
    assert found[0]["at"] <= found[1]["at"] <= time.time()


def test_an_unknown_setting_is_refused(api: Api) -> None:
    assert requests.post(f"{api.server.url}/_control", json={"latancy": 1}, timeout=SOON).status_code == 400


def test_latency_delays_each_answer(api: Api) -> None:
    api.server.control(latency=0.1)
    begin = time.monotonic()
    api.get("channels.info", roomName="general")
    assert time.monotonic() - begin >= 0.1


def test_a_hanging_server_answers_nothing_does_nothing_and_recovers(own: Api) -> None:
    own.server.control(hang=True)
    failures: list[Exception] = []

    def call() -> None:
        try:
            Api(own.server).sent("general-id", _id="hung")
        except requests.ConnectionError as error:
            failures.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    own.server.wait_for_call("chat.sendMessage")
    with pytest.raises(requests.Timeout):
        requests.get(f"{own.server.url}/api/v1/channels.info", headers=HEADERS, timeout=0.1)
    own.server.control(hang=False)
    caller.join(SOON)
    assert len(failures) == 1
    assert own.server.messages("general") == []
    assert own.sent("general-id", _id="hung")["msg"] == "hello"


def test_a_dropped_answer_happens_once_and_the_message_is_there(own: Api) -> None:
    own.server.control(drop_after_store=2)
    own.room()  # only messages count
    own.sent("general-id", _id="first")
    with pytest.raises(requests.ConnectionError):
        own.send("general-id", _id="second")
    own.sent("general-id", _id="third")
    assert [each["_id"] for each in own.server.messages("general")] == ["first", "second", "third"]


def test_a_server_that_died_after_storing_has_everything_after_a_restart_on_the_same_port(own: Api) -> None:
    port = own.server.port
    own.server.control(die_after_store=2)
    own.room(name="made")
    with pytest.raises(requests.ConnectionError):
        own.send("general-id", _id="last")
    assert own.server.wait_until_dead() == 1
    own.server.start()
    assert own.server.port == port
    assert own.get("channels.info", roomName="made").status_code == 200
    assert own.get("chat.getMessage", msgId="last").status_code == 200
    refused(own.send("general-id", _id="last"))


def test_a_killed_server_keeps_topics_edits_and_members(own: Api) -> None:
    room = own.room(name="kept")
    message = own.sent(room["_id"], "before")
    own.post("chat.update", {"roomId": room["_id"], "msgId": message["_id"], "text": "after"})
    own.post("chat.pinMessage", {"messageId": message["_id"]})
    own.post("channels.setTopic", {"roomId": room["_id"], "topic": "P1"})
    own.post("channels.invite", {"roomId": room["_id"], "userIds": ["alice-id"]})
    before = own.server.state()["rooms"]
    own.server.restart()
    assert own.server.state()["rooms"] == before


def test_a_stopped_server_refuses_connections_and_names_its_environment(own: Api) -> None:
    environment = own.server.environment()
    assert environment == {"ROCKETCHAT_URL": own.server.url, "ROCKETCHAT_USER_ID": "bot-id", "ROCKETCHAT_TOKEN": "bot-token"}
    own.server.stop()
    with pytest.raises(requests.ConnectionError):
        own.get("channels.info", roomName="general")


def test_messages_sent_at_once_under_one_id_are_stored_once(own: Api) -> None:
    callers = [threading.Thread(target=lambda: Api(own.server).send("general-id", _id="one")) for dummy in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(SOON)
    assert len(own.server.messages("general")) == 1
    assert sorted(call["status"] for call in own.server.calls("chat.sendMessage")) == [200] + [400] * 7


def test_a_server_that_nobody_ends_ends_by_itself(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "servers" / "rocketchat.py"
    command = [sys.executable, str(script), "--ready-file", str(tmp_path / "ready"), "--state-file", str(tmp_path / "state"), "--max-seconds", "0.1"]
    assert subprocess.run(command, timeout=SOON, check=False).returncode == 0
