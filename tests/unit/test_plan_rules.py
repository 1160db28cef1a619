# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a plan holds fast, and what people read of it; who asks for it, whatever they are called."""

from __future__ import annotations

import os
import pwd
import socket

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import plan
from ansible_collections.incident.response.plugins.plugin_utils import _person, _pins
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin

ME = pwd.getpwuid(os.getuid()).pw_name
NOW = 1_800_000_000.0
ROLE = "incident.response.service_restart"


@pytest.mark.parametrize(
    ("plan_now", "who", "later", "says"),
    [
        ("1a2b3c4d5e6f", "ada", 10, ""),
        ("1a2b3c4d5e6f", "ada", -59, ""),
        ("1a2b3c4d5e60", "ada", 10, "no longer the approved one (1a2b3c4d5e6f), but 1a2b3c4d5e60"),
        ("1a2b3c4d5e6f", "grace", 10, "was not asked for by grace"),
        ("1a2b3c4d5e6f", "ada", 3601, "has expired at 2027-01-15T09:00:00"),
        ("1a2b3c4d5e6f", "ada", -61, "the clock went back"),
    ],
)
def test_a_ticket_is_of_one_plan_one_person_and_a_time(plan_now: str, who: str, later: float, says: str) -> None:
    ticket = str(plan.ticket("1a2b3c4d5e6f", "ada", NOW))
    found = plan.refusal(ticket, plan_now, who, now=NOW + later, lasts=3600)
    assert says in found if says else not found


def test_what_is_the_same_on_all_hosts_is_said_once() -> None:
    assert list(plan.touched({"a": "unit x", "b": "unit x"})) == ["touches: unit x"]
    assert list(plan.touched({"a": "unit x", "b": "unit y", "c": "unit y"})) == ["touches on a: unit x", "touches on b, c: unit y"]
    assert list(plan.touched({f"web{number}": "unit x" for number in range(20)} | {"db": "unit y"}))[0].endswith("web7 and 12 more: unit x")
    assert plan.addresses({"a": "a", "b": "10.0.0.2:2222"}) == "addresses: b is 10.0.0.2:2222"
    assert plan.addresses({"a": "a"}) == ""


@pytest.mark.parametrize(
    ("role", "backend", "settings", "words"),
    [
        (ROLE, "systemd", {"unit": "api.service"}, "unit api.service"),
        (ROLE, "compose", {"compose": {"path": "/srv/api", "service": "web", "file": ""}}, "compose path=/srv/api service=web"),
        ("incident.response.service_rollback", "release", {"path": "/srv/api", "backend": "systemd", "unit": "api.service"},
         "path /srv/api; unit api.service"),
        ("incident.response.service_rollback", "package", {"package": "api", "backend": "command", "commands": {"stop": ["x", "y"], "status": ["z"]}},
         "package api; commands stop=x y"),
    ],
)  # fmt: skip
def test_people_read_what_the_backend_goes_by(role: str, backend: str, settings: dict[str, object], words: str) -> None:
    short = role.rpartition(".")[2]
    assert _pins.words({f"{short}_settings": {"backend": backend, **settings}}, role, backend) == words


def test_of_a_role_of_ones_own_all_its_variables_are_read() -> None:
    assert _pins.words({"feature_switch_file": "/etc/api/features", "other": 1}, "feature_switch", "file") == "file /etc/api/features"


def test_a_part_of_the_settings_is_found_without_a_template() -> None:
    settings = {"health": {"http": "http://x/"}}
    assert _pins._part(settings, "r_settings", "{{ r_settings.health.http }}") == "http://x/"
    for other in ("{{ r_settings.health.none }}", "{{ q_settings.health.http }}", "{{ r_settings.health.http | upper }}", "x", 3):
        assert _pins._part(settings, "r_settings", other) == other


HERE, AWX = Origin("ceo", socket.gethostname(), person=True), Origin("Ada.L", "AWX job 7", person=True)
BOT = Origin("event-driven-ansible", "a rulebook on x", person=False)
LOGINS = {ME: "carol", "ada.l": "ada", "ada": "ada"}


def test_on_this_machine_a_person_is_whose_process_it_is_and_whoever_used_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ceo")
    assert _person.login(HERE, {}) == ME
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert _person.login(HERE, {"SUDO_USER": "ada"}) == "ada"
    assert _person.login(AWX, {"SUDO_USER": "bob"}) == "Ada.L"


def test_one_person_has_one_name_and_is_not_somebody_else_by_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert _person.asks(AWX, LOGINS) == "ada"
    assert _person.asks(BOT, LOGINS) == "automation:event-driven-ansible"
    assert _person.may_be(AWX, LOGINS) == {"ada", "carol"}
    assert _person.may_be(BOT, LOGINS) == {"carol"}
    assert _person.may_be(BOT, {}) == set()
