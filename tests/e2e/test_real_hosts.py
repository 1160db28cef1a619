# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's restart command on real systemd hosts, over SSH, with chat."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import SLOW, Fleet
from servers.running import RocketChat
from sites import Site, eventually

UNIT = f"""[Service]
{SLOW}ExecStart=/usr/bin/python3 -c "from http.server import *; from socketserver import TCPServer; \\
  TCPServer.allow_reuse_address = True; TCPServer(('127.0.0.1', 8080), SimpleHTTPRequestHandler).serve_forever()"
"""
BROKEN = """[Service]
ExecStart=/bin/sh -c 'echo cannot bind to port 8080 with token=hunter2secret; exit 3'
"""


@pytest.fixture
def site(tmp_path: Path, chat: RocketChat, fleet: Fleet) -> Site:
    """The fleet, named by the environment alone: the command stays as the handbook has it."""
    for host in fleet.hosts:
        fleet.install(host, "api.service", UNIT)
        fleet.ssh(host, "systemctl reset-failed api 2>/dev/null; systemctl restart api")
    site = Site(tmp_path)
    site.inventory = fleet.inventory
    site.environment |= chat.environment()
    return site


def room_of(chat: RocketChat) -> dict[str, Any]:
    room: dict[str, Any]
    (room,) = [room for room in chat.state()["rooms"] if room["name"].startswith("incident-")]
    return room


def test_the_handbooks_command_restarts_a_dead_service_and_tells_it(site: Site, chat: RocketChat, fleet: Fleet) -> None:
    fleet.ssh("prod-api-01", "systemctl stop api")
    untouched = fleet.ssh("prod-api-02", "systemctl show --property=InvocationID api")
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert fleet.ssh("prod-api-01", "systemctl is-active api") == "active"
    assert fleet.ssh("prod-api-02", "systemctl show --property=InvocationID api") == untouched
    room = room_of(chat)
    assert re.fullmatch(r"incident-\d{4}-\d\d-\d\d-001", room["name"])
    (announcement,) = [message["msg"] for message in chat.messages("incidents")]
    assert f"#{room['name']}" in announcement
    root = next(message for message in room["messages"] if " · by " in message["msg"] and not message.get("tmid"))
    assert "✅" in root["msg"]
    thread = "\n".join(message["msg"] for message in chat.thread(room["name"], root["_id"]))
    assert "Restart api.service on prod-api-01: changed" in thread
    assert "restart of api on prod-api-01: worked: " in thread

    code, output = site.run("-e", "service=api host=prod-api-02")
    assert code == 0, output
    assert fleet.ssh("prod-api-02", "systemctl show --property=InvocationID api") != untouched
    (incident,) = site.incidents()
    assert [run["verdict"] for run in incident["runs"]] == ["worked", "worked"]
    assert incident["name"] == room_of(chat)["name"]


@pytest.mark.parametrize(("was_running", "verdict"), [(False, "no_effect"), (True, "made_worse")])
def test_a_service_that_cannot_come_up_shows_its_last_words(site: Site, chat: RocketChat, fleet: Fleet, was_running: bool, verdict: str) -> None:
    if not was_running:
        fleet.ssh("prod-api-01", "systemctl stop api")
    fleet.install("prod-api-01", "api.service", BROKEN)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    assert f"verdict {verdict}" in output
    (incident,) = site.incidents()
    assert incident["runs"][0]["verdict"] == verdict
    assert eventually(lambda: site.incidents()[0]["pending"] == 0)
    room = room_of(chat)
    root = next(message for message in room["messages"] if " · by " in message["msg"] and not message.get("tmid"))
    assert "❌" in root["msg"]
    ending = chat.thread(room["name"], root["_id"])[-1]
    last = ending["msg"]
    assert ("❌" in last) is bool(ending.get("tshow"))  # who has read the outcome already does not read it again
    assert "prod-api-01" in last
    assert "cannot bind to port 8080" in last
    everywhere = output + str(chat.state()) + "".join(path.read_text(errors="replace") for path in site.state.rglob("*") if path.is_file())
    assert "hunter2secret" not in everywhere


def test_a_service_that_a_host_does_not_have_is_refused(site: Site, fleet: Fleet) -> None:
    code, output = site.run("-e", "service=apu host=prod-api-01")
    assert code != 0
    assert "prod-api-01 has no unit apu.service. Nothing was touched." in " ".join(output.split())


def test_a_host_that_is_down_is_named_and_the_run_fails(site: Site, fleet: Fleet) -> None:
    fleet.script("stop", "prod-api-02")
    try:
        site.environment["ANSIBLE_TIMEOUT"] = "3"
        code, output = site.run("-e", "service=api host=prod-api-02")
    finally:
        fleet.script("start", "prod-api-02")
    assert code != 0
    (incident,) = site.incidents()
    assert incident["runs"][0]["verdict"] == "unknown"
    assert "unreachable" in [entry["state"] for entry in incident["entries"]]
    assert incident["status"] == "acknowledged"


