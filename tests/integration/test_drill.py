# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drill runs the same code, and nobody takes it for the real thing."""

from __future__ import annotations

import re

import pytest
from deployments import HOSTS, MIDDLE, NEW, Deployed
from servers.running import RocketChat
from sites import Site, eventually

RESTART = ("-e", "service=api host=prod-api-01")


def test_a_drill_acts_and_is_marked_everywhere_and_calls_nobody(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    code, output = site.run(*RESTART, "-e", "drill=true")
    assert code == 0, output
    assert "THIS IS A DRILL" in output
    assert (site.folder / "running").exists()
    (incident,) = site.incidents()
    assert incident["drill"] is True
    assert re.fullmatch(r"drill-\d{4}-\d\d-\d\d-001", incident["name"])
    assert eventually(lambda: site.incidents()[0]["pending"] == 0)
    said = chat.messages(incident["name"]) + chat.messages("incidents")
    assert len(said) > 3
    assert [message["msg"] for message in said if "DRILL" not in message["msg"]] == []
    assert [message["msg"] for message in said if re.search(r"(?:^|\s)@\w", message["msg"])] == []
    assert "DRILL" in chat.room(incident["name"])["topic"]
    assert chat.calls("channels.invite") == []


def test_a_drill_and_the_real_thing_never_share_an_incident(site: Site) -> None:
    for kind in ("true", "false", "true", "false"):
        assert site.run(*RESTART, "-e", f"drill={kind}")[0] == 0
    found = {incident["name"]: len(incident["runs"]) for incident in site.incidents()}
    assert sorted(name.partition("-")[0] for name in found) == ["drill", "incident"]
    assert set(found.values()) == {2}
    for name in found:
        kind = "false" if name.startswith("drill") else "true"
        (site.folder / "running").unlink()
        code, output = site.run(*RESTART, "-e", f"drill={kind} incident={name}")
        assert code != 0
        assert "Nothing was touched" in output
        assert not (site.folder / "running").exists()
        (site.folder / "running").touch()


def test_a_dry_drill_changes_nothing_and_does_all_the_rest(deployed: Deployed) -> None:
    before = [(deployed.srv / host / "running").stat().st_mtime_ns for host in HOSTS]
    code, output = deployed.rollback("-e", "drill=dry")
    assert code == 0, output
    assert "THIS IS A DRILL: nothing is changed" in output
    assert f"{NEW} to {MIDDLE}" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    assert [(deployed.srv / host / "running").stat().st_mtime_ns for host in HOSTS] == before
    (incident,) = deployed.incidents()
    assert incident["drill"] is True
    assert incident["runs"][0]["verdict"] == "worked"
    assert sum("a dry drill: nothing was changed" in entry["text"] for entry in incident["entries"]) == len(HOSTS)
    code, output = deployed.undo()
    assert code != 0
    assert "changed nothing that can be undone" in output


def test_the_undo_of_a_drill_is_part_of_the_drill(deployed: Deployed) -> None:
    assert deployed.rollback("-e", "drill=true")[0] == 0
    assert deployed.current() == [f"releases/{MIDDLE}"] * 2
    code, output = deployed.undo()
    assert code == 0, output
    assert "THIS IS A DRILL" in output
    assert deployed.current() == [f"releases/{NEW}"] * 2
    (incident,) = deployed.incidents()
    assert (incident["drill"], len(incident["runs"])) == (True, 2)


@pytest.mark.parametrize("given", ["maybe", "Dry run"])
def test_what_is_neither_is_refused(site: Site, given: str) -> None:
    code, output = site.run(*RESTART, "-e", f"drill='{given}'")
    assert code != 0
    assert f"drill='{given}' is neither true, false nor dry. Nothing was touched." in " ".join(output.split())
    assert not (site.folder / "running").exists()
