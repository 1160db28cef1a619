# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What chat refuses is said where the person looks, with whom to call, and is brought there when the cause is mended."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from servers.running import RocketChat
from sites import DELIVER, Site, eventually

OPEN = "playbooks/incident/open.yml"
ESCALATE = "playbooks/incident/escalate.yml"
COMMUNICATE = "playbooks/incident/communicate.yml"
SEVERITY = "playbooks/incident/severity.yml"
TICK = "incident.response.tick"
RESTART = ("-e", "service=api host=prod-api-01")
PHONE = "+49 30 123456"
CONFIG: dict[str, Any] = {
    "oncall": {
        "people": {"ada": {"name": "Ada", "phone": PHONE}, "grace": {"name": "Grace", "phone": "+49 30 777"}},
        "schedule": {"time_zone": "UTC", "layers": [{"name": "primary", "people": ["ada"], "start": "2024-01-01T09:00", "every": "1w"}]},
    },
    "escalation": {"levels": [{"name": "On-call"}, {"name": "DevOps Lead", "notify": ["carol", "grace"]}, {"name": "CTO", "notify": ["dora"]}]},
    "links": {"monitoring": "https://grafana.example.com/d/api?a=(1)", "logs": "https://logs.example.com/", "deployments": ""},
    "services": {"api": {"hosts": "prod-api-01", "runbook": "https://wiki.example.com/runbooks/api"}},
    "status_page": {"provider": "none"},
}


@pytest.fixture
def site(tmp_path: Path, chat: RocketChat) -> Site:
    site = Site(tmp_path)
    (tmp_path / "incident-response.yml").write_text(json.dumps(CONFIG))
    site.environment |= chat.environment() | {"INCIDENT_CONFIG": str(tmp_path / "incident-response.yml"), "INCIDENT_DRAIN_TIMEOUT": "8"}
    return site


def opens(site: Site, severity: str = "P0", **more: Any) -> tuple[int, str]:
    return played(site, OPEN, {"service": "api", "severity": severity, "title": "Checkout is down", **more})


def played(site: Site, playbook: str, variables: dict[str, Any]) -> tuple[int, str]:
    code, output = site.run("-e", json.dumps(variables), playbook=playbook)
    return code, " ".join(output.split())


def texts(chat: RocketChat, room: str) -> list[str]:
    return [message["msg"] for message in chat.messages(room)]


def incident(site: Site) -> dict[str, Any]:
    (found,) = site.incidents()
    return found


def ends(site: Site) -> bool:
    return eventually(lambda: not site.couriers())


# A place that takes no message


@pytest.mark.parametrize(
    ("broken", "mended", "words"),
    [
        ({"ro": True}, {"ro": False}, "You can't send messages because the room is readonly."),
        ({"muted": ["incident-bot"]}, {"muted": []}, "You_have_been_muted"),
        ({"archived": True}, {"archived": False}, "#incidents is archived"),
        ({"private": True, "members": []}, {"private": False}, "#incidents isn't there"),
    ],
    ids=["read-only", "muted", "archived", "private"],
)
def test_incidents_takes_no_message_and_the_p0_is_said_to_have_reached_nobody(
    site: Site, chat: RocketChat, broken: dict[str, Any], mended: dict[str, Any], words: str
) -> None:
    """Case 06 is the first."""
    chat.admin("incidents", **broken)
    code, output = opens(site)
    assert code != 0
    assert "is recorded, and not all of it was told in chat" in output
    assert words in output
    assert PHONE in output
    assert incident(site)["pending"]
    assert ends(site), "a courier waits for ever for what was refused"
    code, output = played(site, DELIVER, {})
    assert code != 0
    assert output.count(words) <= 3  # the message, and the result
    assert words in output
    chat.admin("incidents", **mended)
    code, output = played(site, DELIVER, {})
    assert code == 0, output
    (announcement,) = texts(chat, "incidents")
    assert "@oncall @alice @bob @leadership @dora 🚨 *P0*" in announcement
    assert incident(site)["pending"] == 0
    code, output = played(site, DELIVER, {})
    assert (code, "changed=0" in output) == (0, True)


