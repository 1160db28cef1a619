# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's restart command, run for real against a service that needs neither root nor systemd."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal

ROOT = Path(__file__).parents[2]
SERVICE = """#!/bin/sh
cd {folder}
case $1 in
  start) [ -e cannot-start ] || {{ [ ! -e slow ] || sleep 30; touch running; }} ;;
  stop) rm -f running ;;
  status) [ -e running ] ;;
esac
"""


class Site:
    """An inventory of three hosts that share one service, and a state folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.script = folder / "service"
        self.script.write_text(SERVICE.format(folder=folder))
        self.script.chmod(0o755)
        commands = {word: [str(self.script), word] for word in ("start", "stop", "status")}
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "service_restart_backend": "command",
            "service_restart_commands": commands,
            "service_restart_retries": 2,
            "service_restart_delay": 0.1,
        }
        hosts = {"prod-api-01": None, "prod-api-02": None, "prod-db-01": None}
        self.inventory = folder / "inventory.json"
        self.inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        unwanted = {"CI", "JOB_ID", "INCIDENT_ID"}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.environment |= {"INCIDENT_STATE_DIR": str(self.state), "INCIDENT_DRAIN_TIMEOUT": "15", "PATH": path}

    def start(self, *arguments: str, playbook: str = "playbooks/emergency/restart-service.yml") -> subprocess.Popen[str]:
        command = ["ansible-playbook", "-i", str(self.inventory), playbook, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *arguments: str, playbook: str = "playbooks/emergency/restart-service.yml") -> tuple[int, str]:
        process = self.start(*arguments, playbook=playbook)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def incidents(self) -> list[dict[str, Any]]:
        journal = SqliteJournal(self.state / "journal.db", _state.key(self.state))
        try:
            return [journal.info(incident) for incident in journal.ids()]
        finally:
            journal.close()

    def kinds(self) -> list[str]:
        return [entry["kind"] for entry in self.incidents()[0]["entries"]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


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
        ("service=api host=all", "more than the blast radius of 1"),
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
    assert incident["entries"][-1]["text"].startswith("❌")


def test_sigkill_of_the_controller_loses_no_entry_and_is_on_the_timeline(site: Site) -> None:
    (site.folder / "slow").touch()
    process = site.start("-e", "service=api host=prod-api-01")
    assert process.stdout
    shown = []
    for line in process.stdout:
        shown.append(line)
        if "TASK" in line and "Start api" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 20
    while "run_vanished" not in (site.kinds() if (site.state / "journal.db").exists() else []) and time.monotonic() < until:
        time.sleep(0.1)
    (incident,) = site.incidents()
    texts = [entry["text"] for entry in incident["entries"]]
    assert "Stop api on prod-api-01" in texts
    assert incident["entries"][-1]["kind"] == "run_vanished"
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
    until = time.monotonic() + 20
    while spool.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert site.incidents()[0]["runs"][0]["verdict"] == "worked"


def test_a_state_folder_that_cannot_be_made_never_stops_the_action(site: Site) -> None:
    site.state.write_text("a file where the folder should be")
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "RECORDING IS DEGRADED" in output
    assert (site.folder / "running").exists()


def test_one_changed_byte_is_found_and_named(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    with sqlite3.connect(site.state / "journal.db") as database:
        database.execute("UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'Acknowledged', 'Acknowledgee') AS BLOB)")
    (incident,) = site.incidents()
    where = next(entry["seq"] for entry in incident["entries"] if entry["text"] == "Acknowledgee")
    assert (incident["verified"], incident["first_bad"]) == (False, where)


def test_incident_info_shows_the_timeline(site: Site) -> None:
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    name = site.incidents()[0]["name"]
    command = ["ansible", "localhost", "-m", "incident.response.incident_info", "-a", f"incident={name}"]
    shown = subprocess.run(command, cwd=ROOT, env=site.environment, text=True, capture_output=True, timeout=60, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert '"verified": true' in shown.stdout
    assert "Start api on prod-api-01" in shown.stdout


def test_a_run_without_the_callback_acts_and_says_that_it_is_not_recorded(site: Site) -> None:
    config = site.folder / "ansible.cfg"
    config.write_text(f"[defaults]\ncollections_path = {ROOT / 'collections'}\n")
    site.environment["ANSIBLE_CONFIG"] = str(config)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "RECORDING IS OFF" in output
    assert (site.folder / "running").exists()


def test_a_recorded_run_does_not_say_that_it_is_not(site: Site) -> None:
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0
    assert "RECORDING IS OFF" not in output


PLANTED = """
- hosts: prod-api-01
  gather_facts: false
  vars: {incident_action: check, incident_service: api, db_password: s3cretA1, api_token: s3cretB2}
  tasks:
    - name: "Log in with s3cretC3"
      ansible.builtin.debug: {msg: "s3cretD4"}
      no_log: true
    - name: Run with arguments
      ansible.builtin.command: {argv: [echo, s3cretE5]}
      changed_when: false
    - name: Loop over secrets
      ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [s3cretF6, s3cretG7]
    - name: "Use {{ api_token }} in a name"
      ansible.builtin.debug: {msg: x}
    - name: Fail with a known value
      ansible.builtin.fail: {msg: "cannot log in as root with {{ db_password }}"}
      ignore_errors: true
    - name: Fail with an option
      ansible.builtin.fail: {msg: "curl --password s3cretH8 https://root:s3cretI9@db.example.com/ failed"}
      ignore_errors: true
    - name: Fail in silence
      ansible.builtin.fail: {msg: "s3cretJ0"}
      no_log: true
      ignore_errors: true
"""


def test_no_planted_secret_reaches_spool_journal_or_log(site: Site) -> None:
    playbook = site.folder / "planted.yml"
    playbook.write_text(PLANTED)
    code, output = site.run(playbook=str(playbook))
    assert code == 0, output
    kept = b"".join(path.read_bytes() for path in site.state.rglob("*") if path.is_file())
    assert b"Run with arguments" in kept
    assert b"s3cret" not in kept
