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
