# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is promised of an incident that is thought to be mitigated and isn't: no false all-clear, inside or outside."""

from __future__ import annotations

import json

from servers.running import RocketChat
from sites import Site, eventually

RESTART = ("-e", "service=api host=prod-api-01 severity=P0")


def states(site: Site) -> list[str]:
    """What the policy has said on the status page, oldest first."""
    return [entry["text"] for entry in site.incidents()[0]["entries"] if entry["kind"] == "published"]


def test_a_failed_action_on_a_mitigated_incident_takes_it_back_in_chat_and_on_the_status_page(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    assert site.run(*RESTART)[0] == 0
    assert site.incidents()[0]["status"] == "mitigated"
    assert eventually(lambda: states(site)[-1:] == ["Status page: api is degraded performance"]), site.courier_log()
    (site.folder / "cannot-start").touch()
    code, output = site.run(*RESTART)
    assert code != 0
    incident = site.incidents()[0]
    assert (incident["status"], incident["mitigated_at"]) == ("investigating", None)
    assert f"incident {incident['name']} (investigating)" in " ".join(output.split())
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
    assert eventually(lambda: chat.room(incident["channel"])["topic"].startswith("P0 · investigating"))
    (call,) = [message["msg"] for message in chat.messages(incident["name"]) if "broke it" in message["msg"]]
    assert call.startswith("@")
    assert call.endswith("🚨 *P0* api · prod-api-01 is DOWN: the restart of api broke it, so it is being investigated again")
    assert eventually(lambda: states(site)[-1:] == ["Status page: api is major outage"]), site.courier_log()
    (site.folder / "cannot-start").unlink()
    assert site.run(*RESTART)[0] == 0
    incident = site.incidents()[0]
    assert incident["status"] == "mitigated"
    assert incident["mitigated_at"] == incident["runs"][-1]["ended_at"]


def test_the_health_before_is_in_the_plan_and_on_the_timeline_in_words(site: Site) -> None:
    health = {"service_restart_tcp": "127.0.0.1:9", "service_restart_retries": 1}
    code, output = site.run("-e", "service=api host=prod-api-01", "-e", json.dumps(health))
    assert code != 0
    output = " ".join(output.split())
    was = "down: "
    assert f" prod-api-01: now {was}" in output
    planned, *judged = [entry["text"] for entry in site.entries() if entry["action"].endswith(("action_plan", "action_verdict"))]
    assert f"prod-api-01: now {was}" in planned
    assert f"; before: {was}" in judged[-1]
    assert "127.0.0.1:9" in judged[-1].partition("before: ")[2]