def test_what_an_older_version_gave_up_is_counted_and_tried_again(site: Site, chat: RocketChat) -> None:
    chat.admin("incidents", ro=True)
    assert opens(site)[0] != 0
    assert ends(site)
    with sqlite3.connect(site.state / "journal.db") as journal:
        states = journal.execute("SELECT DISTINCT state FROM outbox").fetchall()
        journal.execute("DELETE FROM shown WHERE key LIKE 'trouble %'")
    assert set(states) == {("sent",), ("failed",)}, "an older version knows no other state that is not sent"
    chat.admin("incidents", ro=False)
    assert played(site, DELIVER, {})[0] == 0
    assert len(texts(chat, "incidents")) == 1


def test_the_next_run_and_the_tick_say_what_is_refused_and_bring_it_when_they_can(site: Site, chat: RocketChat) -> None:
    chat.admin("incidents", ro=True)
    assert opens(site)[0] != 0
    code, output = site.run(*RESTART)
    assert code == 0, output
    assert "readonly" in output
    assert PHONE in output
    code, output = played(site, TICK, {})
    assert code == 0
    assert re.search("entr(y is|ies are) not in chat: #incidents takes no message of the bot", output), output
    chat.admin("incidents", ro=False)
    code, output = played(site, TICK, {})
    assert code == 0
    assert "not in chat" not in output
    assert len(texts(chat, "incidents")) == 1


def test_the_incidents_own_channel_is_read_only_and_nothing_is_lost_or_turned_round(site: Site, chat: RocketChat) -> None:
    assert site.run(*RESTART)[0] == 0
    room = incident(site)["channel"]
    before = len(texts(chat, room))
    chat.admin(room, ro=True)
    code, output = site.run(*RESTART)
    assert code == 0
    assert "the incident's channel takes no message of the bot" in " ".join(output.split())
    assert len([call for call in chat.calls("chat.sendMessage") if call["status"] == 400]) <= 6, "a room that refuses is not asked for each message"
    chat.admin(room, ro=False)
    code, output = played(site, DELIVER, {})
    assert code == 0, output
    after = chat.messages(room)[before:]
    root = next(message for message in after if " · by " in message["msg"] and not message.get("tmid"))
    assert after.index(root) == min(after.index(message) for message in after if message is root or message.get("tmid") == root["_id"])
    assert "✅" in root["msg"]
    assert "record: " in chat.thread(room, root["_id"])[-1]["msg"]


# A room that is gone


@pytest.mark.parametrize("refuses", [False, True])
def test_the_channel_is_archived_while_the_incident_is_open(site: Site, chat: RocketChat, refuses: bool) -> None:
    """Case 07, both servers: one that takes messages into archived rooms, and one that refuses them."""
    assert site.run(*RESTART)[0] == 0
    first = incident(site)["channel"]
    before = texts(chat, first)
    chat.control(refuse_archived=refuses)
    chat.admin(first, archived=True)
    code, output = site.run(*RESTART)
    assert code == 0, output
    second = incident(site)["channel"]
    assert second == f"{first}-2"
    assert f"#{first} was archived: it goes on in #{second}" in site.entries()[-1]["text"] or any(
        entry["text"] == f"#{first} was archived: it goes on in #{second}" for entry in site.entries()
    )
    assert f"{chat.url}/channel/{second}" in output
    assert texts(chat, first) == before
    shown = chat.messages(second)
    assert shown[0]["pinned"]
    assert f"goes on here: #{first} was archived" in shown[0]["msg"]
    assert "@alice" in shown[0]["msg"]
    assert {"alice", "bob"} <= set(chat.room(second)["members"])
    root = next(message for message in shown if " · by " in message["msg"] and not message.get("tmid"))
    assert "Start api on prod-api-01: changed" in "\n".join(message["msg"] for message in chat.thread(second, root["_id"]))
    assert any(f"goes on in #{second}" in text for text in texts(chat, "incidents"))
    assert incident(site)["pending"] == 0
    code, output = site.ad_hoc("incident_info", f"incident={second}")
    assert code == 0, output


