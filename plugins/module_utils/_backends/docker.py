# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common code of the container modules: Docker's command line, and waiting. Runs on the managed host, so it only uses the standard library."""

from __future__ import annotations

import json
import re
import time
from calendar import timegm
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _command
from .backend import Refused

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

SPEC: dict[str, dict[str, Any]] = {
    "what": {"type": "str", "choices": ["version", "replicas", "restart"], "required": True},
    "force": {"type": "bool", "default": False},
    "migration_marker": {"type": "str", "default": "MIGRATION_PENDING"},
    "force_migrations": {"type": "bool", "default": False},
    "docker_host": {"type": "str"},
    "timeout": {"type": "float", "default": 120},
    "steady_for": {"type": "float", "default": 3},
}
CRASHES = 3  # after this number of crashes, the container counts as failed
_PEOPLE = ("org.opencontainers.image.authors", "org.opencontainers.image.vendor", "maintainer")
_DELAY = 0.5
_LONGEST = 900.0
"""The timeout of a command in seconds. It is long because the command may download an image; a hanging engine answers no command."""


class Docker:
    """The command `docker` on this host, with its Docker engine."""

    def __init__(self, module: AnsibleModule, host: str | None) -> None:
        self._module = module
        self._environment = {"DOCKER_HOST": host} if host else {}
        if not module.get_bin_path("docker"):
            raise Refused("There is no command docker on this host. Nothing was touched.")

    def run(self, *command: str, folder: str | None = None, **environment: str) -> tuple[int, str, str]:
        return _command.told(command, _LONGEST, folder=folder, environment={**self._environment, **environment})

    def must(self, *command: str, folder: str | None = None, **environment: str) -> str:
        """The output. Raises Refused with Docker's message."""
        code, out, err = self.run(*command, folder=folder, **environment)
        if code:
            raise Refused(f"{' '.join(command)}: {(err or out).strip()}")
        return out

    def compose(self) -> list[str]:
        """The compose command on this host: the docker plugin, or the older separate program."""
        if not self.run("docker", "compose", "version")[0]:
            return ["docker", "compose"]
        if self._module.get_bin_path("docker-compose"):
            return ["docker-compose"]
        raise Refused("There is neither docker compose nor docker-compose on this host. Nothing was touched.")

    def inspect(self, kind: str, names: list[str]) -> list[dict[str, Any]]:
        """Docker's data about the existing objects. An object may disappear during the request."""
        if not names:
            return []
        out = self.run("docker", "inspect", "--type", kind, "--", *names)[1]
        found: list[dict[str, Any]] = json.loads(out or "[]")
        return found

    def about_image(self, image: str) -> str:
        """The age and author of an image, in words; empty if it is not on this host."""
        for found in self.inspect("image", [image]):
            labels = (found.get("Config") or {}).get("Labels") or {}
            people = next((f" by {labels[name]}" for name in _PEOPLE if labels.get(name)), "")
            return f" (built {found['Created'][:16].replace('T', ' ')} UTC{people})"
        return ""


def until(judged: Callable[[], bool | None], timeout: float) -> bool:
    """Wait while `judged` returns None (undecided). False after the timeout."""
    end = time.monotonic() + timeout
    while True:
        found = judged()
        if found is not None or time.monotonic() > end:
            return bool(found)
        time.sleep(_DELAY)


def instant(text: str) -> float:
    """Parse Docker's time format, with up to nine decimals and any offset, into seconds since 1970."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))", text)
    if not found:
        raise ValueError(f"{text!r} is no instant")
    seconds = timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S")) + float(found[2] or 0)
    offset = int(found[4]) * 3600 + int(found[5]) * 60 if found[3] else 0
    return seconds - offset if found[3] != "-" else seconds + offset
