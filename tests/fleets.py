# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plays of one's own, on hosts that may be lost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from sites import ROOT, Site

CONNECTIONS = Path(__file__).parent / "connections"
HOSTS = ("web1", "web2", "lb1", "lb2")


class Fleet(Site):
    """A site of four hosts on which any play runs; each can be lost."""

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        super().__init__(folder, *([programs] if programs else []))
        variables = {"ansible_connection": "may_be_lost", "ansible_python_interpreter": str(self.programs / "python")}
        self.inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(HOSTS), "vars": variables}}))
        may_be_lost(self)

    def command(self, program: str, *arguments: str) -> tuple[int, str]:
        """Run another of Ansible's programs on the inventory."""
        command = [program, "-i", str(self.inventory), *arguments]
        shown = subprocess.run(command, cwd=ROOT, env=self.environment, text=True, capture_output=True, timeout=60, check=False)
        return shown.returncode, shown.stdout + shown.stderr

    def lose(self, host: str) -> None:
        (self.folder / "lost" / host).touch()

    def play(self, *tasks: dict[str, Any], hosts: str = "web1", action: str | None = "drain", service: str = "api", **more: Any) -> dict[str, Any]:
        """A play that is recorded, unless `action` is None."""
        variables = {**more.pop("vars", {}), **({"incident_action": action, "incident_service": service} if action else {})}
        return {"hosts": hosts, "gather_facts": False, "vars": variables, "tasks": list(tasks), **more}

    def write(self, *plays: dict[str, Any], name: str = "play") -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(plays))
        return str(path)

    def runs(self) -> dict[str, list[dict[str, Any]]]:
        """The entries of each run, by the service of its incident and the run's place there: `api 1`."""
        found: dict[str, list[dict[str, Any]]] = {}
        for incident in self.incidents():
            for number, run in enumerate(incident["runs"], start=1):
                found[f"{incident['service']} {number}"] = [entry for entry in incident["entries"] if entry["run"] == run["run"]]
        return found

    def results(self, run: str = "api 1") -> list[tuple[str, str, str, bool | None]]:
        """Text, host, state and `changed` of each result of a run."""
        return [(entry["text"], entry["host"], entry["state"], entry["changed"]) for entry in self.runs()[run] if entry["kind"] == "task"]

    def end(self, run: str = "api 1") -> str:
        """The last words of a run, without how long it took."""
        (text,) = (entry["text"] for entry in self.runs()[run] if entry["kind"] == "run_ended")
        mark, dummy, words = text.partition(" Ended after ")
        return f"{mark} {words.partition(': ')[2]}"


def may_be_lost(site: Site) -> None:
    """Let Ansible find the connection `may_be_lost`."""
    (site.folder / "lost").mkdir()
    site.environment |= {"ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS), "LOST_HOSTS": str(site.folder / "lost")}


def run(name: str, module: str = "ansible.builtin.command", arguments: str = "true", **more: Any) -> dict[str, Any]:
    """A task. `changed_when` is false unless it is given."""
    return {"name": name, module: arguments, "changed_when": False, **more}
