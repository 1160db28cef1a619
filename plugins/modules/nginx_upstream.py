# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream
short_description: Take servers out of nginx's upstream, and put them there
version_added: 0.2.0
description:
  - Marks servers C(down), adds or removes them, in the upstream blocks of a file, checks the configuration with C(nginx -t), and reloads nginx.
    What C(nginx -t) refuses, or nginx doesn't take over, is put back.
  - C(nginx -s reload) ends before anything has changed, and ends well where nginx then goes on with the old configuration.
    So this waits until the workers that have the old one take no more requests; for V(drained) and V(absent), until they have ended theirs.
  - Where the file is right already, but nginx has not read it since it was written, since a run was killed in between, nginx is made to.
  - The file is the same to the byte after the server is put back.
  - The last server that an upstream has left is not taken out, since nobody could answer then.
author: Contributors to incident.response (@incident-response)
options:
  path:
    description: The file that has the upstream block.
    type: path
    required: true
  servers:
    description: The servers as they stand there, such as V(10.0.0.11:8080).
    type: list
    elements: str
    required: true
  upstream:
    description: The name of the upstream. Needed for V(present); else all upstreams of the file are meant.
    type: str
    default: ""
  state:
    description:
      - Whether a server that is there gets requests (V(serving)) or none (V(drained)).
        Only what was taken out by this module is put back; what a person has set C(down) stays so.
      - Or whether it is there at all (V(present), V(absent)).
    type: str
    choices: [serving, drained, present, absent]
    required: true
  wait:
    description: Seconds, at most, for the requests under way to a server that is taken out.
    type: float
    default: 5
  reload_timeout:
    description: Seconds, at most, until nginx has taken over the change.
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
  description: The servers that were left in since no other serves.
  type: list
  elements: str
  returned: success
"""

import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

_BLOCK = re.compile(r"\bupstream\s+(?P<name>\S+)\s*\{[^}]*\}")
_SERVER = re.compile(r"(?m)(?P<start>(?:^|(?<=[{;]))\s*server\s+)(?P<address>[^\s;]+)(?P<rest>[^;]*);")
_DOWN = re.compile(r"\s+down\b")
_PID = re.compile(r"(?m)^\s*pid\s+([^\s;]+)\s*;")
_PID_PATH = re.compile(r"--pid-path=(\S+)")
_OURS = " # taken out by incident.response\n    down"
"""What takes a server out: the comment, inside the directive, tells it from a `down` of a person, which is left alone."""


def changed_text(text: str, servers: Sequence[str], state: str, upstream: str = "") -> tuple[str, list[str], list[str]]:
    """The file's new text, the servers that are in none of its upstreams, and those that were left in since no other serves."""
    missing, alone = [], []
    for server in servers:
        found = False

        def in_block(block: re.Match[str], server: str = server) -> str:
            nonlocal found
            if upstream and block["name"] != upstream:
                return block[0]
            there = any(each["address"] == server for each in _SERVER.finditer(block[0]))
            found |= there or state in {"present", "absent"}
            if state == "present":
                return _marked(block[0], server, down=False) if there else _added(block[0], server)
            if not there:
                return block[0]
            if state == "absent":
                return _removed(block[0], server)
            if state == "drained" and not _others(block[0], server):
                alone.append(server)
                return block[0]
            return _marked(block[0], server, down=state == "drained")

        text = _BLOCK.sub(in_block, text)
        if not found:
            missing.append(server)
    return text, missing, alone


def _others(block: str, server: str) -> bool:
    """Whether another server gets requests."""
    return any(
        each["address"] != server and not _DOWN.search(each["rest"]) and "backup" not in each["rest"] for each in _SERVER.finditer(block)
    )


def _marked(block: str, server: str, *, down: bool) -> str:
    def one(match: re.Match[str]) -> str:
        if match["address"] != server or (down and _DOWN.search(match["rest"])):
            return match[0]
        rest = match["rest"] + _OURS if down else match["rest"].replace(_OURS, "")
        return f"{match['start']}{match['address']}{rest};"

    return _SERVER.sub(one, block)


