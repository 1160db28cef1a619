# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The restart command with Rocket.Chat, by a stand-in server that is a real process."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from servers.running import RocketChat
from sites import A_RUN, DELIVER, Site, eventually

ARGUMENTS = ("-e", "service=api host=prod-api-01")


@pytest.fixture
def site(tmp_path: Path, chat: RocketChat) -> Site:
    site = Site(tmp_path)
    site.environment |= chat.environment()
    return site


PLAN = re.compile(": plan [0-9a-f]{12}: ")
"""The hash of a plan, which chat leaves out."""


VERDICT = re.compile(r".*?: verdict (\w+): (.*)", re.DOTALL)


def line(text: str) -> str:
    """How an entry's line begins in chat, or that of a verdict ends."""
    judged = VERDICT.fullmatch(text)
    return f": {judged[1].replace('_', ' ')}: {judged[2]}" if judged else f" {text}"


def rooms(chat: RocketChat) -> list[dict[str, Any]]:
    return [room for room in chat.state()["rooms"] if room["name"].startswith("incident-")]


def texts(chat: RocketChat, room: str) -> list[str]:
    return [message["msg"] for message in chat.messages(room)]


def everything_once(site: Site, chat: RocketChat) -> None:
    """All that the journal has is in chat, each line once, in order."""
    assert eventually(lambda: bool(site.incidents()) and all(incident["pending"] == 0 for incident in site.incidents())), site.courier_log()
    for incident in site.incidents():
        shown = "\n".join(texts(chat, incident["channel"])).replace("\u200b", "")  # which keeps an address from being a link
        details = site.details(incident["id"])
        tasks = [{**entry, "text": PLAN.sub(": ", entry["text"])} for entry in incident["entries"] if entry["kind"] == "task"]
        left_out = [entry["text"] for entry in tasks if entry["seq"] in details]
        tasks = [entry for entry in tasks if entry["seq"] not in details]
        assert not [text for text in left_out if f"- {text} on " in shown]
        places = []
        for entry in tasks:
            there = line(entry["text"])
            assert shown.count(there) == sum(there in line(other["text"]) for other in tasks), entry
            places.append(shown.index(there))
        ids = [message["_id"] for message in chat.messages(incident["channel"])]
        assert len(ids) == len(set(ids))
        assert incident["verified"]
    announced = [text for text in texts(chat, "incidents") if any(sign in text for sign in ("🚨", "⚠️", "🗒"))]
    assert len(announced) == len(site.incidents())


def test_a_run_has_its_channel_announcement_thread_and_verdict(site: Site, chat: RocketChat) -> None:
    code, output = site.run(*ARGUMENTS)
    assert code == 0, output
    (room,) = rooms(chat)
    assert re.fullmatch(r"incident-\d{4}-\d\d-\d\d-001", room["name"])
    assert {"alice", "bob"} <= set(room["members"])
    assert f"{chat.url}/channel/{room['name']}" in output
    (announcement,) = texts(chat, "incidents")
    assert "@oncall @alice @bob" in announcement
    assert f"#{room['name']}" in announcement
    opening, root = [message for message in chat.messages(room["name"]) if not message.get("tmid")][:2]
    assert opening["pinned"]
    assert "P1" in opening["msg"]
    assert "restarts it on prod-api-01" in opening["msg"]
    assert "✅" in root["msg"]
    assert "api restarted on prod-api-01: healthy" in root["msg"]
    replies = chat.thread(room["name"], root["_id"])
    assert "Start api on prod-api-01: changed" in "\n".join(reply["msg"] for reply in replies)
    watched = replies[-1]["msg"].startswith("api restarted on prod-api-01: healthy")  # its first message was there before its end
    assert bool(replies[-1].get("tshow")) is watched
    assert "✅" not in replies[-1]["msg"]
    (incident,) = site.incidents()
    assert re.search(r"record: \d+ entries, head `[0-9a-f]{12}`", replies[-1]["msg"])
    assert (incident["name"], incident["channel"]) == (room["name"], room["name"])
    assert room["topic"].startswith("P1 · mitigated · api")
    assert room["customFields"]["incident"]["status"] == "mitigated"
    everything_once(site, chat)


def test_the_next_run_updates_the_same_incident(site: Site, chat: RocketChat) -> None:
    assert [site.run(*ARGUMENTS)[0], site.run(*ARGUMENTS)[0]] == [0, 0]
    (room,) = rooms(chat)
    roots = [message for message in chat.messages(room["name"]) if " · by " in message["msg"] and not message.get("tmid")]
    assert len(roots) == 2
    assert len(texts(chat, "incidents")) == 1


