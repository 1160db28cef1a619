# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real systemd hosts, reachable by SSH, for all tests of this folder: two for services, and one with nginx in front of them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import A_RUN, SOON, Site, eventually

SLOW = "ExecStartPre=/bin/sh -c '[ ! -e /run/slow ] || { touch /run/starting; sleep 80 || true; }'\n"
"""A line of a unit: with the file /run/slow its start takes until `Fleet.carry_on`."""
SCRIPT = Path(__file__).with_name("hosts.sh")


class Fleet:
    """The hosts that are up, and the inventory that names them."""

    def __init__(self, folder: Path, services: int = 2) -> None:
        self._folder = folder
        *self.hosts, self.front = [f"prod-api-{number:02d}" for number in range(1, services + 2)]
        self.inventory = folder / "inventory.yml"

    def script(self, *arguments: str) -> str:
        answer = subprocess.run([SCRIPT, *arguments, str(self._folder / "fleet")], text=True, capture_output=True, timeout=A_RUN, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def up(self) -> None:
        self.script("up", str(len(self.hosts) + 1))
        self.inventory.write_text(self.script("inventory"))

    def address(self, host: str) -> str:
        return (self._folder / "fleet" / "hosts" / host / "address").read_text().strip()

    def ssh(self, host: str, command: str, text: str = "") -> str:
        """What the command, which has to succeed, prints on the host."""
        options = ["BatchMode=yes", "ControlPath=none", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        given = [word for option in options for word in ("-o", option)]
        line = ["ssh", "-i", str(self._folder / "fleet" / "key"), *given, f"root@{self.address(host)}", command]
        answer = subprocess.run(line, input=text, text=True, capture_output=True, timeout=SOON, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout.strip()

    def install(self, host: str, unit: str, text: str) -> None:
        self.ssh(host, f"cat > /etc/systemd/system/{unit} && systemctl daemon-reload", text)

    def slow(self, host: str) -> None:
        """From now on what starts there, with `SLOW` in its unit, gets half-way."""
        self.ssh(host, "rm -f /run/starting; touch /run/slow")

    def interrupt(self, site: Site, process: subprocess.Popen[str], host: str, lost: str) -> None:
        """When the action is half-way on the host, it loses its `controller`, or its `connection`; then the host carries on without it."""
        assert eventually(lambda: self.ssh(host, "ls /run").find("starting") >= 0)
        if lost == "controller":
            process.send_signal(signal.SIGKILL)
        else:
            self.ssh(host, "systemd-run --quiet --on-active=0.3 pkill -KILL -f '^sshd: root@'")
        process.communicate(timeout=A_RUN)
        assert process.returncode != 0
        assert eventually(lambda: site.kinds()[-1] in {"run_vanished", "run_ended"})
        self.ssh(host, "rm -f /run/slow; pkill -KILL -x sleep || true; pkill -KILL -f '[A]nsiballZ' || true")

    def told(self, site: Site, host: str, lost: str) -> bool:
        """Whether the timeline says that this host was left half-way."""
        entries = site.incidents()[0]["entries"]
        state = "interrupted" if lost == "controller" else "unreachable"
        return any((entry["host"], entry["state"]) == (host, state) for entry in entries)


@pytest.fixture(params=["controller", "connection"])
def lost(request: pytest.FixtureRequest) -> str:
    """What an action loses in the middle."""
    return str(request.param)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Where hosts can't be had, the run says so, and fails at its end."""
    lacks = subprocess.run([SCRIPT, "check"], text=True, capture_output=True, check=False)
    if lacks.returncode:
        pytest.skip(lacks.stdout)
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    subprocess.run([SCRIPT, "build"], timeout=4 * A_RUN, check=True)
    try:
        fleet.up()
        yield fleet
    finally:
        fleet.script("down")
