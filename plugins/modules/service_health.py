# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_health
short_description: Ask a service whether it is healthy
version_added: 0.1.0
description: Runs all checks in one trip, again and again until all pass, O(in_a_row) times in a row, or the tries are used up.
author: Contributors to incident.response (@incident-response)
options:
  unit:
    description: A systemd unit that must be active. Of a template, such as V(api@.service), all instances that were started, and one at least.
    type: str
  command:
    description: A command that must end with 0, as a list.
    type: list
    elements: str
  http:
    description: An address that must answer with a status below 400. It is asked without a proxy; redirections are followed.
    type: str
  tcp:
    description: A C(host:port) that must take connections.
    type: str
  retries:
    description: How many times to look again.
    type: int
    default: 0
  delay:
    description: Seconds between two looks.
    type: float
    default: 1
  in_a_row:
    description: How many looks in a row must pass. With one, a service that comes and goes is healthy if the look falls well.
    type: int
    default: 1
attributes:
  check_mode: {support: full, description: Only reads.}
  diff_mode: {support: none, description: Only reads.}
"""
EXAMPLES = r"""
- name: Check that api is healthy
  incident.response.service_health:
    unit: api.service
    http: http://127.0.0.1:8080/health
"""
RETURN = r"""
healthy:
  description: Whether all checks passed.
  type: bool
  returned: success
exists:
  description: Whether the unit is known to systemd; true where no unit was asked for.
  type: bool
  returned: success
unit:
  description: The name under which systemd keeps the unit.
  type: str
  returned: success
alias:
  description: The name that was asked for, where that is only another name of the unit; else empty.
  type: str
  returned: success
instance:
  description: What is another one after a real restart of the unit, empty where it can't be known.
  type: str
  returned: success
detail:
  description: What was seen, in words.
  type: str
  returned: success
evidence:
  description: Of a service that isn't healthy, the unit's status and last log lines, and the last lines of the command.
  type: str
  returned: success
