# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream
short_description: Take servers out of nginx's upstream, and put them there
version_added: 0.2.0
description:
  - Marks servers as C(down), adds or removes them in the upstream blocks of a file, checks the configuration with C(nginx -t), and reloads nginx.
    If C(nginx -t) fails, or nginx does not load the change, the file is restored. A file that nginx does not read is refused.
  - C(nginx -s reload) ends before the change is active, and it succeeds even if nginx keeps the old configuration. So the module waits until the
    workers with the old configuration accept no more requests. For V(drained) and V(absent) it waits until they have finished their requests.
  - If the file is right but nginx has not loaded it yet, because a run was killed in between, nginx is reloaded.
  - The module parses words, quotes, comments and blocks like nginx. After the server is put back, the file is byte for byte the same as before.
    Servers that an upstream includes from another file, and Lua, are refused. Give the included file itself as O(path).
  - A server is not taken out of an upstream if no other server could answer. A server can't answer if it is C(down), or if it accepts no TCP
    connection from nginx's host. If no server at all accepts a TCP connection, as with UDP, every server that is not C(down) counts.
author: Contributors to incident.response (@incident-response)
options:
  path:
    description: The file that has the upstream block.
    type: path
    required: true
  servers:
    description:
      - The servers, such as V(10.0.0.11:8080) or V([fd00::11]:8080). Other spellings of the same address are the same.
      - With an empty list nothing is changed, and RV(upstreams) has all upstreams of the file.
    type: list
    elements: str
    required: true
  upstream:
    description: The name of the upstream. Required for V(present). Otherwise the default is all upstreams of the file.
    type: str
    default: ""
  state:
    description:
      - Whether an existing server gets requests (V(serving)) or not (V(drained)). Only servers that this module took out are put back; a server
        that a person has set C(down) stays C(down).
      - Or whether the server exists in the upstream (V(present), V(absent)).
    type: str
    choices: [serving, drained, present, absent]
    required: true
  alone:
    description:
      - What to do if no other server could answer. V(refuse) fails and changes nothing. V(keep) leaves the server in the upstream, and says so.
      - V(only) leaves the server in if the upstream has no other server at all, and fails if other servers are out or don't answer.
    type: str
    choices: [refuse, only, keep]
    default: refuse
  wait:
    description: Maximum time in seconds to wait for open requests to a server that is taken out.
    type: float
    default: 5
  reload_timeout:
    description: Maximum time in seconds until nginx has loaded the change.
    type: float
    default: 30
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: full, description: Shows the file.}
"""
EXAMPLES = r"""
- name: Take this host out of the load balancer
  incident.response.nginx_upstream:
    path: /etc/nginx/conf.d/api.conf
    servers: ["{{ ansible_host }}:8080"]
    state: drained
  delegate_to: prod-lb-01
"""
RETURN = r"""
alone:
  description: The servers that were left in because no other server could answer. If there was nothing else to do, the task counts as skipped.
  type: list
  elements: str
  returned: success
upstreams:
  description: >-
    The upstreams that have one of the servers, as they were found: C(name), C(included), where one has servers from another file, and
    C(servers), each with C(address), C(state), which is V(serving), V(drained) by this module or V(down) by a person, C(backup), and
    C(answers), which is told of V(drained) and V(absent) only.
  type: list
  elements: dict
  returned: success
"""

import os
import re
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend, nginx

_PID = re.compile(r"(?m)^\s*pid\s+([^\s;]+)\s*;")
_PID_PATH = re.compile(r"--pid-path=(\S+)")
_FILE = re.compile(r"(?m)^# configuration file (.+):$")
_NOTHING = "Nothing was touched."
_CONNECT = 1.0
_LONGEST = 60.0
"""The timeout of an nginx command in seconds."""
"""The timeout of a connection to a server in seconds."""


def _connected(address: str) -> str:
    """The address if it accepts a connection, otherwise empty."""
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_CONNECT)
                connection.connect(address[5:])
            return address
        host, _colon, port = address.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT):
            return address
    except (OSError, ValueError):
        return ""


def connecting(upstreams: list[nginx.Upstream]) -> set[str]:
    """The servers that accept a connection."""
    asked = sorted({server.address for upstream in upstreams for server in upstream.servers})
    with ThreadPoolExecutor(max(1, min(32, len(asked)))) as several:
        return set(several.map(_connected, asked)) - {""}


def replace(module: AnsibleModule, path: Path, text: str) -> None:
    """Replace the file atomically, with its owner and mode."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode("latin-1"))
    module.atomic_move(draft, str(path.resolve()))