def test_a_failure_shows_the_host_and_its_last_words(site: Site, chat: RocketChat) -> None:
    site.script.write_text(site.script.read_text().replace("status) [", "status) echo no space left on device; ["))
    (site.folder / "cannot-start").touch()
    code, dummy = site.run(*ARGUMENTS)
    assert code != 0
    everything_once(site, chat)
    (room,) = rooms(chat)
    root = next(message for message in chat.messages(room["name"]) if " · by " in message["msg"] and not message.get("tmid"))
    assert "❌" in root["msg"]
    ending = chat.thread(room["name"], root["_id"])[-1]
    last = ending["msg"]
    assert ("❌" in last) is bool(ending.get("tshow")), "who has read the outcome already does not read it again"
    assert "prod-api-01" in last
    assert "restart on prod-api-01 FAILED, api is DOWN there: no space left on device" in root["msg"]
    assert "no space left on device" in last


def test_dead_chat_costs_nothing_and_the_next_run_delivers_all_once(site: Site, chat: RocketChat) -> None:
    chat.kill()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "2"
    code, output = site.run(*ARGUMENTS)
    assert code == 0, output
    assert "entries are not in chat yet" in output
    assert re.search(r"incident-\d{4}-\d\d-\d\d-p[0-9a-f]{4}", output)
    provisional = site.incidents()[0]["name"]
    site.end_couriers()
    chat.start()
    code, output = site.run(*ARGUMENTS)
    assert code == 0, output
    everything_once(site, chat)
    (incident,) = site.incidents()
    assert incident["name"].endswith("-001")
    assert provisional in incident["names"]
    code, output = site.ad_hoc("incident_info", f"incident={provisional}")
    assert code == 0, output


def test_the_deliver_playbook_delivers_what_is_pending(site: Site, chat: RocketChat) -> None:
    chat.kill()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    assert site.run(*ARGUMENTS)[0] == 0
    assert eventually(lambda: bool(site.incidents()) and site.kinds()[-1] == "status")
    site.end_couriers()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "3"
    code, output = site.run(playbook=DELIVER)
    assert code != 0
    assert "entries are not in chat" in " ".join(output.split())
    site.end_couriers()
    chat.start()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "15"
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    everything_once(site, chat)
    code, output = site.run(playbook=DELIVER)
    assert code == 0
    assert "changed=0" in output


def test_the_courier_goes_on_by_itself_when_chat_is_back(site: Site, chat: RocketChat) -> None:
    chat.kill()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    assert site.run(*ARGUMENTS)[0] == 0
    chat.start()
    everything_once(site, chat)


@pytest.mark.parametrize("stored", [1, 2, 3, 4, 5])
def test_a_server_that_dies_after_storing_keeps_each_message_once(site: Site, chat: RocketChat, stored: int) -> None:
    chat.control(die_after_store=stored)
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    assert site.run(*ARGUMENTS)[0] == 0
    chat.wait_until_dead()
    chat.restart()
    everything_once(site, chat)
    assert len(rooms(chat)) == 1


def test_a_chat_that_never_answers_costs_the_drain_and_nothing_is_lost(site: Site, chat: RocketChat) -> None:
    chat.control(hang=True)
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "1"
    code, output = site.run(*ARGUMENTS)  # it ends, though chat never will
    assert code == 0, output
    assert "not in chat yet" in output
    chat.control(hang=False)
    everything_once(site, chat)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"refuse_token": True}, "does not accept the token (ROCKETCHAT_USER_ID, ROCKETCHAT_TOKEN)"),
        ({"forbid": ["channels.create"]}, "the bot may not do channels.create"),
        ({"fail": {"channels.create": 502}}, "is this the address of a Rocket.Chat server?"),
    ],
)
def test_a_refusing_chat_is_named_and_everything_is_kept(site: Site, chat: RocketChat, settings: dict[str, Any], words: str) -> None:
    chat.control(**settings)
    code, output = site.run(*ARGUMENTS)
    assert code == 0, output
    assert words in " ".join(output.split())
    assert "bot-token" not in output
    site.end_couriers()
    chat.restart()
    assert site.run(*ARGUMENTS)[0] == 0
    everything_once(site, chat)


def test_a_rate_limit_is_waited_for(site: Site, chat: RocketChat) -> None:
    chat.control(rate_limit=True, rate_limit_max=2, rate_limit_window=2)
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    assert site.run(*ARGUMENTS)[0] == 0
    everything_once(site, chat)
    assert any(call["status"] == 429 for call in chat.calls())


def test_a_long_run_is_a_handful_of_messages(site: Site, chat: RocketChat) -> None:
    """With the server's default limit of 10 calls a minute an endpoint, 300 tasks must not need more."""
    chat.control(rate_limit=True)
    play = site.write_playbook([{"name": "Step {{ item }}", "ansible.builtin.debug": {"msg": "x"}, "loop": [1]}] * 300, {"incident_action": "check"})
    assert site.run(playbook=str(play))[0] == 0
    assert eventually(lambda: site.incidents()[0]["pending"] == 0)
    sent = [call for call in chat.calls() if call["method"] == "POST" and call["status"] == 200]
    assert len(sent) < 30


