# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the tick and of escalation, by the playbooks that people run, with a chat that is there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc
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
        assert code != 0, output
        assert "is recorded, and NOBODY WAS TOLD in chat: @" in " ".join(output.split()), output
        assert f"Escalated to {level}: the pool is exhausted" in [entry["text"] for entry in late.incidents()[0]["entries"]]
    assert eventually(lambda: "@nobody.there is not called" in late.courier_log()), late.courier_log()
    assert eventually(lambda: sum("⏫" in text for text in said(chat, late)) == 2)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ('{"service": "api"}', "incident_escalate needs reason"),
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


# What people ask for in chat


def test_people_call_the_next_level_and_acknowledge_in_chat_each_once(late: Site, chat: RocketChat) -> None:
    tick(late)
    assert eventually(lambda: late.incidents()[0]["pending"] == 0), late.courier_log()
    room = late.incidents()[0]["channel"]
    chat.person("bob", room=room, text="do we !escalate this?")
    chat.person("bob", room=room, text="!Escalate the pool is\nexhausted, password=hunter2secret")
    chat.person("alice", room=room, text="!ack on it")
    assert "the pool is exhausted" in tick(late, "--check")
    assert late.incidents()[0]["status"] == "open"
    assert "Escalated to CTO: the pool is exhausted" in tick(late)
    entries = [(entry["actor"], entry["text"]) for entry in late.incidents()[0]["entries"] if entry["actor"] in {"alice", "bob"}]
    assert entries == [("bob", "Escalated to CTO: the pool is exhausted, password=[redacted]"), ("alice", "Acknowledged: on it")]
    assert "changed=0" in tick(late)
    chat.person("bob", room=room, text="!escalate")
    assert "Asked to escalate (asked for in chat): everybody is called already" in tick(late)
    assert late.incidents()[0]["status"] == "acknowledged"


