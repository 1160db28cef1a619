# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the restart waits for the recorder: from the start of the command to the start of the restart task, with the
callback and without it; and how long a hook of the callback takes.

    action.py [--repeats N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.plays import HERE, OURS, PLAYS, ROOT, environment

MORE, HOOK = 60, 50
SERVICE = """#!/bin/sh
cd {folder}
case $1 in
  start) touch running ;;
  stop) date +%s%N >> begun; rm -f running ;;
  status) [ -e running ] ;;
esac
"""


def to_action(folder: Path, callbacks: str) -> float:
    """Milliseconds from the start of the command to the moment that the service's stop command runs."""
    script = folder / "service"
    script.write_text(SERVICE.format(folder=folder))
    script.chmod(0o755)
    commands = {word: [str(script), word] for word in ("start", "stop", "status")}
    variables = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "service_restart_backend": "command",
        "service_restart_commands": commands, "service_restart_steady_for": 0.1,
    }  # fmt: skip
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"prod-api-01": variables}}}))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), "playbooks/emergency/restart-service.yml"]
    environ = environment(folder, callbacks, {})
    begun = time.time_ns()
    subprocess.run([*command, "-e", "service=api host=prod-api-01"], cwd=ROOT, env=environ, check=True, capture_output=True)
    acted = int((folder / "begun").read_text())
    (folder / "begun").unlink()
    return (acted - begun) / 1e6


def hooks(folder: Path) -> dict[str, list[float]]:
    """Microseconds of every call of every hook in a play of 500 tasks."""
    told = folder / "hooks.json"
    more = {"PYTHONPATH": str(HERE / "timed"), "HOOKS_FILE": str(told)}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *PLAYS[0].write(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment(folder, OURS, more), check=True, capture_output=True)
    found: dict[str, list[float]] = json.loads(told.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        pairs = []
        for number in range(given.repeats):
            order = ("", OURS) if number % 2 else (OURS, "")
            took = {callbacks: to_action(Path(made), callbacks) for callbacks in order}
            pairs.append((took[""], took[OURS]))
        more = statistics.median(with_it - bare for bare, with_it in pairs)
        bare = statistics.median(each[0] for each in pairs)
        print(f"time to action: {bare:.0f} ms without the callback, {more:+.0f} ms with it{' MISSED' if more > MORE else ''} (target: {MORE} ms)")
        for name, calls in hooks(Path(made)).items():
            median, last = statistics.median(calls), sorted(calls)[int(len(calls) * 0.99) - 1]
            missed = " MISSED" if len(calls) > 1 and median > HOOK else ""
            print(f"{name}: {len(calls)} calls, median {median:.0f} us, 99 % below {last:.0f} us{missed} (target: median {HOOK} us)")


if __name__ == "__main__":
    main()
