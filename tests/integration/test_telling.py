# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whoever means to tell somebody tells them, whatever runs beside it, or fails and says whom to call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from servers.running import RocketChat
from sites import DELIVER, Site, eventually

OPEN = "playbooks/incident/open.yml"
ESCALATE = "playbooks/incident/escalate.yml"
RESTART = ("-e", "service=api host=prod-api-01")
PHONE = "+49 30 123456"
OTHER = "+49 30 777"
PEOPLE: dict[str, Any] = {"ada": {"name": "Ada", "phone": PHONE}, "grace": {"name": "Grace", "phone": OTHER}}
DUTY: dict[str, Any] = {
    "people": PEOPLE,
    "schedule": {"time_zone": "UTC", "layers": [{"name": "primary", "people": ["ada"], "start": "2024-01-01T09:00", "every": "1w"}]},
}
CHAT = ("ROCKETCHAT_URL", "ROCKETCHAT_USER_ID", "ROCKETCHAT_TOKEN")


@pytest.fixture
def site(tmp_path: Path, chat: RocketChat) -> Site:
    site = Site(tmp_path)
    configured(site, {})
    site.environment |= chat.environment() | {"INCIDENT_CONFIG": str(tmp_path / "incident-response.yml"), "INCIDENT_DRAIN_TIMEOUT": "5"}
    return site


def configured(site: Site, more: dict[str, Any]) -> None:
    (site.folder / "incident-response.yml").write_text(json.dumps({"oncall": DUTY, "status_page": {"provider": "none"}, **more}))


def played(site: Site, playbook: str, **variables: Any) -> tuple[int, str]:
    code, output = site.run("-e", json.dumps(variables), playbook=playbook)
    return code, " ".join(output.split())


def texts(chat: RocketChat, room: str = "incidents") -> list[str]:
    return [message["msg"] for message in chat.messages(room)]


# A courier with other settings


WRONG = {"url": {"ROCKETCHAT_URL": "http://127.0.0.1:1"}, "token": {"ROCKETCHAT_TOKEN": "expired"}, "none": dict.fromkeys(CHAT, "")}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_run_with_wrong_settings_of_chat_keeps_no_later_run_from_it(site: Site, wrong: dict[str, str]) -> None:
    """Its courier held the folder for ten minutes, and whoever had the right settings waited behind it."""
    right = site.environment
    site.environment = right | wrong
    code, output = played(site, OPEN, service="api", severity="P0", title="It is down")
    assert code == (0 if wrong is WRONG["none"] else 2), output
    site.environment = right
    code, output = played(site, OPEN, service="worker", severity="P0", title="It is slow")
    assert code == 0, output
    code, output = played(site, DELIVER)
    assert code == 0, output
    assert all(each["pending"] == 0 for each in site.incidents()), site.courier_log()
    assert eventually(lambda: not site.couriers()), site.courier_log()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_long_run_with_wrong_settings_of_chat_keeps_none_beside_it_from_chat(site: Site, wrong: dict[str, str]) -> None:
    """Its courier holds the folder for as long as it goes on."""
    right = site.environment
    site.environment = right | wrong
    process = site.start_slowly(*RESTART)
    site.environment = right
    code, output = played(site, OPEN, service="worker", severity="P0", title="It is slow")
    process.kill()
    process.communicate()
    assert code == 0, output


def test_a_run_with_wrong_settings_does_not_end_the_chat_of_one_that_goes_on(site: Site, chat: RocketChat) -> None:
    """Chat is down for a while, so that both get nothing there; the one that goes on has the right settings."""
    right = site.environment
    process = site.start_slowly(*RESTART)
    assert eventually(lambda: bool(site.incidents()) and site.incidents()[0]["pending"] == 0)
    chat.kill()
    site.environment = right | {"ROCKETCHAT_URL": "http://127.0.0.1:1"}
    assert played(site, OPEN, service="worker", severity="P0", title="It is slow")[0] != 0
    site.environment = right
    chat.start()
    assert eventually(lambda: all(each["pending"] == 0 for each in site.incidents())), site.courier_log()
    process.kill()
    process.communicate()


