# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controllers with a journal of their own each, which have nothing but one chat in common."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Protocol

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import chat_lock
from servers.running import RocketChat
from sites import A_RUN, Site, eventually

ARGUMENTS = ("-e", "service=api host=prod-api-01")
LOCKS = "service-locks"


class Laptop(Protocol):
    """Makes the site of one more controller. `within` is how long it waits for the lock, `more` what else its configuration says of safety."""

    def __call__(self, name: str, within: str = ..., more: str = ...) -> Site: ...


@pytest.fixture
def laptop(tmp_path: Path, chat: RocketChat) -> Laptop:
    """It waits for chat as long as a busy machine takes, where a test doesn't say otherwise."""

    def make(name: str, within: str = "1h", more: str = "") -> Site:
        folder = tmp_path / name
        folder.mkdir()
        site = Site(folder)
        (folder / "incident-response.yml").write_text(f"safety: {{lock_within: {within}{more}}}\n")
        site.environment |= {**chat.environment(), "INCIDENT_CONFIG": str(folder / "incident-response.yml")}
        return site

    return make


def signs(chat: RocketChat) -> list[str]:
    """What the messages of the locks say, in order."""
    claims = [chat_lock.read(message["msg"]) for message in chat.messages(LOCKS)]
    return ["held" if claim and claim.held else "free" if claim else "?" for claim in claims]


def turns(chat: RocketChat) -> list[str]:
    """The same, whenever the hour turns: a chain of the hour before is ended by one more that says that nobody holds it."""
    return [sign for sign, dummy in groupby(signs(chat))]


def given_back(chat: RocketChat) -> bool:
    return LOCKS in {room["name"] for room in chat.state()["rooms"]} and signs(chat)[-1:] == ["free"]


