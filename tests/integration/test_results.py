# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the timeline says of a result: that it was ignored, where it was done, what was changed, and why it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deployments import NEW, Deployed
from fleets import Fleet, may_be_lost, run
from sites import Site

LOST = "No route to host"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def did(fleet: Fleet, *tasks: dict[str, Any], hosts: str = "web1") -> int:
    code, output = fleet.run(playbook=fleet.write(fleet.play(*tasks, hosts=hosts)))
    print(output)
    assert "DEGRADED" not in output, output
    return code


def test_an_unreachable_host_that_may_be_is_ignored_and_fails_nothing(fleet: Fleet) -> None:
    fleet.lose("web2")
    assert did(fleet, run("Ping", ignore_unreachable=True), hosts="web1,web2") == 0
    assert sorted((host, state) for _text, host, state, _changed in fleet.results()) == [("web1", "ok"), ("web2", "ignored")]
    assert fleet.end() == "⚠️ nothing verified the outcome"


def test_an_unreachable_host_of_a_play_that_may_lose_hosts_is_ignored_too(fleet: Fleet) -> None:
    fleet.lose("web2")
    play = fleet.play(run("Ping"), run("Ping again", loop=[1, 2]), hosts="web1,web2", ignore_unreachable=True)
    assert fleet.run(playbook=fleet.write(play))[0] == 0
    assert [state for _text, host, state, _changed in fleet.results() if host == "web2"] == ["ignored"] * 2
    assert not fleet.end().startswith("❌")


def test_a_delegated_task_is_told_of_the_host_it_was_done_on(fleet: Fleet) -> None:
    fleet.lose("web1")
    drain = run("Take it out", delegate_to="lb1", changed_when=True)
    once = run("Clear the cache", delegate_to="{{ 'lb' ~ 2 }}", run_once=True)
    assert did(fleet, drain, once, run("Skip it", delegate_to="lb1", when=False), hosts="web1,web2") == 0
    assert sorted(fleet.results()) == [
        ("Clear the cache (for web1)", "lb2", "ok", False),
        ("Skip it", "web1", "skipped", False),
        ("Skip it", "web2", "skipped", False),
        ("Take it out (for web1)", "lb1", "changed", True),
        ("Take it out (for web2)", "lb1", "changed", True),
    ]


def test_a_loop_over_balancers_tells_of_each_what_was_done_there(fleet: Fleet) -> None:
    fleet.lose("lb2")
    drain = run("Take it out", delegate_to="{{ item.name }}", loop=[{"name": "lb1"}, {"name": "lb2"}], changed_when=True)
    assert did(fleet, drain) != 0
    done, lost = fleet.results()
    assert done == ("Take it out (for web1)", "lb1", "changed", True)
    assert lost[1:] == ("lb2", "unreachable", False)
    assert LOST in lost[0]
    assert "All items completed" not in lost[0]
    assert "Take it out (for web1) on lb2" in fleet.end()
    assert LOST in fleet.end()


def test_a_lost_balancer_is_named_and_the_service_host_is_not_blamed(fleet: Fleet) -> None:
    fleet.lose("lb1")
    code, output = fleet.run(playbook=fleet.write(fleet.play(run("Take it out", delegate_to="lb1"))))
    assert code != 0
    assert "lost: lb1 could not be reached any more" in output
    ((text, host, state, changed),) = fleet.results()
    assert (host, state, changed) == ("lb1", "unreachable", False)
    assert text.startswith("Take it out (for web1): ")
    assert "nothing was changed" in fleet.end()


def test_what_changed_and_then_failed_is_both(fleet: Fleet) -> None:
    assert did(fleet, run("Half of it", changed_when=True, failed_when=True)) != 0
    ((dummy, host, state, changed),) = fleet.results()
    assert (host, state, changed) == ("web1", "failed", True)
    assert "nothing was changed" not in fleet.end()


def test_a_loop_that_failed_after_its_first_item_changed_something_is_both_and_says_why(fleet: Fleet) -> None:
    words = {"first": "", "second": "the pool is exhausted", "third": "the pool is exhausted"}
    task = run("Fill it", "ansible.builtin.shell", "{{ 'true' if item == 'first' else 'false' }}", loop=list(words), changed_when="item == 'first'")
    explained = {
        "name": "Explain it", "ansible.builtin.assert": {"that": "item == 'first'", "fail_msg": "the pool is exhausted"}, "loop": list(words),
        "ignore_errors": True,
    }  # fmt: skip
    assert did(fleet, explained, task) != 0
    first, second = fleet.results()
    assert first == ("Explain it: the pool is exhausted", "web1", "ignored", False)
    assert second[1:] == ("web1", "failed", True)
    assert "non-zero return code" in second[0]
    assert "second" not in second[0]
    assert "nothing was changed" not in fleet.end()


