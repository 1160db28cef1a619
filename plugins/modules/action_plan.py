# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_plan
short_description: Show what an emergency action is about to change
version_added: 0.2.0
description:
  - Prints the plan for all hosts, and puts it on the timeline before anything is touched, so that the action can be undone even if it is killed.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  action:
    description: What the action is called.
    type: str
    required: true
  service:
    description: The service that is to be acted on.
    type: str
    required: true
  role:
    description: The full name of the role that holds the backend.
    type: str
    required: true
  backend:
    description: The task file of the role that brings a state about.
    type: str
    required: true
  hosts:
    description: The hosts.
    type: list
    elements: str
    required: true
  health:
    description:
      - How each host was before, as M(incident.response.service_health) returns it.
      - A host without the unit, or with it under another name, is refused.
    type: list
    elements: dict
    default: []
  looks:
    description:
      - What the backend saw on each host, as M(incident.response.service_release) returns it.
      - Empty for an action that changes no state.
    type: list
    elements: dict
    default: []
  out:
    description:
      - How many per cent of the service can't answer while a host changes, for an action whose backend doesn't say it.
      - By default one host's share. 0 for an action that interrupts nothing, such as the flush of a cache.
    type: int
  replicas:
    description: How many instances there are to be on all hosts together, where the state is a list of C(instances).
    type: raw
  limits:
    description:
      - With O(replicas), what may be. C(min) and C(max); C(down), whether there may be fewer than now; C(memory_mb) and C(cpus), what one takes.
    type: dict
    default: {}
  approved:
    description:
      - The ticket of the only plan that may be carried out, as a plan that is only shown prints it. Any other is refused, and so is one that
        somebody else asked for, that has expired (C(safety.plan_expires)), or that was carried out before. Empty for any plan.
    type: str
    default: ""
  only:
    description: Whether the plan is only shown; true or false words, and no others.
    type: raw
    default: false
  balancer:
    description: The nginx that the hosts are behind, as the service catalogue has it.
    type: dict
    default: {}
  balancers:
    description:
      - What M(incident.response.nginx_upstream) found on each balancer. The hosts that an earlier run left out of it come first.
        A host whose turn leaves nobody who serves is named; it is refused where an earlier run left out another one that could.
    type: list
    elements: dict
    default: []
  interrupted:
    description: The hosts that an earlier run left half-way.
    type: dict
    default: {}
  break_glass:
    description: Why it can't wait for the others to be put back first.
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Shows the plan.}
  diff_mode: {support: none, description: The plan shows what changes.}
"""
EXAMPLES = r"""
- name: Show the plan
  incident.response.action_plan:
    action: rollback
    service: api
    role: incident.response.service_rollback
    backend: release
    hosts: "{{ ansible_play_batch }}"
    looks: "{{ ansible_play_batch | map('extract', hostvars, 'look') | list }}"
  run_once: true
"""
RETURN = r"""
id:
  description: Another one for each plan, though it be the same plan again.
  type: str
  returned: success
hash:
  description:
    - The same for the same plan; another where anything differs that decides what is done where, as the variables of the role, and the hosts'
      states and addresses.
  type: str
  returned: always
plan_only: {description: "Whether it is only shown, so that nothing may be done.", type: bool, returned: success}
approval:
  description: Whether the policy asks for the approval of a second person, as M(incident.response.action_approve) gets it.
  type: bool
  returned: success
about:
  description: The action and the service.
  type: str
  returned: success
hosts:
  description: For each host the states C(before) and C(wanted).
  type: dict
  returned: success
health:
  description: For each host what O(health) says of it.
  type: dict
  returned: success
order:
  description: The hosts in the order in which they are to be taken. The lookup P(incident.response.action_targets#lookup) keeps to it.
  type: list
  elements: str
  returned: success
first: {description: The first of them., type: str, returned: success}
alone:
  description: The hosts that stay in nginx during their turn, since no other would serve.
  type: list
  elements: str
  returned: success
restore:
  description: The servers to put back into nginx before the first turn.
  type: list
  elements: str
  returned: success
text:
  description: The plan as it was printed.
  type: str
  returned: success
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
