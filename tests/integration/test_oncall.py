# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the question who is on call, asked by a real `ansible` command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat as Client
from servers.provider import Contract, Provider
from servers.running import RocketChat
from sites import Site

ONCALL = """oncall:
  people:
    ada: {name: Ada, phone: '+49 30 123456'}
    grace: {username: grace.hopper, email: grace@example.com}
  schedule:
    time_zone: Europe/Berlin
    layers:
      - {name: primary, people: [ada, grace], start: '2026-01-05T09:00'}
      - {name: secondary, people: [grace, ada], start: '2026-01-05T09:00'}
"""
ADA = {
    "level": 1, "layer": "primary", "name": "Ada", "username": "ada", "email": "", "phone": "+49 30 123456",
    "from": "2026-03-30T07:00:00.000Z", "until": "2026-04-06T07:00:00.000Z", "next": "grace", "source": "schedule",
}  # fmt: skip
GRACE = {
    "level": 2, "layer": "secondary", "name": "grace", "username": "grace.hopper", "email": "grace@example.com", "phone": "",
    "from": "2026-03-30T07:00:00.000Z", "until": "2026-04-06T07:00:00.000Z", "next": "Ada", "source": "schedule",
}  # fmt: skip


@pytest.fixture
def ask(site: Site, tmp_path: Path) -> Any:
    """The question, by its arguments and the configuration."""
    path = tmp_path / "incident-response.yml"
    site.environment |= {"INCIDENT_CONFIG": str(path), "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true", "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal"}

    def ask(arguments: str, config: str = ONCALL) -> tuple[int, str]:
        path.write_text(config)
        return site.ad_hoc("oncall_lookup", arguments)

    return ask


def answer(output: str) -> list[dict[str, Any]]:
    found = json.loads(output[output.index("{") : output.rindex("}") + 1])["oncall"]
    assert isinstance(found, list)
    return found


def test_it_says_who_until_when_and_who_follows(ask: Any) -> None:
    code, output = ask("at=2026-04-01T03:00:00Z")
    assert code == 0, output
    assert answer(output) == [ADA, GRACE]
    code, output = ask("level=2 at='2026-04-01 05:00+02:00'")
    assert code == 0, output
    assert answer(output) == [GRACE]
    code, output = ask("level=1 cover_days=90")
    assert code == 0, output
    assert [each["layer"] for each in answer(output)] == ["primary"]


@pytest.mark.parametrize(
    ("arguments", "config", "said"),
    [
        ("", "{}\n", "there is no rotation"),
        ("level=3", ONCALL, "schedule: nobody in level 3; it has 1, 2"),
        ("level=0", ONCALL, "the first is 1"),
        ("level=first", ONCALL, "level"),
        ("cover_days=90 at=2026-01-01T00:00:00Z", ONCALL, "level 1: nobody from 2026-01-01T00:00:00.000Z until 2026-01-05T08:00:00.000Z"),
        ("at=tomorrow", ONCALL, "at=tomorrow is no time such as"),
        ("at=2026-01-05T07:59:59Z", ONCALL, "it begins at 2026-01-05T08:00:00Z"),
        ("", ONCALL.replace("[ada, grace]", "[ada, joan]"), "is nobody of oncall.people: joan"),
        ("", ONCALL.replace("grace@example.com", "grace(at)example.com"), "oncall.people.grace.email must be a mail address such as ada@example.com"),
        ("", ONCALL.replace("Europe/Berlin", "Europe/Bonn"), "must be a time zone such as Europe/Berlin"),
        ("", ONCALL + "  sources: [{type: pagerduty}]\n", "oncall.sources[0] needs escalation_policy"),
        ("", ONCALL + "  sources: [{type: pager}]\n", "oncall.sources[0].type must be one of schedule, ical"),
        ("", ONCALL + "  sources: [{type: chat_topic, channel: devops, pattern: 'on call: .*'}]\n", "must have a group"),
        ("", ONCALL + "  sources: [{type: chat_topic, channel: devops, pattern: '('}]\n", "is no regular expression"),
        ("", ONCALL + "  sources: [{type: pagerduty, escalation_policy: PE}]\n", "pagerduty: the environment has no PAGERDUTY_TOKEN"),
    ],
)
def test_what_can_not_be_answered_fails_and_says_why(ask: Any, arguments: str, config: str, said: str) -> None:
    code, output = ask(arguments, config)
    assert code != 0
    assert said in output
    assert "Traceback" not in output


