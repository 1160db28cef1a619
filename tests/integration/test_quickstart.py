# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The quickstart, typed by hand from the page itself: in an empty folder, with nothing of ours but what is installed."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import A_RUN, ROOT, Site

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Typed:
    """A folder in which somebody types. Each command has to end with 0."""

    def __init__(self, site: Site) -> None:
        self.folder = site.folder / "empty"
        self.folder.mkdir()
        unwanted = {"INCIDENT_STATE_DIR", "INCIDENT_CONFIG", "ANSIBLE_CONFIG"}
        self._environment = {name: value for name, value in site.environment.items() if name not in unwanted}
        self._environment |= {"ANSIBLE_COLLECTIONS_PATH": str(site.folder / "collections"), "HOME": str(site.folder)}

    def type(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=self.folder, env=self._environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=4 * A_RUN, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def typed(installed: Site) -> Iterator[Typed]:
    here = Typed(installed)
    yield here
    if (here.folder / "api").exists():
        here.type("./api stop")


def page(name: Path) -> list[str]:
    """The commands of a page, with a port that is free here instead of 8080."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [block.replace("8080", port) for block in BLOCK.findall(name.read_text())]


def test_the_quickstart_leads_from_an_empty_folder_to_a_closed_incident(typed: Typed) -> None:
    commands = page(ROOT / "docs" / "quickstart.md")
    outputs = [typed.type(block) for block in commands]
    planned, restarted = next(output for output in outputs if "plan" in output), next(output for output in outputs if "verdict worked" in output)
    assert "now down" in planned
    assert outputs.index(planned) < outputs.index(restarted)
    draft = next(line for output in outputs for line in output.splitlines() if " approve=" in line)
    found = json.loads(outputs[-1].partition("=> ")[2])
    (incident,) = found["incidents"]
    assert (incident["status"], incident["verified"], incident["resolution"]["root_cause"]) == ("closed", True, "The web server was stopped")
    assert incident["name"] in draft
    assert (typed.folder / "state" / "journal.db").exists()


def test_the_quickstart_stops_where_one_of_its_commands_would_fail(typed: Typed) -> None:
    """So that the test above can."""
    with pytest.raises(AssertionError, match="did you mean service"):
        typed.type('ansible-playbook incident.response.restart_service -e "servcie=api"\ntrue')
