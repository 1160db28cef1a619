# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The person or automation that started a run, and its place."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.redact import link as without_login

from ._login import login
from ._process import ancestors

_SCHEDULERS = {"cron", "crond", "atd", "anacron", "fcron"}
_CI_LINKS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "DRONE_BUILD_LINK", "BUILDKITE_BUILD_URL")


@dataclass(frozen=True, slots=True)
class Origin:
    """`person` is false for automation. `link` is the address of the job, if there is one."""

    user: str
    where: str
    person: bool
    link: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "link", without_login(self.link))

    @property
    def actor(self) -> str:
        return self.user if self.person else f"automation:{self.user}"


def origin(variables: Mapping[str, Any], playbook_dir: str, environ: Mapping[str, str] | None = None) -> Origin:
    """Read the origin from the variables and environment of AWX, Semaphore, Event-Driven Ansible, CI services and schedulers."""
    environ = os.environ if environ is None else environ
    revision = environ.get("PROJECT_REVISION") or git_revision(Path(playbook_dir))
    who, here = login(environ), socket.gethostname()
    user, host = who.user, f"{here} ({who.how})" if who.how else here
    job = variables.get("awx_job_id") or variables.get("tower_job_id") or environ.get("JOB_ID")
    if "ansible_eda" in variables:
        return Origin("event-driven-ansible", f"a rulebook on {here}", False, revision=revision)
    if job and (environ.get("AWX_HOST") or "awx_job_id" in variables or "tower_job_id" in variables):
        name = str(variables.get("awx_user_name") or variables.get("tower_user_name") or "awx")
        scheduled = "awx_schedule_id" in variables or "tower_schedule_id" in variables
        host = environ.get("AWX_HOST", "").rstrip("/")
        link = f"{host}/#/jobs/playbook/{job}" if host.startswith("http") else ""
        return Origin(name, f"AWX job {job}, run by {user} on {here}", name != "awx" and not scheduled, link, revision)
    semaphore = variables.get("semaphore_vars")
    if isinstance(semaphore, Mapping):
        task = semaphore.get("task_details") or {}
        name, url = str(task.get("username") or ""), str(task.get("url") or "")
        return Origin(name or "semaphore", f"Semaphore task {task.get('id', '')}".strip() + f", run by {user} on {here}", bool(name), url, revision)
    if environ.get("CI") or environ.get("GITHUB_ACTIONS") or environ.get("BUILD_URL"):
        link = next((environ[each] for each in _CI_LINKS if environ.get(each)), "")
        if environ.get("GITHUB_RUN_ID"):
            link = f"{environ.get('GITHUB_SERVER_URL', '')}/{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{environ['GITHUB_RUN_ID']}"
        name = environ.get("GITHUB_ACTOR") or environ.get("GITLAB_USER_LOGIN") or user
        return Origin(name, f"CI on {here}", False, link, revision)
    if any(name in _SCHEDULERS for name in ancestors(os.getpid())):
        return Origin(user, f"a scheduler on {here}", False, revision=revision)
    return Origin(user, host, True, revision=revision)


def git_revision(folder: Path) -> str:
    """The first 12 digits of the commit that is checked out in or above `folder`; empty if there is none."""
    try:
        for place in (folder, *folder.parents):
            git = place / ".git"
            if git.is_file():
                git = place / git.read_text().removeprefix("gitdir:").strip()
            if not git.is_dir():
                continue
            head = (git / "HEAD").read_text().strip()
            if not head.startswith("ref: "):
                return head[:12]
            ref = head.removeprefix("ref: ")
            common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
            if (common / ref).exists():
                return (common / ref).read_text().strip()[:12]
            packed = (common / "packed-refs").read_text().splitlines()
            return next((line.split()[0][:12] for line in packed if line.endswith(f" {ref}")), "")
    except (OSError, UnicodeDecodeError):
        pass
    return ""
