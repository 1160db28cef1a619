# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration from anywhere: it is found, or its absence is said; what it says holds for whatever works for the run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from servers.running import RocketChat
from sites import ROOT, Site, eventually

PROTECTED = "safety: {protected_hosts: [prod-api-01]}\n"
ACT = ("-e", "service=api host=prod-api-01")
BY_NAME = "incident.response.restart_service"


class Away:
    """A person who stands in an empty directory, with the collection installed and a project elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.project, self.empty, self.home = folder / "project", folder / "empty", folder / "home"
        for each in (self.project, self.empty, self.home):
            each.mkdir()
        self.site = Site(self.project)
        self.environment = self.site.environment | {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_CALLBACKS_ENABLED": "incident.response.incident_timeline",
            "XDG_CONFIG_HOME": str(self.home),
        }  # fmt: skip
        self.environment.pop("ANSIBLE_CONFIG", None)

    def write(self, text: str, folder: Path | None = None) -> Path:
        path = (folder or self.project) / "incident-response.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *arguments: str, playbook: str = BY_NAME, inventory: Path | None = None, program: str = "ansible-playbook") -> tuple[int, str]:
        command = [program, "-i", str(inventory or self.site.inventory), playbook, *arguments]
        done = subprocess.run(command, cwd=self.empty, env=self.environment, text=True, capture_output=True, timeout=120, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def stands(self) -> bool:
        """Whether nothing was touched."""
        return not (self.project / "running").exists()


@pytest.fixture
def away(tmp_path: Path) -> Away:
    return Away(tmp_path)


def refused(away: Away, *arguments: str, playbook: str = BY_NAME) -> str:
    code, output = away.run(*(arguments or ACT), playbook=playbook)
    assert code != 0, output
    assert away.stands(), output
    return output


def test_a_protected_host_is_protected_from_an_empty_directory_by_the_inventory(away: Away) -> None:
    path = away.write(PROTECTED)
    output = refused(away)
    assert "prod-api-01 is protected" in output
    assert f"incident.response: configuration {path} (beside the inventory)" in output


def test_a_protected_host_is_protected_by_the_folder_of_inventories(away: Away) -> None:
    folder = away.project / "inventory"
    folder.mkdir()
    (folder / "hosts.json").write_text(away.site.inventory.read_text())
    (folder / "incident-response.yml").write_text(PROTECTED)
    code, output = away.run(*ACT, inventory=folder)
    assert (code != 0, away.stands()) == (True, True), output
    assert "prod-api-01 is protected" in output


def test_a_protected_host_is_protected_by_the_inventory_that_the_environment_names(away: Away) -> None:
    away.write(PROTECTED)
    away.environment["ANSIBLE_INVENTORY"] = str(away.site.inventory)
    command = ["ansible-playbook", BY_NAME, *ACT]
    done = subprocess.run(command, cwd=away.empty, env=away.environment, text=True, capture_output=True, timeout=120, check=False)
    assert "prod-api-01 is protected" in " ".join((done.stdout + done.stderr).split())


def test_a_protected_host_is_protected_by_a_playbook_of_ones_own_by_path(away: Away) -> None:
    folder = away.project / "infrastructure"
    path = away.write(PROTECTED, folder)
    playbook = folder / "restart-service.yml"
    playbook.write_text("- import_playbook: incident.response.restart_service\n")
    output = refused(away, playbook=str(playbook))
    assert "prod-api-01 is protected" in output
    assert f"{path} (beside the playbook)" in output


def test_a_protected_host_is_protected_by_ansible_cfg_the_users_folder_and_a_relative_name(away: Away) -> None:
    cfg = away.project / "cfg"
    away.write(PROTECTED, cfg)
    (cfg / "ansible.cfg").write_text("[defaults]\n")
    away.environment["ANSIBLE_CONFIG"] = str(cfg / "ansible.cfg")
    assert "(beside ansible.cfg)" in refused(away)
    (cfg / "incident-response.yml").rename(cfg / "own.yml")
    (cfg / "ansible.cfg").write_text("[incident_response]\nconfig = own.yml\n")
    assert f"{cfg / 'own.yml'} (config in {cfg / 'ansible.cfg'})" in refused(away)
    del away.environment["ANSIBLE_CONFIG"]
    away.write(PROTECTED, away.home / "incident-response")
    assert "(in the user's folder)" in refused(away)
    away.environment["INCIDENT_CONFIG"] = "../project/cfg/own.yml"
    assert f"configuration {cfg / 'own.yml'} (INCIDENT_CONFIG)" in refused(away)


def test_a_protected_host_is_protected_in_a_play_of_ones_own_that_takes_the_role(away: Away) -> None:
    away.write(PROTECTED)
    play = [{
        "hosts": "prod-api-01", "gather_facts": False, "vars": {"incident_action": "restart", "incident_service": "api", "service": "api"},
        "roles": [{"role": "incident.response.service_restart"}],
    }]  # fmt: skip
    (away.empty / "play.json").write_text(json.dumps(play))
    assert "prod-api-01 is protected" in refused(away, "-v", playbook="play.json")


def test_a_play_of_ones_own_says_what_it_goes_by_without_the_callback_too(away: Away) -> None:
    path = away.write("safety: {max_hosts: 2}\n")
    del away.environment["ANSIBLE_CALLBACKS_ENABLED"]
    play = {"hosts": "prod-api-01", "gather_facts": False, "vars": {"service": "api"}, "roles": ["incident.response.service_restart"]}
    (away.empty / "play.json").write_text(json.dumps([play]))
    code, output = away.run(playbook="play.json")
    assert code == 0, output
    assert output.count(f"incident.response: configuration {path} (beside the inventory)") == 1


def test_the_run_says_that_there_is_none_and_acts(away: Away) -> None:
    code, output = away.run(*ACT)
    assert code == 0, output
    assert "incident.response: no configuration found: no service catalogue, no protected hosts" in output
    assert output.count("no configuration found") == 1


def test_the_record_keeps_the_path_and_the_hash(away: Away) -> None:
    path = away.write("safety: {max_hosts: 2}\n")
    code, output = away.run(*ACT)
    assert code == 0, output
    assert output.count("incident.response: configuration") == 1
    (started,) = [entry["data"] for entry in _entries(away) if entry["kind"] == "run_started"]
    assert (started["config"], started["config_sha256"]) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:12])


def test_without_the_callback_the_record_and_the_terminal_say_it_too(away: Away) -> None:
    path = away.write("safety: {max_hosts: 2}\n")
    del away.environment["ANSIBLE_CALLBACKS_ENABLED"]
    code, output = away.run(*ACT)
    assert code == 0, output
    assert output.count("incident.response: configuration") == 1
    assert eventually(lambda: any(entry["kind"] == "run_started" for entry in _entries(away)))
    assert next(entry["data"]["config"] for entry in _entries(away) if entry["kind"] == "run_started") == str(path)


def _entries(away: Away) -> list[dict[str, Any]]:
    """The entries with their data, which `incident_info` does not show."""
    from ansible_collections.incident.response.plugins.module_utils import _state
    from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal

    if not (away.site.state / "journal.db").exists():
        return []
    with SqliteJournal(away.site.state / "journal.db", _state.key(away.site.state)) as journal:
        return [
            {"kind": entry.kind, "data": entry.data, "severity": journal.info(incident)["severity"]}
            for incident in journal.ids() for entry in journal.entries(incident)
        ]  # fmt: skip


def test_two_that_differ_are_told_with_both_paths(away: Away) -> None:
    used, other = away.write("safety: {max_hosts: 2}\n"), away.write("safety: {max_hosts: 3}\n", away.empty)
    code, output = away.run(*ACT)
    assert code == 0, output
    assert f"two configurations differ: {used} (beside the inventory) is used, and {other} (in the working directory) is not" in output


@pytest.mark.parametrize("how", ["environment", "ini"])
def test_where_one_is_required_nothing_is_touched_without(away: Away, how: str) -> None:
    if how == "ini":
        (away.project / "cfg").mkdir()
        (away.project / "cfg" / "ansible.cfg").write_text("[incident_response]\nrequire_config = true\n")
        away.environment["ANSIBLE_CONFIG"] = str(away.project / "cfg" / "ansible.cfg")
    else:
        away.environment["INCIDENT_REQUIRE_CONFIG"] = "true"
    output = refused(away)
    assert "There is no configuration, and INCIDENT_REQUIRE_CONFIG asks for one. Nothing was touched." in output
    assert str(away.empty) in output  # where it was looked for
    away.environment["INCIDENT_CONFIG"] = "/dev/null"
    refused(away)
    del away.environment["INCIDENT_CONFIG"]
    path = away.write("# all of it was cut off by a full disk\n---\n")
    assert f"The configuration {path} is empty, and INCIDENT_REQUIRE_CONFIG asks for one. Nothing was touched." in refused(away)
    away.write("safety: {max_hosts: 1}\n")
    code, output = away.run(*ACT)
    assert code == 0, output


def test_the_configuration_itself_can_say_that_it_may_not_be_left_out(away: Away) -> None:
    path = away.write("safety: {require_config: true}\n")
    away.environment["INCIDENT_CONFIG"] = "/dev/null"
    assert f"safety.require_config in {path} asks for one" in refused(away)
    path.write_text("safety: {require_config: false}\n")
    code, output = away.run(*ACT)
    assert code == 0, output
    assert "without a configuration, by INCIDENT_CONFIG" in output


def test_a_wrong_word_for_whether_one_is_required_is_refused(away: Away) -> None:
    away.environment["INCIDENT_REQUIRE_CONFIG"] = "ja"
    assert "INCIDENT_REQUIRE_CONFIG must be true or false, not 'ja'" in refused(away)


def test_one_that_others_can_write_is_refused_until_it_is_named(away: Away) -> None:
    path = away.write("")
    path.chmod(0o666)
    output = refused(away)
    assert f"everybody can write {path}" in output
    assert f"INCIDENT_CONFIG={path}" in output
    away.environment["INCIDENT_CONFIG"] = str(path)
    code, output = away.run(*ACT)
    assert code == 0, output
    assert "It is used, since INCIDENT_CONFIG names it" in output


def test_one_that_others_can_write_pages_nobody_from_the_courier(away: Away, chat: RocketChat) -> None:
    """An incident can be opened all the same: what the file says is left out, by the courier, too."""
    proof = away.project / "proof"
    path = away.write(json.dumps({"paging": {"notifiers": [{"type": "command", "command": ["touch", str(proof)]}]}}))
    path.chmod(0o666)
    away.environment |= chat.environment()
    code, output = away.run("-e", "service=api severity=P0", playbook="incident.response.incident_open")
    assert code == 0, output
    assert f"everybody can write {path}" in output
    assert eventually(lambda: away.site.incidents()[0]["pending"] == 0 and not away.site.couriers())
    assert not proof.exists()
    path.chmod(0o644)
    code, output = away.run("-e", "service=web severity=P0", playbook="incident.response.incident_open")
    assert code == 0, output
    assert eventually(proof.exists), away.site.courier_log()


@pytest.mark.parametrize("way", ["found", "relative"])
def test_the_courier_goes_by_the_configuration_of_the_run(away: Away, chat: RocketChat, way: str) -> None:
    """It starts in /, where a relative name means nothing."""
    page = away.project / "pages"
    text = json.dumps({"status_page": {"folder": str(page), "title": "Shop"}, "channels": {"incidents": "devops"}})
    away.write(text, away.project if way == "found" else away.empty)
    if way == "relative":
        away.environment["INCIDENT_CONFIG"] = "incident-response.yml"
    away.environment |= chat.environment()
    code, output = away.run(*ACT)
    assert code == 0, output
    assert eventually(lambda: away.site.incidents()[0]["pending"] == 0), away.site.courier_log()
    assert eventually((page / "index.html").exists), away.site.courier_log()
    assert any("api" in message["msg"] for message in chat.messages("devops")), away.site.courier_log()


def test_a_relative_key_file_is_the_same_key_for_the_courier(away: Away) -> None:
    """In / it would be another, and each entry would look forged."""
    away.environment["INCIDENT_JOURNAL_KEY_FILE"] = "own.key"
    code, output = away.run(*ACT)
    assert code == 0, output
    assert (away.empty / "own.key").exists()
    assert not Path("/own.key").exists()
    code, output = away.run("-e", "incident=1", "-v", playbook="incident.response.incident_list")
    assert "forged" not in output


def test_the_modules_name_it_in_their_result(away: Away) -> None:
    path = away.write("")
    code, output = away.run("-m", "incident.response.incident_info", playbook="localhost", program="ansible")
    assert code == 0, output
    assert f'"config": "{path}"' in output


def test_a_severity_in_small_letters_is_understood_everywhere(away: Away, chat: RocketChat) -> None:
    away.write("severities: {p0: {notify: []}}\n")
    away.environment |= chat.environment()
    code, output = away.run("-e", "service=web severity=p0", playbook="incident.response.incident_open")
    assert code == 0, output
    lower = ("-m", "incident.response.rocketchat_incident", "-a", "service=web severity=' p2 '")
    code, output = away.run(*lower, playbook="localhost", program="ansible")
    assert code == 0, output
    assert away.site.incidents()[0]["severity"] == "P2"
    code, output = away.run(*ACT, "-e", "severity=p0")
    assert code == 0, output
    assert {incident["service"]: incident["severity"] for incident in away.site.incidents()} == {"web": "P2", "api": "P0"}
    code, output = away.run("-e", "service=web severity=high", playbook="incident.response.incident_open")
    assert code != 0
    assert "P0, P1, P2, P3" in output


def catalogue(away: Away, service: Mapping[str, object], **more: object) -> Path:
    commands = {word: [str(away.site.script), word] for word in ("start", "stop", "status")}
    away.site.without_variables()
    return away.write(json.dumps({"services": {"api": {"backend": "command", "commands": commands, **service}}, **more}, indent=1))


def with_variables(away: Away, **variables: object) -> None:
    inventory = json.loads(away.site.inventory.read_text())
    inventory["all"]["vars"] |= variables
    away.site.inventory.write_text(json.dumps(inventory))


def test_a_template_is_filled_in_with_the_variables_of_the_host(away: Away) -> None:
    proof = away.project / "proof-prod-api-01"
    start = ["sh", "-c", f"touch {away.project}/{{{{ mark }}}}-{{{{ inventory_hostname }}}} && {away.site.script} start"]
    start += ["{{ '{{.Braces}}' }}"]
    commands = {"start": start, "stop": [str(away.site.script), "stop"], "status": ["{{ script }}", "{{ 'STATUS' | lower }}"]}
    catalogue(away, {"commands": commands, "health": {"retries": "{{ looks }}", "delay": "{{ 0.1 }}"}})
    with_variables(away, mark="{{ 'pro' }}of", script=str(away.site.script), looks=3)
    code, output = away.run(*ACT)
    assert code == 0, output
    assert proof.exists()


def test_a_variable_that_is_not_there_is_named_with_its_line_before_anything_is_touched(away: Away) -> None:
    path = catalogue(away, {"health": {"http": "http://{{ nowhere }}:8080/"}})
    output = refused(away)
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "nowhere" in text)
    assert f"{path}:{line}: services.api.health.http: http://{{{{ nowhere }}}}:8080/ can't be filled in for prod-api-01" in output
    assert "'nowhere' is undefined" in output
    assert "Nothing was touched." in output


def test_what_is_filled_in_must_be_what_the_key_wants(away: Away) -> None:
    catalogue(away, {"health": {"http": "{{ place }}"}})
    with_variables(away, place="ftp://x")
    output = refused(away)
    assert 'services.api.health.http must be an address that begins with http:// or https://, or an empty one, not "ftp://x" on prod-api-01' in output


def test_a_number_of_the_inventory_is_as_good_as_text_in_a_command(away: Away) -> None:
    commands = {"start": [str(away.site.script), "{{ word }}", "{{ port }}"], "stop": [str(away.site.script), "stop"]}
    catalogue(away, {"commands": {**commands, "status": [str(away.site.script), "status", "{{ weight }}"]}})
    with_variables(away, word="start", port=18081, weight=1.5)
    code, output = away.run(*ACT)
    assert code == 0, output
    assert not away.stands()


def test_what_can_not_be_filled_in_opens_no_incident_and_is_said_in_our_words_alone(away: Away) -> None:
    for service, words in (
        ({"health": {"http": "http://{{ nowhere }}/"}}, "'nowhere' is undefined"),
        ({"health": {"http": "{{ place }}"}}, 'not "ftp://x" on prod-api-01. Nothing was touched. Correct the variable in the inventory'),
    ):
        catalogue(away, service)
        with_variables(away, place="ftp://x")
        code, output = away.run(*ACT)
        assert code == 5, output
        assert words in output
        assert "Origin" not in output
        assert "PLAY [" not in output
        assert not (away.site.state / "journal.db").exists()


@pytest.mark.parametrize(
    ("playbook", "arguments", "words"),
    [
        ("rollback", "app=api", "api can't be rolled back yet: it is run by commands of your own (backend: command), and the catalogue doesn't say"),
        ("rollback", "app=api", "Write into the configuration: services.api.versions: {path: /srv/api}"),
        ("scale_up", "service=api replicas=2", "Write into the configuration: services.api.replicas: {template: api@.service}"),
        ("rollback", "app=api version=prevoius", "version='prevoius' is no version: did you mean previous?"),
    ],
)  # fmt: skip
def test_an_action_that_the_catalogue_can_not_do_opens_no_incident(away: Away, playbook: str, arguments: str, words: str) -> None:
    catalogue(away, {"hosts": "prod-api-01"})
    code, output = away.run("-e", arguments, playbook=f"incident.response.{playbook}")
    assert code == 5, output
    assert words in output
    assert "PLAY [" not in output
    assert not (away.site.state / "journal.db").exists()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"channels": {"incidents": "{{ room }}"}}, "channels.incidents: {{ … }} is filled in below services.NAME alone"),
        ({"oncall": {"team": "{{ team }}"}}, "oncall.team: {{ … }} is filled in below services.NAME alone"),
        ({"safety": {"protected_hosts": ["{{ hosts }}"]}}, "safety.protected_hosts[0]: {{ … }} is filled in below services.NAME alone"),
    ],
)
def test_a_template_where_there_is_no_host_is_refused_with_its_line(away: Away, section: dict[str, object], words: str) -> None:
    path = catalogue(away, {}, **section)
    output = refused(away)
    assert words in output
    assert str(path) + ":" in output


def test_a_template_that_would_run_something_is_refused(away: Away) -> None:
    proof = away.project / "ran"
    catalogue(away, {"unit": f"{{{{ lookup('pipe', 'touch {proof}') }}}}"})
    assert "services.api.unit: lookup() can't be called in the configuration" in refused(away)
    assert not proof.exists()


def test_a_pipe_in_the_place_of_the_configuration_holds_nobody_up(away: Away) -> None:
    os.mkfifo(away.project / "incident-response.yml")
    assert "this is a pipe, and must be a file" in refused(away)
