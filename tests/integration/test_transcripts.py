# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's page, typed by hand in somebody's own project: each command once with a typing mistake, and once right."""

from __future__ import annotations

import pytest
from deployments import NEW
from projects import TRANSCRIPTS, Project, check
from servers.running import RocketChat
from sites import Site

EMERGENCY = """
ansible-playbook playbooks/emergency/restart-service.yml -e "servcie=api host=prod-api-01"
ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-1"
ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01 plan=ture"
ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01" --tags restrat
ansible-playbook playbooks/emergency/restart-service.yml -e "service=api host=prod-api-01"
ansible-playbook playbooks/emergency/rollback.yml -e "app=api verison=previous"
ansible-playbook playbooks/emergency/rollback.yml -e "app=apii version=previous"
ansible-playbook playbooks/emergency/rollback.yml -e "app=api version=previous"
ansible-playbook playbooks/emergency/scale-up.yml -e "service=api relicas=3"
ansible-playbook playbooks/emergency/scale-up.yml -e "service=api replicas=three"
ansible-playbook playbooks/emergency/scale-up.yml -e "service=api replicas=3"
"""
STEPS = """
ansible-playbook incident.response.incident_open -e '{"service": "apii", "title": "API response time degraded"}'
ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "API response time degraded", "severty": "P1"}'
ansible-playbook incident.response.incident_open -e '{"service": "api", "title": "API response time degraded", "severity": "p1"}'
ansible-playbook incident.response.incident_acknowledge -e "service=api mesage=mine"
ansible-playbook incident.response.incident_acknowledge -e "app=api"
ansible-playbook incident.response.incident_update -e "service=api message=Root cause: pool exhausted"
ansible-playbook incident.response.incident_update -e '{"service": "api", "message": "Root cause: pool exhausted"}'
ansible-playbook incident.response.incident_escalate -e "service=api reason=stuck levle=2"
ansible-playbook incident.response.incident_escalate -e "service=api reason=stuck"
ansible-playbook incident.response.incident_resolve -e '{"service": "api", "root_cuase": "Pool too small"}'
ansible-playbook incident.response.incident_resolve -e '{"service": "api", "root_cause": "Pool too small", "fix": "Pool of 50", "monitoring": "Alert on the pool", "next": "Review tomorrow 2pm"}'
ansible-playbook incident.response.incident_close -e '{"servcie": "api", "message": "Resolved by scaling DB connections"}'
ansible-playbook incident.response.incident_close -e '{"service": "api", "message": "Resolved by scaling DB connections"}'
"""  # noqa: E501 - as it is typed


@pytest.mark.parametrize(("name", "commands"), [("emergency", EMERGENCY), ("steps", STEPS)])
def test_what_people_read_is_what_is_kept(installed: Site, chat: RocketChat, name: str, commands: str, pytestconfig: pytest.Config) -> None:
    project = Project(installed, chat)
    shown = "\n".join(f"```\n{project.type(command)}```\n" for command in commands.strip().splitlines())
    renew = bool(pytestconfig.getoption("renew"))
    check(TRANSCRIPTS / f"{name}.md", project.same(f"# {name.capitalize()}, on the terminal\n\n{shown}"), renew=renew)
    check(TRANSCRIPTS / f"{name}.chat.md", project.same(f"# {name.capitalize()}, in chat\n\n{project.said()}"), renew=renew)
    if name == "emergency":
        assert project.deployed.current()[0] != f"releases/{NEW}"
