# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_health
short_description: Ask a service whether it is healthy
version_added: 0.1.0
description: Runs all checks in one trip, again and again until all pass or the tries are used up.
author: contributors to incident.response
options:
  unit:
    description: A systemd unit that must be active.
    type: str
  command:
    description: A command that must end with 0, as a list.
    type: list
    elements: str
  http:
    description: An address that must answer with a status below 400.
    type: str
  retries:
    description: How many times to look again.
    type: int
    default: 0
  delay:
    description: Seconds between two looks.
    type: float
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
instance:
  description: What is another one after a real restart of the unit, empty where it can't be known.
  type: str
  returned: success
detail:
  description: What was seen, in words.
  type: str
  returned: success
"""

import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule


def look(module):
    """One look at the service: healthy, exists, instance, detail."""
    healthy, exists, instance, seen = True, True, "", []
    if module.params["unit"]:
        command = ["systemctl", "show", "--property=LoadState,ActiveState,SubState,InvocationID", "--", module.params["unit"]]
        dummy, out, dummy = module.run_command(command, check_rc=True)
        shown = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        exists, instance = shown.get("LoadState") == "loaded", shown.get("InvocationID", "")
        healthy = shown.get("ActiveState") == "active"
        seen.append("unit " + (shown.get("ActiveState", "") if exists else shown.get("LoadState", "")))
    if module.params["command"]:
        code, dummy, dummy = module.run_command(module.params["command"])
        healthy = healthy and code == 0
        seen.append(f"status command ended with {code}")
    if module.params["http"]:
        try:
            with urllib.request.urlopen(  # noqa: S310 - main() lets only http and https through
                module.params["http"], timeout=5
            ) as answer:
                seen.append(f"HTTP {answer.status}")
        except urllib.error.HTTPError as error:
            healthy = False
            seen.append(f"HTTP {error.code}")
        except (OSError, ValueError) as error:
            healthy = False
            seen.append(f"HTTP: {error}")
    return {"healthy": healthy, "exists": exists, "instance": instance, "detail": ", ".join(seen)}


def main():
    spec = {
        "unit": {"type": "str"},
        "command": {"type": "list", "elements": "str"},
        "http": {"type": "str"},
        "retries": {"type": "int", "default": 0},
        "delay": {"type": "float", "default": 1},
    }
    module = AnsibleModule(argument_spec=spec, required_one_of=[["unit", "command", "http"]], supports_check_mode=True)
    if module.params["http"] and not module.params["http"].startswith(("http://", "https://")):
        module.fail_json(msg=f"http must begin with http:// or https://, not {module.params['http']!r}")
    seen, left = look(module), module.params["retries"]
    while left > 0 and not seen["healthy"]:
        time.sleep(module.params["delay"])
        seen, left = look(module), left - 1
    module.exit_json(changed=False, **seen)


if __name__ == "__main__":
    main()
