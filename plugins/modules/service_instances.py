# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_instances
short_description: Look at the instances of a systemd template unit, start and stop them
version_added: 0.2.0
description:
  - A started instance is also enabled, so that it runs after a reboot. A stopped instance is disabled.
  - Each new instance is checked until it is healthy. An instance that does not become healthy is stopped and disabled again, and the healthy ones
    stay.
author: Contributors to incident.response (@incident-response)
extends_documentation_fragment: [incident.response.backend]
options:
  template:
    description: The template unit, with the C(@), such as V(api@.service).
    type: str
    required: true
  http:
    description: An address on which a healthy instance answers with a status below 400. C({port}) in it is replaced by the instance's port.
    type: str
    default: ""
  first_port:
    description: The port of instance 1. Instance 2 has the next port, and so on.
    type: int
    default: 0
  retries:
    description: How many times to repeat the check of a new instance.
    type: int
    default: 20
  delay:
    description: Seconds between two checks.
    type: float
    default: 0.5
  steady_for:
    description: For how many seconds an instance must have run without another start to count as healthy.
    type: float
    default: 3
  restart:
    description: Restart this instance, and check it until it is healthy. Fails if it does not become healthy.
    type: int
  timeout:
    description: The timeout in seconds for systemd to start or stop an instance. After it, the current state of the instance is checked.
    type: float
    default: 120
"""
EXAMPLES = r"""
- name: Look at the instances of api
  incident.response.service_instances:
    template: api@.service

- name: Restart the second one
  incident.response.service_instances:
    template: api@.service
    restart: 2
"""
RETURN = r"""
state:
  description: The numbers of the running instances after the change.
  type: dict
  returned: success
  sample: {instances: [1, 3]}
wanted:
  description: The state that was asked for.
  type: dict
  returned: success
name:
  description: The state in words.
  type: str
  returned: success
text:
  description: The change of the number of instances.
  type: str
  returned: success
healthy:
  description: Whether all running instances are healthy.
  type: bool
  returned: success
detail:
  description: The result of the check in words.
  type: str
  returned: success
crashed:
  description: The numbers of the instances that ended with a failure.
  type: list
  elements: int
  returned: success
ill:
  description: The numbers of the running instances that are not healthy.
  type: list
  elements: int
  returned: success
memory_left:
  description: Free memory for new processes in MiB.
  type: int
  returned: success
cpus_left:
  description: How many processors were idle over the last minute.
  type: float
  returned: success
ports:
  description: The port of each instance that runs, or has failed.
  type: dict
  returned: success
broken:
  description: The instances that did not become healthy and were stopped again, each with its log lines.
  type: dict
  returned: success
