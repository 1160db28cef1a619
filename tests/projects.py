# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project of somebody's own, in which commands are typed, and what people read there: on the terminal and in chat.

What they read is kept in `integration/transcripts/`. Where it is meant to change, `make transcripts` writes it anew.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from deployments import Deployed
from servers.running import RocketChat
from sites import Site, eventually

TRANSCRIPTS = Path(__file__).parent / "integration" / "transcripts"

PYTHON = """#!/bin/sh
# The interpreter of one host: all of them are this machine, and each has units of its own.
HOST={host} exec {python} "$@"
"""
SYSTEMCTL = """#!/bin/sh
# Knows the template unit api@.service: as systemctl(1) says, list-units shows UNIT LOAD ACTIVE SUB, and is-active ends with 3 where it isn't.
cd {folder}/$HOST
case $1 in
  list-units) for unit in api@*.service; do [ ! -e "$unit" ] || echo "$unit loaded active running"; done ;;
  enable|start) for last; do :; done; touch "$last" ;;
  disable|stop) for last; do :; done; rm -f "$last" ;;
  is-active) for last; do :; done; [ -e "$last" ] || exit 3 ;;
esac
"""
SAME = [
    (r"incident-\d{4}-\d\d-\d\d-(\d{3})", r"incident-DATE-\1"), (r"incident-\d{4}-\d\d-\d\d-p[0-9a-f]{4}", "incident-DATE-pNNNN"),
    (r"\d{8}T\d{6}-[0-9a-f]{8}", "RUN"), (r"\b[0-9a-f]{12}\b", "PLAN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z?", "TIME"), (r"\b\d\d:\d\d(:\d\d)?Z?\b", "TIME"), (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\b\d+\.\d s\b", "N s"), (r"(?<=[,·] )\d+ (s|min( \d+ s)?)\b", "N s"),
    (r"\bafter \d+ (s|min( \d+ s)?)\b", "after N s"), (r"\b(\d+ entries|1 entry)\b", "N entries"), (r'"pending": \d+', '"pending": N'),
    (r"http:\u200b?//127\.0\.0\.1:\d+", "https://chat.example.com"), (r" ?\*{3,}", " ***"),
    (r"\b[0-9a-f]{8}\b", "HASH"), (r"\bPLAN-[0-9a-f]+", "PLAN-ID"), (r"\b[0-9a-f]{64}\b", "SHA256"), (r"\b[0-9a-f]{16}\b", "ID"), (r"[ \t]+$", ""),
]  # fmt: skip
"""What differs from run to run, and what stands for it."""


_DRILL = "🧪 *DRILL* · "


class Project:
    """A folder of somebody's own: an inventory, a configuration, an ansible.cfg, one-line playbooks, and the collection as it is installed."""

    def __init__(self, site: Site, chat: RocketChat) -> None:
        collections = site.folder / "collections"
        self.deployed = Deployed(site.folder)
        self.folder, self.chat = site.folder / "project", chat
        (self.folder / "playbooks" / "emergency").mkdir(parents=True)
        for path, name in (("restart-service", "restart_service"), ("rollback", "rollback"), ("scale-up", "scale_up")):
            (self.folder / "playbooks" / "emergency" / f"{path}.yml").write_text(f"- import_playbook: incident.response.{name}\n")
        enabled = "callbacks_enabled = incident.response.incident_timeline"
        settings = f"[defaults]\ncollections_path = {collections}\ninventory = inventory.yml\nlocalhost_warning = false\nforks = 1\n{enabled}\n"
        (self.folder / "ansible.cfg").write_text(settings)
        self._take_inventory()
        self._configure()
        unwanted = {"INCIDENT_CONFIG", "ANSIBLE_CONFIG"}
        self.environment = {name: value for name, value in self.deployed.environment.items() if name not in unwanted}
        self.environment |= {**chat.environment(), "PATH": f"{self.folder / 'bin'}:{self.environment['PATH']}"}
        self._be_ada()
        self.environment |= {"COLUMNS": "160", "ANSIBLE_FORCE_COLOR": "false", "HOME": str(site.folder), "INCIDENT_DRAIN_TIMEOUT": "120"}
        self.environment["PYTHONUNBUFFERED"] = "1"  # or what goes to stdout and what to stderr changes places, on some cores

    def _be_ada(self) -> None:
        """Each account is hers: no variable says who somebody is."""
        names = self.folder / "names"
        names.mkdir()
        struct = 'pwd.struct_passwd(("ada", *real(uid)[1:]))'
        (names / "sitecustomize.py").write_text(f"import pwd\nreal = pwd.getpwuid\npwd.getpwuid = lambda uid: {struct}\n")
        self.environment |= {"LOGNAME": "ada", "USER": "ada", "PYTHONPATH": str(names)}

    def _configure(self) -> None:
        config = self.deployed.folder / "config.yml"
        content = yaml.safe_load(config.read_text())
        api = content["services"]["api"]
        api |= {"environment": "production", "hosts": "prod-api-01,prod-api-02", "replicas": {"template": "api@.service", "max": 4}}
        api["health"] = {"command": [str(self.deployed.script), "status", "prod-api-01"], "retries": 2, "delay": 0.1}
        content.setdefault("safety", {})["lock_within"] = "1h"  # what is said where chat is slow depends on the machine
        (self.folder / "incident-response.yml").write_text(yaml.safe_dump(content))
        config.unlink()

    def _take_inventory(self) -> None:
        inventory, bin_folder = json.loads(self.deployed.inventory.read_text()), self.folder / "bin"
        bin_folder.mkdir()
        for host in list(inventory["all"]["hosts"]):
            units, python = self.folder / "units" / host, bin_folder / f"python-{host}"
            units.mkdir(parents=True)
            (units / "api@1.service").touch()
            python.write_text(PYTHON.format(host=host, python=sys.executable))
            inventory["all"]["hosts"][host] = {"ansible_python_interpreter": str(python)}
        (bin_folder / "systemctl").write_text(SYSTEMCTL.format(folder=self.folder / "units"))
        for program in bin_folder.iterdir():
            program.chmod(0o755)
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))

    def type(self, command: str) -> str:
        """What the terminal shows."""
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
            check=False,
        )  # fmt: skip
        return f"$ {command}\n{done.stdout.rstrip()}\n[ends with {done.returncode}]\n"

    def said(self) -> str:
        """What chat shows: each message of each room, its thread as one text, since how it is cut into messages depends on the time; and so does
        whether a lock has been given back, so that their room is left out."""
        assert eventually(lambda: all(each["pending"] == 0 for each in self.deployed.incidents())), self.deployed.courier_log()
        lines, entries = [], [entry for each in self.deployed.incidents() for entry in each["entries"]]
        for room in sorted(self.chat.state()["rooms"], key=lambda each: str(each["name"])):
            messages = [each for each in room["messages"] if not each.get("t") and room["name"] != "service-locks"]
            if messages:
                lines.append(f"## #{room['name']}\n\n{room.get('topic', '')}\n")
            for message in (each for each in messages if not each.get("tmid")):
                replies = [reply["msg"] for reply in messages if reply.get("tmid") == message["_id"]]
                questions = [reply for reply in replies if "NEEDS APPROVAL" in reply]  # which are shown in the channel, too
                replies = [reply for reply in replies if reply not in questions]
                again = {_DRILL.strip(" ·"), *message["msg"].removeprefix(_DRILL).removeprefix("✅ ").splitlines()}  # how often depends on the time
                said = [line for reply in replies for line in _one_host_a_line(reply) if line.removeprefix(_DRILL) not in again]
                thread = "\n".join(_as_it_happened(said, entries))
                lines += [f"```\n{message['msg']}\n```\n", *(f"```\n{each.replace('```', '')}\n```\n" for each in questions)]
                lines += [*([f"in its thread:\n\n```\n{thread}\n```\n"] if thread else [])]
        return "\n".join(lines)

    def same(self, text: str) -> str:
        """Without what differs from run to run, as where a line ends that has the name of a folder in it."""
        text = re.sub(r"^  touches.*(\n {4}\S.*)+", lambda found: re.sub(r"\n +", " ", found[0]), text, flags=re.MULTILINE)
        text = text.replace(str(self.folder), "PROJECT").replace(str(self.deployed.folder), "FOLDER").replace(socket.gethostname(), "laptop")
        for found, instead in SAME:
            text = re.sub(found, instead, text, flags=re.MULTILINE)
        return re.sub(r"\n{3,}", "\n\n", text)


