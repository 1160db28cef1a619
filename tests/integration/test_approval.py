# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An action that the policy lets nobody do alone: asked for in chat, answered by somebody else, or refused."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from typing import Any

import pytest
from servers.running import RocketChat
from sites import A_RUN, Site, eventually

RESTART = ("-e", "service=api host=prod-api-01")
REQUESTER = "carol"
ME = pwd.getpwuid(os.getuid()).pw_name


def policy(site: Site, **changes: Any) -> None:
    approval = {"required": [{"actions": ["restart"]}], "approvers": ["alice", "bob", REQUESTER], "within": "60s"}
    approval |= {"logins": {ME: REQUESTER}} | changes
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
    return next((message for room in rooms for message in room["messages"] if "NEEDS APPROVAL" in message["msg"]), None)


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
    assert "@alice @bob react to this message" in request["msg"]
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
    waits_on(process, chat)
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
    assert any("EMERGENCY OVERRIDE: checkout is down" in entry["text"] for entry in guarded.incidents()[0]["entries"])
    assert eventually(lambda: guarded.incidents()[0]["pending"] == 0)
    (told,) = [message["msg"] for message in chat.messages("incidents") if "Emergency override" in message["msg"]]
    assert told.startswith("@oncall @alice @bob")
    assert "nobody is awake" in told
    assert "@all" not in told
    assert any("Emergency override" in message["msg"] for message in chat.messages(guarded.incidents()[0]["channel"]))


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


def counts_for_nothing(guarded: Site, chat: RocketChat, says: str, *also: dict[str, str]) -> str:
    """After what somebody has done in chat: the run waits on and says why, and the right answer still lets it go on."""
    process, request = asked(guarded, chat)
    room, plan = guarded.incidents()[0]["channel"], plan_in(request)
    for each in also:
        chat.person(**{"room": room, **{key: value.replace("PLAN", plan).replace("REQUEST", request["_id"]) for key, value in each.items()}})
    before = len(chat.calls("channels.history"))
    assert eventually(lambda: len(chat.calls("channels.history")) > before + 1)
    assert process.poll() is None
    assert not (guarded.folder / "running").exists()
    chat.person("bob", room=room, text=f"!approve {plan}")
    code, output = ended(process)
    assert code == 0, output
    assert says in output
    return output


def plan_in(request: dict[str, Any]) -> str:
    found: str = request["msg"].partition("!approve ")[2][:12]
    return found


TAKEN = [{"user": "alice", "rename": "alicia"}, {"user": "eve", "rename": "alice"}]
"""One who may is renamed while the run waits, and somebody else takes the name."""
MESSAGES = [
    ("!approve by alice counts for nothing: it says more", {"user": "alice", "text": "!approve PLAN NOT, wait"}),
    (
        "!approve by joan counts for nothing: no person has written it",
        {"user": "joan", "text": "!approve PLAN", "more": '{"t": "room_changed_topic"}'},
    ),
    (
        "!approve by grace counts for nothing: no person has written it",
        {"user": "grace", "text": "!approve PLAN", "more": '{"bot": {"i": "x"}, "alias": "grace"}'},
    ),
    ("!approve by eve counts for nothing: not one of those", {"user": "eve", "text": "!approve PLAN"}),
    ("!approve by dora counts for nothing: nobody approves", {"user": "dora", "text": "!approve PLAN"}),
]
"""More words than the command; a message of the system; an integration's; of one who may not; of who asks, under another name."""
FOR_NOTHING: dict[str, tuple[str, list[dict[str, str]]]] = {
    "another_name_in_the_room": (
        "!approve by alice counts for nothing: not one of those",
        [*TAKEN, {"user": "alice", "text": "!approve PLAN"}],
    ),
    "a_reaction_by_a_taken_name": (
        ":white_check_mark: by alice counts for nothing: not one of those",
        [*TAKEN, {"user": "alice", "message": "REQUEST", "emoji": "white_check_mark"}],
    ),
    "a_question_that_was_edited": (
        "the question was edited",
        [{"user": "dora", "message": "REQUEST", "text": "Lunch?"}, {"user": "alice", "message": "REQUEST", "emoji": "white_check_mark"}],
    ),
}  # fmt: skip


def test_messages_that_count_for_nothing(guarded: Site, chat: RocketChat) -> None:
    """All of them to one run, each told for what it is."""
    policy(guarded, approvers=["alice", "bob", "dora", "joan", "grace", REQUESTER], logins={ME: REQUESTER, "dora": REQUESTER})
    output = counts_for_nothing(guarded, chat, "counts for nothing", *(does for _says, does in MESSAGES))
    assert [says for says, _does in MESSAGES if says not in output] == []


@pytest.mark.parametrize("what", FOR_NOTHING)
def test_an_approval_that_counts_for_nothing(guarded: Site, chat: RocketChat, what: str) -> None:
    policy(guarded, approvers=["alice", "bob", "dora", REQUESTER], logins={ME: REQUESTER, "dora": REQUESTER})
    says, does = FOR_NOTHING[what]
    counts_for_nothing(guarded, chat, says, *does)


