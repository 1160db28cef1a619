# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_verdict
short_description: Judge what an emergency action really did
version_added: 0.1.0
description:
  - Compares the health and the running processes before and after the action. Fails unless the action worked.
  - If the service was healthy before and after, the verdict is V(worked) only with a proof of the change, such as another process. Otherwise it is
    V(unknown).
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  before:
    description: Result of M(incident.response.service_health_info) before the action.
    type: dict
    required: true
  check:
    description: The checks that M(incident.response.service_health_info) runs on the host now, with C(retries), C(delay), C(passes), C(steady_for),
      C(timeout) and C(identity). Used instead of O(after).
    type: dict
    default: {}
  after:
    description: Result of M(incident.response.service_health_info) after the action. If that task was skipped, the variable in O(backend) counts.
    type: dict
    default: {}
  change:
    description: The planned change of the host, from RV(incident.response.action_plan#module:hosts). Empty if no state changes.
    type: dict
    default: {}
  backend:
    description:
      - The name of the variable that the backend registers. Its C(state) is the state after the change.
      - C(stopped) in the variable means that the backend saw the service stopped. This proves a restart if the processes can't be compared.
    type: str
    default: ""
  judged:
    description: The earlier result of this module for O(plan), with O(last=false). Its C(after) counts, because a rollback of the change comes
      later.
    type: dict
    default: {}
  failure:
    description:
      - The rollback of a failed change. C(plan) is the hash of the plan. C(after) is the health before the rollback. C(restored) says whether the
        old state was restored; then O(after) is the health with that state. The value for another plan than O(plan) is ignored.
    type: dict
    default: {}
  broken:
    description: The hash of the plan in which a task of the change failed. If it equals O(plan), the action did not work, even if the service is
      healthy.
    type: str
    default: ""
  plan:
    description: The hash of the plan that was carried out.
    type: str
    default: ""
  out:
    description: The reason why the host could not be put back into the load balancer. Such a host gets no requests, so it does not count as better,
      even if it is healthy.
    type: str
    default: ""
  dry:
    description: Whether this is a dry drill, which changes nothing. Then only the health counts.
    type: bool
    default: false
  last:
    description: Whether this is the final verdict. If false, a host that did not work fails without a verdict, because it may still be rolled back.
    type: bool
    default: true
  again:
    description:
      - Whether this is the last check of a host after all hosts were changed. O(judged) was good. The task fails if the host is no longer healthy,
        or if its process has changed since.
    type: bool
    default: false
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
  description: One of V(worked), V(nothing_to_do), V(no_effect), V(made_worse), V(unknown).
  type: str
  returned: always
evidence:
  description: The host's output about the service, without secrets. Empty if the action worked.
  type: str
  returned: always
after: {description: The health that the verdict used., type: dict, returned: always}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
