# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The quickstart, and the five minutes of README.md, typed by hand from the page itself: in an empty folder, with nothing of ours but what is
installed."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator

import pytest
from sites import A_RUN, ROOT, Site

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


FILE = {"ansible.cfg": "ini", "incident-response.yml": "yaml"}
"""What a reader of README.md writes, and the language that it is shown in."""
SYSTEMCTL = """#!/bin/sh
# As systemctl(1) says: show prints properties, of which InvocationID is another one after each start (systemd.exec(5)).
cd {folder}
case $1 in
  restart)
    [ ! -e pid ] || kill "$(cat pid)"
    python3 -m http.server --bind 127.0.0.1 {port} --directory www </dev/null >/dev/null 2>&1 &
    echo $! > pid ;;
  stop) kill "$(cat pid)" ;;
  show)
    echo Id=api.service; echo LoadState=loaded
    [ -e pid ] && echo ActiveState=active && echo "InvocationID=$(cat pid)" || echo ActiveState=failed ;;
esac
"""


class Typed:
    """A folder in which somebody types. Each command has to end with 0."""

    def __init__(self, site: Site) -> None:
        self.folder = site.folder / "empty"
        self.folder.mkdir()
        unwanted = {"INCIDENT_STATE_DIR", "INCIDENT_CONFIG", "ANSIBLE_CONFIG"}
        self._environment = {name: value for name, value in site.environment.items() if name not in unwanted}
        self._environment |= {"ANSIBLE_COLLECTIONS_PATH": str(site.folder / "collections"), "HOME": str(site.folder)}
        self._environment["PATH"] = f"{site.folder / 'bin'}:{self._environment['PATH']}"

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


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_the_quickstart_leads_from_an_empty_folder_to_a_closed_incident(typed: Typed) -> None:
    text = (ROOT / "docs" / "quickstart.md").read_text().replace("8080", free_port())
    outputs = [typed.type(block) for block in BLOCK.findall(text)]
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


def test_the_five_minutes_lead_to_a_service_of_ones_own(typed: Typed, installed: Site) -> None:
    port, units, programs = free_port(), installed.folder / "units", installed.folder / "bin"
    (units / "www").mkdir(parents=True)
    (units / "www" / "health").touch()
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL.format(folder=units, port=port))
    (programs / "systemctl").chmod(0o755)
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (typed.folder / "inventory.yml").write_text(json.dumps({"api": {"hosts": {"prod-api-01": local}}}))
    text = (ROOT / "README.md").read_text().partition("## Five minutes")[2].partition("\n## ")[0].replace("8080", port)
    for name, language in FILE.items():
        (content,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        (typed.folder / name).write_text(content)
    plan, rest = BLOCK.findall(text)
    assert "now down" in typed.type(plan)
    assert not (units / "pid").exists()
    try:
        output = typed.type(rest)
        assert "verdict worked" in output
        assert "incident-response.yml (beside the inventory)" in output
        assert re.search(r"incident-\S+ .*api", output)
    finally:
        typed.type("[ ! -e ../units/pid ] || systemctl stop")
