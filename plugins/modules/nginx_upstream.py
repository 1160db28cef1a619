# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream
short_description: Take servers out of nginx's upstream, and put them there
version_added: 0.2.0
description:
  - Marks servers C(down), adds or removes them, in the upstream blocks of a file, checks the configuration with C(nginx -t), and reloads nginx.
    What C(nginx -t) refuses, or nginx can't be told of, is put back.
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
    description: Seconds for the requests under way, after nginx was told to reload.
    type: float
    default: 1
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
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

_BLOCK = re.compile(r"\bupstream\s+(?P<name>\S+)\s*\{[^}]*\}")
_SERVER = re.compile(r"(?m)(?P<start>(?:^|(?<=[{;]))\s*server\s+)(?P<address>[^\s;]+)(?P<rest>[^;]*);")
_DOWN = re.compile(r"\s+down\b")
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


def main() -> None:
    spec = {
        "path": {"type": "path", "required": True},
        "servers": {"type": "list", "elements": "str", "required": True},
        "upstream": {"type": "str", "default": ""},
        "state": {"type": "str", "choices": ["serving", "drained", "present", "absent"], "required": True},
        "wait": {"type": "float", "default": 1},
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
    if after != before and not module.check_mode:
        replace(module, path, after)
        for command, trouble in ((["nginx", "-t"], "refuses"), (["nginx", "-s", "reload"], "can't be told of")):
            code, out, err = module.run_command(command)
            if code:
                replace(module, path, before)
                module.fail_json(msg=f"nginx {trouble} the change of {path}, which was put back: {(err or out).strip()}")
        time.sleep(module.params["wait"])
    module.exit_json(changed=after != before, alone=alone, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