def test_the_channel_is_deleted(site: Site, chat: RocketChat) -> None:
    assert site.run(*RESTART)[0] == 0
    first = incident(site)["channel"]
    chat.admin(first, gone=True)
    assert site.run(*RESTART)[0] == 0
    second = incident(site)["channel"]
    assert second == f"{first}-2"
    assert "was deleted" in texts(chat, second)[0]
    assert any("\nrecord: " in text for text in texts(chat, second))


def test_the_channel_is_renamed_and_the_link_follows(site: Site, chat: RocketChat) -> None:
    assert site.run(*RESTART)[0] == 0
    first = incident(site)["channel"]
    chat.admin(first, name="outage")
    code, output = site.run(*RESTART)
    assert code == 0
    assert f"{chat.url}/channel/outage" in output
    assert (incident(site)["name"], incident(site)["channel"]) == (first, "outage")
    assert any("\nrecord: " in text for text in texts(chat, "outage"))


def test_of_an_incident_that_is_over_an_archived_channel_is_tidy(site: Site, chat: RocketChat) -> None:
    assert opens(site, "P2")[0] == 0
    code, output = site.ad_hoc("rocketchat_incident", "service=api state=resolved force=true")
    assert code == 0, output
    room = incident(site)["channel"]
    chat.control(refuse_archived=True)
    chat.admin(room, archived=True)
    code, output = played(site, "playbooks/incident/update.yml", {"incident": room, "message": "The review is on Monday"})
    assert code == 0, output
    assert incident(site)["channel"] == room
    assert "The review is on Monday" in texts(chat, "incidents")[-1]
    assert incident(site)["pending"] == 0


# By every way there is


def breaks(chat: RocketChat, how: str) -> str:
    """What is said of it."""
    if how == "dead":
        chat.kill()
        return "can't be reached"
    if how == "token":
        chat.control(refuse_token=True)
        return "does not accept the token"
    for room in chat.state()["rooms"]:
        chat.admin(room["name"], ro=True)
    return "readonly"


@pytest.mark.parametrize("how", ["dead", "token", "read-only"])
def test_a_p0_that_is_opened_by_a_playbook_or_a_module(site: Site, chat: RocketChat, how: str) -> None:
    words = breaks(chat, how)
    code, output = opens(site)
    assert code != 0
    assert "is recorded, and" in output
    assert words in output
    assert PHONE in output
    assert "bot-token" not in output
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=worker title=Slow severity=P0")
    assert code != 0
    assert words in output
    assert PHONE in output
    assert len(site.incidents()) == 2


@pytest.mark.parametrize("how", ["dead", "token", "read-only"])
def test_a_p0_that_is_escalated_communicated_or_gets_worse(site: Site, chat: RocketChat, how: str) -> None:
    assert opens(site, "P1")[0] == 0
    words = breaks(chat, how)
    for playbook, variables in (
        (ESCALATE, {"service": "api", "reason": "I am stuck"}),
        (SEVERITY, {"service": "api", "severity": "P0", "reason": "all customers see it"}),
        (COMMUNICATE, {"service": "api", "audience": "internal", "message": "We look", "publish": True}),
    ):
        code, output = played(site, playbook, variables)
        assert code != 0, playbook
        assert "is recorded, and" in output, playbook
        assert words in output, playbook
        assert PHONE in output, playbook
    kinds = [entry["kind"] for entry in incident(site)["entries"]]
    assert {"escalated", "changed", "published"} <= set(kinds)