def test_a_service_on_which_another_laptop_acts_is_refused(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    first = ada.start_slowly(*ARGUMENTS)
    code, output = lin.run(*ARGUMENTS)
    assert code != 0
    assert "Somebody else is acting on api, with a journal of their own: restart by" in output
    assert "Nothing was touched." in output
    assert not (lin.folder / "running").exists()
    (ada.folder / "slow").unlink()
    shown, dummy = first.communicate(timeout=A_RUN)
    assert first.returncode == 0, shown
    assert eventually(lambda: given_back(chat)), ada.courier_log()
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output
    assert "KEPT OUT" not in output
    assert eventually(lambda: turns(chat) == ["held", "free", "held", "free"]), (signs(chat), lin.courier_log())


def test_the_next_run_of_the_same_laptop_does_not_wait_for_what_chat_has_not_heard_yet(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert eventually(lambda: given_back(chat))
    chat.control(forbid=["chat.sendMessage"])
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert "OTHERS ARE NOT KEPT OUT of api" in output
    chat.control(forbid=[])
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output
    for _time in range(2):
        code, output = lin.run(*ARGUMENTS)
        assert (code, "KEPT OUT" in output) == (0, False), output


def test_a_chat_that_hangs_is_waited_for_as_long_as_is_set_and_the_run_says_that_others_are_not_kept_out(laptop: Laptop, chat: RocketChat) -> None:
    ada = laptop("ada", within="0.2s")
    ada.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    chat.control(hang=True)
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert "OTHERS ARE NOT KEPT OUT of api: its lock in chat can't be taken: no answer within 0.2 s" in " ".join(output.split())
    chat.control(hang=False)
    assert eventually(lambda: bool(ada.incidents()))
    assert any("OTHERS ARE NOT KEPT OUT" in entry["text"] for entry in ada.entries())


def test_a_lock_that_arrived_after_the_run_had_stopped_waiting_is_given_back(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada", within="0.2s"), laptop("lin")
    chat.control(latency=0.3)
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert "OTHERS ARE NOT KEPT OUT" in output
    chat.control(latency=0)
    assert eventually(lambda: not ada.couriers()), ada.courier_log()
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output


def test_the_lock_of_a_controller_that_was_killed_is_given_back(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    first = ada.start_slowly(*ARGUMENTS)
    assert signs(chat) == ["held"]
    first.kill()
    first.communicate(timeout=A_RUN)
    assert eventually(lambda: given_back(chat)), ada.courier_log()
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output


def test_the_lock_of_a_laptop_that_was_switched_off_can_be_overridden_and_everybody_is_told(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    first = ada.start_slowly(*ARGUMENTS)
    ada.end_couriers()
    first.kill()
    first.communicate(timeout=A_RUN)
    code, output = lin.run(*ARGUMENTS)
    assert code != 0
    assert '-e break_glass="reason"' in output
    code, output = lin.run("-e", '{"service": "api", "host": "prod-api-01", "break_glass": "her laptop is off"}')
    assert code == 0, output
    assert "EMERGENCY OVERRIDE" in output
    told = re.compile("Emergency override.* goes on without .*its lock in chat.*her laptop is off")
    assert eventually(lambda: any(told.search(message["msg"]) for message in chat.messages("incidents")))
    assert eventually(lambda: signs(chat) == ["held", "held", "free"])


def test_a_lock_that_has_expired_holds_nobody_up(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada", more=", lock_expires: 1s, approval: {within: 0.5s}"), laptop("lin")
    first = ada.start_slowly(*ARGUMENTS)
    ada.end_couriers()
    first.kill()
    first.communicate(timeout=A_RUN)

    def acts() -> bool:
        code, output = lin.run(*ARGUMENTS)
        assert code == 0 or "Somebody else is acting" in output, output
        return code == 0

    assert eventually(acts)


@pytest.mark.parametrize("look", ["--check", "plan=true", "drill=dry"])
def test_what_changes_nothing_takes_no_lock_in_chat_and_asks_who_has_it(laptop: Laptop, chat: RocketChat, look: str) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    (lin.folder / "running").touch()  # a dry drill is judged, too
    asked = (look,) if look.startswith("--") else ("-e", look)
    code, output = lin.run(*ARGUMENTS, *asked)
    assert code == 0, output
    assert all(room["name"] != LOCKS for room in chat.state()["rooms"])
    first = ada.start_slowly(*ARGUMENTS)
    code, output = lin.run(*ARGUMENTS, *asked)
    assert code != 0
    assert "Somebody else is acting on api" in output
    first.kill()
    first.communicate(timeout=A_RUN)


@pytest.mark.parametrize("does", [{"ro": True}, {"private": True, "members": []}, {"muted": ["incident-bot"]}])
def test_where_the_room_of_the_locks_can_not_be_used_the_run_says_that_others_are_not_kept_out(
    laptop: Laptop, chat: RocketChat, does: dict[str, object]
) -> None:  # fmt: skip
    ada, lin = laptop("ada"), laptop("lin")
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert eventually(lambda: given_back(chat))
    chat.admin(LOCKS, **does)
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output
    assert "OTHERS ARE NOT KEPT OUT of api" in output


def test_what_somebody_else_wrote_in_the_place_of_a_lock_is_told_with_their_name(laptop: Laptop, chat: RocketChat) -> None:
    ada, lin = laptop("ada"), laptop("lin")
    first = ada.start_slowly(*ARGUMENTS)
    ada.end_couriers()
    first.kill()
    first.communicate(timeout=A_RUN)
    lock = chat.messages(LOCKS)[-1]  # at the turn of an hour the chain before it is ended first
    chat.moderate(lock["_id"], "done")
    code, output = lin.run(*ARGUMENTS)
    assert code != 0
    assert "a message of @incident-bot in its place, which can't be read" in " ".join(output.split())
    chat.moderate(lock["_id"])
    code, output = lin.run(*ARGUMENTS)
    assert code == 0, output


def test_of_twenty_pairs_that_restart_a_service_at_once_one_acts_each_time(laptop: Laptop, chat: RocketChat) -> None:
    """Whoever acts writes when, so that two who did at the same time show, and nobody is told that others are not kept out."""
    ada, lin = laptop("ada"), laptop("lin")
    log = ada.folder / "log"
    for site in (ada, lin):
        acting = f"echo in >> {log}; sleep 0.5; touch running; echo out >> {log}"
        site.script.write_text(site.script.read_text().replace("touch running; }", f"{acting}; }}"))
    for race in range(20):
        arguments = ("-e", f"service=api{race} host=prod-api-01")
        runs = [site.start(*arguments) for site in (ada, lin)]
        shown = [run.communicate(timeout=A_RUN)[0] for run in runs]
        won = [run.returncode == 0 for run in runs]
        assert any(won), shown
        for winner, output in zip(won, shown, strict=True):
            assert "KEPT OUT" not in output
            assert winner or "Somebody else is acting on" in output, output
    assert re.fullmatch(r"(in\nout\n)+", log.read_text())


def test_without_a_channel_for_locks_none_is_asked_for(laptop: Laptop, chat: RocketChat) -> None:
    ada = laptop("ada")
    Path(ada.environment["INCIDENT_CONFIG"]).write_text('channels: {locks: ""}\n')
    code, output = ada.run(*ARGUMENTS)
    assert (code, "KEPT OUT" in output) == (0, False), output
    assert all(room["name"] != LOCKS for room in chat.state()["rooms"])


def test_a_run_whose_callback_is_off_keeps_others_out_too(laptop: Laptop, chat: RocketChat) -> None:
    ada = laptop("ada")
    ada.without_callback()
    code, output = ada.run(*ARGUMENTS)
    assert code == 0, output
    assert eventually(lambda: given_back(chat)), ada.courier_log()
