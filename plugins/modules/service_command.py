# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_command
short_description: Run a command that starts or stops a service, for so long at most
version_added: 0.2.0
description:
  - Like M(ansible.builtin.command), but a command that exceeds the timeout is killed, with all processes that it started, and the task fails with
    that reason.
  - Only the end of the command counts. Processes that it left in the background keep running.
author: Contributors to incident.response (@incident-response)
options:
  argv:
    description: The command as a list.
    type: list
    elements: str
    required: true
  timeout:
    description: The timeout of the command in seconds.
    type: float
    default: 120
attributes:
  check_mode: {support: partial, description: The command is not run., details: Its effect is not known.}
  diff_mode: {support: none, description: The changes of a command are not known.}
"""
EXAMPLES = r"""
- name: Start api
  incident.response.service_command:
    argv: [/etc/init.d/api, start]
    timeout: 60
"""
RETURN = r"""
rc:
  description: The exit code of the command; 124 if it was killed at the timeout.
  type: int
  returned: when it was run
in_time:
  description: Whether it ended before the timeout.
  type: bool
  returned: when it was run
stdout:
  description: The standard output.
  type: str
  returned: success
stderr:
  description: The standard error output.
  type: str
  returned: success
evidence:
  description: The last lines of output of a failed command.
  type: str
  returned: failure
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends import backend


def main() -> None:
    spec = {"argv": {"type": "list", "elements": "str", "required": True}, "timeout": {"type": "float", "default": 120}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    backend.refuse_endless(module, "timeout")
    command = module.params["argv"]
    if module.check_mode:
        module.exit_json(skipped=True, changed=False, msg="The command would have been run")
    if not command:
        module.fail_json(msg="argv is empty: name a command")
    try:
        ran = _command.run(command, module.params["timeout"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{command[0]} can't be started: {getattr(error, 'strerror', None) or error}", rc=127)
    result = {"rc": ran.code, "in_time": ran.in_time, "cmd": command}
    if ran.code == 0:
        module.exit_json(changed=True, **result, stdout=ran.out.rstrip("\r\n"), stderr=ran.err.rstrip("\r\n"))
    how = f"ended with {ran.code}" if ran.in_time else f"did not end within {module.params['timeout']:g} s, and was killed"
    last = _command.last([line for line in f"{ran.out}\n{ran.err}".splitlines() if line.strip()])
    module.fail_json(msg=f"{' '.join(command)} {how}{': ' + last[-1] if last and ran.in_time else ''}", evidence="\n".join(last), **result)


if __name__ == "__main__":
    main()