def workers(master: int) -> dict[int, bool]:
    """The worker processes of this nginx, and whether each of them accepts new requests."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            title = (process / "cmdline").read_text(errors="replace") if parent == master else ""
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
        if title.startswith("nginx: worker process"):
            found[int(process.name)] = "is shutting down" not in title
    return found


def _in_time(true: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def master(config: str) -> int:
    """The process id of this nginx, from the configuration or from nginx itself; 0 if unknown."""
    named = _PID.search(config) or _PID_PATH.search("".join(_command.told(["nginx", "-V"], _LONGEST)[1:]))
    try:
        return int(Path(named[1]).read_text()) if named else 0
    except (OSError, ValueError):
        return 0


def started(pid: int) -> float:
    """The start time of a process as Unix time, to about 0.01 s."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def is_unread(path: Path, config: str) -> bool:
    """Whether workers that accept requests are older than the file: the run that wrote it was killed before it reloaded nginx."""
    written = path.stat().st_mtime
    process = master(config)
    try:
        return any(started(pid) + 0.1 < written < time.time() for pid, takes in workers(process).items() if takes) if process else False
    except (OSError, IndexError):
        return False  # a worker ended meanwhile: nginx is being told now


def read_config(module: AnsibleModule, path: Path) -> str:
    """The configuration that nginx reads now. Fails if it has mistakes, or if `path` is not a part of it, because a change there would have no
    effect."""
    code, config, err = _command.told(["nginx", "-T"], _LONGEST)
    if code:
        module.fail_json(msg=f"nginx refuses the configuration that it has: {err.strip()}. {_NOTHING}")
    if not any(os.path.realpath(name) == os.path.realpath(path) for name in _FILE.findall(config)):
        module.fail_json(msg=f"{path} is not read by nginx: it is in none of its includes. {_NOTHING}")
    return str(config)


def trouble_with(module: AnsibleModule, config: str, *, drain: bool) -> str:
    """Check the configuration and reload nginx. Returns the error; empty if it worked."""
    code, _out, err = _command.told(["nginx", "-t"], _LONGEST)
    if code:
        return f"refuses it: {err.strip()}"
    process = master(config)
    before = workers(process) if process else {}
    code, out, err = _command.told(["nginx", "-s", "reload"], _LONGEST)
    if code:
        return f"can't be told of it: {(err or out).strip()}"
    if not before:  # nothing to watch
        time.sleep(1)
        return ""

    def taken_over() -> bool:
        now = workers(process)
        return not any(now.get(pid) for pid in before) and any(now.values())

    if not _in_time(taken_over, module.params["reload_timeout"]):
        return f"goes on without it, after {module.params['reload_timeout']:g} s. Its error log says why"
    if drain:
        _in_time(lambda: not before.keys() & workers(process).keys(), module.params["wait"])
    return ""


def read(module: AnsibleModule, path: Path) -> str:
    try:
        return path.read_bytes().decode("latin-1")
    except OSError as error:
        module.fail_json(msg=f"{path} can't be read: {error}. {_NOTHING}")
    return ""


def seen(upstreams: list[nginx.Upstream], connects: set[str]) -> list[dict[str, Any]]:
    """The upstreams in the form that the module returns."""
    found = []
    for upstream in upstreams:
        answering = nginx.answering(upstream, connects.__contains__)
        servers = [
            {"address": each.address, "state": each.state, "backup": each.backup, "answers": each.address in answering} for each in upstream.servers
        ]
        found.append({"name": upstream.name, "included": upstream.included, "servers": servers})
    return found