def test_the_health_check_decides_not_the_command(site: Site, fleet: Fleet) -> None:
    """systemctl restart ends with 0, and the service answers nowhere."""
    config = site.folder / "config.yml"
    config.write_text("services: {api: {hosts: api, health: {tcp: '127.0.0.1:9', retries: 1}}}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    assert "unit active, TCP 127.0.0.1:9" in output
    config.write_text("services: {api: {hosts: api, health: {http: 'http://127.0.0.1:8080/', tcp: '127.0.0.1:8080', command: [test, -e, /etc]}}}\n")
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code == 0, output


def test_check_mode_touches_nothing_and_opens_nothing(site: Site, fleet: Fleet) -> None:
    before = fleet.ssh("prod-api-01", "systemctl show --property=InvocationID api")
    code, output = site.run("-e", "service=api host=prod-api-01", "--check")
    assert code == 0, output
    assert fleet.ssh("prod-api-01", "systemctl show --property=InvocationID api") == before
    assert site.incidents() == []


def test_what_a_lost_restart_left_is_told_and_the_next_one_heals(site: Site, fleet: Fleet, lost: str) -> None:
    host = fleet.hosts[0]
    fleet.slow(host)
    fleet.interrupt(site, site.start("-e", f"service=api host={host}"), host, lost)
    assert fleet.told(site, host, lost)
    assert site.incidents()[0]["status"] == "acknowledged", site.incidents()[0]["entries"]
    code, output = site.run("-e", f"service=api host={host}")
    assert code == 0, output
    assert fleet.ssh(host, "systemctl is-active api") == "active"
    assert [run["verdict"] for run in site.incidents()[0]["runs"]] == ["unknown", "worked"]


def test_one_host_under_two_names_is_refused(site: Site, fleet: Fleet) -> None:
    twice = site.folder / "twice.yml"
    lines = fleet.inventory.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if "prod-api-01:" in line)
    twice.write_text("".join([*lines[:first], "    api-one:\n", lines[first + 1], *lines[first:]]))
    site.inventory = twice
    before = fleet.ssh("prod-api-01", "systemctl show --property=InvocationID api")
    code, output = site.run("-e", "service=api host=api:!balancer max_hosts=9")
    assert code != 0
    assert "api-one and prod-api-01 are the same host" in " ".join(output.split())
    assert "Nothing was touched" in output
    assert fleet.ssh("prod-api-01", "systemctl show --property=InvocationID api") == before


def test_an_alias_of_systemd_is_refused_and_the_name_is_told(site: Site, fleet: Fleet) -> None:
    fleet.ssh("prod-api-01", "ln -sf api.service /etc/systemd/system/backend.service && systemctl daemon-reload")
    try:
        code, output = site.run("-e", "service=backend host=prod-api-01")
    finally:
        fleet.ssh("prod-api-01", "rm /etc/systemd/system/backend.service && systemctl daemon-reload")
    assert code != 0
    assert "backend.service is another name of api.service on prod-api-01. Nothing was touched." in " ".join(output.split())


def test_a_host_that_is_switched_off_after_its_own_judgement_is_named(site: Site, fleet: Fleet) -> None:
    first, second = fleet.hosts[:2]
    site.environment["ANSIBLE_TIMEOUT"] = "3"
    fleet.slow(second)
    process = site.start("-e", "service=api host=api:!balancer max_hosts=2")
    assert eventually(lambda: "starting" in fleet.ssh(second, "ls /run"))
    fleet.script("stop", first)
    try:
        fleet.ssh(second, "rm -f /run/slow; pkill -KILL -x sleep || true")
        output, dummy = process.communicate(timeout=120)
    finally:
        fleet.script("start", first)
    assert process.returncode != 0
    last = site.ending()["text"]
    assert "verdict unknown, failed at Look whether all hosts are still as they were judged" in last, output
    assert f"on {first}" in last


def test_a_service_that_crashes_1_5_s_after_each_start_did_not_work(site: Site, fleet: Fleet) -> None:
    """systemd starts it again at once (Restart=always), so that each look finds it active; `steady_for` is the default."""
    host = fleet.hosts[0]
    crashes = UNIT.replace("ExecStart=", "Restart=always\nStartLimitIntervalSec=0\nExecStart=/usr/bin/timeout 1.5 ")
    fleet.ssh(host, "systemctl stop api")
    fleet.install(host, "api.service", crashes)
    config = site.folder / "config.yml"
    config.write_text("services: {api: {hosts: api, health: {retries: 3}}}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", f"service=api host={host}")
    fleet.ssh(host, "systemctl stop api")
    assert code != 0
    words = " ".join(output.split())
    assert "healthy at times, but not 2 looks in a row over 3 s: it was started anew" in words
    assert site.incidents()[0]["runs"][0]["verdict"] == "no_effect"
