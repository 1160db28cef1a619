# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A play with many steps keeps one courier at work, instead of starting one for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers.running import RocketChat
from sites import Site, eventually

STEPS = 12
COUNTS = """
import os, sys
if any(word.endswith("_courier/main.py") for word in sys.orig_argv):
    with open(os.environ["STARTS"], "a") as starts:
        starts.write(".")
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Each courier that is started leaves a dot in `starts`."""
    site = Site(tmp_path)
    (tmp_path / "counts").mkdir()
    (tmp_path / "counts" / "sitecustomize.py").write_text(COUNTS)
    site.environment |= {"PYTHONPATH": str(tmp_path / "counts"), "STARTS": str(tmp_path / "starts")}
    return site


def steps(site: Site) -> str:
    """A play that opens an incident and says something of it in each step."""
    opened = {"incident.response.rocketchat_incident": {"state": "open", "service": "api", "title": "API slow", "severity": "P2"}}
    says = [{"incident.response.rocketchat_incident": {"service": "api", "message": f"Step {number}"}} for number in range(STEPS)]
    return str(site.write_playbook([opened, *says]))


def starts(site: Site) -> int:
    told = site.folder / "starts"
    return len(told.read_text()) if told.exists() else 0


def test_many_steps_start_a_few_couriers_at_most_and_each_step_is_in_chat(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    code, output = site.run(playbook=steps(site))
    assert code == 0, output
    assert eventually(lambda: not site.couriers())
    (incident,) = site.incidents()
    assert incident["pending"] == 0
    said = [message["msg"] for message in chat.messages(incident["channel"])]
    assert all(any(f"Step {number}" in text for text in said) for number in range(STEPS)), said
    assert 1 <= starts(site) <= STEPS // 3


def test_where_chat_is_away_one_courier_waits_for_it_and_hears_of_all_steps(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "0"}
    chat.stop()
    code, output = site.run(playbook=steps(site))
    assert code == 0, output
    assert eventually(lambda: len(site.couriers()) == 1)
    assert starts(site) <= STEPS // 3
    chat.start()
    assert eventually(lambda: site.incidents()[0]["pending"] == 0)
    assert eventually(lambda: not site.couriers())