def test_a_wrong_setting_is_named_and_stops_nothing(site: Site, chat: RocketChat) -> None:
    del site.environment["ROCKETCHAT_TOKEN"]
    code, output = site.run(*ARGUMENTS)
    assert code == 0
    assert "ROCKETCHAT_TOKEN missing" in " ".join(output.split())
    assert site.incidents()[0]["status"] == "mitigated"


def test_text_from_outside_mentions_nobody_and_breaks_no_markup(site: Site, chat: RocketChat) -> None:
    title = "`x` @all @here *bold* [a](https://evil.example/) #general ```" + "🔥" * 6000
    (site.folder / "extra.json").write_text(json.dumps({"title": title, "service": "api", "host": "prod-api-01"}))
    code, output = site.run("-e", f"@{site.folder / 'extra.json'}")
    assert code == 0, output
    everything_once(site, chat)
    (room,) = rooms(chat)
    for text in [*texts(chat, room["name"]), *texts(chat, "incidents")]:
        assert not re.search(r"(^|\s|>)@(all|here)", text)
        assert "https://evil" not in text
        assert "#general" not in text


def test_two_first_runs_at_once_end_in_one_incident(site: Site, chat: RocketChat, tmp_path: Path) -> None:
    """Two controllers that share nothing but the chat: where the one has the service's lock at that moment, the other is refused, and opens none."""
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other")
    other.environment |= chat.environment()
    processes = [each.start(*ARGUMENTS) for each in (site, other)]
    shown = [process.communicate(timeout=A_RUN)[0] for process in processes]
    acted = [each for each, process in zip((site, other), processes, strict=True) if process.returncode == 0]
    assert acted, shown
    assert all(process.returncode == 0 or "Somebody else is acting on api" in output for process, output in zip(processes, shown, strict=True)), shown
    assert eventually(lambda: all(each.incidents()[0]["pending"] == 0 for each in acted))
    assert len(rooms(chat)) == 1
    assert {each.incidents()[0]["name"] for each in acted} == {rooms(chat)[0]["name"]}


def test_the_modules_reach_chat_too(site: Site, chat: RocketChat) -> None:
    assert site.ad_hoc("rocketchat_incident", "state=open service=api title='API slow'")[0] == 0
    code, output = site.ad_hoc(
        "rocketchat_incident", "state=resolved service=api root_cause='Pool too small' fix='Pool of 50' monitoring='Alert' next='Review tomorrow 2pm'"
    )
    assert code == 0, output
    everything_once(site, chat)
    (room,) = rooms(chat)
    shown = texts(chat, room["name"])
    assert re.match(r"✅ \*P\d\* api RESOLVED at \d\d:\d\d", shown[-1])
    assert shown[-1].endswith("*Root cause:* Pool too small\n*Fix:* Pool of 50\n*Monitoring:* Alert\n*Next:* Review tomorrow 2pm")
    assert room["topic"].startswith("P1 · resolved · api")


def test_a_killed_controller_is_in_chat_too(site: Site, chat: RocketChat) -> None:
    process = site.start_slowly(*ARGUMENTS)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert eventually(lambda: bool(site.incidents()) and site.kinds()[-1] == "run_vanished")
    everything_once(site, chat)
    (room,) = rooms(chat)
    assert any("restart on prod-api-01 BROKE OFF: its controller was killed" in text for text in texts(chat, room["name"]))


# Who is told


def opened(site: Site, severity: str) -> None:
    code, output = site.ad_hoc("rocketchat_incident", f"state=open service=api title=Slow severity={severity}")
    assert code == 0, output


def settled(site: Site) -> dict[str, Any]:
    assert eventually(lambda: site.incidents()[0]["pending"] == 0 and not site.couriers()), site.courier_log()
    incident: dict[str, Any] = site.incidents()[0]
    return incident


@pytest.mark.parametrize(
    ("severity", "mentioned", "inside"),
    [
        ("P0", "@oncall @alice @bob @leadership @dora 🚨", {"alice", "bob", "dora"}),
        ("P1", "@oncall @alice @bob 🚨", {"alice", "bob"}),
        ("P2", "⚠️", set()),
    ],
)
def test_the_severity_says_who_is_told(site: Site, chat: RocketChat, severity: str, mentioned: str, inside: set[str]) -> None:
    opened(site, severity)
    incident = settled(site)
    (announcement,) = texts(chat, "incidents")
    assert announcement.startswith(f"{mentioned} *{severity}* api · Slow")
    assert set(chat.room(incident["channel"])["members"]) & {"alice", "bob", "carol", "dora"} == inside
    assert ("on call: @alice @bob" in texts(chat, incident["channel"])[0]) == bool(inside)