"""

import socket
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _web


def look_at_instances(module: AnsibleModule, template: str) -> tuple[bool, dict[str, Any], str]:
    """The same of all instances of a template unit: whether there are any, and none that was started is in another state than active."""
    command = ["systemctl", "show", "--property=Id,ActiveState,InvocationID", "--", template.replace("@.", "@*.")]
    dummy, out, dummy = module.run_command(command, check_rc=True)
    shown = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.strip().split("\n\n") if block]
    started = sorted((each for each in shown if each.get("ActiveState") != "inactive"), key=lambda each: each.get("Id", ""))
    exists = not module.run_command(["systemctl", "cat", "--", template.replace("@.", "@1.")])[0]
    good = [each for each in started if each["ActiveState"] == "active"]
    words = [f"{len(good)} instances active", *(f"{each['Id']} {each['ActiveState']}" for each in started if each not in good)]
    about = {"exists": exists, "unit": template, "alias": "", "instance": " ".join(each.get("InvocationID", "") for each in good)}
    return bool(good) and good == started, about, ", ".join(words) if exists else "unit not-found"


def look_at_unit(module: AnsibleModule, unit: str) -> tuple[bool, dict[str, Any], str]:
    """Whether the unit is active; whether systemd knows it, by what name, and which run of it this is; and words."""
    command = ["systemctl", "show", "--property=Id,LoadState,ActiveState,InvocationID", "--", unit]
    dummy, out, dummy = module.run_command(command, check_rc=True)
    shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    exists = shown.get("LoadState") == "loaded"
    word = shown.get("ActiveState", "") if exists else shown.get("LoadState", "")
    name = shown.get("Id", unit)
    alias = "" if unit in {name, name.removesuffix(".service")} else unit
    about = {"exists": exists, "unit": name, "alias": alias, "instance": shown.get("InvocationID", "")}
    return shown.get("ActiveState") == "active", about, "unit " + word


def look_at_http(address: str) -> tuple[bool, str]:
    try:
        status = _web.status(address)
    except _web.TROUBLE as error:
        return False, f"HTTP: {error}"
    return status < 400, f"HTTP {status}"


def look_at_tcp(address: str) -> tuple[bool, str]:
    host, dummy, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        return False, f"TCP {address}: {error}"
    return True, f"TCP {address} answers"


def look(module: AnsibleModule) -> dict[str, Any]:
    """One look at the service: healthy, exists, unit, instance, detail, evidence."""
    wanted, evidence = module.params, ""
    about: dict[str, Any] = {"exists": True, "unit": "", "alias": "", "instance": ""}
    good: list[bool] = []
    seen: list[str] = []
    if wanted["unit"]:
        active, about, words = (look_at_instances if "@." in wanted["unit"] else look_at_unit)(module, wanted["unit"])
        good.append(active)
        seen.append(words)
    if wanted["command"]:
        try:
            code, out, err = module.run_command(wanted["command"], handle_exceptions=False)
            words = f"command ended with {code}"
        except (OSError, ValueError) as error:
            code, out, err, words = 127, "", "", f"command can't be run: {error}"
        good.append(code == 0)
        seen.append(words)
        evidence = "\n".join((out + err).splitlines()[-10:])
    for name, check in (("http", look_at_http), ("tcp", look_at_tcp)):
        if wanted[name]:
            answers, words = check(wanted[name])
            good.append(answers)
            seen.append(words)
    return {"healthy": all(good), **about, "detail": ", ".join(seen), "evidence": evidence}


def look_until_steady(module: AnsibleModule) -> dict[str, Any]:
    """The last look, healthy only where as many in a row were as are asked for."""
    wanted, looks = module.params["in_a_row"], module.params["retries"] + module.params["in_a_row"]
    in_a_row, once = 0, False
    while True:
        seen, looks = look(module), looks - 1
        in_a_row, once = (in_a_row + 1, True) if seen["healthy"] else (0, once)
        if in_a_row >= wanted:
            return seen
        if looks <= 0:
            flaps = f", healthy at times, but not {wanted} looks in a row" if once else ""
            return {**seen, "healthy": False, "detail": seen["detail"] + flaps}
        time.sleep(module.params["delay"])


def last_words(module: AnsibleModule, unit: str) -> str:
    """What the host says of a unit that isn't well."""
    unit = unit.replace("@.", "@*.")
    dummy, status, dummy = module.run_command(["systemctl", "status", "--no-pager", "--full", "--lines=0", "--", unit])
    dummy, log, dummy = module.run_command(["journalctl", "--no-pager", "--output=cat", "--lines=10", "--unit", unit])
    return f"{status.rstrip()}\n{log.rstrip()}"


def main() -> None:
    spec = {
        "unit": {"type": "str"},
        "command": {"type": "list", "elements": "str"},
        "http": {"type": "str"},
        "tcp": {"type": "str"},
        "retries": {"type": "int", "default": 0},
        "delay": {"type": "float", "default": 1},
        "in_a_row": {"type": "int", "default": 1},
    }
    module = AnsibleModule(argument_spec=spec, required_one_of=[["unit", "command", "http", "tcp"]], supports_check_mode=True)
    address, port = module.params["http"], (module.params["tcp"] or ":1").rpartition(":")[2]
    if address and not address.startswith(("http://", "https://")):
        module.fail_json(msg=f"http must begin with http:// or https://, not {address!r}")
    if not port.isdigit():
        module.fail_json(msg="tcp must be host:port, not {!r}".format(module.params["tcp"]))
    seen = look_until_steady(module)
    if not seen["healthy"] and module.params["unit"] and seen["exists"]:
        seen["evidence"] = (last_words(module, module.params["unit"]) + "\n" + seen["evidence"]).strip()
    module.exit_json(changed=False, **seen)


if __name__ == "__main__":
    main()
