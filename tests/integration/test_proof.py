# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A verdict comes from what proves it: who runs before and after, and for how long it stays well."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sites import STEADY, Site, eventually

HOST = "prod-api-01"
SERVICE = """#!/bin/sh
# A web server without systemd.
cd {folder}
case $1 in
  start) {python} server.py {port} >/dev/null 2>&1 </dev/null & echo $! > pid ;;
  stop) [ ! -e pid ] || {{ kill "$(cat pid)"; rm -f pid; }} ;;
  forget) rm -f pid ;;
  nostop) true ;;
  status) [ -e pid ] && kill -0 "$(cat pid)" ;;
esac
"""
SERVER = """import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
CRASHING = """#!/bin/sh
# Each start gets well, and crashes after 1.5 s; what watches over it starts it again at once.
cd {folder}
case $1 in
  start) setsid {python} watch.py {port} >/dev/null 2>&1 </dev/null & echo $! > pid ;;
  stop) [ ! -e pid ] || {{ kill -s KILL -- "-$(cat pid)"; rm -f pid; }} ;;
  status) [ -e pid ] && kill -0 "$(cat pid)" ;;
esac
"""
WATCH = """import subprocess, sys
while True:
    try:
        subprocess.run([sys.executable, "server.py", sys.argv[1]], timeout=1.5)
    except subprocess.TimeoutExpired:
        pass
"""


class Web(Site):
    """A real process on a port of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])
        (folder / "server.py").write_text(SERVER)
        (folder / "watch.py").write_text(WATCH)
        self.is_run_by(SERVICE)

    def is_run_by(self, script: str, **variables: Any) -> None:
        """Use this script; more variables go into the inventory. `stop` and `start` may be other words of the script."""
        self.script.write_text(script.format(folder=self.folder, port=self.port, python=self.programs / "python"))
        commands: dict[str, Any] = {word: [str(self.script), variables.pop(word, word)] for word in ("start", "stop", "status")}
        if "identity" in variables:
            commands["identity"] = variables.pop("identity")
        about = {"service_restart_http": f"http://127.0.0.1:{self.port}/", "service_restart_commands": commands, "service_restart_backend": "command"}
        waits = {"service_restart_retries": 8, "service_restart_delay": 0.1, "service_restart_steady_for": STEADY}
        local = {"ansible_connection": "local", "ansible_python_interpreter": str(self.programs / "python")}
        found = {name: value for name, value in {**local, **about, **waits, **variables}.items() if value is not None}
        self.inventory.write_text(json.dumps({"all": {"hosts": {HOST: None}, "vars": found}}))

    def does(self, word: str) -> None:
        subprocess.run([str(self.script), word], check=True, stdout=subprocess.DEVNULL)

    def runs(self) -> bool:
        with Path("/proc/net/tcp").open() as table:
            return any(f":{self.port:04X} 00000000:0000 0A" in line for line in table)

    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def restart(self) -> tuple[int, str]:
        code, output = self.run("-e", f"service=api host={HOST}")
        return code, " ".join(output.split())

    def verdict(self) -> str:
        verdict: str = self.incidents()[0]["runs"][-1]["verdict"]
        return verdict


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    web = Web(tmp_path)
    web.does("start")
    assert eventually(web.runs)
    first = web.pid()
    yield web
    for pid in sorted({first, web.pid() if (tmp_path / "pid").exists() else first}):
        for ends in (os.kill, os.killpg):
            try:
                ends(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def test_a_stop_that_stops_nothing_never_worked_and_nothing_is_started_beside_it(web: Web) -> None:
    web.is_run_by(SERVICE, stop="nostop")
    before = web.pid()
    code, output = web.restart()
    assert code != 0
    assert "The stop command ended with 0 and stopped nothing: status still says that api runs. It was not started again." in output
    assert (web.pid(), web.verdict()) == (before, "no_effect")
    assert web.incidents()[0]["status"] != "mitigated"


def test_a_stop_that_only_forgets_its_process_proves_nothing(web: Web) -> None:
    """The pid file is gone, so status fails; the old process answers on, and the new one can't bind the port."""
    web.is_run_by(SERVICE, stop="forget", service_restart_check=["true"])
    code, output = web.restart()
    assert code != 0
    assert "verdict unknown: it is healthy, but nothing proves a restart: it was healthy before, too, and the same process listens on" in output
    assert "commands.identity in the service catalogue" in output


def test_another_process_on_the_port_is_the_proof(web: Web) -> None:
    before = web.pid()
    code, output = web.restart()
    assert code == 0, output
    assert web.pid() != before


def test_the_process_that_the_catalogue_names_decides(web: Web) -> None:
    """Status fails once, as if it had been stopped; it is the same process."""
    script = SERVICE.replace("status) ", "status) if [ -e once ]; then rm once; exit 1; fi; ").replace("nostop) true", "nostop) touch once")
    web.is_run_by(script, stop="nostop", start="nothing", identity=["cat", str(web.folder / "pid")])
    code, output = web.restart()
    assert code != 0
    assert f"verdict no_effect: it is healthy, and it is the same as before ({web.pid()}@" in output


def test_where_nothing_tells_the_verdict_is_unknown_and_says_what_to_do(web: Web) -> None:
    commands = dict.fromkeys(("start", "stop", "status"), ["true"])
    web.is_run_by(SERVICE, service_restart_commands=commands, service_restart_http="")
    code, output = web.restart()
    assert code != 0
    assert "verdict unknown: it is healthy, but nothing proves a restart: it was healthy before, too, and nothing tells one start of" in output
    assert "commands.identity in the service catalogue, as in [cat, /run/api.pid]" in output
    assert web.incidents()[0]["status"] != "mitigated"


def test_what_was_down_and_is_healthy_is_proof_enough(web: Web) -> None:
    web.does("stop")
    assert eventually(lambda: not web.runs())
    web.is_run_by(SERVICE, service_restart_http="")
    code, output = web.restart()
    assert code == 0, output
    assert web.verdict() == "worked"


def test_a_service_that_crashes_a_moment_after_each_start_is_found_out_by_default(web: Web) -> None:
    """1.5 s after each start: every look passes, as its port is open again at once. `steady_for` is the default here."""
    web.does("stop")
    assert eventually(lambda: not web.runs())
    web.is_run_by(CRASHING, service_restart_steady_for=None, service_restart_retries=3, service_restart_delay=0.5)
    code, output = web.restart()
    assert code != 0
    assert "healthy at times, but not 2 looks in a row over 3 s" in output
    assert web.verdict() == "no_effect"


def test_an_incident_is_not_resolved_between_two_crashes(web: Web) -> None:
    """One look alone would find it healthy."""
    web.does("stop")
    assert eventually(lambda: not web.runs())
    web.is_run_by(CRASHING)
    web.does("start")
    commands = {word: [str(web.script), word] for word in ("start", "stop", "status")}
    health = {"http": f"http://127.0.0.1:{web.port}/"}
    config = web.folder / "config.yml"
    config.write_text(json.dumps({"services": {"api": {"hosts": HOST, "backend": "command", "commands": commands, "health": health}}}))
    web.environment["INCIDENT_CONFIG"] = str(config)
    assert web.run("-e", "service=api title=down", playbook="playbooks/incident/open.yml")[0] == 0
    assert eventually(web.runs)
    details = {"root_cause": "it crashed", "fix": "none", "monitoring": "none", "next": "look"}
    code, output = web.run("-e", json.dumps({"service": "api", **details}), playbook="playbooks/incident/resolve.yml")
    web.does("stop")
    assert code != 0
    assert f"api is not healthy on {HOST}. Nothing was recorded" in " ".join(output.split())