SCHEDULE = """oncall:
  people: {PERSON: {}}
  schedule: {time_zone: UTC, layers: [{name: primary, people: [PERSON], start: "2026-10-01T08:00", every: 1w}]}
"""


def scheduled(site: Site, person: str, more: str = "") -> None:
    """From now on the configuration says who is on call."""
    path = site.folder / "on-call.yml"
    path.write_text(SCHEDULE.replace("PERSON", person) + more)
    site.environment["INCIDENT_CONFIG"] = str(path)


def test_chat_mentions_who_is_on_call_and_not_a_team_that_nobody_has_updated(site: Site, chat: RocketChat) -> None:
    """The team oncall has alice and bob. Paging would call carol, whom the schedule names."""
    scheduled(site, "carol")
    opened(site, "P1")
    incident = settled(site)
    (announcement,) = texts(chat, "incidents")
    assert announcement.startswith("@carol 🚨 *P1* api · Slow")
    assert texts(chat, incident["channel"])[0].splitlines()[1] == "on call: @carol"
    assert set(chat.room(incident["channel"])["members"]) & {"alice", "bob", "carol"} == {"carol"}


@pytest.mark.parametrize(
    ("person", "more", "why"),
    [
        ("zed", "", "zed"),
        ("carol", "  sources: [{type: ical, calendars: ['/nowhere/calendar.ics']}]\n", "ical: "),
    ],
)
def test_where_it_is_not_known_who_is_on_call_the_team_is_mentioned_and_that_is_said(
    site: Site, chat: RocketChat, person: str, more: str, why: str
) -> None:
    scheduled(site, person, more)
    opened(site, "P1")
    incident = settled(site)
    (announcement,) = texts(chat, "incidents")
    assert announcement.startswith("@oncall @alice @bob 🚨 *P1* api · Slow")
    second = texts(chat, incident["channel"])[0].splitlines()[1]
    assert second.startswith("on call: @alice @bob (the team, since it isn't known who is on call: ")
    assert why in second


def test_a_severity_that_rises_tells_whom_it_had_not_told_and_one_that_falls_tells_nobody(site: Site, chat: RocketChat) -> None:
    opened(site, "P2")
    for severity in ("P0", "P1"):
        assert site.ad_hoc("rocketchat_incident", f"service=api severity={severity} message=because")[0] == 0
        incident = settled(site)
    first, second = texts(chat, "incidents")
    assert first.startswith("⚠️ *P2*")
    assert second.startswith("@oncall @alice @bob @leadership @dora 🚨 *P2 → P0* api · Slow")
    assert {"alice", "bob", "dora"} <= set(chat.room(incident["channel"])["members"])
    assert "on call: alice, bob" in chat.room(incident["channel"])["topic"]


def test_p3_is_a_line_for_the_backlog_until_it_gets_worse(site: Site, chat: RocketChat) -> None:
    opened(site, "P3")
    incident = settled(site)
    assert rooms(chat) == []
    (line,) = texts(chat, "incidents")
    assert line.startswith("🗒 *P3* Slow · service `api` · for the backlog") or line.startswith("🗒 *P3* Slow · service api · for the backlog")
    assert incident["name"] in line
    assert site.ad_hoc("rocketchat_incident", "service=api message='Seen again'")[0] == 0
    settled(site)
    assert len(texts(chat, "incidents")) == 1
    assert site.ad_hoc("rocketchat_incident", "service=api severity=P1")[0] == 0
    incident = settled(site)
    assert "Seen again" in "\n".join(texts(chat, incident["channel"]))
    assert len(texts(chat, "incidents")) == 2
    assert texts(chat, "incidents")[-1].startswith("@oncall @alice @bob 🚨 *P3 → P1* api · Slow")
    assert incident["name"] == incident["channel"]


def test_who_acts_on_p3_gets_a_room(site: Site, chat: RocketChat) -> None:
    code, output = site.run(*ARGUMENTS, "-e", "severity=P3")
    assert code == 0, output
    settled(site)
    everything_once(site, chat)


def test_a_suspected_breach_is_told_where_security_is_looked_after(site: Site, chat: RocketChat) -> None:
    opened(site, "P1")
    assert site.ad_hoc("rocketchat_incident", "service=api concerns=security message='Odd logins'")[0] == 0
    settled(site)
    (line,) = texts(chat, "security")
    assert line.startswith("🔒 *P1* api · Slow · A security breach is suspected: nothing of it goes to customers until the embargo is lifted: Odd")


def test_a_breach_gets_its_room_and_is_told_however_small_it_looks(site: Site, chat: RocketChat) -> None:
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=api title=Slow severity=P3 concerns=security")
    assert code == 0, output
    settled(site)
    assert len(rooms(chat)) == 1
    assert len(texts(chat, "security")) == 1