def changed(module: AnsibleModule, path: Path, text: str) -> tuple[nginx.Changed, list[dict[str, Any]]]:
    """The new content of the file, and the affected upstreams before the change. Fails if the change is not allowed."""
    servers, state, name = (module.params[option] for option in ("servers", "state", "upstream"))
    wanted = {nginx.address(server) for server in servers}
    try:
        about = [each for each in nginx.upstreams(text) if not wanted or any(server.address in wanted for server in each.servers)]
        connects = connecting(about) if state in {"drained", "absent"} else set()
        result = nginx.changed(text, servers, state, name, connects.__contains__)
    except nginx.Unclear as error:
        module.fail_json(msg=f"{path} is not understood: {error}. {_NOTHING}")
    if result.missing:
        there = sorted({server.address for each in nginx.upstreams(text) if name in {"", each.name} for server in each.servers})
        listed = f" It has {', '.join(there[:10])}." if there else ""
        module.fail_json(msg=f"{path} has no upstream {name}{' ' if name else ''}with the server {', '.join(result.missing)}.{listed} {_NOTHING}")
    for server, upstream in result.alone:
        others = [each for each in upstream.servers if each.address != nginx.address(server)]
        if module.params["alone"] == "refuse" or (module.params["alone"] == "only" and others):
            module.fail_json(msg=f"{server} is the only server of upstream {upstream.name} that serves{_why(others)}. {_NOTHING}{_hint(others)}")
    return result, seen(about, connects)


def _why(others: list[nginx.Server]) -> str:
    words = {"drained": "was taken out by an earlier run and never put back", "down": "is down by somebody's hand", "serving": "does not answer"}
    return ": " + "; ".join(f"{each.address} {words[each.state]}" for each in others) if others else ""


def _hint(others: list[nginx.Server]) -> str:
    return " Restart the service where that one runs first, which puts it back." if any(each.state == "drained" for each in others) else ""


def main() -> None:
    spec = {
        "path": {"type": "path", "required": True},
        "servers": {"type": "list", "elements": "str", "required": True},
        "upstream": {"type": "str", "default": ""},
        "state": {"type": "str", "choices": ["serving", "drained", "present", "absent"], "required": True},
        "alone": {"type": "str", "choices": ["refuse", "only", "keep"], "default": "refuse"},
        "wait": {"type": "float", "default": 5},
        "reload_timeout": {"type": "float", "default": 30},
    }
    module = AnsibleModule(argument_spec=spec, required_if=[["state", "present", ["upstream"]]], supports_check_mode=True)
    backend.refuse_endless(module, "wait", "reload_timeout")
    path = Path(module.params["path"])
    before = read(module, path)
    result, upstreams = changed(module, path, before)
    config = read_config(module, path)
    unread = result.text == before and is_unread(path, config)
    is_changed = result.text != before or unread
    if is_changed and not module.check_mode:
        take_over(module, path, before, result.text, config)
    alone = sorted({server for server, _upstream in result.alone})
    said = {"skipped": True, "msg": f"{', '.join(alone)} stays in: no other server could answer"} if alone and not is_changed else {}
    diff = {when: text.encode("latin-1").decode("utf-8", "replace") for when, text in (("before", before), ("after", result.text))}
    module.exit_json(changed=is_changed, alone=alone, upstreams=upstreams, diff=diff, **said)


def take_over(module: AnsibleModule, path: Path, before: str, after: str, config: str) -> None:
    """Make nginx load the new text, or restore the old text and fail."""
    if after != before:
        replace(module, path, after)
    trouble = trouble_with(module, config, drain=module.params["state"] in {"drained", "absent"})
    if trouble and after == before:
        module.fail_json(msg=f"{path} is right, but was never taken over, and nginx {trouble}")
    if trouble:
        replace(module, path, before)
        _command.told(["nginx", "-s", "reload"], _LONGEST)
        module.fail_json(msg=f"The change of {path} was put back, since nginx {trouble}")


if __name__ == "__main__":
    main()