@pytest.mark.parametrize("how", ["dead", "token", "read-only"])
@pytest.mark.parametrize("works", [True, False])
def test_a_p0_of_an_action_keeps_its_verdict_and_says_who_was_not_told(site: Site, chat: RocketChat, how: str, works: bool) -> None:
    if not works:
        (site.folder / "cannot-start").touch()
    words = breaks(chat, how)
    code, output = site.run(*RESTART, "-e", "severity=P0")
    output = " ".join(output.split())
    assert (code == 0) is works
    assert "entries are not in chat yet" in output
    assert words in output
    assert PHONE in output


def test_a_token_that_expires_in_the_middle_of_a_run(site: Site, chat: RocketChat) -> None:
    process = site.start_slowly(*RESTART)
    assert eventually(lambda: bool(site.incidents()) and bool(site.incidents()[0]["channel"]))
    chat.control(refuse_token=True)
    output, _none = process.communicate(timeout=120)
    assert "does not accept the token" in " ".join(output.split())
    assert PHONE in output
    site.end_couriers()
    chat.control(refuse_token=False)
    assert played(site, DELIVER, {})[0] == 0
    assert incident(site)["pending"] == 0


def test_no_chat_is_said_and_is_no_failure(site: Site) -> None:
    for variable in ("ROCKETCHAT_URL", "ROCKETCHAT_USER_ID", "ROCKETCHAT_TOKEN"):
        del site.environment[variable]
    code, output = opens(site)
    assert code == 0, output
    assert "no chat is configured here" in output
    assert PHONE in output


def test_a_chat_that_is_configured_in_part_is_a_failure_after_recording(site: Site) -> None:
    del site.environment["ROCKETCHAT_TOKEN"]
    code, output = opens(site)
    assert code != 0
    assert "ROCKETCHAT_TOKEN missing" in output
    assert PHONE in output
    assert incident(site)["severity"] == "P0"


def test_whether_delivery_is_required_can_be_said(site: Site, chat: RocketChat) -> None:
    chat.admin("incidents", ro=True)
    code, output = opens(site, require_delivery=False)
    assert code == 0, output
    assert "readonly" in output
    code, output = played(site, "playbooks/incident/update.yml", {"service": "api", "message": "We look"})
    assert code == 0
    assert "readonly" in output
    code, output = played(site, "playbooks/incident/update.yml", {"service": "api", "message": "We look on", "require_delivery": True})
    assert code != 0


def test_what_became_of_it_is_in_the_result(site: Site, chat: RocketChat) -> None:
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=api title=Slow severity=P0")
    assert code == 0, output
    told = json.loads(output.partition("=> ")[2])["told"]
    name = incident(site)["name"]
    assert told == {
        "incident": name, "channel": name, "url": f"{chat.url}/channel/{name}", "mentioned": ["oncall", "alice", "bob", "leadership", "dora"],
        "chat": True, "required": True, "delivered": True, "pending": 0, "why": "", "call": "",
    }  # fmt: skip


# Nobody is called


def test_a_team_that_shows_nobody_is_said_and_called_when_it_does(site: Site, chat: RocketChat) -> None:
    chat.control(see_teams=False)
    code, output = opens(site)
    assert code != 0
    assert "@oncall is not called: the team oncall shows no members" in output
    assert PHONE in output
    code, output = played(site, DELIVER, {})
    assert "@oncall is not called" in output
    chat.control(see_teams=True)
    code, output = played(site, DELIVER, {})
    assert code == 0, output
    assert "is not called" not in output
    assert "@oncall @alice @bob @leadership @dora 🚨 *P0* Checkout is down (open) · you could not be called before" in texts(chat, "incidents")[-1]
    assert {"alice", "dora"} <= set(chat.room(incident(site)["channel"])["members"])


def test_who_is_called_next_and_cannot_be_invited_is_named(site: Site, chat: RocketChat) -> None:
    assert opens(site, "P1")[0] == 0
    code, output = played(site, ESCALATE, {"service": "api", "reason": "I am stuck"})
    assert code == 0, output
    assert "@grace is not called" in output