def test_a_call_that_reaches_nobody_fails_and_says_whom_to_call(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "levels.yml"
    path.write_text("escalation: {levels: [{name: On-call}, {name: Lead}, {name: CTO, notify: [cto]}]}\n")
    site.environment["INCIDENT_CONFIG"] = str(path)
    assert site.ad_hoc("rocketchat_incident", "state=open service=api title=Slow")[0] == 0
    code, output = site.run("-e", "service=api reason=stuck", playbook="playbooks/incident/escalate.yml")
    assert code != 0, output
    output = " ".join(output.split())
    assert "nobody is named for Lead" in output
    assert "no chat is configured here, and nothing that pages. Call cto (no telephone number in oncall.people)." in output


def test_nobody_is_called_for_what_is_over(late: Site) -> None:
    assert late.ad_hoc("rocketchat_incident", "service=api state=closed force=true")[0] == 0
    code, output = late.run("-e", "service=api reason=again", playbook="playbooks/incident/escalate.yml")
    assert code != 0
    assert "is closed: nobody is called for it" in " ".join(output.split())


def test_a_chat_that_is_gone_stops_no_clock(late: Site, chat: RocketChat) -> None:
    tick(late)
    assert eventually(lambda: late.incidents()[0]["pending"] == 0 and not late.couriers()), late.courier_log()
    code, output = late.ad_hoc("rocketchat_incident", "service=api concerns=data_loss")
    assert code == 0, output
    chat.kill()
    output = tick(late)
    assert "what is asked for in chat could not be read" in " ".join(output.split())
    assert "Escalated to CTO: data may be lost" in output


def test_a_terminal_may_watch(late: Site) -> None:
    output = tick(late, "-e", "watch=1 duration=3.5")
    assert output.count("Escalated to DevOps Lead") == 1
    for wrong in ("watch=-1", "watch=soon"):
        assert late.run("-e", wrong, playbook="playbooks/tick.yml")[0] != 0


# Paging


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Where the command of `paged` writes what it is given."""
    return tmp_path / "pages"


@pytest.fixture
def paged(site: Site, tmp_path: Path, pages: Path) -> Site:
    """Whoever is called is reached by a command, after one that fails; without a chat."""
    append = f"import sys; open({str(pages)!r}, 'a').write(sys.stdin.read() + chr(10))"
    commands = {"phone": ["false"], "sms": [sys.executable, "-c", append]}
    notifiers = [{"type": "command", "name": name, "command": command} for name, command in commands.items()]
    layer = {"name": "primary", "people": ["ada"], "start": "2026-01-05T09:00"}
    oncall = {"people": {"ada": {"name": "Ada", "phone": "+49 30 1"}}, "schedule": {"layers": [layer]}}
    path = tmp_path / "paging.yml"
    path.write_text(json.dumps({"paging": {"notifiers": notifiers}, "oncall": oncall}))
    site.environment["INCIDENT_CONFIG"] = str(path)
    return site


def told(site: Site) -> list[str]:
    return [entry["text"] for entry in site.incidents()[0]["entries"] if entry["kind"] == "paged"]


FAILED, REACHED = "Ada could not be paged by phone: false ended with 1", "Paged Ada by sms"


def test_who_is_on_call_is_paged_as_soon_as_an_incident_opens_and_once(paged: Site, pages: Path) -> None:
    code, output = paged.ad_hoc("rocketchat_incident", "state=open service=api title='It is slow'")
    assert code == 0, output
    assert eventually(lambda: told(paged) == [FAILED, REACHED]), paged.courier_log()
    assert "changed=0" in tick(paged)
    assert eventually(lambda: not paged.couriers())
    (document,) = [json.loads(line) for line in pages.read_text().splitlines()]
    assert (document["title"], document["people"][0]["phone"]) == ("It is slow", "+49 30 1")
    assert told(paged) == [FAILED, REACHED]


def interrupted(site: Site, seen: Callable[[], bool]) -> None:
    """A restart that is killed once that is seen."""
    process = site.start_slowly("-e", "service=api host=prod-api-01")
    try:
        assert eventually(lambda: (site.state / "journal.db").exists() and bool(site.incidents()))
        assert eventually(seen), site.courier_log()
    finally:
        process.kill()
        process.communicate()


def test_a_run_of_a_person_has_one_who_acts(paged: Site) -> None:
    interrupted(paged, (paged.state / "page").exists)  # those outside are told ten seconds after those who are paged would be
    assert told(paged) == []


def test_a_run_of_a_program_pages(paged: Site, pages: Path) -> None:
    paged.environment |= {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1"}
    interrupted(paged, lambda: told(paged) == [FAILED, REACHED])
    assert len(pages.read_text().splitlines()) == 1


def test_a_tick_pages_whom_nobody_has_paged_and_says_so_before(paged: Site, pages: Path) -> None:
    paged.state.mkdir(parents=True)
    with SqliteJournal(paged.state / "journal.db", _state.key(paged.state)) as journal, journal.transaction():
        open_incident(journal, title="It is slow", service="api", severity=Severity.P1, at=utc(time.time()), actor="alert", chat=False)
    assert "Paged Ada by phone" in tick(paged, "--check")
    assert told(paged) == []
    output = tick(paged)
    assert f"[WARNING]: incident.response: {paged.incidents()[0]['name']}: {FAILED}" in " ".join(output.split())
    assert REACHED in output
    assert told(paged) == [FAILED, REACHED]
    assert len(pages.read_text().splitlines()) == 1


def test_what_was_paged_is_told_in_chat(paged: Site, chat: RocketChat) -> None:
    paged.environment |= chat.environment()
    code, output = paged.ad_hoc("rocketchat_incident", "state=open service=api title='It is slow'")
    assert code == 0, output
    assert eventually(lambda: bool(paged.incidents()[0]["channel"]) and any(REACHED in text for text in said(chat, paged))), paged.courier_log()
    assert any("- ❌ *P" in text and text.endswith(FAILED) for text in said(chat, paged))
    assert not any("Paging by" in text for text in said(chat, paged))
