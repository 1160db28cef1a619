# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that the policy lets nobody do alone: asked for in chat, answered by somebody else, or refused."""

from __future__ import annotations

import getpass
import json
import subprocess
from typing import Any

import pytest
from servers.running import RocketChat
from sites import A_RUN, Site, eventually

RESTART = ("-e", "service=api host=prod-api-01")
REQUESTER = "carol"


def policy(site: Site, **changes: Any) -> None:
    approval = {"required": [{"actions": ["restart"]}], "approvers": ["alice", "bob", REQUESTER], "within": "60s"}
    approval |= {"logins": {getpass.getuser(): REQUESTER}} | changes
    path = site.folder / "config.json"
    path.write_text(json.dumps({"safety": {"approval": approval}}))
    site.environment["INCIDENT_CONFIG"] = str(path)


@pytest.fixture
def guarded(site: Site, chat: RocketChat) -> Site:
    policy(site)
    site.environment |= chat.environment()
    return site


def request_in(chat: RocketChat) -> dict[str, Any] | None:
    rooms = [room for room in chat.state()["rooms"] if room["name"].startswith("incident-")]
    return next((message for room in rooms for message in room["messages"] if "Approval needed" in message["msg"]), None)


def asked(site: Site, chat: RocketChat, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A restart that waits, and its question in chat."""
    process = site.start(*(arguments or RESTART))
    assert eventually(lambda: request_in(chat) is not None)
    request = request_in(chat)
    assert request
    assert not (site.folder / "running").exists()
    return process, request


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output = process.communicate(timeout=A_RUN)[0]
    return process.returncode, " ".join(output.split())


def test_somebody_elses_reaction_lets_it_go_on_and_is_on_the_timeline(guarded: Site, chat: RocketChat) -> None:
    process, request = asked(guarded, chat)
    assert request["tshow"]
    assert "@alice @bob:" in request["msg"]
    assert {"alice", "bob"} <= set(chat.room(guarded.incidents()[0]["channel"])["members"])
    chat.person("alice", message=request["_id"], emoji="white_check_mark")
    code, output = ended(process)
    assert code == 0, output
    assert (guarded.folder / "running").exists()
    assert any("approved by alice (:white_check_mark:)" in entry["text"] for entry in guarded.incidents()[0]["entries"])


def test_nobody_approves_what_he_asked_for_and_a_word_in_the_thread_counts(guarded: Site, chat: RocketChat) -> None:
    process, request = asked(guarded, chat)
    plan = request["msg"].partition("!approve ")[2][:12]
    chat.person(REQUESTER, message=request["_id"], emoji="white_check_mark")
    chat.person(REQUESTER, room=guarded.incidents()[0]["channel"], text=f"!approve {plan}")
    chat.person("bob", room=guarded.incidents()[0]["channel"], text="!approve 000000000000")
    before = len(chat.calls("channels.history"))
    assert eventually(lambda: len(chat.calls("channels.history")) > before + 1)
    assert process.poll() is None
    chat.person("bob", room=guarded.incidents()[0]["channel"], text=f"!approve {plan}", tmid=request["tmid"])
    code, output = ended(process)
    assert code == 0, output


def test_a_no_ends_it_at_once(guarded: Site, chat: RocketChat) -> None:
    process, request = asked(guarded, chat)
    chat.person("alice", message=request["_id"], emoji="x")
    code, output = ended(process)
    assert code != 0
    assert "alice says no (:x:) to the restart of api. Nothing was touched." in output
    assert not (guarded.folder / "running").exists()


def test_no_answer_in_time_refuses_and_names_the_way_out(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, within="5s")
    code, output = ended(asked(guarded, chat)[0])
    assert code != 0
    assert "nobody has answered within" in output
    assert 'break the glass: the same command with -e break_glass="reason"' in output
    assert not (guarded.folder / "running").exists()


def test_no_chat_refuses_at_once(site: Site) -> None:
    policy(site)
    code, output = site.run(*RESTART)
    assert code != 0
    assert "no chat is configured here, so nobody can be asked. Nothing was touched." in " ".join(output.split())
    assert not (site.folder / "running").exists()


def test_a_chat_that_is_gone_refuses_in_time(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, within="3s")
    guarded.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    chat.kill()
    code, output = guarded.run(*RESTART)
    assert code != 0
    assert "needs the approval of somebody else" in " ".join(output.split())
    assert not (guarded.folder / "running").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"logins": {}}, "safety.approval.logins"),
        ({"approvers": [REQUESTER, "nobody-of-that-name"]}, "knows nobody who may approve it but the one who asks"),
    ],
)
def test_who_cannot_be_told_from_the_one_who_asks_approves_nothing(guarded: Site, changes: dict[str, Any], says: str) -> None:
    policy(guarded, **changes)
    code, output = guarded.run(*RESTART)
    assert code != 0
    assert says in " ".join(output.split())
    assert not (guarded.folder / "running").exists()


def test_broken_glass_goes_on_at_once_and_everyone_is_told(guarded: Site, chat: RocketChat) -> None:
    code, output = guarded.run(*RESTART, "-e", json.dumps({"break_glass": "checkout is down, nobody is awake @all"}))
    assert code == 0, output
    assert (guarded.folder / "running").exists()
    assert any("GLASS BROKEN: checkout is down" in entry["text"] for entry in guarded.incidents()[0]["entries"])
    assert eventually(lambda: guarded.incidents()[0]["pending"] == 0)
    (told,) = [message["msg"] for message in chat.messages("incidents") if "Glass broken" in message["msg"]]
    assert told.startswith("@oncall @alice @bob")
    assert "nobody is awake" in told
    assert "@all" not in told
    assert any("Glass broken" in message["msg"] for message in chat.messages(guarded.incidents()[0]["channel"]))


def test_what_no_rule_is_about_asks_nobody_and_a_plan_says_who_would_be_asked(guarded: Site) -> None:
    code, output = guarded.run(*RESTART, "-e", "plan=true")
    assert code == 0, output
    assert "approval of a second person" in output
    policy(guarded, required=[{"environments": ["production"]}, {"severities": ["P0"]}])
    code, output = guarded.run(*RESTART)
    assert code == 0, output
    assert "approval of a second person" not in output


def test_a_plan_is_shown_in_incidents_where_no_incident_has_it_and_chat_that_is_gone_costs_a_warning(guarded: Site, chat: RocketChat) -> None:
    code, output = guarded.run(*RESTART, "-e", "plan=true")
    assert code == 0, output
    (shown,) = [message["msg"] for message in chat.messages("incidents")]
    assert "*Plan* · restart of api" in shown
    assert "one host at a time" in shown
    guarded.environment["ROCKETCHAT_URL"] = "http://127.0.0.1:9"
    code, output = guarded.run(*RESTART, "-e", "plan=true")
    assert code == 0, output
    assert "the plan could not be shown in chat" in output
    assert not (guarded.folder / "running").exists()


def test_the_severity_of_the_open_incident_counts_not_what_the_command_says(guarded: Site) -> None:
    policy(guarded, required=[{"severities": ["P0"]}], within="2s")
    code, output = guarded.ad_hoc("rocketchat_incident", "service=api state=open severity=P0")
    assert code == 0, output
    code, output = guarded.run(*RESTART, "-e", "severity=P3")
    assert code != 0
    assert "nobody has answered within" in output
