# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is promised where the clock of a machine is wrong: nobody is called for what has just begun, nobody is forgotten, and it is said."""

from __future__ import annotations

import json

import pytest
from servers.running import RocketChat
from sites import Site

P1 = json.dumps({"service": "api", "severity": "P1", "title": "Errors"})
HOUR = 3600


def opens(site: Site) -> str:
    code, output = site.run("-e", P1, playbook="playbooks/incident/open.yml")
    assert code == 0, output
    return " ".join(output.split())


def ticks(site: Site) -> tuple[int, str]:
    code, output = site.run(playbook="playbooks/tick.yml")
    return code, " ".join(output.split())


@pytest.mark.parametrize(("opened", "ticked", "reminded"), [(-3 * HOUR, 0, False), (3 * HOUR, 20 * 60, True)])
def test_an_incident_that_a_wrong_clock_wrote_is_as_old_as_its_arrival(site: Site, opened: int, ticked: int, reminded: bool) -> None:
    site.off(opened)
    assert "THE CLOCKS DISAGREE" in opens(site)
    site.off(ticked)
    code, output = ticks(site)
    assert code == 0, output
    assert "THE CLOCKS DISAGREE" in output
    assert ("nobody has acknowledged for 10 min" in output) is reminded
    assert "CTO" not in output
    assert [entry["kind"] for entry in site.entries()].count("escalated") == reminded  # ten minutes without an answer call the DevOps lead


def test_a_machine_whose_clock_is_off_by_that_of_chat_reminds_of_nothing_and_fails(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    opens(site)
    site.off(3 * HOUR)
    code, output = ticks(site)
    assert code != 0
    assert "Nobody was reminded and nothing escalated, since this machine's clock is 3 h ahead of the chat server's" in output
    assert "reminded" not in site.kinds()
    assert "escalated" not in site.kinds()
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "this machine's clock is 3 h ahead of the chat server's" in " ".join(output.split())
