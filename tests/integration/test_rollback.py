# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rollback and undo, on hosts with release folders of their own and a service that runs what `current` points to."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from deployments import HOSTS, MIDDLE, NEW, OLD, ROLLBACK, Deployed
from sites import eventually


def test_the_handbooks_command_goes_back_and_undo_comes_back(deployed: Deployed) -> None:
    code, output = deployed.rollback("-e", "version=previous")
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{MIDDLE}"] * 2
    assert f"prod-api-01: {NEW} to {MIDDLE} (folder changed 2" in output
    assert f"incident.response.undo -e run={deployed.last_run()}" in output
    (incident,) = deployed.incidents()
    assert incident["status"] == "mitigated"
    assert any(f"{NEW} to {MIDDLE}" in entry["text"] for entry in incident["entries"])

    code, output = deployed.undo()
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{NEW}"] * 2

    code, output = deployed.undo()
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{MIDDLE}"] * 2
    code, output = deployed.undo("-e", f"incident={incident['name']}")
    assert code == 0, output
    assert deployed.current() == [f"releases/{NEW}"] * 2


def test_an_exact_version_and_a_second_run_changes_nothing(deployed: Deployed) -> None:
    assert deployed.rollback("-e", f"version={OLD}")[0] == 0
    assert deployed.current() == [f"releases/{OLD}"] * 2
    before = [(deployed.srv / host / "running").stat().st_mtime_ns for host in HOSTS]
    code, output = deployed.rollback("-e", f"version={OLD}")
    assert code == 0, output
    assert "changed=0" in output
    assert "one host at a time" not in output
    assert "nothing to do: it is so already, on every host risk low" in output
    assert f"nothing to do: it was so already, and nothing was changed; now: {HOSTS[0]} {OLD}; {HOSTS[1]} {OLD}" in deployed.ending()["text"]
    assert "verdict worked" not in output
    assert [(deployed.srv / host / "running").stat().st_mtime_ns for host in HOSTS] == before
    code, output = deployed.undo()
    assert code != 0
    assert "there is nothing to undo" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["version=20990101000000"], f"There is no release 20990101000000. There are {OLD} (folder changed 2"),
        (["version=../../etc"], "There is no release ../../etc"),
        (["app=apy"], "Did you mean api?"),
        (["app="], "app is empty. Nothing was touched."),
        (["host=prod-db-01"], "prod-db-01"),
    ],
)
def test_what_is_not_there_is_refused(deployed: Deployed, arguments: list[str], says: str) -> None:
    code, output = deployed.rollback("-e", " ".join(arguments))
    assert code != 0
    assert says in output
    assert "Nothing was touched" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2


def test_no_previous_release_is_refused(deployed: Deployed) -> None:
    for host in HOSTS:
        deployed.at(host, OLD)
    code, output = deployed.rollback()
    assert code != 0
    assert f"There is no release before {OLD}" in output
    assert deployed.current() == [f"releases/{OLD}"] * 2


def test_a_link_to_nowhere_can_be_left(deployed: Deployed) -> None:
    for host in HOSTS:
        (deployed.srv / host / "releases" / NEW).rmdir()
    code, output = deployed.rollback()
    assert code == 0, output
    assert f"{NEW} (which is missing) to {MIDDLE}" in output
    assert deployed.current() == [f"releases/{MIDDLE}"] * 2


def test_a_bad_release_is_put_back_and_the_other_hosts_are_untouched(deployed: Deployed) -> None:
    for host in HOSTS:
        (deployed.srv / host / "releases" / MIDDLE / "bad").touch()
    untouched = (deployed.srv / HOSTS[1] / "running").stat().st_mtime_ns
    code, output = deployed.rollback()
    assert code != 0
    assert "verdict made_worse" in output
    assert "put back as it was before, and is healthy" in output, output
    assert deployed.current() == deployed.running() == [f"releases/{NEW}"] * 2
    assert (deployed.srv / HOSTS[1] / "running").stat().st_mtime_ns == untouched
    assert f"now: {HOSTS[0]} {NEW} (as before); {HOSTS[1]} {NEW} (not touched)" in output
    assert deployed.incidents()[0]["status"] == "acknowledged"
    code, output = deployed.undo()
    assert code != 0
    assert "nothing to undo" in output


