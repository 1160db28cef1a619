# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the benchmarks share: plays, and how one run of one is measured."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
OURS = "incident.response.incident_timeline"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one run. The CPU is that of the controller and its workers; a courier, in a session of its own, is not in it."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Play:
    name: str
    hosts: int
    tasks: int
    forks: int

    def write(self, folder: Path) -> list[str]:
        """Make the playbook and the inventory; the arguments for ansible-playbook."""
        steps = [{"name": f"Step {number}", "ansible.builtin.debug": {"msg": "x"}} for number in range(self.tasks)]
        play = {"hosts": "all", "gather_facts": False, "vars": {"incident_action": "bench", "incident_service": "bench"}, "tasks": steps}
        playbook, inventory = folder / f"{self.name}.json", folder / f"{self.name}-hosts.json"
        playbook.write_text(json.dumps([play]))
        names = ["localhost"] if self.hosts == 1 else [f"host{number:02d}" for number in range(self.hosts)]
        inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(names), "vars": {"ansible_connection": "local"}}}))
        return ["-i", str(inventory), "-f", str(self.forks), str(playbook)]


PLAYS = (Play("500 tasks", 1, 500, 5), Play("50 hosts x 20 tasks", 50, 20, 10))


def environment(folder: Path, callbacks: str, more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run: nothing on the terminal, garbage collection held equal, the given callbacks enabled."""
    config = folder / f"{callbacks or 'bare'}.cfg"
    enabled = f"callbacks_enabled = {callbacks}" if callbacks else ""
    paths = f"collections_path = {ROOT / 'collections'}"
    config.write_text(f"[defaults]\n{paths}\ncallback_plugins = {HERE / 'plugins'}\nstdout_callback = quiet\n{enabled}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROCKETCHAT_", "INCIDENT_", "ANSIBLE_"))}
    ours = {"ANSIBLE_CONFIG": str(config), "PYTHONPATH": str(HERE / "equal"), "INCIDENT_STATE_DIR": str(folder / "state")}
    return {**kept, **ours, "INCIDENT_DRAIN_TIMEOUT": "0", **more}


def run(command: list[str], environ: Mapping[str, str]) -> Cost:
    """Run it to its end. Raises CalledProcessError where it fails."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=ROOT, env=dict(environ), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def couriers(folder: Path) -> dict[int, float]:
    """The couriers of a state folder that run, and the CPU seconds that each has used."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if str(folder).encode() in command and any(word.endswith(b"_courier/main.py") for word in command):
            found[int(process.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found