def test_a_calendar_with_a_byte_order_mark_says_who(ask: Any, tmp_path: Path) -> None:
    event = "UID:1\nDTSTAMP:20260101T000000Z\nSUMMARY:Ada\nDTSTART:20261123T080000Z\nDTEND:20261130T080000Z"
    lines = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"
    (tmp_path / "oncall.ics").write_text(lines, encoding="utf-8-sig", newline="\r\n")
    code, output = ask("at=2026-11-27T10:00:00Z", f"{ONCALL}  sources: [{{type: ical, calendars: ['{tmp_path}/oncall.ics']}}]\n")
    assert code == 0, output
    assert [(each["name"], each["until"], each["source"]) for each in answer(output)] == [("Ada", "2026-11-30T08:00:00.000Z", "ical")]


CHAIN = (
    ONCALL
    + """  sources:
    - {type: jsm, cloud_id: c, user: bot@example.com, schedules: [s], url: 'http://127.0.0.1:9'}
    - {type: pagerduty, escalation_policy: PE, url: 'URL'}
"""
)


def test_the_chain_ends_with_somebody_to_call_although_nothing_answers(ask: Any, site: Site) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    entry = {
        "user": {"summary": "Ada"}, "schedule": {"summary": "Ops"}, "escalation_level": 1, "start": None, "end": until,
    }  # fmt: skip
    query = ("escalation_policy_ids[]", "include[]", "since", "until", "time_zone", "limit", "offset")
    contract = Contract("GET", "/oncalls", dict.fromkeys(query), {"authorization": "Token token=tok-3f9c1b"}, [{"oncalls": [entry], "more": False}])
    site.environment |= {"PAGERDUTY_TOKEN": "tok-3f9c1b", "JSM_TOKEN": "jsm-3f9c1b"}
    with Provider(contract) as provider:
        config = CHAIN.replace("URL", provider.url)
        code, output = ask("", config)
        assert code == 0, output
        assert provider.broken == []
    (fresh,) = answer(output)
    assert (fresh["phone"], fresh["source"], fresh["until"][:10]) == ("+49 30 123456", "pagerduty", until[:10])
    assert "jsm: http://127.0.0.1:9 can't be reached" in output
    code, output = ask("level=1", config)  # its server has gone
    assert code == 0, output
    assert answer(output) == [fresh]
    assert "NO SOURCE ANSWERS: this is who was on call at 20" in output
    assert "3f9c1b" not in output
    code, output = ask("at=2026-04-01T03:00:00Z", config)  # a question about another time gets no old answer
    assert code != 0
    assert "Nobody can say who is on call. jsm:" in output


