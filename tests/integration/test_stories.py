# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole stories, as people read them in chat and on the terminal."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from deployments import HOSTS, MIDDLE
from projects import TRANSCRIPTS, Project, check
from servers.running import RocketChat
from sites import Site, eventually

STORIES = {
    "failure": """
# its port is taken on prod-api-01
$ ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
# the port is free again
$ ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
""",
    "way_back": """
# the release before is broken
$ ansible-playbook playbooks/emergency/rollback.yml -e "app=api version=previous"
""",
    "approval": """
# a rollback needs the approval of alice or bob
& ansible-playbook playbooks/emergency/rollback.yml -e "app=api version=previous"
# alice writes !approve and no more
# alice reacts with ✅
= the terminal shows
& ansible-playbook playbooks/emergency/rollback.yml -e "app=api version=20251101100000"
# bob reacts with ❌
= the terminal shows
""",
    "escalation": """
# the levels have people
$ ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "API errors above 50 %", "severity": "P0"}'
$ ansible-playbook incident.response.incident_escalate -e '{"service": "api", "reason": "the pool is exhausted"}'
$ ansible-playbook incident.response.incident_escalate -e '{"service": "api", "reason": "still down", "level": 2}'
""",
    "drill": """
$ ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01 drill=true"
$ ansible-playbook playbooks/emergency/rollback.yml -e "app=api version=previous drill=dry"
""",
    "p3": """
$ ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "Wrong price on the start page", "severity": "P3"}'
$ ansible-playbook incident.response.incident_severity -e '{"service": "api", "severity": "P1", "message": "customers buy at 0 EUR"}'
""",
    "security": """
# the levels have people
$ ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "Unexplained logins", "severity": "P0", "concerns": ["security"]}'
$ ansible-playbook incident.response.incident_communicate -e '{"service": "api", "message": "We look into it."}'
$ ansible-playbook incident.response.incident_update -e '{"service": "api", "embargo": false, "message": "the logins were our own scanner"}'
""",
    "chat_away": """
# chat is gone
$ ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
$ ansible-playbook incident.response.incident_open -e '{"service": "db", "title": "Database offline", "severity": "P0", "force": true}'
# chat is back
$ ansible-playbook incident.response.deliver
""",
    "hand_over": """
$ ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "Slow", "severity": "P2"}'
$ ansible-playbook incident.response.incident_handoff -e '{"service": "api", "to": "bob", "message": "the pool is at 50 now"}'
$ ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "Slow as well", "severity": "P3"}'
""",
    "close": """
$ ansible-playbook incident.response.incident_open -e "service=api severity=P1 title=API errors above 50 %"
$ ansible-playbook incident.response.incident_close -e "service=api"
$ ansible-playbook incident.response.incident_close -e '{"service": "api", "root_cause": "Pool of 20", "fix": "Pool of 50", "monitoring": "Alert on it", "next": "Review"}'
$ ansible-playbook incident.response.incident_update -e "service=api message=it is back"
$ ansible-playbook incident.response.incident_review -e '{"service": "api", "message": "https://wiki.example.com/review"}'
$ ansible-playbook incident.response.incident_show -e "service=api"
""",  # noqa: E501 - as it is typed
}
"""What is typed (`$`), typed and waits (`&`) until its terminal is shown (`=`), and what happens meanwhile (`#`)."""


class Story(Project):
    """A project in which something happens."""

    def begin(self, command: str) -> None:
        """What waits for somebody."""
        self._waiting = (
            command,
            subprocess.Popen(
                shlex.split(command), cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ),
        )

    def ending(self) -> str:
        """What the terminal shows of what has waited."""
        command, process = self._waiting
        output = process.communicate(timeout=240)[0]
        return f"$ {command}\n{output.rstrip()}\n[ends with {process.returncode}]\n"

    def configure(self, **changes: Any) -> None:
        path = self.folder / "incident-response.yml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))

    def question(self) -> dict[str, Any]:
        """The last one that chat has, once it is there."""

        def asked() -> list[dict[str, Any]]:
            rooms = [room for room in self.chat.state()["rooms"] if room["name"].startswith("incident-")]
            return [message for room in rooms for message in room["messages"] if "NEEDS APPROVAL" in message["msg"] and not message.get("reactions")]

        assert eventually(lambda: bool(asked()))
        return asked()[-1]

    def _approval(self) -> None:
        required = {"required": [{"actions": ["rollback"]}], "approvers": ["alice", "bob"], "logins": {"ada": "carol"}, "within": "4m"}
        self.configure(safety={"lock_within": "1h", "approval": required})

    def _mistake(self) -> None:
        question = self.question()
        self.chat.person("alice", room=next(each["channel"] for each in self.deployed.incidents()), text="!approve")
        room = self.deployed.incidents()[0]["channel"]
        assert eventually(lambda: any("counts for nothing" in each["msg"] for each in self.chat.thread(room, question["tmid"])))

    def _react(self, user: str, emoji: str) -> None:
        self.chat.person(user, message=self.question()["_id"], emoji=emoji)

    def _break_release(self) -> None:
        for host in HOSTS:
            (self.deployed.srv / host / "releases" / MIDDLE / "bad").touch()

    def _lose_chat(self) -> None:
        self.chat.kill()
        self.environment["INCIDENT_DRAIN_TIMEOUT"] = "1"

    def _regain_chat(self) -> None:
        self.deployed.end_couriers()  # or they are there first, at times
        self.chat.start()

    def happens(self, what: str) -> None:
        """What a story says that happens."""
        broken = self.deployed.srv / "prod-api-01" / "broken"
        levels = [{"name": "On-call Engineer"}, {"name": "DevOps Lead", "notify": ["dora"]}, {"name": "CTO + Security Lead", "notify": ["eve"]}]
        acts: dict[str, Callable[[], object]] = {
            "its port is taken on prod-api-01": broken.touch,
            "the port is free again": broken.unlink,
            "the release before is broken": self._break_release,
            "a rollback needs the approval of alice or bob": self._approval,
            "alice writes !approve and no more": self._mistake,
            "alice reacts with ✅": lambda: self._react("alice", "white_check_mark"),
            "bob reacts with ❌": lambda: self._react("bob", "x"),
            "the levels have people": lambda: self.configure(escalation={"levels": levels}),
            "chat is gone": self._lose_chat,
            "chat is back": self._regain_chat,
        }
        acts[what]()


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_told_as_it_is_kept(installed: Site, chat: RocketChat, name: str, pytestconfig: pytest.Config) -> None:
    project, told = Story(installed, chat), []
    for line in STORIES[name].strip().splitlines():
        what, words = line[0], line[2:]
        if what == "#":
            project.happens(words)
            told.append(f"> {words}\n")
        elif what == "&":
            project.begin(words)
        else:
            told.append(f"```\n{project.ending() if what == '=' else project.type(words)}```\n")
    renew, title = bool(pytestconfig.getoption("renew")), name.replace("_", " ").capitalize()
    check(TRANSCRIPTS / f"{name}.md", project.same(f"# {title}, on the terminal\n\n" + "\n".join(told)), renew=renew)
    check(TRANSCRIPTS / f"{name}.chat.md", project.same(f"# {title}, in chat\n\n{project.said()}"), renew=renew)