def test_an_approval_that_was_edited_counts_for_nothing_and_its_writer_reads_why(guarded: Site, chat: RocketChat) -> None:
    process, request = asked(guarded, chat)
    room, plan = guarded.incidents()[0]["channel"], plan_in(request)
    chat.control(latency=0.2)  # else it might be read between the two
    chat.person("alice", room=room, text="what is this?")
    (mine,) = [each["_id"] for each in chat.messages(room) if each["msg"] == "what is this?"]
    chat.person("alice", message=mine, text=f"!approve {plan}")
    assert eventually(lambda: any("@alice: your" in each["msg"] and "was edited" in each["msg"] for each in chat.messages(room)))
    assert process.poll() is None
    chat.person("alice", room=room, text=f"!approve {plan}")
    code, output = ended(process)
    assert code == 0, output
    assert sum("@alice: your" in each["msg"] for each in chat.messages(room)) == 1


def test_a_guest_and_a_bot_approve_nothing(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, approvers=["alice", "bob", "dora", "eve"])
    chat.control(see_roles=True, users={"eve": {"roles": ["guest"]}, "alice": {"type": "bot"}, "dora": {"active": False}})
    does = [{"user": name, "text": "!approve PLAN"} for name in ("eve", "alice", "dora")]
    counts_for_nothing(guarded, chat, "!approve by dora counts for nothing: the user is deactivated", *does)


def test_of_a_team_only_those_count_whom_chat_shows_to_be_no_guests(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, approvers=[], within="8s")
    process, request = asked(guarded, chat)
    chat.person("alice", room=guarded.incidents()[0]["channel"], text=f"!approve {plan_in(request)}")
    code, output = ended(process)
    assert code != 0
    assert "view-full-other-user-info" in output


def waits_on(process: subprocess.Popen[str], chat: RocketChat) -> None:
    """It has looked at what was said, and goes on waiting."""
    before = len(chat.calls("channels.history"))
    assert eventually(lambda: len(chat.calls("channels.history")) > before + 1)
    assert process.poll() is None


def test_two_approvals_are_of_two_people(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, approvals=2)
    process, request = asked(guarded, chat)
    room, plan = guarded.incidents()[0]["channel"], plan_in(request)
    assert " 2 of you: react" in request["msg"]
    chat.person("alice", message=request["_id"], emoji="white_check_mark")
    chat.person("alice", room=room, text=f"!approve {plan}")
    chat.person(REQUESTER, room=room, text=f"!approve {plan}")
    waits_on(process, chat)
    chat.person("bob", room=room, text=f"!approve {plan}")
    code, output = ended(process)
    assert code == 0, output
    assert "approved by alice; 1 more needed" in output
    assert any("approved by alice (!approve), bob (!approve)" in each["text"] or "approved by alice (:white_check_mark:), bob" in each["text"]
               for each in guarded.incidents()[0]["entries"])  # fmt: skip


def test_more_approvals_than_there_are_people_are_refused_at_once(guarded: Site) -> None:
    policy(guarded, approvals=3)
    code, output = guarded.run(*RESTART)
    assert code != 0
    assert "3 people are needed (safety.approval.approvals), and chat knows 2 who may" in " ".join(output.split())


def test_who_is_not_mapped_can_not_be_one_of_four_eyes(guarded: Site) -> None:
    """carol's login here is the name of somebody else in chat."""
    policy(guarded, logins={"carol": "carol"}, approvers=[ME, "alice"])
    guarded.environment["LOGNAME"] = guarded.environment["USER"] = "carol"  # anybody can say so
    code, output = guarded.run(*RESTART)
    assert code != 0
    assert f"it isn't known who {ME} is in chat" in " ".join(output.split())
    assert "safety.approval.logins" in " ".join(output.split())


def test_who_starts_a_job_of_ci_does_not_approve_it(guarded: Site, chat: RocketChat) -> None:
    policy(guarded, logins={ME: REQUESTER, "alice-gh": "alice"})
    guarded.environment |= {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "alice-gh"}
    counts_for_nothing(guarded, chat, "!approve by alice counts for nothing: nobody approves", {"user": "alice", "text": "!approve PLAN"})


@pytest.mark.parametrize("claims", [{"awx_job_id": 7, "awx_user_name": "alice"}, {"ansible_eda": {"event": {}}}])
def test_who_says_to_be_awx_or_a_rulebook_stays_who_he_is(guarded: Site, chat: RocketChat, claims: dict[str, Any]) -> None:
    policy(guarded, logins={ME: REQUESTER, "alice": "alice"})
    process, request = asked(guarded, chat, *RESTART, "-e", json.dumps(claims))
    room, plan = guarded.incidents()[0]["channel"], plan_in(request)
    chat.person(REQUESTER, room=room, text=f"!approve {plan}")
    waits_on(process, chat)
    chat.person("bob", room=room, text=f"!approve {plan}")
    code, output = ended(process)
    assert code == 0, output
    assert "!approve by carol counts for nothing: nobody approves what he asked for himself" in output
