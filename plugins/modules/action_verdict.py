# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_verdict
short_description: Judge what an emergency action really did
version_added: 0.1.0
description: Compares the health before with the health after. Fails unless the action worked.
author: contributors to incident.response
options:
  before:
    description: Result of M(incident.response.service_health) before the action.
    type: dict
    required: true
  after:
    description: Result of M(incident.response.service_health) after the action, empty where there is none.
    type: dict
    default: {}
  evidence:
    description: What to show when the action did not work.
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Only judges.}
  diff_mode: {support: none, description: Only judges.}
"""
EXAMPLES = r"""
- name: Judge the restart
  incident.response.action_verdict:
    before: "{{ before }}"
    after: "{{ after }}"
"""
RETURN = r"""
verdict:
  description: One of V(worked), V(no_effect), V(made_worse), V(unknown).
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.verdict import Verdict, judge


def main() -> None:
    spec = {
        "before": {"type": "dict", "required": True},
        "after": {"type": "dict", "default": {}},
        "evidence": {"type": "str", "default": ""},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    before, after = module.params["before"], module.params["after"]
    known = before.get("instance") or after.get("instance")
    acted = before.get("instance") != after.get("instance") if known else None
    verdict = judge(before=before.get("healthy"), after=after.get("healthy"), acted=acted)
    if verdict is Verdict.WORKED:
        module.exit_json(changed=False, verdict=str(verdict))
    evidence = module.params["evidence"]
    seen = after.get("detail") or "the check could not be made"
    module.fail_json(msg=f"verdict {verdict}: {seen}{chr(10) if evidence else ''}{evidence}", verdict=str(verdict))


if __name__ == "__main__":
    main()
