# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a step prints, and what it refuses before anything is recorded or told."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from servers.running import RocketChat
from sites import DELIVER, Site


def step(site: Site, name: str, **variables: Any) -> tuple[int, str]:
    return site.run("-e", json.dumps(variables), playbook=f"playbooks/{name}.yml")


def catalogue(site: Site, services: dict[str, Any], **more: Any) -> None:
    path = site.folder / "incident-response.yml"
    path.write_text(json.dumps({"services": services, **more}))
    site.environment["INCIDENT_CONFIG"] = str(path)


def test_the_command_that_publishes_a_draft_can_be_pasted(site: Site) -> None:
    assert step(site, "incident_open", service="api", title="slow", severity="P2")[0] == 0
    code, output = step(site, "incident_communicate", service="api", message="It is slow")
    assert code == 0, output
    (command,) = re.findall(r"^ansible-playbook (incident\.response\.incident_communicate .*)$", output, re.MULTILINE)
    assert f"incident.response: {site.incidents()[0]['name']} · drafted for customers" in output
    playbook, *arguments = shlex.split(command)
    code, output = site.run(*arguments, playbook=playbook)
    assert code == 0, output
    assert "Nothing went out" not in output


DETAILS = {"root_cause": "pool", "fix": "more", "monitoring": "alert", "next": "review"}
FORCE = {"force": True, "message": "I looked myself"}


@pytest.mark.parametrize(
    ("name", "services", "why"),
    [
        ("incident_resolve", None, "there is no configuration here, so no service catalogue"),
        ("incident_close", {"db": {"hosts": "prod-db-01", "backend": "compose"}}, "the service catalogue has no health check of it"),
    ],
)
def test_what_nobody_looked_at_is_over_by_force_only_and_the_record_says_so(site: Site, name: str, services: dict[str, Any] | None, why: str) -> None:
    if services is not None:
        catalogue(site, services)
    assert step(site, "incident_open", service="db", title="slow", severity="P2")[0] == 0
    code, output = step(site, name, service="db", **DETAILS, force=True)
    assert code == 5, output
    assert f"Nobody can look whether db is healthy: {why}. Nothing was recorded." in output
    assert "PLAY [" not in output
    assert site.incidents()[0]["status"] == "open"
    code, output = step(site, name, service="db", **DETAILS, **FORCE)
    assert code == 0, output
    assert f"nobody looked at db: {why}" in " ".join(output.split())
    ended = " ".join(entry["text"] for entry in site.entries())
    assert f": I looked myself (nobody looked at db: {why})" in ended


def test_an_incident_of_no_service_needs_no_force_to_be_over(site: Site) -> None:
    assert step(site, "incident_open", title="slow", severity="P2")[0] == 0
    code, output = step(site, "incident_resolve", incident=site.incidents()[0]["name"])
    assert code == 0, output
    assert "It is of no service, so there is nothing to look at" in output


def test_a_step_says_which_incident_where_and_who_was_mentioned(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    code, output = step(site, "incident_open", service="db", title="slow", severity="P1")
    assert code == 0, output
    name = site.incidents()[0]["name"]
    assert f"incident.response: {name} · P1, opened · in #{name} · mentioned: @oncall, @alice, @bob" in output
    code, output = step(site, "incident_open", service="db", title="slow", severity="P1")
    assert f"incident.response: {name} · P1, nothing new, it was so already · in #{name}\n" in output
    code, output = step(site, "incident_handoff", service="db", to="@bob", message="sleep")
    assert f"incident.response: {name} · P1, open · Handed over to bob: sleep · in #{name} · mentioned: @bob\n" in output
    assert any("Handed over to bob: sleep" in message["msg"] and "@bob" in message["msg"] for message in chat.messages(name))
    code, output = step(site, "incident_handoff", service="db", to="bobb", message="sleep")
    assert "@bobb is not called" in " ".join(output.split()), output


def test_a_delivery_says_what_it_brought_and_which_name_is_new(site: Site, chat: RocketChat) -> None:
    chat_there = chat.environment()
    site.environment |= {**chat_there, "ROCKETCHAT_URL": "http://127.0.0.1:1", "INCIDENT_DRAIN_TIMEOUT": "0"}
    assert step(site, "incident_open", service="db", title="slow", severity="P2")[0] == 0
    before = site.incidents()[0]["name"]
    site.end_couriers()
    site.environment |= {**chat_there, "INCIDENT_DRAIN_TIMEOUT": "60"}
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    assert f"{before} is now {site.incidents()[0]['name']} · " in output
    assert "1 entry brought to chat" in output
    assert "incident.response: nothing was pending" in site.run(playbook=DELIVER)[1]
