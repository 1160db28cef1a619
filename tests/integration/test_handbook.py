# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands of docs/handbook.md, typed one after the other in a repository of one's own, with a chat, a rotation and releases."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat as Client
from projects import Project
from servers.running import RocketChat
from sites import ROOT, Site

COMMAND = re.compile(r"^(ansible(?:-playbook)? .*)$|`(ansible(?:-playbook)? [^`]*)`", re.MULTILINE)
DUTY = {
    "people": {"ada": {"username": "alice", "phone": "+49 30 123456"}, "grace": {"username": "bob"}},
    "schedule": {"layers": [{"name": "primary", "people": ["ada", "grace"], "start": "2026-01-05T09:00"}]},
}
LEVELS = [{"name": "On-call Engineer"}, {"name": "DevOps Lead", "notify": ["alice"]}, {"name": "CTO", "notify": ["bob"]}, {"name": "CEO"}]


@pytest.fixture
def project(installed: Site, chat: RocketChat) -> Project:
    """With a playbook of one line for each of the handbook's paths."""
    made = Project(installed, chat)
    (made.folder / "playbooks" / "incident").mkdir()
    for path in [*(ROOT / "playbooks" / "incident").glob("*.yml"), ROOT / "playbooks" / "status_page.yml"]:
        name = path.stem if path.parent.name == "playbooks" else f"incident_{path.stem}"
        (made.folder / path.relative_to(ROOT)).write_text(f"- import_playbook: incident.response.{name}\n")
    config = made.folder / "incident-response.yml"
    assert Client(chat.url, "bot-id", "bot-token").create_room("duty", {})  # one whose topic the bot may set
    more = {"oncall": DUTY, "escalation": {"levels": LEVELS}, "channels": {"devops": "duty"}}
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | more))
    return made


def test_each_command_of_the_handbook_ends_with_0(project: Project) -> None:
    """In the order of the page, after the incident has been opened, which the page tells before anything can be said of it."""
    page = (ROOT / "docs" / "handbook.md").read_text()
    commands = [line or inline for line, inline in COMMAND.findall(page)]
    opening = next(command for command in commands if "open.yml" in command)
    commands.remove(opening)
    assert len(commands) > 20
    failed = [shown for command in [opening, *commands] if "[ends with 0]" not in (shown := project.type(command))]
    assert failed == [], "\n\n".join(failed)
