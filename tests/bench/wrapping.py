# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an emergency action costs beyond the same work in a bare playbook (the folder `bare`), on real hosts, in alternating runs.

Both look once at the health before, and after it (the service tells systemd when it is ready, so no look is in vain) until it has been
healthy for 3 seconds, which is the default of `steady_for`; both take one host after the other, and use the same SSH settings and
connections that are open already. The wrapped run has all that it has by default: callback, journal, lock, plan, verdict, the last look at
all hosts, the wait for the record at its end.

    wrapping.py [--repeats N] [--only TEXT] [--hosts 1,5,20]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "collections"))

from bench.plays import HERE, OURS, ROOT, couriers, environment, run
from e2e.conftest import SCRIPT, Fleet

WALL, LARGE = 1.05, 20
RELEASES = ("20251101100000", "20251102100000")
SERVER = """import http.server, os, socket, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
server = Server(("0.0.0.0", sum(map(int, sys.argv[1:]))), Handler)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
server.serve_forever()
"""
UNIT = "[Service]\nType=notify\nExecStart=/usr/bin/python3 /srv/api/current/server.py {}\n[Install]\nWantedBy=multi-user.target\n"
NGINX = "upstream api {{\n{servers}}}\nserver {{ listen 80 default_server; location / {{ proxy_pass http://api; }} }}\n"
CONFIG = """services:
  api:
    hosts: api
    health: {{http: 'http://127.0.0.1:8080/health', passes: 1}}
    replicas: {{max: 99, first_port: 8101, http: 'http://127.0.0.1:{{port}}/health'}}
{more}"""
BALANCER = "    balancer: {hosts: balancer, path: /etc/nginx/sites-enabled/default, port: 8080}\n"


@dataclass(frozen=True, slots=True)
class Action:
    """An action, and how it is asked for: of `hosts` hosts, as the `number`th run, since a rollback goes to and fro."""

    name: str
    wrapped: str
    bare: str
    ask: Callable[[int, int], str]
    nginx: bool = False


def rollback(_hosts: int, number: int) -> str:
    return f"app=api version={RELEASES[number % 2]}"


ACTIONS = (
    Action("restart", "restart-service.yml", "restart.yml", lambda hosts, _number: f"service=api host=api max_hosts={hosts}"),
    Action("rollback", "rollback.yml", "rollback.yml", rollback),
    Action("rollback behind nginx", "rollback.yml", "rollback.yml", rollback, nginx=True),
    Action("scale-up", "scale-up.yml", "scale_up.yml", lambda hosts, _number: f"service=api replicas={hosts * 2}"),
)


class Bench:
    """The hosts, each with a service that has two releases and one instance of a template unit; one more has nginx."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._fleet, self._runs = folder, Fleet(folder, most), 0

    def __enter__(self) -> Bench:
        self._fleet.up()
        for number, host in enumerate(self._fleet.hosts, start=1):
            for release in RELEASES:
                self._fleet.ssh(host, f"mkdir -p /srv/api/releases/{release} && cat > /srv/api/releases/{release}/server.py", SERVER)
            self._fleet.ssh(host, f"ln -s releases/{RELEASES[1]} /srv/api/current")
            self._fleet.install(host, "api.service", UNIT.format("8080"))
            self._fleet.install(host, "api@.service", UNIT.format("8100 %i"))
            self._fleet.ssh(host, f"systemctl enable --now api api@{number} 2>/dev/null")
        return self

    def __exit__(self, *_error: object) -> None:
        self._fleet.script("down")

    def compare(self, action: Action, hosts: int, repeats: int) -> list[tuple[float, float]]:
        """Seconds of each pair of runs: bare, wrapped."""
        inventory = self._inventory(hosts)
        if action.nginx:
            servers = "".join(f"  server {self._fleet.address(host)}:8080;\n" for host in self._fleet.hosts[:hosts])
            self._fleet.ssh(self._fleet.front, "cat > /etc/nginx/sites-enabled/default && systemctl restart nginx", NGINX.format(servers=servers))
        self._run(action, hosts, inventory, wrapped=False)  # opens the connections
        pairs = []
        for number in range(repeats):
            took = {wrapped: self._run(action, hosts, inventory, wrapped=wrapped) for wrapped in ((False, True) if number % 2 else (True, False))}
            pairs.append((took[False], took[True]))
        return pairs

    def _inventory(self, hosts: int) -> Path:
        """The fleet's, with that many of its hosts for the service."""
        path = self._folder / f"{hosts}.yml"
        text = self._fleet.inventory.read_text()
        for host in self._fleet.hosts[hosts:]:
            text = text.replace(f"    {host}:\n      ansible_host: {self._fleet.address(host)}\n", "")
        path.write_text(text)
        return path

    def _run(self, action: Action, hosts: int, inventory: Path, *, wrapped: bool) -> float:
        self._runs += 1
        with tempfile.TemporaryDirectory(dir=self._folder) as made, finished(Path(made) / "state"):
            config = Path(made) / "incident-response.yml"
            config.write_text(CONFIG.format(more=BALANCER if action.nginx else ""))
            environ = environment(Path(made), OURS if wrapped else "", {"INCIDENT_CONFIG": str(config)})
            del environ["INCIDENT_DRAIN_TIMEOUT"]  # as it is by default
            playbook = ROOT / "playbooks" / "emergency" / action.wrapped if wrapped else HERE / "bare" / action.bare
            asked = action.ask(hosts, self._runs)
            command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(playbook)]
            took = run([*command, "-e", f"{asked} nginx={action.nginx}"], environ).wall
        if action.name == "scale-up":
            for number, host in enumerate(self._fleet.hosts[:hosts], start=hosts + 1):
                self._fleet.ssh(host, f"systemctl disable --now api@{number} 2>/dev/null")
        return took


@contextmanager
def finished(state: Path) -> Iterator[None]:
    """The couriers of a run have ended before the next one begins."""
    yield
    until = time.monotonic() + 10
    while couriers(state) and time.monotonic() < until:
        time.sleep(0.05)


def tell(name: str, hosts: int, pairs: list[tuple[float, float]]) -> None:
    ratios = [wrapped / bare for bare, wrapped in pairs]
    ratio, spread = statistics.median(ratios), f"{min(ratios):.3f}-{max(ratios):.3f}"
    bare, wrapped = (statistics.median(each) for each in zip(*pairs, strict=True))
    missed = " MISSED" if hosts >= LARGE and ratio > WALL else ""
    print(f"| {name}, {hosts} host{'s' if hosts > 1 else ''} | {bare:.2f} s | {wrapped:.2f} s | {ratio:.3f} ({spread}) |{missed}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="only actions that have this in their name")
    parser.add_argument("--hosts", default="1,5,20")
    given = parser.parse_args()
    counts = [int(each) for each in given.hosts.split(",")]
    lacks = subprocess.run([SCRIPT, "check"], text=True, capture_output=True, check=False)
    if lacks.returncode:
        sys.exit(f"what wrapping costs can't be measured here: {lacks.stdout}")
    subprocess.run([SCRIPT, "build"], timeout=1200, check=True)
    print(f"What wrapping costs (target: {WALL} on {LARGE} hosts)\n\n| | bare | wrapped | ratio (spread) |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made, Bench(Path(made), max(counts)) as bench:
        for action in ACTIONS:
            for hosts in counts if given.only in action.name else []:
                tell(action.name, hosts, bench.compare(action, hosts, given.repeats))


if __name__ == "__main__":
    main()
