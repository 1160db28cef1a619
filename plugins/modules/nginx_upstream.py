# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_upstream
short_description: Take a server out of nginx's upstream, and put it back
version_added: 0.2.0
description:
  - Marks the server C(down) in the upstream blocks of a file, checks the configuration with C(nginx -t), and reloads nginx.
    What C(nginx -t) refuses is put back.
  - The file is the same to the byte after the server is put back.
  - The last server that an upstream has left is not taken out, since nobody could answer then.
author: Contributors to incident.response (@incident-response)
options:
  path:
    description: The file that has the upstream block.
    type: path
    required: true
  server:
    description: The server as it stands there, such as V(10.0.0.11:8080).
    type: str
    required: true
  state:
    description: Whether the server gets requests (V(serving)) or none (V(drained)).
    type: str
    choices: [serving, drained]
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
    server: "{{ ansible_host }}:8080"
    state: drained
  delegate_to: prod-lb-01
"""
RETURN = r"""
alone:
  description: Whether the server was left in since no other serves.
  type: bool
  returned: success
"""

import os
import re
import tempfile
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

_BLOCK = re.compile(r"\bupstream\s+\S+\s*\{[^}]*\}")
_SERVER = re.compile(r"(?m)(?P<start>(?:^|(?<=[{;]))\s*server\s+)(?P<address>[^\s;]+)(?P<rest>[^;]*);")
_DOWN = re.compile(r"\s+down\b")


def changed_text(text: str, server: str, *, serving: bool) -> tuple[str, bool, bool]:
    """The file's new text, whether the server is in any upstream at all, and whether it is the last one in one of them."""
    found = alone = False

    def in_block(block: re.Match[str]) -> str:
        nonlocal found, alone
        servers = list(_SERVER.finditer(block[0]))
        if all(each["address"] != server for each in servers):
            return block[0]
        found = True
        others = [each for each in servers if each["address"] != server and not _DOWN.search(each["rest"]) and "backup" not in each["rest"]]
        if not serving and not others:
            alone = True
            return block[0]
        return _SERVER.sub(one, block[0])

    def one(match: re.Match[str]) -> str:
        if match["address"] != server:
            return match[0]
        without = _DOWN.sub("", match["rest"])
        return f"{match['start']}{match['address']}{without if serving else match['rest'] if _DOWN.search(match['rest']) else without + ' down'};"

    return _BLOCK.sub(in_block, text), found, alone


def replace(module: AnsibleModule, path: Path, text: str) -> None:
    """In one step, with the owner and mode that the file has."""
    handle, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    module.atomic_move(draft, str(path.resolve()))


def main() -> None:
    spec = {
        "path": {"type": "path", "required": True},
        "server": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["serving", "drained"], "required": True},
        "wait": {"type": "float", "default": 1},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    path, server = Path(module.params["path"]), module.params["server"]
    try:
        before = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        module.fail_json(msg=f"{path} can't be read: {error}. Nothing was touched.")
    after, found, alone = changed_text(before, server, serving=module.params["state"] == "serving")
    if not found:
        module.fail_json(msg=f"{path} has no upstream with the server {server}. Nothing was touched.")
    if after != before and not module.check_mode:
        replace(module, path, after)
        code, out, err = module.run_command(["nginx", "-t"])
        if code:
            replace(module, path, before)
            module.fail_json(msg=f"nginx refuses the change of {path}, which was put back: {(err or out).strip()}")
        module.run_command(["nginx", "-s", "reload"], check_rc=True)
        time.sleep(module.params["wait"])
    module.exit_json(changed=after != before, alone=alone, diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
