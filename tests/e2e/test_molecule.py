# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles' Molecule scenarios on real systemd hosts. Only the exit code counts: the recap can say Successful of one that failed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from e2e.conftest import Fleet
from sites import A_RUN, ROOT, Site

SCENARIOS = ["service_restart", "service_rollback", "service_scale"]
FOLDER = ROOT / "extensions" / "molecule"


class Molecule:
    """Molecule with this fleet, and an ephemeral directory of its own."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self._site = Site(folder)
        self.state, self.elsewhere = folder / "molecule" / "state", self._site.state
        given = {"INCIDENT_MOLECULE_HOSTS": str(fleet.inventory), "MOLECULE_EPHEMERAL_DIRECTORY": str(folder / "molecule"), "NO_COLOR": "1"}
        self._environment = self._site.environment | given

    def run(self, command: str, scenario: str) -> tuple[int, str]:
        line = ["molecule", command, "-s", scenario]
        done = subprocess.run(line, cwd=ROOT, env=self._environment, text=True, capture_output=True, timeout=4 * A_RUN, check=False)
        return done.returncode, done.stdout + done.stderr

    def succeed(self, command: str, scenario: str) -> None:
        code, output = self.run(command, scenario)
        assert code == 0, output

    def fail(self, command: str, scenario: str, says: str) -> None:
        code, output = self.run(command, scenario)
        assert code != 0, output
        assert says in " ".join(output.split()), output


@pytest.fixture
def molecule(tmp_path: Path, fleet: Fleet) -> Molecule:
    return Molecule(tmp_path, fleet)


@pytest.fixture
def cleaned(molecule: Molecule) -> Iterator[Molecule]:
    """For a test that stops half-way: all scenarios clean up alike."""
    yield molecule
    molecule.succeed("destroy", SCENARIOS[0])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_passes_and_leaves_nothing(molecule: Molecule, fleet: Fleet, scenario: str) -> None:
    molecule.succeed("test", scenario)
    for host in [*fleet.hosts, fleet.front]:
        left = "ls -d /srv/shop /etc/systemd/system/shop* /etc/systemd/system/worker* /etc/nginx/conf.d/shop* 2>/dev/null || true"
        assert fleet.ssh(host, f"{left}; systemctl list-units --plain --no-legend shop 'worker@*'") == ""
    assert not molecule.state.exists()
    assert not molecule.elsewhere.exists(), "the record belongs into the scenario's own folder"


def test_a_second_restart_is_neither_idempotent_nor_verified(cleaned: Molecule) -> None:
    cleaned.succeed("converge", "service_restart")
    cleaned.fail("idempotence", "service_restart", "Idempotence test failed")
    cleaned.fail("verify", "service_restart", "prod-api-01 has 3 starts, the first by prepare")


def test_a_release_that_is_not_the_one_is_not_verified(cleaned: Molecule, fleet: Fleet) -> None:
    cleaned.succeed("converge", "service_rollback")
    fleet.ssh(fleet.hosts[1], "ln -sfn releases/20251102100000 /srv/shop/current")
    cleaned.fail("verify", "service_rollback", "prod-api-02 has releases/20251102100000")
    fleet.ssh(fleet.hosts[1], "systemctl restart shop; until ss -Hltn sport = :8200 | grep -q .; do sleep 0.1; done")
    fleet.ssh(fleet.hosts[1], "ln -sfn releases/20251101100000 /srv/shop/current")
    cleaned.fail("verify", "service_rollback", "['20251101100000', '20251102100000', ")


def test_an_instance_that_is_missing_and_a_lost_timeline_are_not_verified(cleaned: Molecule, fleet: Fleet) -> None:
    cleaned.succeed("converge", "service_scale")
    fleet.ssh(fleet.hosts[1], "systemctl stop worker@2")
    cleaned.fail("verify", "service_scale", "and nginx has")
    fleet.ssh(fleet.hosts[1], "systemctl start worker@2; until ss -Hltn sport = :8202 | grep -q .; do sleep 0.1; done")
    (cleaned.state / "journal.db").rename(cleaned.state / "lost")
    cleaned.fail("verify", "service_scale", "Runs: [].")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_page_of_a_role_shows_what_its_scenario_proves(scenario: str) -> None:
    page = (ROOT / "roles" / scenario / "README.md").read_text()
    playbook, catalogue = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert playbook == (FOLDER / scenario / "converge.yml").read_text()
    services = yaml.safe_load((FOLDER / "shared" / "files" / "incident-response.yml").read_text())["services"]
    assert yaml.safe_load(catalogue)["services"].items() <= services.items()
