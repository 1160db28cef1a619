# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_health_info
short_description: Ask a service whether it is healthy
version_added: 0.1.0
description:
  - Runs all checks on the host, and repeats them until the service is healthy or the retries are used up.
  - The service is healthy if all checks pass O(in_a_row) times in a row and for O(steady_for) seconds, with the same process all that time. If a
    check fails, or finds another process, it uses one of the O(retries), and the count starts again.
author: Contributors to incident.response (@incident-response)
options:
  unit:
    description: A systemd unit that must be active. For a template, such as V(api@.service), all started instances must be active, and at least
      one.
    type: str
  command:
    description: A command that must end with 0, as a list.
    type: list
    elements: str
  http:
    description: An address that must answer with a status below 400. The request uses no proxy, and follows redirects.
    type: str
  tcp:
    description: A C(host:port) that must accept connections.
    type: str
  retries:
    description: How many times to repeat the checks after a check that failed, or that found another process than before.
    type: int
    default: 0
  delay:
    description: Seconds between two checks.
    type: float
    default: 1
  in_a_row:
    description: How many checks in a row must pass. With one, a service that is only sometimes healthy may count as healthy.
    type: int
    default: 1
  steady_for:
    description:
      - For how many seconds the service must stay healthy, with the same process. With 0, only the checks count.
      - This detects a service that crashes within this time after each start, and is healthy in between.
    type: float
    default: 0
  identity:
    description:
      - A command that prints a value that changes with each start of the service, such as V([cat, /run/api.pid]), as a list.
      - A number counts as a process id, and that process must be alive. A O(unit) does not need it, because systemd knows each start.
    type: list
    elements: str
  programs:
    description: Other programs that the host must have, as paths or as names in PATH. RV(lacking) lists the programs that can't be run there.
    type: list
    elements: str
    default: []
    version_added: 0.1.0
  timeout:
    description: The timeout of each check in seconds. A command that has not ended by then is killed, with all processes that it started.
    type: float
    default: 10
attributes:
  check_mode: {support: full, description: Only reads.}
  diff_mode: {support: none, description: Only reads.}
"""
EXAMPLES = r"""
- name: Check that api is healthy
  incident.response.service_health_info:
    unit: api.service
    http: http://127.0.0.1:8080/health
"""
RETURN = r"""
healthy:
  description: Whether all checks passed.
  type: bool
  returned: success
exists:
  description: Whether systemd knows the unit; true without O(unit).
  type: bool
  returned: success
unit:
  description: The main name of the unit in systemd.
  type: str
  returned: success
alias:
  description: The requested name, if it is only an alias of the unit; otherwise empty.
  type: str
  returned: success
instance:
  description: A value that differs after a real restart, from systemd for a O(unit), otherwise from O(identity). Empty if unknown.
  type: str
  returned: success
listener:
  description:
    - The process that listens on the port of O(http) or O(tcp), if that port is on this host and RV(instance) is empty.
    - Another process proves a restart. The same process proves nothing, because it may only be a proxy in front of the service.
  type: str
  returned: success
lacking:
  description: The O(programs) that can't be run on the host.
  type: list
  elements: str
  returned: success
detail:
  description: The result of the check in words.
  type: str
  returned: success
evidence:
  description: If the service isn't healthy, the unit's status and last log lines, and the last lines of the command.
  type: str
  returned: success