def _added(block: str, server: str) -> str:
    """A line more, after the last server's, or in a block of one line, a directive more."""
    *_rest, last = _SERVER.finditer(block)
    end = block.find("\n", last.end())
    indent = re.search(r"[ \t]*(?=server)", last["start"])
    if end < 0 or "}" in block[last.end() : end]:
        return f"{block[: last.end()]} server {server};{block[last.end() :]}"
    return f"{block[:end]}\n{indent[0] if indent else ''}server {server};{block[end:]}"


def _removed(block: str, server: str) -> str:
    for match in _SERVER.finditer(block):
        if match["address"] == server:
            start = match.start() - 1 if block[match.start() - 1] == "\n" else match.start()
            return block[:start] + block[match.end() :]
    return block


def replace(module: AnsibleModule, path: Path, text: str) -> None:
    """In one step, with the owner and mode that the file has."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    module.atomic_move(draft, str(path.resolve()))


def workers(master: int) -> dict[int, bool]:
    """The worker processes of this nginx, and whether each takes new requests."""
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


def master(module: AnsibleModule, config: str) -> int:
    """The process that the configuration, or else nginx itself, says is this nginx; 0 where that can't be told."""
    named = _PID.search(config) or _PID_PATH.search("".join(module.run_command(["nginx", "-V"])[1:]))
    try:
        return int(Path(named[1]).read_text()) if named else 0
    except (OSError, ValueError):
        return 0


def started(pid: int) -> float:
    """Since when a process runs, as Unix time, to about 0.01 s."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def is_unread(module: AnsibleModule, path: Path) -> bool:
    """Whether workers that take requests are older than the file: who wrote it was killed before nginx was told."""
    written = path.stat().st_mtime
    process = master(module, module.run_command(["nginx", "-T"])[1])
    try:
        return any(started(pid) + 0.1 < written < time.time() for pid, takes in workers(process).items() if takes) if process else False
    except (OSError, IndexError):
        return False  # a worker ended meanwhile: nginx is being told now


def trouble_with(module: AnsibleModule, *, drain: bool) -> str:
    """Makes nginx take over what is in its files. What went wrong; empty where nothing did."""
    code, config, err = module.run_command(["nginx", "-T"])
    if code:
        return f"refuses it: {err.strip()}"
    process = master(module, config)
    before = workers(process) if process else {}
    code, out, err = module.run_command(["nginx", "-s", "reload"])
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


def main() -> None:
    spec = {
        "path": {"type": "path", "required": True},
        "servers": {"type": "list", "elements": "str", "required": True},
        "upstream": {"type": "str", "default": ""},
        "state": {"type": "str", "choices": ["serving", "drained", "present", "absent"], "required": True},
        "wait": {"type": "float", "default": 5},
        "reload_timeout": {"type": "float", "default": 30},
    }
    module = AnsibleModule(argument_spec=spec, required_if=[["state", "present", ["upstream"]]], supports_check_mode=True)
    path, name = Path(module.params["path"]), module.params["upstream"]
    try:
        before = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"{path} can't be read: {error}. Nothing was touched.")
    after, missing, alone = changed_text(before, module.params["servers"], module.params["state"], name)
    if missing:
        module.fail_json(msg=f"{path} has no upstream {name}{' ' if name else ''}with the server {', '.join(missing)}. Nothing was touched.")
    unread = after == before and is_unread(module, path)
    if (after != before or unread) and not module.check_mode:
        if not unread:
            replace(module, path, after)
        trouble = trouble_with(module, drain=module.params["state"] in {"drained", "absent"})
        if trouble and unread:
            module.fail_json(msg=f"{path} is right, but was never taken over, and nginx {trouble}")
        if trouble:
            replace(module, path, before)
            module.run_command(["nginx", "-s", "reload"])
            module.fail_json(msg=f"The change of {path} was put back, since nginx {trouble}")
    module.exit_json(changed=after != before or unread, alone=alone, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