def _as_it_happened(lines: list[str], entries: list[dict[str, Any]]) -> list[str]:
    """The lines of a thread in the order of the timeline: what one message holds of a task that ran twice is one line. Takes the entries away."""
    ordered, place = [], 0
    for number, line in enumerate(lines):
        text = re.sub(r"^\d\d:\d\d - (❌ )?", "", line)
        found = next((place for place, entry in enumerate(entries) if entry and text.startswith(_told(entry))), None)
        if found is not None:
            place, entries[found] = found, {}
        ordered.append((place, number, line))
    return [line for dummy, dummy, line in sorted(ordered)]


def _told(entry: dict[str, Any]) -> str:
    """What chat writes of an entry, as far as it is the same each time."""
    text = re.sub(r": plan [0-9a-f]{12}: .*|: verdict .*", "", str(entry["text"])).removeprefix("Judge the ")
    return text if entry["host"] in text else f"{text} on {entry['host']}" if entry["host"] else text


def _one_host_a_line(message: str) -> list[str]:
    """The text, without how its lines were put together in time."""
    lines = []
    for line in message.splitlines():
        about, dummy, hosts_state = line.rpartition(" on ")
        hosts, dummy, state = hosts_state.partition(": ")
        together = re.match(r"\d\d:\d\d - ", line) and re.fullmatch(r"[\w-]+(, [\w-]+)*", hosts) and about and state
        each = [f"{about} on {host}: {state}" for host in hosts.split(", ")] if together else [line]
        lines += [re.sub(r" \(\d+\.\d s\)$", "", one) for one in each if one != "```"]
    return lines


def check(path: Path, text: str, *, renew: bool) -> None:
    """That it is what is kept, or keep it."""
    if renew:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return
    kept = path.read_text() if path.exists() else ""
    changes = "\n".join(difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm=""))
    assert not changes, f"{path.name} is no longer what people read. Where that is meant: make transcripts\n{changes}"