"""

import shutil
import socket
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend, identity, web

_TOLD = "Id,LoadState,ActiveState,InvocationID,NRestarts,MainPID,ExecMainStartTimestampMonotonic"


def look_at_instances(module: AnsibleModule, template: str) -> tuple[bool, dict[str, Any], str]:
    """Like look_at_unit, for all instances of a template unit: active if there is at least one, and every started instance is active."""
    out = must(module, "systemctl", "show", f"--property={_TOLD}", "--", template.replace("@.", "@*."))
    shown = [_shown(block) for block in out.strip().split("\n\n") if block]
    started = sorted((each for each in shown if each.get("ActiveState") != "inactive"), key=lambda each: each.get("Id", ""))
    exists = run(module, ["systemctl", "cat", "--", template.replace("@.", "@1.")])[0] == 0
    good = [each for each in started if each["ActiveState"] == "active"]
    words = [f"{len(good)} instances active", *(f"{each['Id']} {each['ActiveState']}" for each in started if each not in good)]
    about = {"exists": exists, "unit": template, "alias": "", "instance": " ".join(map(_run_of, good)), "token": list(map(_token, good))}
    return bool(good) and good == started, about, ", ".join(words) if exists else "unit not-found"


def look_at_unit(module: AnsibleModule, unit: str) -> tuple[bool, dict[str, Any], str]:
    """Whether the unit is active, whether systemd knows it, its name, an id of its current run, and a description."""
    out = must(module, "systemctl", "show", f"--property={_TOLD}", "--", unit)
    shown = _shown(out)
    exists = shown.get("LoadState") == "loaded"
    word = shown.get("ActiveState", "") if exists else shown.get("LoadState", "")
    name = shown.get("Id", unit)
    alias = "" if unit in {name, name.removesuffix(".service")} else unit
    about = {"exists": exists, "unit": name, "alias": alias, "instance": _run_of(shown), "token": _token(shown)}
    return shown.get("ActiveState") == "active", about, "unit " + word


def _shown(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _run_of(shown: dict[str, str]) -> str:
    """An id of the unit's current run. Before systemd 232 this is its main process and the start of that process."""
    pid = shown.get("MainPID", "0")
    return shown.get("InvocationID") or (f"{pid}@{shown.get('ExecMainStartTimestampMonotonic', '')}" if pid != "0" else "")


def _token(shown: dict[str, str]) -> tuple[str, ...]:
    """A value that stays the same until something is started again."""
    return tuple(shown.get(name, "") for name in ("InvocationID", "NRestarts", "MainPID"))


def look_at_http(address: str, timeout: float) -> tuple[bool, str]:
    try:
        status = web.status(address, timeout)
    except web.TROUBLE as error:
        return False, f"HTTP: {error}"
    return status < 400, f"HTTP {status}"


def look_at_tcp(address: str, timeout: float) -> tuple[bool, str]:
    host, dummy, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
    except (OSError, OverflowError) as error:
        return False, f"TCP {address}: {error}"
    return True, f"TCP {address} answers"


def look(module: AnsibleModule) -> dict[str, Any]:
    """One check of the service: healthy, exists, unit, instance, detail, evidence, and `token`, which stays the same until the service is started
    again."""
    wanted, evidence = module.params, ""
    about: dict[str, Any] = {"exists": True, "unit": "", "alias": "", "instance": "", "token": ()}
    good: list[bool] = []
    seen: list[str] = []
    if wanted["unit"]:
        active, about, words = (look_at_instances if "@." in wanted["unit"] else look_at_unit)(module, wanted["unit"])
        good.append(active)
        seen.append(words)
    if wanted["command"]:
        code, said = run(module, wanted["command"])
        good.append(code == 0)
        seen.append(_ended(code, wanted["timeout"], said))
        evidence = "\n".join(_command.last(said.splitlines())) if code is not None else ""
    for name, check in (("http", look_at_http), ("tcp", look_at_tcp)):
        if wanted[name]:
            answers, words = check(wanted[name], wanted["timeout"])
            good.append(answers)
            seen.append(words)
    if wanted["identity"]:
        code, said = run(module, wanted["identity"], errors=False)
        about["instance"] = identity.of_answer(said) if code == 0 else ""
    token = about.pop("token"), about["instance"], [identity.listening(port) for port in ports(wanted)]
    return {"healthy": all(good), **about, "detail": ", ".join(seen), "evidence": evidence, "token": token}


_SAID = 300
_NO_SYSTEMD = ". No systemd runs here: say in the service catalogue how the service is started (backend: command, see docs/services.md)"
LATE = -1
"""The exit code of a command that was killed at its timeout."""


def _ended(code: int | None, timeout: float, said: str) -> str:
    if code is None:
        return f"command can't be run: {said}"
    return f"command did not end within {timeout:g} s" if code == LATE else f"command ended with {code}"


def run(module: AnsibleModule, command: list[str], *, errors: bool = True) -> tuple[int | None, str]:
    """The exit code and the output; None and the reason if the command can't be run."""
    try:
        ran = _command.run(command, module.params["timeout"])
    except (OSError, ValueError) as error:
        return None, str(error)
    return ran.code if ran.in_time else LATE, ran.out + ran.err if errors else ran.out


