# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises that depend on Ansible's inside, on the oldest ansible-core that we support."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from environments import locked
from fleets import Fleet
from fleets import run as task
from integration.test_alert_text import bomb
from integration.test_alert_text import given as alert
from integration.test_behind_nginx import FILE, MARK, ONE, TWO, behind, nginx, restart
from integration.test_inputs import refused, step
from integration.test_plan import Planned
from integration.test_planted import PLANTS, Planted
from integration.test_planted import test_none_of_two_hundred_plants_goes_out_of_a_run as none_goes_out
from integration.test_secrets import PLAY, VAULTED
from servers.mail import MailServer
from servers.running import RocketChat
from sites import RESTART, Site, eventually


def interpreter() -> str | None:
    """A Python that ansible-core 2.16 runs on."""
    versions = Path.home() / ".pyenv" / "versions"
    there = [str(path) for path in sorted(versions.glob("3.1[12].*/bin/python"))]
    found = [shutil.which("python3.11"), shutil.which("python3.12"), *there, shutil.which("python3")]
    wanted = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})"
    return next((each for each in found if each and subprocess.run([each, "-c", wanted], check=False, capture_output=True).returncode == 0), None)


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of its ansible-playbook."""
    python = interpreter()
    if not python:
        pytest.skip("ansible-core 2.16 needs Python 3.11 or 3.12 with venv, which isn't here")
    return locked("oldest-core", python)


def test_the_restart_command_works_and_is_told(programs: Path, tmp_path: Path, chat: RocketChat) -> None:
    site = Site(tmp_path, programs)
    site.environment |= chat.environment()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
    (incident,) = site.incidents()
    assert (incident["status"], incident["verified"]) == ("mitigated", True)
    assert "✅" in "".join(message["msg"] for message in chat.messages(incident["channel"]))
    assert site.run("-e", "service=api host=prod-api-1")[0] != 0
    code, output = site.ad_hoc("rocketchat_incident", "service=api message=watching")
    assert code == 0, output
    assert site.entries()[-1]["text"] == "watching"


def test_what_is_mistyped_is_refused_in_our_words_alone_and_other_names_are_taken(programs: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, programs)
    said = refused(site, RESTART, "-e", "servcie=api host=prod-api-01")
    assert said == "-e servcie= is not known to restart_service: did you mean service? Nothing was touched."
    assert refused(site, RESTART, "-e", "service=api host=prod-api-01", "--tags", "nosuch").startswith("--tags nosuch")
    code, output = site.run("-e", "app=api hosts=prod-api-01")
    assert code == 0, output
    assert site.incidents()[0]["runs"][0]["verdict"] == "worked"


def test_what_an_earlier_run_left_out_of_nginx_is_taken_first(programs: Path, tmp_path: Path) -> None:
    """The second play asks for its hosts again, and gets the order that the first one found."""
    site = behind(Site(tmp_path, programs))
    file = nginx(site, FILE.replace("12:8080", f"12:8080{MARK}"))
    code, output, order = restart(site)
    assert (code, order) == (0, [TWO, ONE]), output
    assert file.read_text() == FILE


def test_without_the_callback_start_and_outcome_are_recorded(programs: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, programs)
    site.without_callback()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "THE CALLBACK IS NOT ENABLED" in " ".join(output.split())
    assert eventually(lambda: bool(site.incidents()) and site.incidents()[0]["status"] == "mitigated")


def test_no_planted_secret_is_kept_or_told(programs: Path, tmp_path: Path, chat: RocketChat) -> None:
    site = Site(tmp_path, programs)
    site.environment |= chat.environment()
    (tmp_path / "vaulted.yml").write_text(VAULTED)
    (tmp_path / "vault-password").write_text("open sesame")
    vault = [str(programs / "ansible-vault"), "encrypt", "--vault-password-file", str(tmp_path / "vault-password"), str(tmp_path / "vaulted.yml")]
    subprocess.run(vault, env=site.environment, check=True, capture_output=True)
    playbook = tmp_path / "planted.yml"
    playbook.write_text(PLAY.format(folder=tmp_path))
    code, output = site.run("--vault-password-file", str(tmp_path / "vault-password"), playbook=str(playbook))
    assert code == 0, output
    kept = [path.read_text(errors="replace") for path in site.state.rglob("*") if path.is_file()]
    assert "Say all that is known in an error" in str(site.incidents())
    for place in [*kept, str(chat.state())]:
        assert not re.findall(r".{0,60}Zs3cret.{0,10}", place)


def test_runs_and_results_are_told_as_on_the_newest(programs: Path, tmp_path: Path) -> None:
    """What a callback gets of a loop, of a delegated task and of a lost host differs from core to core."""
    fleet = Fleet(tmp_path, programs)
    fleet.lose("lb2")
    drain = task("Take it out", delegate_to="{{ item.name }}", loop=[{"name": "lb1"}, {"name": "lb2"}], changed_when=True, ignore_unreachable=True)
    once = task("Clear the cache", delegate_to="{{ 'lb' ~ 1 }}", run_once=True)
    half = task("Fill it", "ansible.builtin.command", "{{ item }}", loop=["true", "false"], changed_when="item == 'true'")
    first = fleet.write(fleet.play(drain, once), name="first")
    code, output = fleet.run(fleet.write(fleet.play(half, action="fill", service="cache"), name="second"), playbook=first)
    assert code != 0
    assert "DEGRADED" not in output
    done, lost, cleared = fleet.results("api 1")
    assert done == ("Take it out (for web1)", "lb1", "changed", True)
    assert (lost[1:], "No route to host" in lost[0]) == (("lb2", "ignored", False), True)
    assert cleared == ("Clear the cache (for web1)", "lb1", "ok", False)
    assert fleet.end("api 1") == "⚠️ nothing verified the outcome"
    assert fleet.results("cache 1") == [("Fill it: non-zero return code", "web1", "failed", True)]


def test_a_template_of_the_configuration_is_filled_in_and_one_that_can_not_be_is_refused(programs: Path, tmp_path: Path) -> None:
    """Up to 2.18 Ansible fills in any text, and makes text of all that it fills in; from 2.19 on only what it was told to trust."""
    site = Site(tmp_path, programs)
    commands = {"start": ["{{ script }}", "start"], "stop": ["{{ script }}", "stop"], "status": [str(site.script), "{{ 'STATUS' | lower }}"]}
    service: dict[str, Any] = {"backend": "command", "commands": commands, "health": {"retries": "{{ looks }}", "delay": 0.1}}
    (tmp_path / "incident-response.yml").write_text(json.dumps({"services": {"api": service}}))
    inventory = json.loads(site.inventory.read_text())
    kept = {name: value for name, value in inventory["all"]["vars"].items() if not name.startswith("service_")}
    inventory["all"]["vars"] = kept | {"script": str(site.script), "looks": 3}
    site.inventory.write_text(json.dumps(inventory))
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert (tmp_path / "running").exists()
    assert "(beside the inventory)" in output
    (tmp_path / "running").unlink()
    service["health"]["http"] = "http://{{ nowhere }}/"
    (tmp_path / "incident-response.yml").write_text(json.dumps({"services": {"api": service}}))
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0, output
    assert "'nowhere' is undefined" in output
    assert not (tmp_path / "running").exists()


def test_an_approved_plan_holds_fast_what_is_touched_on_each_host(programs: Path, tmp_path: Path) -> None:
    """The variables of another host, as they are for a task there, come from Ansible's inside."""
    site = Planned(Site(tmp_path, programs))
    second = {"ansible_host": "127.0.0.3", "service_restart_tcp": "127.0.0.1:7"}
    site.write(second)
    both = ("-e", "max_hosts=2 host=prod-api-01:prod-api-02")
    ticket = site.plan(*both)
    assert "prod-api-02 is 127.0.0.3" in " ".join(site.said.split())
    assert "touches on prod-api-02: commands " in " ".join(site.said.split())
    assert ticket.partition("-")[0] == site.plan(*both).partition("-")[0]
    site.write({**second, "service_restart_tcp": "127.0.0.1:8"})
    assert "no longer the approved one" in site.carried_out(ticket, *both)[1]
    site.write({})
    assert site.carried_out(site.plan(*both), *both)[0]


def test_what_an_alert_says_never_becomes_code(programs: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, programs)
    code, output = site.run(*alert(tmp_path, service="api", severity="P3", title=bomb(tmp_path), message=bomb(tmp_path)), playbook=step("open"))
    assert code == 0, output
    assert "lookup('ansible.builtin.pipe'" in site.incidents()[0]["title"]
    assert "holds a template" in refused(site, RESTART, *alert(tmp_path, service="api", host=bomb(tmp_path)))
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    assert not (tmp_path / "ran").exists()


def test_no_plant_goes_out_of_a_run(programs: Path, chat: RocketChat, tmp_path: Path) -> None:
    """There a vaulted file of JSON doesn't say where its values come from."""
    with MailServer(tmp_path, security="starttls", user="ops", password=PLANTS[11]) as mail:
        none_goes_out(Planted(Site(tmp_path, programs), mail, chat))