def test_items_that_are_not_logged_say_nothing_and_others_do(fleet: Fleet) -> None:
    secret, plain = "swordfish-of-the-third-item", "in the clear"
    about = {
        "name": "Try them", "ansible.builtin.fail": {"msg": "{{ item }}"}, "loop": [plain, secret], "no_log": f"{{{{ item == '{secret}' }}}}",
        "ignore_errors": True,
    }  # fmt: skip
    labelled = {"name": "Label them", "ansible.builtin.fail": {"msg": "no"}, "loop": [secret], "loop_control": {"label": secret}}
    assert did(fleet, about, labelled) != 0
    told = str(fleet.runs()) + fleet.courier_log()
    assert secret not in told
    assert [state for _text, _host, state, _changed in fleet.results()] == ["ignored", "failed"]


def test_a_failure_that_a_block_meets_fails_nothing_however_deep(fleet: Fleet) -> None:
    def fails(name: str) -> dict[str, Any]:
        return run(name, arguments="false")

    nested = {"block": [{"block": [fails("One")], "always": [run("Always")]}], "rescue": [run("Met")]}
    inner = {"block": [{"block": [fails("Two")], "rescue": [fails("Three")]}], "rescue": [run("Met too")]}
    unmet = {"block": [run("Fine")], "rescue": [run("Never")], "always": [run("After", arguments="false", ignore_errors=True)]}
    assert did(fleet, nested, inner, unmet) == 0
    states = {text.partition(":")[0]: state for text, _host, state, _changed in fleet.results()}
    assert states == {
        "One": "rescued", "Always": "ok", "Met": "ok", "Two": "rescued", "Three": "rescued", "Met too": "ok", "Fine": "ok", "After": "ignored",
    }  # fmt: skip
    assert fleet.end() == "⚠️ nothing verified the outcome"


def test_retries_and_background_tasks_are_told_once_each(fleet: Fleet) -> None:
    again = run("Ask again", arguments="false", register="asked", until="asked.rc == 0", retries=2, delay=0, ignore_errors=True)
    # where HOME is not the account's own, ansible-core looks for the job elsewhere than it has begun it
    there = {"ansible_async_dir": str(fleet.folder / "async")}
    background = run("Wait behind", "ansible.builtin.command", "sleep 0.1", vars=there, **{"async": 60, "poll": 1})
    assert did(fleet, again, background) == 0
    told = [(text.partition(":")[0], state) for text, _host, state, _changed in fleet.results()]
    assert [each for each in told if each[1] != "retry"] == [("Ask again", "ignored"), ("Wait behind", "ok")]
    assert len(told) == 4


def test_one_failure_that_ends_the_play_for_all_is_told_of_its_own_host(fleet: Fleet) -> None:
    play = fleet.play(run("Drain", "ansible.builtin.command", "{{ 'false' if inventory_hostname == 'web1' else 'true' }}"), hosts="web1,web2",
                      any_errors_fatal=True)  # fmt: skip
    assert fleet.run(playbook=fleet.write(play))[0] != 0
    assert sorted((host, state) for _text, host, state, _changed in fleet.results()) == [("web1", "failed"), ("web2", "ok")]
    assert "on web2" not in fleet.end()


def test_a_run_of_ours_in_which_nothing_was_judged_never_ends_well(fleet: Fleet) -> None:
    """As where a tag leaves out the whole action."""
    assert fleet.run(playbook=fleet.write(fleet.play(run("Look"), vars={"action_play": "act"})))[0] == 0
    assert fleet.end().startswith("❌")
    assert "NO HOST WAS JUDGED" in fleet.end()
    (incident,) = fleet.incidents()
    assert incident["status"] == "acknowledged"


@pytest.mark.parametrize("leaves_out", [("--tags", "nosuch"), ("--start-at-task", "no such task")], ids=" ".join)
def test_a_restart_that_was_left_out_never_ends_well(site: Site, leaves_out: tuple[str, str]) -> None:
    """Whether it is refused before it begins, or not."""
    site.run("-e", "service=api host=prod-api-01", *leaves_out)
    told = [entry["text"] for incident in site.incidents() for entry in incident["entries"]] if (site.state / "journal.db").exists() else []
    assert [text for text in told if text.startswith("✅")] == []
    assert not (site.folder / "running").exists()


def test_a_rollback_that_loses_its_first_host_says_which_and_how_to_undo_it(deployed: Deployed) -> None:
    """And doesn't say that nothing was changed, since the next `previous` is refused."""
    may_be_lost(deployed)
    deployed.script.write_text(deployed.script.read_text().replace("stop) rm -f running", 'stop) touch "$LOST_HOSTS/$2"; rm -f running'))
    inventory = deployed.inventory.read_text().replace('"ansible_connection": "local"', '"ansible_connection": "may_be_lost"')
    deployed.inventory.write_text(inventory)
    code, output = deployed.rollback()
    assert code != 0, output
    (lost,) = [path.name for path in (deployed.folder / "lost").iterdir()]
    assert f"lost: {lost} could not be reached any more" in output
    assert f"nobody knows how {lost} was left" in output
    assert "nothing was changed" not in output
    assert f"ansible-playbook incident.response.undo -e run={deployed.last_run()}" in output
    (deployed.folder / "lost" / lost).unlink()
    code, output = deployed.rollback()
    assert code != 0
    assert "was interrupted" in output
    assert deployed.current()[1] == f"releases/{NEW}"
