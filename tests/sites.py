# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A place to act on for real: an inventory, a service that needs neither root nor systemd, a state folder of its own."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, undeclared
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect

ROOT = Path(__file__).parents[1]
SOON = 240.0
"""Seconds until something that is watched hangs. What a test expects comes long before: a busy machine takes ten times as long as an idle one."""
A_RUN = 4 * SOON
"""The same for a whole play, or a program."""
RESTART = "playbooks/emergency/restart-service.yml"
DELIVER = "incident.response.deliver"
STEADY = 0.2
"""Seconds for which a service must stay healthy in the tests, that they be fast; the default has a test of its own."""

SERVICE = """#!/bin/sh
cd {folder}
case $1 in
  start) [ -e cannot-start ] || {{ [ ! -e slow ] || {{ touch starting; sleep 30; }}; touch running; }} ;;
  stop) rm -f running ;;
  status) [ -e running ] ;;
esac
"""


class Site:
    """An inventory of three hosts that share one service, and a state folder of their own."""

    made: ClassVar[list[Site]] = []
    """Those of the test that goes on."""
    later = False
    """Whether a later version writes into its journal, too."""

    def __init__(self, folder: Path, programs: Path = Path(sys.executable).parent) -> None:
        self.made.append(self)
        self.programs = programs
        self.folder, self.state = folder, folder / "state"
        self.script = folder / "service"
        self.script.write_text(SERVICE.format(folder=folder))
        self.script.chmod(0o755)
        commands = {word: [str(self.script), word] for word in ("start", "stop", "status")}
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(programs / "python"),
            "service_restart_backend": "command",
            "service_restart_commands": commands,
            "service_restart_retries": 2,
            "service_restart_delay": 0.1,
            "service_restart_steady_for": STEADY,
        }
        self.inventory = folder / "inventory.json"
        self._write_inventory(variables)
        unwanted = {"CI", "JOB_ID", "INCIDENT_ID", "INCIDENT_CONFIG", *connect.VARIABLES.values()}
        path = f"{programs}:{os.environ['PATH']}"
        self.environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.environment |= {"INCIDENT_STATE_DIR": str(self.state), "INCIDENT_DRAIN_TIMEOUT": "15", "PATH": path}

    def _write_inventory(self, variables: dict[str, Any]) -> None:
        hosts = {"prod-api-01": None, "prod-api-02": None, "prod-db-01": None}
        self.inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))

    def without_variables(self) -> None:
        """Leave what a service is to the catalogue."""
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self._write_inventory(local | {"service_restart_steady_for": STEADY})

    def write_playbook(self, tasks: list[dict[str, Any]], variables: dict[str, Any] | None = None) -> Path:
        """`play.json`: one play on prod-api-01."""
        path = self.folder / "play.json"
        path.write_text(json.dumps([{"hosts": "prod-api-01", "gather_facts": False, "vars": variables or {}, "tasks": tasks}]))
        return path

    def start(self, *arguments: str, playbook: str = RESTART) -> subprocess.Popen[str]:
        command = ["ansible-playbook", "-i", str(self.inventory), playbook, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start_slowly(self, *arguments: str) -> subprocess.Popen[str]:
        """A restart whose service is half-way up, and stays so for 30 s.

        Not merely shown as begun: ansible-core loses a SIGINT that comes while it forks the worker of a task.
        """
        (self.folder / "slow").touch()
        (self.folder / "starting").unlink(missing_ok=True)
        process = self.start(*arguments)
        if not eventually((self.folder / "starting").exists):
            process.kill()
            raise AssertionError(process.communicate()[0])
        return process

    def run(self, *arguments: str, playbook: str = RESTART) -> tuple[int, str]:
        process = self.start(*arguments, playbook=playbook)
        output, dummy = process.communicate(timeout=A_RUN)
        return process.returncode, output

    def incidents(self) -> list[dict[str, Any]]:
        journal = SqliteJournal(self.state / "journal.db", _state.key(self.state))
        try:
            return [journal.info(incident) for incident in journal.ids()]
        finally:
            journal.close()

    def entries(self) -> list[dict[str, Any]]:
        """The timeline, but for what the courier publishes and drafts beside it, at a time of its own."""
        return [entry for entry in self.incidents()[0]["entries"] if entry["kind"] not in {"published", "draft"}]

    def details(self, incident: str) -> set[int]:
        """The places of the entries that are detail: in the journal, and not in chat."""
        with SqliteJournal(self.state / "journal.db", _state.key(self.state)) as journal:
            return {place for place, entry in enumerate(journal.entries(incident), start=1) if entry.data.get("detail")}

    def ending(self) -> dict[str, Any]:
        """The entry that ends the last run; what it was followed by, such as a call, has a place of its own on the timeline."""
        return [entry for entry in self.entries() if entry["kind"] in {"run_ended", "run_vanished"}][-1]

    def kinds(self) -> list[str]:
        """Those of the timeline; one that is none as long as there is no incident."""
        return [entry["kind"] for entry in self.entries()] if self.incidents() else ["no incident yet"]

    def courier_log(self) -> str:
        log = self.state / "courier.log"
        return log.read_text() if log.exists() else ""

    def couriers(self) -> list[int]:
        """The couriers of this site's state folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.state).encode() in command and any(word.endswith(b"_courier/main.py") for word in command):
                found.append(int(process.name))
        return found

    def undeclared(self) -> set[str]:
        """What the journal's entries have in their data, and docs/record.md doesn't know."""
        path = self.state / "journal.db"
        if self.later or not path.is_file():
            return set()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database, suppress(sqlite3.Error, ValueError, TypeError, AttributeError):
            entries = [Entry.from_json(str(body, "utf-8")) for (body,) in database.execute("SELECT body FROM entries")]
            return {f"{entry.kind}.{key}" for entry in entries for key in undeclared(entry)}
        return set()  # a test damaged it

    def end_couriers(self) -> None:
        """Kill them, as a machine that is switched off does."""
        for process in self.couriers():
            os.kill(process, signal.SIGKILL)
        assert eventually(lambda: not self.couriers())

    def off(self, seconds: float) -> None:
        """Let the clock of all that is run from now on be ahead by so many seconds, or behind."""
        folder = self.folder / "clock"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(f"import time\ntrue = time.time\ntime.time = lambda: true() + {seconds}\n")
        self.environment["PYTHONPATH"] = str(folder)

    def without_callback(self) -> None:
        """As an installed collection is met: our ansible.cfg isn't there."""
        config = self.folder / "ansible.cfg"
        config.write_text(f"[defaults]\ncollections_path = {ROOT / 'collections'}\n")
        self.environment["ANSIBLE_CONFIG"] = str(config)

    def ad_hoc(self, module: str, arguments: str, *more: str) -> tuple[int, str]:
        command = ["ansible", "localhost", "-i", str(self.inventory), "-m", f"incident.response.{module}", "-a", arguments, *more]
        shown = subprocess.run(command, cwd=ROOT, env=self.environment, text=True, capture_output=True, timeout=A_RUN, check=False)
        return shown.returncode, shown.stdout + shown.stderr


def install(site: Site) -> Site:
    """The site with the built artifact in a collections folder of its own, and an ansible.cfg that knows of that alone."""
    tmp_path = site.folder
    config = tmp_path / "ansible.cfg"
    config.write_text(f"[defaults]\ncollections_path = {tmp_path / 'collections'}\n[incident_response]\nstate_dir = {tmp_path / 'from-ini'}\n")
    site.environment["ANSIBLE_CONFIG"] = str(config)
    shutil.copytree(_installed(), tmp_path / "collections", symlinks=True)
    return site


@cache
def _installed() -> Path:
    """A collections folder with the artifact, as people install it: built once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="artifact-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    work = folder / "source"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(work)], check=True)
    listed = subprocess.run(["git", "ls-files", "-com", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):  # what isn't committed yet is tested too
        if (ROOT / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes((ROOT / name).read_bytes())
    (folder / "ansible.cfg").touch()
    galaxy, environment = ["ansible-galaxy", "collection"], {**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    subprocess.run([*galaxy, "build", "--output-path", str(folder), str(work)], env=environment, check=True, capture_output=True)
    (built,) = folder.glob("incident-response-*.tar.gz")
    install = [*galaxy, "install", "--offline", "-p", str(folder / "collections"), str(built)]
    subprocess.run(install, env=environment, check=True, capture_output=True)
    return folder / "collections"


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true before it must be taken for hanging."""
    until = time.monotonic() + SOON
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
