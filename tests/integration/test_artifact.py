# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection as people get it: built, installed, and called by its full name, without this repository's ansible.cfg."""

from __future__ import annotations

import subprocess

import pytest
from deployments import MIDDLE, Deployed
from sites import A_RUN, Site, eventually, install


def test_by_its_full_name_it_acts_and_records_start_and_outcome_and_says_what_is_missing(installed: Site) -> None:
    del installed.environment["INCIDENT_STATE_DIR"]
    installed.state = installed.folder / "from-ini"
    code, output = installed.run("-e", "service=api host=prod-api-01", playbook="incident.response.restart_service")
    assert code == 0, output
    assert "THE CALLBACK IS NOT ENABLED" in " ".join(output.split())
    assert eventually(lambda: bool(installed.incidents()) and installed.incidents()[0]["status"] == "mitigated"), installed.courier_log()
    assert installed.incidents()[0]["runs"][0]["verdict"] == "worked"


def test_with_the_callback_enabled_it_records_everything(installed: Site) -> None:
    installed.environment["ANSIBLE_CALLBACKS_ENABLED"] = "incident.response.incident_timeline"
    code, output = installed.run("-e", "service=api host=prod-api-01", playbook="incident.response.restart_service")
    assert code == 0, output
    (incident,) = installed.incidents()
    assert incident["name"] in output
    assert "Start api on prod-api-01" in [entry["text"] for entry in incident["entries"]]


def test_a_protected_host_is_protected_from_an_empty_directory(installed: Site) -> None:
    """By the inventory's folder and by the playbook's, with nothing of ours but what is installed."""
    project, empty = installed.folder / "project", installed.folder / "empty"
    project.mkdir()
    empty.mkdir()
    inventory = project / "inventory"
    installed.inventory.rename(inventory)
    (project / "incident-response.yml").write_text("safety: {protected_hosts: [prod-api-01]}\n")
    (project / "restart-service.yml").write_text("- import_playbook: incident.response.restart_service\n")
    away = installed.folder / "hosts"
    away.write_bytes(inventory.read_bytes())
    del installed.environment["ANSIBLE_CONFIG"]
    installed.environment["ANSIBLE_COLLECTIONS_PATH"] = str(installed.folder / "collections")
    for source, playbook in ((inventory, "incident.response.restart_service"), (away, str(project / "restart-service.yml"))):
        command = ["ansible-playbook", "-i", str(source), playbook, "-e", "service=api host=prod-api-01"]
        done = subprocess.run(command, cwd=empty, env=installed.environment, text=True, capture_output=True, timeout=120, check=False)
        assert done.returncode != 0, done.stdout
        assert "prod-api-01 is protected" in " ".join(done.stderr.split())
        assert not (installed.folder / "running").exists()


def test_the_artifact_holds_nothing_that_only_developers_need(installed: Site) -> None:
    (folder,) = (installed.folder / "collections").rglob("incident/response")
    names = {path.name for path in folder.iterdir()}
    assert names.isdisjoint({".venv", ".git", ".ci", ".cache", "ansible.cfg", "collections"})
    assert {"plugins", "roles", "playbooks", "extensions", "meta", "docs", "README.md", "LICENSE"} <= names


def test_a_role_can_be_tested_from_where_it_is_installed(installed: Site) -> None:
    """Without galaxy.yml, which no artifact has, Molecule must be told where the scenarios are."""
    (folder,) = (installed.folder / "collections").rglob("incident/response")
    inventory = installed.folder / "hosts.yml"
    inventory.write_text("{api: {hosts: {one: , two: }}, balancer: {hosts: {three: }}}\n")
    given = {"MOLECULE_GLOB": "extensions/molecule/*/molecule.yml", "INCIDENT_MOLECULE_HOSTS": str(inventory)}
    given["MOLECULE_EPHEMERAL_DIRECTORY"] = str(installed.folder / "molecule")
    command = ["molecule", "-c", "extensions/molecule/config.yml", "syntax", "-s", "service_restart"]
    done = subprocess.run(command, cwd=folder, env=installed.environment | given, text=True, capture_output=True, timeout=A_RUN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


ONE_LINE = {"restart-service": "restart_service", "rollback": "rollback", "scale-up": "scale_up"}
"""The handbook's playbooks, and ours."""


@pytest.mark.parametrize("folder", ["playbooks/emergency", "infrastructure/playbooks/emergency"])
def test_the_handbooks_commands_work_in_a_repository_of_ones_own(deployed: Deployed, folder: str) -> None:
    """It has playbooks of one line, an ansible.cfg and an inventory, and is where people stand."""
    install(deployed)
    repository = deployed.folder / "repository"
    (repository / folder).mkdir(parents=True)
    for name, ours in ONE_LINE.items():
        (repository / folder / f"{name}.yml").write_text(f"- import_playbook: incident.response.{ours}\n")
    callback = "callbacks_enabled = incident.response.incident_timeline"
    paths = f"collections_path = {deployed.folder / 'collections'}\ninventory = {deployed.inventory}"
    (repository / "ansible.cfg").write_text(f"[defaults]\n{callback}\n{paths}\n")
    del deployed.environment["ANSIBLE_CONFIG"]

    def types(name: str, values: str) -> tuple[int, str]:
        command = ["ansible-playbook", f"{folder}/{name}.yml", "-e", values]
        done = subprocess.run(command, cwd=repository, env=deployed.environment, text=True, capture_output=True, timeout=A_RUN, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    code, output = types("rollback", "app=api version=previous")
    assert code == 0, output
    assert deployed.running() == [f"releases/{MIDDLE}"] * 2
    code, output = types("restart-service", "service=api host=prod-api-01")
    assert code == 0, output
    assert deployed.incidents()[0]["name"] in output
    assert len(deployed.incidents()[0]["runs"]) == 2
    code, output = types("scale-up", "service=api replicas=3")  # there are no template units here, which real hosts have
    assert code == 5
    assert "api can't be scaled: it is run by commands of your own" in output
