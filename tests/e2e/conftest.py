# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real systemd hosts, reachable by SSH, for all tests of this folder: two for services, and one with nginx in front of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("hosts.sh")


class Fleet:
    """The hosts that are up, and the inventory that names them."""

    def __init__(self, folder: Path, services: int = 2) -> None:
        self._folder = folder
        *self.hosts, self.front = [f"prod-api-{number:02d}" for number in range(1, services + 2)]
        self.inventory = folder / "inventory.yml"

    def script(self, *arguments: str) -> str:
        answer = subprocess.run([SCRIPT, *arguments, str(self._folder / "fleet")], text=True, capture_output=True, timeout=600, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def up(self) -> None:
        self.script("up", str(len(self.hosts) + 1))
        lines = self.script("inventory").splitlines(keepends=True)
        front = next(number for number, line in enumerate(lines) if self.front in line)
        common = "".join(lines[:front]).partition("  hosts:\n")[0].removeprefix("---\napi:\n")
        balancer = f"balancer:\n{common}  hosts:\n{''.join(lines[front : front + 2])}"
        self.inventory.write_text("".join(lines[:front] + lines[front + 2 :]) + balancer)

    def address(self, host: str) -> str:
        return (self._folder / "fleet" / "hosts" / host / "address").read_text().strip()

    def ssh(self, host: str, command: str, text: str = "") -> str:
        """What the command, which has to succeed, prints on the host."""
        options = ["BatchMode=yes", "ControlPath=none", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        given = [word for option in options for word in ("-o", option)]
        line = ["ssh", "-i", str(self._folder / "fleet" / "key"), *given, f"root@{self.address(host)}", command]
        answer = subprocess.run(line, input=text, text=True, capture_output=True, timeout=60, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout.strip()

    def install(self, host: str, unit: str, text: str) -> None:
        self.ssh(host, f"cat > /etc/systemd/system/{unit} && systemctl daemon-reload", text)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Where hosts can't be had, the tests say so; in CI they fail."""
    lacks = subprocess.run([SCRIPT, "check"], text=True, capture_output=True, check=False)
    if lacks.returncode:
        if os.environ.get("CI"):
            pytest.fail(lacks.stdout)
        pytest.skip(lacks.stdout)
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    subprocess.run([SCRIPT, "build"], timeout=1200, check=True)
    try:
        fleet.up()
        yield fleet
    finally:
        fleet.script("down")