# What is only shown


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"no_pinning": True}, "its first message can't be pinned: chat.pinMessage: Message pinning not allowed"),
        ({"forbid": ["channels.setTopic"]}, "the topic can't be set, so it isn't current"),
        ({"forbid": ["channels.setCustomFields"]}, "can't be marked with its status"),
        ({"no_editing": True}, "what the first message of a run says can't be edited any more"),
        ({"edit_minutes": 5}, "Message editing is blocked"),
    ],
)
def test_a_nicety_that_is_refused_is_said_and_keeps_nothing_back(site: Site, chat: RocketChat, settings: dict[str, Any], words: str) -> None:
    chat.control(**settings)
    assert site.run(*RESTART)[0] == 0
    assert ends(site)
    assert incident(site)["pending"] == 0
    code, output = played(site, DELIVER, {})
    assert code == 0, output
    assert words in output
    chat.control(no_pinning=False, forbid=[], no_editing=False, edit_minutes=0)
    code, output = played(site, DELIVER, {})
    assert (words in output) is ("no_pinning" in settings), "what can be mended is mended"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"redirect": True}, "sends channels.create on to https://chat.example.com/: set ROCKETCHAT_URL to where the server is"),
        ({"two_factor": True}, "asks the bot for a second factor (channels.create): make a token that ignores two-factor"),
        ({"fail": {"channels.create": 403}}, "answered channels.create with 403 and no JSON"),
        ({"fail": {"chat.sendMessage": 503}}, "answered chat.sendMessage with 503 and no JSON"),
        ({"forbid": ["channels.create"]}, "the bot may not do channels.create"),
    ],
)
def test_a_server_that_refuses_in_its_own_way_is_quoted(site: Site, chat: RocketChat, settings: dict[str, Any], words: str) -> None:
    chat.control(**settings)
    code, output = opens(site)
    assert code != 0
    assert words in output
    assert PHONE in output


# What helps


def test_links_and_the_runbook_stand_in_the_opening_message_and_in_incident_info(site: Site, chat: RocketChat) -> None:
    code, output = site.run(*RESTART)
    assert code == 0, output
    opening = chat.messages(incident(site)["channel"])[0]
    assert opening["pinned"]
    assert "[Runbook](https://wiki.example.com/runbooks/api)" in opening["msg"]
    assert "[Monitoring](https://grafana.example.com/d/api?a=%281%29) · [Logs](https://logs.example.com/)" in opening["msg"]
    assert "Deployments" not in opening["msg"]
    code, output = site.ad_hoc("incident_info", "service=api")
    (shown,) = json.loads(output.partition("=> ")[2])["incidents"]
    assert shown["runbook"] == "https://wiki.example.com/runbooks/api"
    assert shown["links"] == {"Monitoring": "https://grafana.example.com/d/api?a=(1)", "Logs": "https://logs.example.com/"}


def test_an_action_with_a_part_of_the_settings_of_chat_says_at_its_end_whom_to_call(site: Site) -> None:
    """It said so at its begin alone, a few hundred lines above."""
    del site.environment["ROCKETCHAT_TOKEN"]
    code, output = site.run(*RESTART)
    assert code == 0, output
    ending = output[output.rindex("incident.response: incident incident-") :]
    assert "chat: Rocket.Chat is configured in part: ROCKETCHAT_TOKEN missing" in ending
    assert f"call Ada {PHONE}" in ending


def test_an_action_without_any_chat_says_that_nobody_there_hears_of_it(site: Site) -> None:
    for name in ("ROCKETCHAT_URL", "ROCKETCHAT_USER_ID", "ROCKETCHAT_TOKEN"):
        del site.environment[name]
    code, output = site.run(*RESTART)
    assert code == 0, output
    assert "chat: none is configured here, so nobody was told there" in output
    assert "who has to know of it" not in output