"""

import os
import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend, web
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused, State


class Instances:
    """The instances of a template unit on this host. A state is the list of their numbers."""

    def __init__(self, module: AnsibleModule) -> None:
        given = module.params
        if "@." not in given["template"]:
            raise Refused(f"{given['template']!r} is no template unit, as api@.service is. Nothing was touched.")
        self._template, self._http, self._first = given["template"], given["http"], given["first_port"]
        self._retries, self._delay, self._steady_for, self._timeout = (given[name] for name in ("retries", "delay", "steady_for", "timeout"))
        self.broken: dict[str, str] = {}

    def look(self) -> State:
        return {"instances": self.are({"active", "activating", "reloading"})}

    def are(self, states: set[str]) -> list[int]:
        """The numbers of the instances that are in one of these states."""
        if self._run("systemctl", "cat", "--", self._unit(1))[0]:
            raise Refused(f"There is no unit {self._template} here. Nothing was touched.")
        command = ["systemctl", "list-units", "--plain", "--no-legend", "--full", "--all", "--type=service", self._template.replace("@.", "@*.")]
        found = re.escape(self._template).replace("@", r"@(\d+)")
        lines = [line.split() for line in self._run(*command)[1].splitlines()]
        matches = [re.fullmatch(found, words[0]) for words in lines if len(words) > 2 and words[2] in states]
        return sorted(int(match[1]) for match in matches if match)

    def name(self, state: State) -> str:
        numbers = state.get("instances") or []
        which = f" ({', '.join(map(str, numbers))})" if numbers else ""
        return f"{len(numbers)} instance{'s' if len(numbers) != 1 else ''}{which}"

    def resolve(self, version: str, now: State) -> tuple[State, str]:
        return now, ""  # how many are to be here depends on the other hosts: the plan says it

    def change(self, wanted: State) -> None:
        now, then = set(self.look()["instances"]), set(wanted["instances"])
        for number in sorted(now - then):
            self._must("systemctl", "disable", "--now", self._unit(number))
        for number in sorted(then - now):
            self._run("systemctl", "enable", "--now", self._unit(number))
        for number in sorted(then - now):
            if not self._gets_healthy(number):
                log = self._log(number)
                self._must("systemctl", "disable", "--now", self._unit(number))
                self._run("systemctl", "reset-failed", self._unit(number))
                self.broken[str(number)] = log

    def restart(self, number: int) -> None:
        """Restart the instance. Raises Refused if it isn't healthy afterwards."""
        self._run("systemctl", "restart", self._unit(number))
        if not self._gets_healthy(number):
            raise Refused(f"{self._unit(number)} did not get healthy after its restart:\n{self._log(number)}")

    def port(self, number: int) -> int:
        return int(self._first) + number - 1

    def healthy(self, number: int) -> bool:
        if self._run("systemctl", "is-active", "--quiet", self._unit(number))[0]:
            return False
        if not self._http:
            return True
        try:
            return web.status(self._http.replace("{port}", str(self.port(number)))) < 400
        except web.TROUBLE:
            return False

    def _gets_healthy(self, number: int) -> bool:
        """Whether the instance becomes healthy and stays healthy. Each crash within `steady_for` after a start uses one retry."""
        left, run, first = self._retries, "", 0.0
        while left >= 0:
            healthy, (this, age) = self.healthy(number), self._age(number)
            if not healthy or run not in {"", this}:
                left -= 1
            if healthy:
                first = first if run == this and first else time.monotonic()
                age = max(age, time.monotonic() - first)  # a systemd that doesn't say since when makes nobody wait for ever
                if age >= self._steady_for:
                    return True
            run, first = (this, first) if healthy else ("", 0.0)
            time.sleep(min(self._delay, self._steady_for - age) if healthy else self._delay)
        return False

    def _age(self, number: int) -> tuple[str, float]:
        """An id of the instance's current run, and for how many seconds it has been active."""
        properties = ("InvocationID", "ActiveEnterTimestampMonotonic")
        out = self._run("systemctl", "show", *(f"--property={name}" for name in properties), "--", self._unit(number))[1]
        shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        since = int(shown.get(properties[1]) or 0)
        return shown.get(properties[0], ""), time.clock_gettime(time.CLOCK_MONOTONIC) - since / 1e6 if since else 0.0

    def _log(self, number: int) -> str:
        """The last log lines of the instance."""
        return self._run("journalctl", "--no-pager", "--output=cat", "--lines=10", "--unit", self._unit(number))[1].strip()

    def _unit(self, number: int) -> str:
        return str(self._template).replace("@.", f"@{number}.")

    def _run(self, *command: str) -> tuple[int, str, str]:
        return _command.told(command, self._timeout)

    def _must(self, *command: str) -> None:
        code, out, err = self._run(*command)
        if code:
            raise Refused(f"{' '.join(command)}: {(err or out).strip()}")


def cpus_left() -> float:
    """The number of processors that were idle over the last minute."""
    return round(max(0.0, (os.cpu_count() or 1) - os.getloadavg()[0]), 2)


def main() -> None:
    spec: dict[str, dict[str, Any]] = {
        "template": {"type": "str", "required": True},
        "http": {"type": "str", "default": ""},
        "first_port": {"type": "int", "default": 0},
        "retries": {"type": "int", "default": 20},
        "delay": {"type": "float", "default": 0.5},
        "steady_for": {"type": "float", "default": 3},
        "restart": {"type": "int"},
        "timeout": {"type": "float", "default": 120},
    }
    module = AnsibleModule(argument_spec={**spec, **backend.SPEC}, **backend.RULES)
    backend.refuse_endless(module, "delay", "steady_for", "timeout")
    try:
        instances = Instances(module)
        restart = module.params["restart"]
        if restart is not None and not module.check_mode:
            instances.restart(restart)
        result = backend.work(module, instances, partial=True)
        result["changed"] |= restart is not None
        numbers, crashed = result["state"]["instances"], instances.are({"failed"})
        ill = [number for number in numbers if not instances.healthy(number)] if not module.check_mode or not result["changed"] else []
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error))
    wanted = len(result["wanted"]["instances"])
    words = f"{len(numbers)} of {wanted} instances run" + (f", not healthy: {', '.join(map(str, ill))}" if ill else "")
    words += f", did not get healthy and were stopped: {', '.join(instances.broken)}" if instances.broken else ""
    evidence = "\n".join(f"instance {number}: {log}" for number, log in instances.broken.items())
    module.exit_json(
        **result, healthy=not ill, exists=True, instance="", detail=words, evidence=evidence, broken=instances.broken,
        crashed=crashed, ill=ill, memory_left=backend.memory_left(), cpus_left=cpus_left(),
        ports={str(number): str(instances.port(number)) for number in [*numbers, *crashed]},
    )  # fmt: skip


if __name__ == "__main__":
    main()
