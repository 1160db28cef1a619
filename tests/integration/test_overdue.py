# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the tick and of escalation, by the playbooks that people run, with a chat that is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._core.incident import utc
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from servers.running import RocketChat
from sites import Site, eventually

LEVELS = """escalation:
  levels:
    - {name: On-call Engineer, notify: [oncall]}
    - {name: DevOps Lead, notify: [lead]}
    - {name: CTO, notify: [nobody.there]}
"""


@pytest.fixture
def late(site: Site, tmp_path: Path, chat: RocketChat) -> Site:
    """With an incident that nobody has acknowledged for eleven minutes."""
    path = tmp_path / "incident-response.yml"
    path.write_text(LEVELS)
    site.environment |= {**chat.environment(), "INCIDENT_CONFIG": str(path)}
    site.state.mkdir(parents=True)
    with SqliteJournal(site.state / "journal.db", _state.key(site.state)) as journal, journal.transaction():
        at = utc(time.time() - 11 * 60)
        open_incident(journal, title="It is slow", service="api", severity=Severity.P1, at=at, actor="ada", chat=True)
    return site


def tick(site: Site, *more: str) -> str:
    code, output = site.run(*more, playbook="playbooks/tick.yml")
    assert code == 0, output
    return output


def said(chat: RocketChat, site: Site) -> list[str]:
    incident: dict[str, Any] = site.incidents()[0]
    return [message["msg"] for message in chat.messages(incident["channel"])]


def test_the_next_level_is_called_once_and_hears_of_it(late: Site, chat: RocketChat) -> None:
    checked = tick(late, "--check")
    assert "nobody has acknowledged for 10 min" in checked
    assert "reminded" not in late.kinds()
    assert "escalated" not in late.kinds()
    output = tick(late)
    assert "Escalated to DevOps Lead: nobody has acknowledged for 10 min" in output
    assert "changed=1" in output
    assert "changed=0" in tick(late)
    assert late.kinds().count("escalated") == 1
    assert eventually(lambda: late.incidents()[0]["pending"] == 0), late.courier_log()
    (call,) = [text for text in said(chat, late) if "Escalated" in text]
    assert call.startswith("@lead ⏫ *Escalated to ")
    name = late.incidents()[0]["name"]
    assert [text for text in (message["msg"] for message in chat.messages("incidents")) if text.endswith(f"#{name}") and "⏫" in text]


def test_people_call_the_next_level_by_the_playbook_and_whom_the_server_does_not_know_is_said(late: Site, chat: RocketChat) -> None:
    for playbook, level in (("playbooks/incident/escalate.yml", "DevOps Lead"), ("incident.response.incident_escalate", "CTO")):
        code, output = late.run("-e", '{"service": "api", "reason": "the pool is exhausted"}', playbook=playbook)
        assert code == 0, output
        assert f"Escalated to {level}: the pool is exhausted" in [entry["text"] for entry in late.incidents()[0]["entries"]]
    assert eventually(lambda: "@nobody.there could not be invited" in late.courier_log()), late.courier_log()
    assert eventually(lambda: sum("⏫" in text for text in said(chat, late)) == 2)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ('{"service": "api"}', "Say why"),
        ('{"service": "db", "reason": "x"}', "there is no incident of db"),
        ('{"incident": "incident-2020-01-01-001", "reason": "x"}', "no incident is called incident-2020-01-01-001"),
        ('{"service": "api", "reason": "x", "level": 9}', "level=9 is no level. The levels of escalation are: 1 On-call Engineer, 2 DevOps"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(late: Site, variables: str, message: str) -> None:
    code, output = late.run("-e", variables, playbook="playbooks/incident/escalate.yml")
    assert code != 0
    assert message in " ".join(output.split())
    assert "escalated" not in late.kinds()
