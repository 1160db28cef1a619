# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the recorder costs a play: wall time and CPU with it, as ratios to the same play without it, in alternating runs.

The CPU is that of the controller and its workers; the courier, a process of its own session, is not in it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPEATS = 5


def measure(playbook: Path, folder: Path, callbacks: str) -> tuple[float, float]:
    config = folder / "ansible.cfg"
    enabled = f"callbacks_enabled = {callbacks}" if callbacks else ""
    config.write_text(f"[defaults]\ncollections_path = {ROOT / 'collections'}\n{enabled}\n")
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "INCIDENT_STATE_DIR": str(folder / "state"),
        "INCIDENT_DRAIN_TIMEOUT": "0",
    }
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(playbook)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


with tempfile.TemporaryDirectory() as name:
    tasks = [{"name": f"Step {number}", "ansible.builtin.debug": {"msg": "x"}} for number in range(500)]
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"incident_action": "bench", "incident_service": "bench"}, "tasks": tasks}
    playbook = Path(name) / "play.json"
    playbook.write_text(json.dumps([play]))
    pairs = []
    for number in range(REPEATS):
        off = measure(playbook, Path(name), "")
        on = measure(playbook, Path(name), "incident.response.incident_timeline")
        pairs.append((on[0] / off[0], on[1] / off[1]))
        print(f"pair {number + 1}: bare {off[0]:.2f} s, wall x {pairs[-1][0]:.3f}, CPU x {pairs[-1][1]:.3f}", flush=True)
    wall, cpu = (statistics.median(values) for values in zip(*pairs, strict=True))
    print(f"500 tasks on localhost, no chat: median wall x {wall:.3f}, CPU x {cpu:.3f}")