def test_who_is_called_is_paged_at_once_though_chat_is_dead(site: Site, chat: RocketChat) -> None:
    """The courier paged when a spool had moved, or when it gave chat up: after ten minutes."""
    page = site.folder / "page"
    notifier = {"type": "command", "name": "phone", "command": ["/usr/bin/touch", str(page)]}
    configured(site, {"paging": {"notifiers": [notifier]}})
    chat.kill()
    assert played(site, OPEN, service="worker", severity="P0", title="It is slow")[0] != 0
    assert eventually(page.exists), site.courier_log()
    assert site.couriers(), "it pages as its last act"


# Opened again


def told_of(output: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(output.partition("=> ")[2])["told"]
    return told


def test_an_incident_that_is_opened_again_though_mitigated_is_investigated_again_and_calls(site: Site, chat: RocketChat) -> None:
    """It was `changed`, rc 0, stayed mitigated, and told nobody."""
    assert played(site, OPEN, service="web", severity="P0", title="web is down")[0] == 0
    assert played(site, "playbooks/incident/mitigate.yml", service="web", force=True)[0] == 0
    room = site.incidents()[0]["channel"]
    before = len(texts(chat, room))
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=web severity=P0 title='web is DOWN again'")
    assert code == 0, output
    assert told_of(output)["mentioned"] == ["oncall", "alice", "bob", "leadership", "dora"]
    (incident,) = site.incidents()
    assert (incident["status"], incident["mitigated_at"]) == ("investigating", None)
    assert any("@alice" in text and "it came back" in text and "web is DOWN again" in text for text in texts(chat, room)[before:])
    assert any("@alice" in text and "it came back" in text for text in texts(chat)), "those who read #incidents hear of it, too"
    code, output = site.ad_hoc("rocketchat_incident", "state=open service=web severity=P0 title='web is DOWN again'")
    assert '"changed": false' in output


def test_who_was_mentioned_is_whom_this_run_mentioned(site: Site) -> None:
    for expected in (["oncall", "alice", "bob", "leadership", "dora"], []):
        code, output = site.ad_hoc("rocketchat_incident", "state=open service=web severity=P0 title='web is down'", "-e", "x=1")
        assert code == 0, output
        assert told_of(output)["mentioned"] == expected
    assert "is open already, and nobody is called anew" in " ".join(output.split())
    code, output = site.ad_hoc("rocketchat_incident", "service=web text='We look at it with @dora'")
    assert (code, told_of(output)["mentioned"]) == (0, [])


def test_whoever_is_late_with_an_acknowledgement_is_told_how_to_take_it_back(site: Site) -> None:
    assert played(site, OPEN, service="web", severity="P2", title="web is slow")[0] == 0
    assert played(site, "playbooks/incident/mitigate.yml", service="web", force=True)[0] == 0
    code, output = played(site, "playbooks/incident/acknowledge.yml", service="web")
    assert code != 0
    assert "if it came back, take it back to investigating" in output


# An escalation that calls nobody


def test_an_escalation_for_which_nobody_is_named_fails_and_says_whom_to_call(site: Site, chat: RocketChat) -> None:
    """It was `changed`, rc 0, "Escalated to DevOps Lead" in chat without a mention; the next ones said that everybody was called."""
    assert played(site, OPEN, service="db", severity="P0", title="It is stuck")[0] == 0
    room = site.incidents()[0]["channel"]
    for level in (None, None, 4):
        code, output = played(site, ESCALATE, service="db", reason="stuck", **({"level": level} if level else {}))
        assert code != 0, output
        assert "NOBODY WAS CALLED" in output
        assert PHONE in output
        assert OTHER in output
    assert "everybody is called already" not in output
    said = [text for text in texts(chat, room) if "⏫" in text]
    assert ["DevOps Lead is needed, and NOBODY IS NAMED for that" in text and text.startswith("@alice") for text in said] == [True, True, False]
    assert "CEO is needed, and NOBODY IS NAMED for that: call somebody yourself" in said[-1]
    configured(site, {"escalation": {"levels": [{"name": "On-call"}, {"name": "DevOps Lead"}, {"name": "CTO", "notify": ["dora"]}]}})
    code, output = played(site, ESCALATE, service="db", reason="stuck")
    assert code == 0, output
    assert any("@dora ⏫ *Escalated to CTO*" in text for text in texts(chat, room))
    code, output = played(site, ESCALATE, service="db", reason="stuck")
    assert (code != 0, "everybody is called already" in output, PHONE in output) == (True, True, True)


@pytest.mark.parametrize("severity", ["P0", "P2"])
def test_an_escalation_to_people_whom_chat_does_not_know_or_without_chat_fails_too(site: Site, severity: str) -> None:
    configured(site, {"escalation": {"levels": [{"name": "On-call"}, {"name": "DevOps Lead", "notify": ["grace"]}]}})
    for chat in ({}, dict.fromkeys(CHAT, "")):
        site.environment |= chat
        service = "worker" if chat else "db"
        assert played(site, OPEN, service=service, severity=severity, title="It is stuck")[0] == 0
        code, output = played(site, ESCALATE, service=service, reason="stuck")
        assert code != 0, output
        assert f"Call Ada {PHONE}, Grace {OTHER}" in output
    code, output = played(site, ESCALATE, service="worker", reason="stuck", level=2, require_delivery=False)
    assert code == 0, output


# Two controllers


def test_a_controller_that_joins_anothers_channel_keeps_its_severity(site: Site, chat: RocketChat) -> None:
    """It announced the P0 anew as a P1, and wrote that into the topic."""
    assert played(site, OPEN, service="api", severity="P0", title="Checkout is down")[0] == 0
    room = site.incidents()[0]["channel"]
    (site.folder / "other").mkdir()
    other = Site(site.folder / "other")
    other.environment = site.environment | {"INCIDENT_STATE_DIR": str(other.state)}
    code, output = other.run(*RESTART)
    assert code == 0, output
    assert eventually(lambda: other.incidents()[0]["pending"] == 0 and not other.couriers()), other.courier_log()
    (joined,) = other.incidents()
    assert (joined["channel"], joined["severity"], joined["status"]) == (room, "P0", "mitigated")
    assert chat.room(room)["topic"].startswith("P0 · mitigated")
    assert [text for text in texts(chat) if "🚨" in text] == texts(chat)[:1]
    assert not any("*P1*" in text for text in texts(chat, room))
    assert chat.room(room)["customFields"]["incident"]["severity"] == "P0"


def test_a_controller_that_joins_with_a_worse_severity_announces_it(site: Site, chat: RocketChat) -> None:
    assert played(site, OPEN, service="api", severity="P1", title="Checkout is slow")[0] == 0
    (site.folder / "other").mkdir()
    other = Site(site.folder / "other")
    other.environment = site.environment | {"INCIDENT_STATE_DIR": str(other.state)}
    assert played(other, OPEN, service="api", severity="P0", title="Checkout is down")[0] == 0
    assert other.incidents()[0]["channel"] == site.incidents()[0]["channel"]
    assert "@leadership @dora 🚨 *P0*" in texts(chat)[-1]
    assert chat.room(other.incidents()[0]["channel"])["topic"].startswith("P0")


def test_an_incident_that_is_opened_again_as_a_milder_one_stays_as_bad_as_it_is(site: Site, chat: RocketChat) -> None:
    """A second alert must not end the clocks and the calls of a P0."""
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "8"}
    for severity, title in (("P0", "Checkout is down"), ("P2", "The backup is slow")):
        code, output = site.run("-e", json.dumps({"service": "api", "severity": severity, "title": title}), playbook="playbooks/incident/open.yml")
        assert code == 0, output
    (incident,) = site.incidents()
    assert (incident["severity"], incident["title"]) == ("P0", "Checkout is down")
    assert "Reported once more, as P2 (it stays P0): The backup is slow" in [entry["text"] for entry in incident["entries"]]
    assert "P0, " in output
