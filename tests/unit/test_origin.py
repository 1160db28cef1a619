# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who started a run, and from where: never a person's name for what automation did."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.plugin_utils._origin import git_revision, origin

HERE, ME = socket.gethostname(), pwd.getpwuid(os.getuid()).pw_name
BY = f", run by {ME} on {HERE}"
"""What AWX and Semaphore say of a person is theirs to know: a variable. Whose process it is, is this machine's."""


@pytest.mark.parametrize(
    ("variables", "environ", "user", "where", "person", "link"),
    [
        ({"awx_job_id": 7, "awx_user_name": "ada"}, {"AWX_HOST": "https://awx.example.com/"}, "ada", f"AWX job 7{BY}", True,
         "https://awx.example.com/#/jobs/playbook/7"),
        ({"awx_job_id": 7}, {}, "awx", f"AWX job 7{BY}", False, ""),
        ({"awx_job_id": 7, "awx_user_name": "ada", "awx_schedule_id": 3}, {}, "ada", f"AWX job 7{BY}", False, ""),
        ({}, {"JOB_ID": "9", "AWX_HOST": "https://awx"}, "awx", f"AWX job 9{BY}", False, "https://awx/#/jobs/playbook/9"),
        ({"semaphore_vars": {"task_details": {"id": 5, "username": "bo", "url": "https://s/5"}}}, {}, "bo", f"Semaphore task 5{BY}", True, "https://s/5"),
        ({"semaphore_vars": {"task_details": {"id": 5}}}, {}, "semaphore", f"Semaphore task 5{BY}", False, ""),
        ({"ansible_eda": {"event": {}}}, {}, "event-driven-ansible", f"a rulebook on {HERE}", False, ""),
        ({}, {"CI": "true", "GITLAB_USER_LOGIN": "cy", "CI_JOB_URL": "https://ci/1"}, "cy", f"CI on {HERE}", False, "https://ci/1"),
        ({}, {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "di", "GITHUB_RUN_ID": "3", "GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r"},
         "di", f"CI on {HERE}", False, "https://g/o/r/actions/runs/3"),
    ],
)  # fmt: skip
def test_what_started_a_run_is_known(
    variables: dict[str, Any], environ: dict[str, str], user: str, where: str, person: bool, link: str, tmp_path: Path
) -> None:
    found = origin(variables, str(tmp_path), environ)
    assert (found.user, found.where, found.person, found.link) == (user, where, person, link)
    assert found.actor == (user if person else f"automation:{user}")


def test_a_shell_is_a_person_on_this_host(tmp_path: Path) -> None:
    found = origin({}, str(tmp_path), {})
    assert (found.actor, found.where, found.person) == (ME, HERE, True)


@pytest.mark.parametrize("variable", ["LOGNAME", "USER"])
def test_a_variable_makes_nobody_of_somebody_else(tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "ceo")
    found = origin({}, str(tmp_path), {variable: "ceo"})
    assert (found.actor, found.where) == (ME, f"{HERE} (who calls themselves 'ceo')")


def test_the_revision_is_that_of_the_playbooks_checkout(tmp_path: Path) -> None:
    assert git_revision(tmp_path) == ""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "playbooks").mkdir()
    assert git_revision(tmp_path / "playbooks") == head[:12]
    subprocess.run([*git, "pack-refs", "--all"], check=True)
    assert git_revision(tmp_path) == head[:12]
    assert origin({}, str(tmp_path), {"PROJECT_REVISION": "abc"}).revision == "abc"


def test_links_to_a_job_have_no_user_and_no_password() -> None:
    """CI services give addresses as their administrators wrote them."""
    came = origin({}, ".", {"CI": "true", "CI_JOB_URL": "https://gitlab:hunter2secret@ci.example.com/jobs/1@2"})
    assert came.link == "https://ci.example.com/jobs/1@2"