def test_a_half_failed_rollback_says_which_host_has_which_version(deployed: Deployed) -> None:
    (deployed.srv / HOSTS[1] / "releases" / MIDDLE / "bad").touch()
    code, output = deployed.rollback()
    assert code != 0
    versions = f"now: {HOSTS[0]} {MIDDLE}; {HOSTS[1]} {NEW} (as before)"
    assert output.count(versions) == 1, output
    (end,) = [entry["text"] for entry in deployed.entries() if entry["kind"] == "run_ended"]
    assert versions in end
    (call,) = [entry["text"] for entry in deployed.entries() if entry["kind"] == "reminded"]
    assert call == f"The rollback of api failed and was undone: {HOSTS[1]} is healthy again. The incident is still open: find another way; {versions}"


def test_a_pending_migration_refuses_unless_forced(deployed: Deployed) -> None:
    (deployed.srv / HOSTS[1] / "MIGRATION_PENDING").touch()
    code, output = deployed.rollback()
    assert code != 0
    assert "force_migrations=true" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    code, output = deployed.rollback("-e", "force_migrations=true")
    assert code == 0, output


def test_a_rollback_to_what_is_there_already_mitigates_nothing(deployed: Deployed) -> None:
    code, output = deployed.rollback("-e", f"version={NEW}")
    assert code == 0, output
    (incident,) = deployed.incidents()
    assert (incident["status"], incident["runs"][-1]["verdict"]) == ("acknowledged", "nothing_to_do")
    (deployed.srv / HOSTS[1] / "running").unlink()
    code, output = deployed.rollback("-e", f"version={NEW}")
    assert code != 0
    assert "verdict no_effect" in output


def test_a_plan_counts_who_is_down_already(deployed: Deployed) -> None:
    (deployed.srv / HOSTS[1] / "running").unlink()
    code, output = deployed.rollback("-e", "plan=true")
    assert code == 0, output
    assert "one host at a time: 100 % of the service is out meanwhile" in output
    assert f"risk high: {HOSTS[1]} is down already, so nobody is answered while {HOSTS[0]} changes" in output
    code, output = deployed.run("-e", f"service=api host={HOSTS[0]} plan=true")
    assert code == 0, output
    assert "api has 1 more host, which was not looked at: see that somebody answers there" in output


def test_undo_refuses_what_has_moved_and_says_what(deployed: Deployed) -> None:
    assert deployed.rollback()[0] == 0
    deployed.at(HOSTS[1], OLD)
    code, output = deployed.undo()
    assert code != 0
    assert f"It has moved since: it is at {OLD}, and was left at {MIDDLE}" in output
    assert deployed.current() == [f"releases/{MIDDLE}", f"releases/{OLD}"]


def test_a_plan_touches_nothing_and_only_the_approved_one_runs(deployed: Deployed) -> None:
    code, output = deployed.rollback("-e", "plan=true")
    assert code == 0, output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    assert deployed.incidents() == []
    approved = output.partition("approved_plan=")[2].split()[0]
    assert deployed.rollback("--check")[1].count(f"plan {approved.partition('-')[0]}") == 1
    deployed.at(HOSTS[1], MIDDLE)
    code, output = deployed.rollback("-e", f"approved_plan={approved}")
    assert code != 0
    assert "no longer the approved one" in output
    assert deployed.current() == [f"releases/{NEW}", f"releases/{MIDDLE}"]
    deployed.at(HOSTS[1], NEW)
    code, output = deployed.rollback("-e", f"approved_plan={approved}")
    assert code == 0, output


