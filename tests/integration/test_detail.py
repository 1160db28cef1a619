# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nobody would tell is marked where it is written; what failed, or changed anything, never is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fleets import Fleet, run

DETAIL: list[dict[str, Any]] = [
    {"name": "Set a fact", "ansible.builtin.set_fact": {"a": 1}},
    {"name": "Set a fact by its short name", "set_fact": {"b": 1}},
    {"name": "Assert it", "ansible.builtin.assert": {"that": "a == 1"}},
    {"name": "Assert each", "ansible.builtin.assert": {"that": "item == 1"}, "loop": [1, 1]},
    {"name": "Check the arguments of {{ inventory_hostname }}", "ansible.builtin.validate_argument_spec": {"argument_spec": {}}},
    run("Only look", arguments="false", failed_when=False),
    run("Skipped", when=False),
    run("Skipped {{ inventory_hostname }}", when=False),
]
TOLD: list[dict[str, Any]] = [
    run("Look"),
    {"name": "Say it", "ansible.builtin.debug": {"msg": "x"}},
    {"name": "Set a fact and say that it changed", "ansible.builtin.set_fact": {"c": 1}, "changed_when": True},
    {"name": "Ignored", "ansible.builtin.assert": {"that": "a == 2"}, "ignore_errors": True},
    {"name": "Block", "block": [{"name": "Rescued", "ansible.builtin.fail": {"msg": "no"}}], "rescue": [run("Rescue")]},
    {"name": "Failed", "ansible.builtin.assert": {"that": "a == 2"}},
]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_what_nobody_would_tell_is_detail_and_stays_in_the_journal(fleet: Fleet) -> None:
    code, output = fleet.run(playbook=fleet.write(fleet.play(*DETAIL, *TOLD)))
    assert code != 0
    assert "DEGRADED" not in output, output
    (incident,) = fleet.incidents()
    details = fleet.details(incident["id"])
    tasks = [entry for entry in incident["entries"] if entry["kind"] == "task"]
    marked = [entry["text"] for entry in tasks if entry["seq"] in details]
    assert marked == [str(task["name"]).replace("{{ inventory_hostname }}", "web1") for task in DETAIL]
    told = [entry["text"].partition(":")[0] for entry in tasks if entry["seq"] not in details]
    assert told == ["Look", "Say it", "Set a fact and say that it changed", "Ignored", "Rescued", "Rescue", "Failed"]


def test_the_last_block_says_first_what_failed_where_and_why(fleet: Fleet) -> None:
    failing = {"name": "Stop it", "ansible.builtin.fail": {"msg": "The disk is full"}}
    code, output = fleet.run(playbook=fleet.write(fleet.play(failing, action="restart", hosts="web1,web2")))
    assert code != 0
    ending = output[output.index("incident.response: ❌") :]
    assert ending.startswith("incident.response: ❌ api restart on web1, web2 FAILED: The disk is full · by ")
    assert "\nincident.response: incident incident-" in ending
    assert "\n  next: mend that on web1, web2, then run it again" in ending
