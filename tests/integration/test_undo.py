# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Undo by the name of an incident: what of it still stands is undone, by an undo that is on the same timeline."""

from __future__ import annotations

from deployments import HOSTS, MIDDLE, NEW, Deployed

CARRIED = '''
"""Each plan is in the journal before the play goes on, as where somebody has to approve it first."""
import os
import sqlite3
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase

JOURNAL = Path(os.environ["INCIDENT_STATE_DIR"]) / "journal.db"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_NAME = "carried"

    def v2_playbook_on_play_start(self, play):
        until = time.monotonic() + 240
        while play.get_name() == "Carry out the undo" and plans() < int(os.environ["PLANS"]):
            assert time.monotonic() < until
            time.sleep(0.05)


def plans():
    with sqlite3.connect(JOURNAL, timeout=60) as journal:
        return sum(b'"plan"' in body for (body,) in journal.execute("SELECT body FROM entries"))
'''


def carried_at_once(deployed: Deployed, plans: int) -> None:
    """From now on the play waits until the journal has so many plans."""
    folder = deployed.folder / "callbacks"
    folder.mkdir(exist_ok=True)
    (folder / "carried.py").write_text(CARRIED)
    deployed.environment |= {"ANSIBLE_CALLBACK_PLUGINS": str(folder), "PLANS": str(plans)}


def test_an_undo_by_incident_never_takes_its_own_plan_for_what_is_to_be_undone(deployed: Deployed) -> None:
    """However fast the courier is: the plan that the undo itself has made is on the timeline before its next play begins."""
    assert deployed.rollback()[0] == 0
    (incident,) = deployed.incidents()
    carried_at_once(deployed, 2)
    code, output = deployed.undo("-e", f"incident={incident['name']}")
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{NEW}"] * 2
    assert "no service" not in output
    assert "DEGRADED" not in output
    (incident,) = deployed.incidents()
    assert [run["verdict"] for run in incident["runs"]] == ["worked", "worked"]


def test_an_undo_that_changed_nothing_is_not_what_the_next_one_undoes(deployed: Deployed) -> None:
    """Its approval was refused, say: the rollback still stands, and is still what there is to undo."""
    assert deployed.rollback()[0] == 0
    first, (incident,) = deployed.last_run(), deployed.incidents()
    by_incident = ("-e", f"incident={incident['name']}")
    code, output = deployed.undo(*by_incident, "-e", "approved_plan=000000000000")
    assert code != 0
    assert deployed.current() == [f"releases/{MIDDLE}"] * 2
    code, output = deployed.undo(*by_incident)
    assert code == 0, output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    second = deployed.last_run()

    code, output = deployed.undo(*by_incident)
    assert code != 0
    assert f"Nothing of {incident['name']} is left to undo: the rollback {first} was undone by {second}. Nothing was touched." in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    code, output = deployed.undo("-e", f"run={first}")
    assert code != 0
    assert f"The rollback {first} was undone by {second} already: there is nothing to do. Nothing was touched." in output
    assert f"It can be done for: {second} (undo of the rollback)." in output
    code, output = deployed.undo("-e", f"run={second}")
    assert code == 0, output
    assert deployed.current() == [f"releases/{MIDDLE}"] * 2


def test_an_undo_that_got_half_way_goes_on_with_the_other_host(deployed: Deployed) -> None:
    """The first host is as it was, the second couldn't be: the same command takes that one alone."""
    assert deployed.rollback()[0] == 0
    (incident,) = deployed.incidents()
    bad = deployed.srv / HOSTS[1] / "releases" / NEW / "bad"
    bad.touch()
    code, output = deployed.undo("-e", f"incident={incident['name']}")
    assert code != 0
    assert deployed.current() == [f"releases/{NEW}", f"releases/{MIDDLE}"]
    bad.unlink()
    code, output = deployed.undo("-e", f"incident={incident['name']}")
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{NEW}"] * 2


def test_a_playbook_of_ones_own_may_say_which_run_it_undoes(deployed: Deployed) -> None:
    """By the variables of its import, which Ansible doesn't know yet when it reads our plays."""
    assert deployed.rollback()[0] == 0
    path = deployed.folder / "own.yml"
    path.write_text(f"- import_playbook: incident.response.undo\n  vars: {{run: {deployed.last_run()}}}\n")
    code, output = deployed.run(playbook=str(path))
    assert code == 0, output
    assert deployed.current() == deployed.running() == [f"releases/{NEW}"] * 2


def test_another_name_of_plan_counts_beside_plays_of_ones_own(deployed: Deployed) -> None:
    path = deployed.folder / "own.yml"
    own = "- {hosts: localhost, gather_facts: false, tasks: [{ansible.builtin.debug: {msg: mine}}]}\n"
    path.write_text(f"{own}- import_playbook: incident.response.rollback\n")
    code, output = deployed.run("-e", "app=api version=previous dry_run=true", playbook=str(path))
    assert code == 0, output
    assert "Plan: rollback of api" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
