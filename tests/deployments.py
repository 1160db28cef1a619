# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site whose hosts have release folders of their own, and a service that runs what `current` points to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sites import STEADY, Site

ROLLBACK = "playbooks/emergency/rollback.yml"
UNDO = "playbooks/emergency/undo.yml"
RELEASES = ("20251101100000", "20251102100000", "20251103100000")
OLD, MIDDLE, NEW = RELEASES
HOSTS = ("prod-api-01", "prod-api-02")

SERVICE = """#!/bin/sh
# What runs is what `current` was at the start; a release with the file `bad` comes up and isn't well.
cd {folder}/$2
case $1 in
  start) [ ! -e broken ] || {{ echo "api[812]: listen tcp :8080: bind: address already in use" >&2; exit 1; }}
    [ ! -e slow ] || {{ touch ../starting; sleep 30; }}; readlink current > running ;;
  stop) rm -f running ;;
  status) [ -e running ] && [ "$(cat running)" = "$(readlink current)" ] && [ ! -e current/bad ] ;;
esac
"""


class Deployed(Site):
    """A site whose hosts have releases."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.srv = folder / "srv"
        self.srv.mkdir()
        self.script.write_text(SERVICE.format(folder=self.srv))
        for host in HOSTS:
            for release in RELEASES:
                (self.srv / host / "releases" / release).mkdir(parents=True)
            self.at(host, NEW)
        commands = {word: [str(self.script), word, "{{ inventory_hostname }}"] for word in ("start", "stop", "status")}
        variables: dict[str, Any] = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "service_restart_commands": commands,
            "service_rollback_path": f"{self.srv}/{{{{ inventory_hostname }}}}",
            "service_rollback_health": {"command": commands["status"], "retries": 2, "delay": 0.1, "steady_for": STEADY},
        }  # fmt: skip
        self.inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(HOSTS), "vars": variables}}))
        config = folder / "config.yml"
        service = {"hosts": "prod-api-*", "backend": "command", "commands": {word: [str(self.script), word] for word in commands}}
        config.write_text(json.dumps({"services": {"api": service}}))
        self.environment["INCIDENT_CONFIG"] = str(config)

    def at(self, host: str, release: str) -> None:
        """Deploy and run it there."""
        link = self.srv / host / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(f"releases/{release}")
        subprocess.run([str(self.script), "start", host], check=True)

    def current(self) -> list[str]:
        return [str((self.srv / host / "current").readlink()) for host in HOSTS]

    def running(self) -> list[str]:
        return [(self.srv / host / "running").read_text().strip() for host in HOSTS]

    def rollback(self, *arguments: str) -> tuple[int, str]:
        code, output = self.run("-e", "app=api", *arguments, playbook=ROLLBACK)
        return code, " ".join(output.split())

    def last_run(self) -> str:
        run: str = self.incidents()[0]["runs"][-1]["run"]
        return run

    def undo(self, *arguments: str) -> tuple[int, str]:
        code, output = self.run(*(arguments or ("-e", f"action={self.last_run()}")), playbook=UNDO)
        return code, " ".join(output.split())
