# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `version=previous` means: never a guess, and never forward."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from deployments import HOSTS, MIDDLE, NEW, OLD, ROLLBACK, Deployed
from servers.running import RocketChat
from sites import Site

INSTANTS = ("20261101100000", "20261110100000", "20261120100000")
TRUE = ["true"]


class Folders(Site):
    """One host with release folders, and a service that has no process of its own: what runs is what `current` points to."""

    def __init__(self, folder: Path, current: str, *others: str) -> None:
        super().__init__(folder)
        self.api = folder / "api"
        for day, name in enumerate(sorted({current, *others}, key=lambda name: name.zfill(20))):
            (self.api / "releases" / name).mkdir(parents=True)
            os.utime(self.api / "releases" / name, (day * 86400, day * 86400))
        (self.api / "current").symlink_to(f"releases/{current}")
        local = {"ansible_connection": "local", "ansible_python_interpreter": str(self.programs / "python")}
        self.inventory.write_text(json.dumps({"all": {"hosts": {HOSTS[0]: local}}}))
        service = {
            "hosts": HOSTS[0], "backend": "command", "commands": dict.fromkeys(("start", "stop", "status"), TRUE),
            "health": {"command": TRUE, "retries": 1}, "versions": {"backend": "release", "path": str(self.api)},
        }  # fmt: skip
        config = folder / "config.yml"
        config.write_text(json.dumps({"services": {"api": service}}))
        self.environment["INCIDENT_CONFIG"] = str(config)

    def rollback(self, version: str = "previous") -> tuple[int, str]:
        code, output = self.run("-e", f"app=api version={version}", playbook=ROLLBACK)
        return code, " ".join(output.split())

    def current(self) -> str:
        return (self.api / "current").readlink().name


def test_from_the_oldest_build_of_unequal_length_it_never_goes_forward(tmp_path: Path) -> None:
    folders = Folders(tmp_path, "98", "99", "100", "101")
    code, output = folders.rollback()
    assert code != 0
    assert "There is no release before 98. Nothing was touched. Name the exact version" in output
    assert "There are 98 (folder changed 1970-01-01 00:00 UTC), 99 (1970-01-02 00:00 UTC), 100 (" in output
    assert folders.current() == "98"


def test_build_100_goes_back_to_99(tmp_path: Path) -> None:
    folders = Folders(tmp_path, "100", "98", "99", "101")
    code, output = folders.rollback()
    assert code == 0, output
    assert folders.current() == "99"


def test_a_broken_upload_among_instants_is_no_release(tmp_path: Path) -> None:
    folders = Folders(tmp_path, INSTANTS[2], *INSTANTS, "upload.tmp")
    os.utime(folders.api / "releases" / "upload.tmp", (2.5 * 86400, 2.5 * 86400))
    code, output = folders.rollback()
    assert code == 0, output
    assert folders.current() == INSTANTS[1]


@pytest.mark.parametrize(("full", "says"), [(True, "looks like a half copy: it lacks bin, lib"), (False, "named otherwise, has all that")])
def test_doubt_refuses_and_lists_what_there_is(tmp_path: Path, full: bool, says: str) -> None:
    """A half copy with the name of a release; a whole release with a name of its own."""
    folders = Folders(tmp_path, INSTANTS[2], *INSTANTS, *([] if full else ["hotfix"]))
    for name in (INSTANTS[0], INSTANTS[2], *([] if full else [INSTANTS[1], "hotfix"])):
        for part in ("bin", "lib", "etc"):
            (folders.api / "releases" / name / part).mkdir()
    (folders.api / "releases" / INSTANTS[1] / "etc").mkdir(exist_ok=True)
    for day, name in enumerate([*INSTANTS[:2], *([] if full else ["hotfix"]), INSTANTS[2]]):
        os.utime(folders.api / "releases" / name, (day * 86400, day * 86400))
    code, output = folders.rollback()
    assert code != 0
    assert says in output
    assert f"Nothing was touched. Name the exact version: -e version=… There are {INSTANTS[0]} (folder changed 1970-01-01 00:00 UTC)" in output
    assert folders.current() == INSTANTS[2]


def test_a_second_previous_in_one_incident_is_refused_since_it_goes_two_back(deployed: Deployed) -> None:
    assert deployed.rollback("-e", f"host={HOSTS[0]}")[0] == 0
    first = deployed.last_run()
    code, output = deployed.rollback("-e", f"host={HOSTS[1]}")  # another host: for it this is the first
    assert code == 0, output
    code, output = deployed.rollback()
    assert code != 0
    assert f"api went back in this incident already, so previous would go two back: {HOSTS[0]} went from {NEW} to {MIDDLE}" in output
    assert "Nothing was touched. Name the exact version to go to" in output
    assert deployed.current() == [f"releases/{MIDDLE}"] * 2
    assert deployed.rollback("-e", f"version={OLD} host={HOSTS[1]}")[0] == 0
    assert deployed.undo("-e", f"action={first}")[0] == 0
    code, output = deployed.rollback("-e", f"host={HOSTS[0]}")
    assert code == 0, output
    assert deployed.current() == [f"releases/{MIDDLE}", f"releases/{OLD}"]


def test_what_is_refused_before_it_has_a_plan_opens_no_incident_and_calls_nobody(tmp_path: Path, chat: RocketChat) -> None:
    """A version that isn't there is a mistake, and no news; where an incident is open, it is told there."""
    folders = Folders(tmp_path, "99", "98")
    folders.environment |= chat.environment()
    code, output = folders.rollback("97")
    assert code != 0
    assert "There is no release 97." in output
    assert "incident none: what is refused before it has a plan opens none" in output
    assert "Call " not in output
    assert not folders.incidents()
    assert not chat.messages("incidents")
    assert folders.ad_hoc("rocketchat_incident", "state=open service=api title='API slow'")[0] == 0
    code, output = folders.rollback("97")
    assert code != 0
    (incident,) = folders.incidents()
    assert any("There is no release 97." in entry["text"] for entry in incident["entries"])
    assert f"incident {incident['name']} (" in output