def test_the_topic_of_a_channel_is_the_last_resort(ask: Any, site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    config = ONCALL + "  sources: [{type: pagerduty, escalation_policy: PE}, {type: chat_topic, channel: who-is-on-call}]\n"
    client = Client(chat.url, chat.environment()["ROCKETCHAT_USER_ID"], chat.environment()["ROCKETCHAT_TOKEN"])
    room = client.create_room("who-is-on-call", {})
    assert room
    client.set_topic(room.rid, "On call: @grace.hopper")
    code, output = ask("", config)
    assert code == 0, output
    (found,) = answer(output)
    assert (found["name"], found["email"], found["source"]) == ("grace", "grace@example.com", "chat_topic")


def test_the_topic_and_a_message_say_who_is_on_call_and_what_is_open(ask: Any, site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    client = Client(chat.url, chat.environment()["ROCKETCHAT_USER_ID"], chat.environment()["ROCKETCHAT_TOKEN"])
    room = client.create_room("who-is-on-call", {})
    assert room
    client.set_topic(room.rid, "Deploys are frozen | On call: @somebody | be kind")
    assert ask("level=1")[0] == 0  # writes the configuration
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=api title=Slow")
    assert code == 0, output

    def publish(*more: str, channel: str = "who-is-on-call") -> tuple[int, str]:
        return site.run("-e", f"channel={channel} team=", *more, playbook="playbooks/oncall_publish.yml")

    code, output = publish("--check", "--diff")
    assert code == 0, output
    assert (client.room("who-is-on-call") or room).topic.startswith("Deploys")
    for expected in ('"changed": true', '"changed": false'):
        code, output = publish()
        assert code == 0, output
        assert expected in output
    topic = (client.room("who-is-on-call") or room).topic
    assert sorted(topic.partition(" | ")[0].removeprefix("On call: ").split(" · ")) == ["@ada", "@grace.hopper"]
    assert topic.endswith(" | Deploys are frozen | be kind")
    (message,) = [each["msg"] for each in chat.messages("who-is-on-call") if "🔁" in each["msg"]]
    assert "still open: *P1* Slow (open) · #incident-" in message
    code, output = publish(channel="nowhere")
    assert code != 0
    assert "#nowhere can't say who is on call: it is not there. Make it, and invite the bot." in output


BACKUP = """oncall:
  people:
    ada: {name: Ada, email: ada@example.com, phone: "+49 30 1"}
    lin: {name: Lin, email: lin@example.com}
  schedule:
    time_zone: UTC
    layers:
      - {name: primary, people: [ada], start: "2026-10-01T08:00", every: 1w}
      - {name: daytime backup, people: [lin], start: "2026-10-01T08:00", every: 1w, hours: "08:00-16:00"}
"""


def test_at_night_a_backup_of_office_hours_leaves_who_is_on_call_alone(ask: Any) -> None:
    code, output = ask("at=2026-11-27T03:00:00Z", BACKUP)
    assert code == 0, output
    assert [(each["level"], each["name"]) for each in answer(output)] == [(1, "Ada")]
    assert "nobody is on call in the layer daytime backup at 2026-11-27T03:00:00Z: it begins at 2026-11-27T08:00:00Z" in output
    code, output = ask("at=2026-11-27T10:00:00Z", BACKUP)
    assert [(each["level"], each["name"]) for each in answer(output)] == [(1, "Ada"), (2, "Lin")]
    assert "nobody is on call" not in output


def test_the_topic_names_nobody_whose_hours_are_over(site: Site, chat: RocketChat, tmp_path: Path) -> None:
    path, now = tmp_path / "backup.yml", datetime.now(UTC)
    site.environment |= {**chat.environment(), "INCIDENT_CONFIG": str(path)}
    client = Client(chat.url, "bot-id", "bot-token")
    assert client.create_room("duty", {})
    for begins, ends, topic in ((-1, 2, "On call: @ada · @lin"), (2, 4, "On call: @ada")):
        hours = "-".join((now + timedelta(hours=each)).strftime("%H:%M") for each in (begins, ends))
        path.write_text(BACKUP.replace("08:00-16:00", hours))
        code, output = site.run("-e", "channel=duty team=", playbook="playbooks/oncall_publish.yml")
        assert code == 0, output
        room = client.room("duty")
        assert room
        assert room.topic == topic
    assert "nobody is on call in the layer daytime backup" in " ".join(output.split())


def test_a_bot_that_may_not_edit_the_channel_is_told_which_and_what_it_needs(site: Site, chat: RocketChat, tmp_path: Path) -> None:
    path = tmp_path / "duty.yml"
    site.environment |= {**chat.environment(), "INCIDENT_CONFIG": str(path)}
    path.write_text(ONCALL)
    assert Client(chat.url, "bot-id", "bot-token").create_room("duty", {})
    chat.control(forbid=["channels.setTopic"])
    code, output = site.run("-e", "channel=duty team=", playbook="playbooks/oncall_publish.yml")
    words = " ".join(output.split())
    assert code != 0
    assert "#duty can't say that @" in words
    assert "Make the bot a moderator of #duty, or give it the permission edit-room" in words
    assert "It can't be said who is on call" not in words
    code, output = site.run("-e", "channel=nowhere team=", playbook="playbooks/oncall_publish.yml")
    assert "#nowhere can't say who is on call: it is not there. Make it, and invite the bot." in " ".join(output.split())
    chat.control(forbid=[])
    code, output = site.run("-e", "channel=duty team=", playbook="playbooks/oncall_publish.yml")
    assert code == 0, output
    assert "incident.response: #duty says who is on call: @" in output


TEAM = """oncall:
  people: {alice: {}, robert: {username: bob}, carol: {}, stranger: {}}
  schedule:
    layers:
      - {name: primary, people: [carol], start: "2026-01-05T09:00"}
      - {name: secondary, people: [PERSON], start: "2026-01-05T09:00"}
"""


def test_the_team_has_who_is_on_call_and_keeps_whom_the_configuration_does_not_know(site: Site, chat: RocketChat, tmp_path: Path) -> None:
    path = tmp_path / "team.yml"
    site.environment |= {**chat.environment(), "INCIDENT_CONFIG": str(path)}
    client = Client(chat.url, "bot-id", "bot-token")
    assert client.create_room("duty", {})
    client.add_members("oncall", ["dora-id"])

    def publish(person: str, *more: str) -> str:
        path.write_text(TEAM.replace("PERSON", person))
        code, output = site.run("-v", "-e", "channel=duty", *more, playbook="playbooks/oncall_publish.yml")
        assert code == 0, output
        return output

    def members() -> set[str]:
        return {name for dummy, name in client.members("oncall")}

    publish("alice", "--check")
    assert members() == {"alice", "bob", "dora"}
    output = publish("alice")
    assert members() == {"alice", "carol", "dora"}
    assert '"joined": ["carol"]' in output
    assert '"left": ["bob"]' in output
    assert '"changed": false' in publish("alice")
    assert "chat knows no user stranger" in " ".join(publish("stranger").split())
    assert members() == {"carol", "dora"}
    publish("robert")
    chat.control(last_owner="bob")
    client.add_members("oncall", ["alice-id"])
    output = publish("stranger")  # bob may not leave, which keeps alice from nothing
    assert members() == {"bob", "carol", "dora"}
    assert '"left": ["alice"]' in output
    assert "bob, who is not on call, stays in the team oncall: make somebody else its owner, too" in " ".join(output.split())
    chat.control(forbid=["teams.addMembers"], last_owner="")
    path.write_text(TEAM.replace("PERSON", "alice"))
    code, output = site.run("-e", "channel=duty", playbook="playbooks/oncall_publish.yml")
    assert code != 0
    assert "the bot needs the permissions view-all-teams and edit-team-member" in " ".join(output.split())
    code, output = site.run("-e", "channel=duty team=nowhere", playbook="playbooks/oncall_publish.yml")
    assert code != 0
    assert "the team nowhere can't be changed: " in " ".join(output.split())


@pytest.mark.parametrize("named", ["oncall_info", "oncall_lookup"])
@pytest.mark.parametrize("defaults", ["incident.response.oncall_info", "incident.response.oncall_lookup", "group/incident.response.incident"])
def test_the_first_name_and_the_one_by_the_rules_are_one_module_for_module_defaults_too(site: Site, named: str, defaults: str) -> None:
    """`at` can't be read: so it is refused where the default reaches the task."""
    task: dict[str, Any] = {f"incident.response.{named}": {}}
    play = {"hosts": "prod-api-01", "gather_facts": False, "module_defaults": {defaults: {"at": "yesterday"}}, "tasks": [task]}
    path = site.folder / "play.json"
    path.write_text(json.dumps([play]))
    code, output = site.run(playbook=str(path))
    assert code != 0
    assert "yesterday" in output


@pytest.mark.parametrize("named", ["service_health_info", "service_health"])
def test_both_names_of_the_health_check_ask_the_host_and_neither_is_told_in_chat(site: Site, named: str) -> None:
    task = {f"incident.response.{named}": {"command": ["true"]}, "register": "seen", "failed_when": "not seen.healthy"}
    code, output = site.run(playbook=str(site.write_playbook([task], {"incident_action": "look", "incident_service": "api"})))
    assert code == 0, output
    (incident,) = site.incidents()
    assert len(site.details(incident["id"])) == 1