def test_a_killed_rollback_refuses_previous_and_heals_by_undo_or_version(deployed: Deployed) -> None:
    for heal, before in (("undo", "acknowledged"), ("version", "investigating")):  # the second time it was mitigated
        (deployed.srv / HOSTS[0] / "slow").touch()
        (deployed.srv / "starting").unlink(missing_ok=True)
        process = deployed.start("-e", "app=api version=previous", playbook=ROLLBACK)
        assert eventually((deployed.srv / "starting").exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (deployed.srv / HOSTS[0] / "slow").unlink()
        subprocess.run(["pkill", "-KILL", "-f", str(deployed.script)], check=False)
        assert eventually(lambda: deployed.incidents()[0]["runs"][-1]["verdict"] == "unknown")
        assert deployed.incidents()[0]["status"] == before
        assert deployed.current() == [f"releases/{MIDDLE}", f"releases/{NEW}"]

        code, output = deployed.rollback()
        assert code != 0
        assert f"prod-api-01 was going from {NEW} to {MIDDLE}" in output
        assert deployed.current() == [f"releases/{MIDDLE}", f"releases/{NEW}"]
        killed = output.partition("undo -e run=")[2].split()[0]
        code, output = deployed.undo("-e", f"action={killed}") if heal == "undo" else deployed.rollback("-e", f"version={MIDDLE}")
        assert code == 0, output
        assert deployed.current() == deployed.running() == [f"releases/{NEW if heal == 'undo' else MIDDLE}"] * 2


def test_a_restart_has_nothing_to_undo(deployed: Deployed) -> None:
    assert deployed.run("-e", "service=api host=prod-api-01")[0] == 0
    code, output = deployed.undo()
    assert code != 0
    assert "changed nothing that can be undone" in output
    code, output = deployed.undo("-e", "action=20990101T000000-deadbeef")
    assert code != 0
    assert "isn't known in this journal" in output


def test_a_rollback_whose_restart_fails_goes_back_and_never_worked(deployed: Deployed) -> None:
    deployed.script.write_text(deployed.script.read_text().replace("stop) rm -f running", "stop) exit 1"))
    healthy = json.dumps({"service_rollback_health": {"command": ["true"], "retries": 1, "delay": 0.1}})
    code, output = deployed.rollback("-e", healthy)
    assert code != 0
    assert "the change failed" in output
    assert "it is put back as it was before, BUT NOT PROVED TO RUN so: look at it" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    assert deployed.incidents()[0]["runs"][-1]["verdict"] == "no_effect"


def test_an_empty_version_is_refused(deployed: Deployed) -> None:
    code, output = deployed.run("-e", '{"app": "api", "version": ""}', "-e", "max_hosts=2", playbook=ROLLBACK)
    assert code != 0
    assert "version is empty. Nothing was touched" in " ".join(output.split())
    assert deployed.current() == [f"releases/{NEW}"] * 2


def test_a_dry_drill_of_what_is_healthy_ends_well(deployed: Deployed) -> None:
    code, output = deployed.rollback("-e", "drill=dry")
    assert code == 0, output
    assert deployed.current() == [f"releases/{NEW}"] * 2


def test_a_host_that_is_lost_after_its_own_judgement_makes_the_run_bad_with_its_name(deployed: Deployed) -> None:
    """What starts on the second host stops the first, which was judged to be good by then."""
    second = f"[ $2 = {HOSTS[0]} ] || rm -f ../{HOSTS[0]}/running"
    deployed.script.write_text(deployed.script.read_text().replace("readlink current > running ;;", f"readlink current > running; {second} ;;"))
    code, output = deployed.rollback()
    assert code != 0
    assert "verdict made_worse: it was good, and is no longer: command ended with 1" in output
    last = deployed.ending()["text"]
    assert "verdict made_worse; now: " in last
    assert ", failed at " in last
    assert f"on {HOSTS[0]}" in last
    assert deployed.incidents()[0]["status"] != "mitigated"
    assert f"incident.response.undo -e run={deployed.last_run()}" in output
