# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_package
short_description: Look at the version of a Debian package, and install another
version_added: 0.2.0
description:
  - V(previous) is the older version that was installed before, by dpkg's log.
  - Before anything is touched, the module refuses a version that apt can't install, and a package on hold or pinned to another version.
  - Configuration files that were changed on the host stay unchanged.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.backend]
options:
  package:
    description: The name of the package.
    type: str
    required: true
"""
EXAMPLES = r"""
- name: What would a rollback do?
  incident.response.service_package:
    package: api
    version: previous
  register: look
"""
RETURN = r"""
state:
  description: The installed version after the change.
  type: dict
  returned: success
  sample: {version: 1.4.2-1}
wanted:
  description: The state that was asked for.
  type: dict
  returned: success
  sample: {version: 1.4.1-1}
name:
  description: The installed version.
  type: str
  returned: success
text:
  description: The change from one version to the other, and when the other version was installed.
  type: str
  returned: success
"""

import gzip
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused, State

_PRIORITY = re.compile(r"(?m)^ (?:\*\*\*| {3}) (\S+) (-?\d+)$")
_LONGEST = 900.0
"""The timeout of a package manager command in seconds. It is long because the command downloads, and a killed command must be repaired by hand."""
_PINNED = 990
"""apt_preferences(5): a version with a higher priority is installed even if that is, or is nearly, a downgrade."""
_LOG = Path("/var/log/dpkg.log")


class Package:
    """A Debian package. A state is its version."""

    def __init__(self, package: str) -> None:
        self._package = package

    def look(self) -> State:
        code, out = self._run("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${Version}", self._package)[:2]
        if code or out[1:2] != "i":
            raise Refused(f"The package {self._package} is not installed. Nothing was touched.")
        return {"version": out[3:].strip()}

    def name(self, state: State) -> str:
        return f"{self._package} {state.get('version')}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        words, current = "", now["version"]
        if version == "previous":
            found = self._before(current)
            if not found:
                raise Refused(
                    f"{_LOG} knows of no older version of {self._package} before {current}. To be had {_some(self._available())}. "
                    "Nothing was touched. Name one: -e version=…"
                )
            version, words = found[0], f" (installed {found[1]} until {found[2]})"
        if version != current:
            self._check(version)
        return {"version": version}, words

    def change(self, wanted: State) -> None:
        version = str(wanted.get("version", ""))
        self._check(version)
        options = ["--yes", "--allow-downgrades", "--no-install-recommends", "--option=Dpkg::Options::=--force-confold"]
        code, out, err = self._run("apt-get", "install", *options, f"{self._package}={version}")
        if code:
            last = " / ".join((err or out).strip().splitlines()[-5:])
            raise Refused(f"apt-get can't install {self._package} {version}: {last}")

    def _run(self, *command: str) -> tuple[int, str, str]:
        environ = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        return _command.told(command, _LONGEST, environment=environ)

    def _before(self, current: str) -> tuple[str, str, str] | None:
        """The older version that the current one replaced, when that was installed, and when it was replaced."""
        since: dict[str, str] = {}
        found, newer = None, set[str]()
        for line in _history():
            words = line.split()
            if len(words) < 6 or words[2] not in {"upgrade", "install"} or words[3].partition(":")[0] != self._package:
                continue
            at, old, new = f"{words[0]} {words[1]}", words[4], words[5]
            if new == current and old not in {"<none>", current, *newer}:
                if self._run("dpkg", "--compare-versions", old, "lt", current)[0]:
                    newer.add(old)  # a rollback brought the current one back: that is not the way to go
                else:
                    found = old, since.get(old, "at an unknown time"), at
            since[new] = at
        return found

    def _available(self) -> list[str]:
        out = self._run("apt-cache", "madison", self._package)[1]
        return [line.split("|")[1].strip() for line in out.splitlines() if line.count("|") > 1]

    def _check(self, version: str) -> None:
        """Whether apt may and can install it."""
        held = self._run("apt-mark", "showhold", self._package)[1]
        if held.strip():
            raise Refused(f"{self._package} is on hold. Nothing was touched. Free it with: apt-mark unhold {self._package}")
        priority = {each: int(number) for each, number in _PRIORITY.findall(self._run("apt-cache", "policy", self._package)[1])}
        pinned = [each for each, number in priority.items() if number > max(_PINNED, priority.get(version, 0))]
        if pinned:
            raise Refused(
                f"{self._package} is pinned to {pinned[0]}, which apt would bring back. Nothing was touched. "
                "Look with: grep -r . /etc/apt/preferences /etc/apt/preferences.d"
            )
        code, out, err = self._run("apt-get", "install", "--simulate", "--allow-downgrades", f"{self._package}={version}")
        if code:
            why = (err or out).strip().splitlines()[-1:]
            raise Refused(f"apt can't install {self._package} {version} ({''.join(why)}). To be had {_some(self._available())}. Nothing was touched.")


def _history() -> list[str]:
    """The lines of dpkg's logs, oldest first."""
    lines: list[str] = []
    for path in sorted(_LOG.parent.glob(f"{_LOG.name}*"), key=lambda each: int(f"{each.name}.0".split(".")[2]), reverse=True):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", errors="replace") as log:
            lines += log.read().splitlines()
    return lines


def _some(names: list[str]) -> str:
    if not names:
        return "is none"
    return ("are " if len(names) > 1 else "is ") + ", ".join(names[:10])


def main() -> None:
    spec: dict[str, dict[str, Any]] = {"package": {"type": "str", "required": True}}
    module = AnsibleModule(argument_spec={**spec, **backend.SPEC}, **backend.RULES)
    backend.run(module, Package(module.params["package"]))


if __name__ == "__main__":
    main()