def must(module: AnsibleModule, *command: str) -> str:
    """The output of the command. Fails if the command fails."""
    before = "" if module.params["retries"] else ". Nothing was touched"  # what looks again and again does so after a change
    try:
        ran = _command.run(list(command), module.params["timeout"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{' '.join(command)}: {_ended(None, 0, str(error))}{_NO_SYSTEMD}{before}")
    if ran.code or not ran.in_time:
        said = " ".join(ran.err.split())[:_SAID]
        other = _NO_SYSTEMD if "booted with systemd" in said else ""
        how = _ended(ran.code if ran.in_time else LATE, module.params["timeout"], said)
        module.fail_json(msg=f"{command[0]} can't look at it: {(said or how).rstrip('.')}{other}{before}")
    return ran.out


def ports(wanted: dict[str, Any]) -> list[int]:
    """The ports of this host in the checks."""
    return [port for port in (identity.port_of(wanted[name]) for name in ("http", "tcp") if wanted[name]) if port]


def look_until_steady(module: AnsibleModule) -> dict[str, Any]:
    """The last check. It is healthy only if enough checks in a row passed, for long enough, with the same process all the time."""
    given = module.params
    left, in_a_row, since, anew, token = given["retries"], 0, 0.0, 0, None
    once = False
    while True:
        seen = look(module)
        now, met = time.monotonic(), seen.pop("token")
        another = in_a_row > 0 and met != token
        anew += another
        if not seen["healthy"] or another:
            in_a_row, left = 0, left - 1
        if seen["healthy"]:
            since, once = since if in_a_row else now, True
            in_a_row, token = in_a_row + 1, met
            if in_a_row >= given["in_a_row"] and now - since >= given["steady_for"]:
                return seen
        if left < 0:
            return {**seen, "healthy": False, "detail": seen["detail"] + (_flaps(given, anew) if once else "")}
        enough = given["in_a_row"] <= in_a_row
        time.sleep(max(0.0, min(given["delay"], since + given["steady_for"] - now) if enough else given["delay"]))


def _flaps(given: dict[str, Any], anew: int) -> str:
    """A description of a service that is only sometimes healthy."""
    enough = f"{given['in_a_row']} looks in a row" + (f" over {given['steady_for']:g} s" if given["steady_for"] else "")
    times = f"{anew} time{'s' if anew > 1 else ''}"
    return f", healthy at times, but not {enough}" + (f": it was started anew {times} meanwhile" if anew else "")


def listener(wanted: dict[str, Any]) -> str:
    """The processes that listen on the ports of the checks."""
    inodes = sorted(inode for port in ports(wanted) for inode in identity.listening(port))
    return (identity.owners(inodes) or f"socket {' '.join(inodes)}") if inodes else ""


def last_words(module: AnsibleModule, unit: str) -> str:
    """The host's output about an unhealthy unit."""
    unit = unit.replace("@.", "@*.")
    _code, status = run(module, ["systemctl", "status", "--no-pager", "--full", "--lines=0", "--", unit], errors=False)
    _code, log = run(module, ["journalctl", "--no-pager", "--output=cat", f"--lines={_command.LAST}", "--unit", unit], errors=False)
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
        "steady_for": {"type": "float", "default": 0},
        "identity": {"type": "list", "elements": "str"},
        "programs": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 10},
    }
    module = AnsibleModule(argument_spec=spec, required_one_of=[["unit", "command", "http", "tcp"]], supports_check_mode=True)
    backend.refuse_endless(module, "delay", "steady_for", "timeout")
    address, port = module.params["http"], (module.params["tcp"] or ":1").rpartition(":")[2]
    if address and not address.startswith(("http://", "https://")):
        module.fail_json(msg=f"http must begin with http:// or https://, not {address!r}")
    if not port.isdigit():
        module.fail_json(msg="tcp must be host:port, not {!r}".format(module.params["tcp"]))
    seen = look_until_steady(module)
    if not seen["healthy"] and module.params["unit"] and seen["exists"]:
        seen["evidence"] = (last_words(module, module.params["unit"]) + "\n" + seen["evidence"]).strip()
    lacking = [program for program in module.params["programs"] if not shutil.which(program)]
    module.exit_json(changed=False, **seen, lacking=lacking, listener="" if seen["instance"] else listener(module.params))


if __name__ == "__main__":
    main()
