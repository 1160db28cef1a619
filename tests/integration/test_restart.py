# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's restart command, run for real against a service that needs neither root nor systemd."""

from __future__ import annotations

import json
import signal
import sqlite3

import pytest
from sites import Site, eventually


def test_a_restart_is_recorded_and_the_next_one_updates_the_same_incident(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    (incident,) = site.incidents()
    assert incident["name"] in output
    assert (incident["status"], incident["service"], incident["verified"]) == ("mitigated", "api", True)
    assert [run["verdict"] for run in incident["runs"]] == ["worked"]
    assert [entry["seq"] for entry in incident["entries"]] == list(range(1, len(incident["entries"]) + 1))
    assert any(entry["text"] == "Start api on prod-api-01" and entry["state"] == "changed" for entry in incident["entries"])

    code, output = site.run("-e", "service=api host=prod-api-02")
    assert code == 0, output
    (again,) = site.incidents()
    assert (again["name"], len(again["runs"])) == (incident["name"], 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("service=api host=prod-api-1", "Did you mean prod-api-01"),
        ("service=api host=", "host is empty"),
        ("service=api", "host is empty"),
        ("service=api host=all", "more than the 1 that may be named by hand (safety.max_hosts)"),
        ('{"service": "api; reboot", "host": "prod-api-01"}', "is not the name of a service"),
        ('{"service": "@all\\n*x*", "host": "prod-api-01"}', "is not the name of a service"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(site: Site, arguments: str, message: str) -> None:
    (site.folder / "running").touch()
    code, output = site.run("-e", arguments)
    assert code != 0
    assert message in " ".join(output.split())
    assert (site.folder / "running").exists()


def test_a_limit_that_leaves_the_host_out_is_an_error(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01", "-l", "prod-db-01")
    assert code != 0
    assert "leaves out prod-api-01" in " ".join(output.split())


@pytest.mark.parametrize(("was_running", "verdict"), [(False, "no_effect"), (True, "made_worse")])
def test_a_service_that_cannot_come_up_fails_with_its_verdict(site: Site, was_running: bool, verdict: str) -> None:
    (site.folder / "cannot-start").touch()
    if was_running:
        (site.folder / "running").touch()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    (incident,) = site.incidents()
    assert incident["runs"][0]["verdict"] == verdict
    assert incident["status"] == "acknowledged"
    assert f"verdict {verdict}" in output
    assert "❌ api restart on prod-api-01 FAILED, api is DOWN there: " in " ".join(output.split())
    assert site.ending()["text"].startswith("❌")


@pytest.mark.parametrize("word", ["start", "stop"])
@pytest.mark.parametrize("more", ["", "plan=true"])
def test_a_program_that_is_not_there_is_found_before_the_service_is_stopped(site: Site, word: str, more: str) -> None:
    (site.folder / "running").touch()
    wrong = {each: [f"{site.script}{'x' if each == word else ''}", each] for each in ("start", "stop", "status")}
    code, output = site.run("-e", f"service=api host=prod-api-01 {more}", "-e", json.dumps({"service_restart_commands": wrong}))
    assert code != 0
    said = f"{site.script}x is no program that can be run on prod-api-01. Nothing was touched. Mend commands.start and commands.stop of api"
    assert said in " ".join(output.split())
    assert (site.folder / "running").exists()
    assert site.kinds() == ["no incident yet"]


SYSTEMCTL = """#!/bin/sh
# As systemd 252 answers in a container.
echo "System has not been booted with systemd as init system (PID 1). Can't operate." >&2
echo "Failed to connect to bus: Host is down" >&2
exit 1
"""


def test_a_host_without_systemd_says_so_and_what_to_do_and_calls_nobody(site: Site) -> None:
    program = site.folder / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    site.environment["PATH"] = f"{program.parent}:{site.environment['PATH']}"
    code, output = site.run("-e", "service=api host=prod-api-01", "-e", json.dumps({"service_restart_backend": "systemd"}))
    assert code != 0
    output = " ".join(output.split())
    assert "❌ api restart on prod-api-01 REFUSED: systemctl can't look at it: System has not been booted with systemd as init system" in output
    assert "say in the service catalogue how the service is started (backend: command" in output
    assert site.kinds() == ["no incident yet"]


def test_sigkill_of_the_controller_loses_no_entry_and_is_on_the_timeline(site: Site) -> None:
    process = site.start_slowly("-e", "service=api host=prod-api-01")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert eventually(lambda: "run_vanished" in (site.kinds() if (site.state / "journal.db").exists() else []))
    (incident,) = site.incidents()
    texts = [entry["text"] for entry in incident["entries"]]
    assert "Stop api on prod-api-01" in texts
    assert site.ending()["kind"] == "run_vanished"
    assert ("Start api on prod-api-01", "interrupted") in [(entry["text"], entry["state"]) for entry in incident["entries"]]
    assert incident["verified"]


def test_a_damaged_journal_never_stops_the_action_and_the_spool_keeps_its_entries(site: Site) -> None:
    site.state.mkdir()
    (site.state / "journal.db").write_bytes(b"this is no database" * 1000)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "RECORDING IS DEGRADED" in output
    assert (site.folder / "running").exists()
    (spool,) = (site.state / "spool").glob("*.jsonl")
    assert "run_ended" in spool.read_text()
    (site.state / "journal.db").unlink()
    assert eventually(lambda: not spool.exists())
    assert site.incidents()[0]["runs"][0]["verdict"] == "worked"


def test_a_wrong_setting_of_the_recorder_is_named_and_stops_nothing(site: Site) -> None:
    site.environment |= {"INCIDENT_DRAIN_TIMEOUT": "soon", "INCIDENT_JOURNAL": "mysql://db/x"}
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    words = " ".join(output.split())
    assert "INCIDENT_DRAIN_TIMEOUT must be a number of seconds, 0 or more, not 'soon'" in words
    assert "INCIDENT_JOURNAL must be sqlite:///path; this version keeps no journal in 'mysql'" in words
    assert "run_ended" in next((site.state / "spool").glob("*.jsonl")).read_text()
    site.end_couriers()


def test_a_state_folder_that_cannot_be_made_never_stops_the_action(site: Site) -> None:
    site.environment["TMPDIR"] = str(site.folder)
    site.state.write_text("a file where the folder should be")
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "RECORDING IS DEGRADED" in output
    assert (site.folder / "running").exists()
    site.state.unlink()
    code, output = site.run("-e", "service=db host=prod-db-01")
    assert code == 0, output
    assert eventually(lambda: {each["service"] for each in site.incidents()} == {"api", "db"}), site.courier_log()


def test_one_changed_byte_is_found_and_named(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    with sqlite3.connect(site.state / "journal.db") as database:
        database.execute("UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'Acknowledged', 'Acknowledgee') AS BLOB)")
    (incident,) = site.incidents()
    where = next(entry["seq"] for entry in incident["entries"] if entry["text"] == "Acknowledgee")
    assert (incident["verified"], incident["first_bad"]) == (False, where)
    code, shown = site.ad_hoc("incident_info", f"incident={incident['name']}")
    assert code == 0, shown
    assert '"verified": false' in shown
    assert f'"first_bad": {where}' in shown


def test_incident_info_shows_the_timeline(site: Site) -> None:
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    name = site.incidents()[0]["name"]
    code, shown = site.ad_hoc("incident_info", f"incident={name}")
    assert code == 0, shown
    assert '"verified": true' in shown
    assert "Start api on prod-api-01" in shown


def test_without_the_callback_start_and_outcome_are_recorded_and_it_says_so(site: Site) -> None:
    site.without_callback()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "THE CALLBACK IS NOT ENABLED" in " ".join(output.split())
    assert (site.folder / "running").exists()
    assert eventually(lambda: bool(site.incidents()) and site.incidents()[0]["status"] == "mitigated")
    assert site.kinds() == ["opened", "named", "run_started", "status", "task", "task", "run_ended", "status", "status"]
    assert site.incidents()[0]["runs"][0]["verdict"] == "worked"
    incident = site.incidents()[0]["name"]
    told = "restart of api on prod-api-01: verdict worked: command ended with 0; before: down: command ended with 1"
    assert f"incident.response: {told} (incident {incident})" in output


def test_without_the_callback_a_failure_is_recorded_too(site: Site) -> None:
    site.without_callback()
    (site.folder / "cannot-start").touch()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0, output
    assert eventually(lambda: bool(site.incidents()) and site.incidents()[0]["runs"][0]["verdict"] == "no_effect")
    assert "incident.response: restart of api on prod-api-01: verdict no_effect: " in output
    assert f"(incident {site.incidents()[0]['name']}" in output


def test_a_recorded_run_does_not_say_that_it_is_not(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0
    assert "NOT ENABLED" not in output


def test_a_second_run_on_the_same_service_is_refused_until_the_first_is_over(site: Site) -> None:
    first = site.start_slowly("-e", "service=api host=prod-api-01")
    code, output = site.run("-e", "service=api host=prod-api-02")
    assert code != 0
    assert f"process {first.pid}" in output
    assert "Somebody else is acting on api" in output
    code, output = site.run("-e", "service=web host=prod-api-02")
    assert "Somebody else" not in output
    first.send_signal(signal.SIGKILL)
    first.wait()
    (site.folder / "slow").unlink()
    code, output = site.run("-e", "service=api host=prod-api-02")
    assert code == 0, output


CATALOGUE = """
services:
  api:
    hosts: prod-api-*
    backend: command
    commands: {{start: [{script}, start], stop: [{script}, stop], status: [{script}, status]}}
    health: {{retries: 1, delay: 0.1}}
safety: {{protected_hosts: [prod-api-02], max_hosts: 2}}
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("service=apu host=prod-api-01", "Did you mean api?"),
        ("service=api host=prod-db-01", "api does not run on prod-db-01: the service catalogue has it on prod-api-*"),
        ("service=api host=prod-api-02", "prod-api-02 is protected"),
        ("service=api", "prod-api-02 is protected"),
        ("service=api host=prod-api-01 max_hosts=many", "many"),
    ],
)
def test_the_catalogue_refuses_what_it_does_not_allow(site: Site, arguments: str, message: str) -> None:
    config = site.folder / "config.yml"
    config.write_text(CATALOGUE.format(script=site.script))
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", arguments)
    assert code != 0
    assert message in " ".join(output.split())
    assert not (site.folder / "running").exists()


def test_the_catalogue_says_where_a_service_runs_and_how_it_is_restarted(site: Site) -> None:
    config = site.folder / "config.yml"
    config.write_text(CATALOGUE.format(script=site.script).replace("protected_hosts: [prod-api-02], ", ""))
    site.environment["INCIDENT_CONFIG"] = str(config)
    site.without_variables()
    code, output = site.run("-e", "service=api")
    assert code == 0, output
    worked = [each for each in site.incidents()[0]["entries"] if "verdict worked" in each["text"] and each["host"]]
    assert [(each["host"], each["state"]) for each in worked[:2]] == [("prod-api-01", "ok"), ("prod-api-02", "ok")]
    assert {each["host"] for each in worked[2:] if "still good" in each["text"]} == {"prod-api-01", "prod-api-02"}  # the last look at all


def test_a_mistake_in_the_configuration_is_named_before_anything_is_touched(site: Site) -> None:
    config = site.folder / "config.yml"
    config.write_text("servcies: {}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    words = " ".join(output.split())
    assert "config.yml:1: servcies is not a key of the configuration: did you mean services?" in words
    assert "Correct them, and run it again." in words
    assert "/dev/null" not in words  # which drops the protected hosts, too
    assert not (site.folder / "running").exists()


def test_a_restart_whose_command_fails_never_worked_however_healthy_the_service_is(site: Site) -> None:
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    site.script.write_text(site.script.read_text().replace("stop) rm -f running", "stop) exit 1"))
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    assert "verdict no_effect: the change failed" in output
    assert site.incidents()[0]["runs"][-1]["verdict"] == "no_effect"


def test_an_empty_host_is_refused_also_where_the_catalogue_knows_the_hosts(site: Site) -> None:
    config = site.folder / "config.yml"
    config.write_text("services: {api: {hosts: prod-api-*}}\nsafety: {max_hosts: 5}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", "service=api host=")
    assert code != 0
    assert "host is empty. Nothing was touched" in " ".join(output.split())
    assert not (site.folder / "running").exists()
