# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_verdict
short_description: Judge what an emergency action really did
version_added: 0.1.0
description:
  - Compares the health before with the health after, and what ran before with what runs after. Fails unless the action worked.
  - What was healthy before and is healthy after has worked only where something proves the change, as another process does. Else it is V(unknown).
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  before:
    description: Result of M(incident.response.service_health) before the action.
    type: dict
    required: true
  check:
    description: What M(incident.response.service_health) is to check on the host now, with C(retries), C(delay), C(passes),
      C(steady_for), C(timeout) and C(identity). Instead of O(after).
    type: dict
    default: {}
  after:
    description: Result of M(incident.response.service_health) after the action. Where that was skipped, what the O(backend) registered counts.
    type: dict
    default: {}
  change:
    description: What was meant to change, as RV(incident.response.action_plan#module:hosts) has it for the host. Empty where no state changes.
    type: dict
    default: {}
  backend:
    description:
      - The name of the variable that the backend registers, with the state that it left in C(state).
      - C(stopped) in it says that the service was seen not to run in between, which proves a restart where nothing tells who runs.
    type: str
    default: ""
  judged:
    description: What this said of the O(plan) before, when it was not the last word. Its C(after) counts, since a way back comes later.
    type: dict
    default: {}
  failure:
    description:
      - The way back that a plan went. C(plan) is its hash, C(after) the health before the way back, and C(restored) whether the state before
        could be brought back; then O(after) is the health with it. That of another plan than O(plan) counts for nothing.
    type: dict
    default: {}
  broken:
    description: The hash of the plan of which a task of the change failed. If that is O(plan), it did not work, however healthy the service is.
    type: str
    default: ""
  plan:
    description: The hash of the plan that was carried out.
    type: str
    default: ""
  out:
    description: Why the host could not be put back into the load balancer. Then it gets no requests, and is not better for being healthy.
    type: str
    default: ""
  dry:
    description: Whether nothing was changed, since this is a dry drill. Then only the health counts.
    type: bool
    default: false
  last:
    description: Whether this is the last word. Else what did not work fails, and is not judged yet, since it may still be put right.
    type: bool
    default: true
  again:
    description:
      - Whether all hosts have been acted on, and this is the last look at one that was O(judged) to be good. It fails where it no longer is, or
        is another one since.
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
  description: What the host says of the service, without secrets. Empty where the action worked.
  type: str
  returned: always
after: {description: The health that was judged., type: dict, returned: always}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
