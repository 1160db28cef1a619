# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_plan
short_description: Show what an emergency action is about to change
version_added: 0.2.0
description:
  - Prints the plan for all hosts, and records it on the timeline before anything is touched, so that the action can be undone even if it is killed.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  action:
    description: The name of the action.
    type: str
    required: true
  service:
    description: The service of the action.
    type: str
    required: true
  role:
    description: The full name of the role that holds the backend.
    type: str
    required: true
  backend:
    description: The task file of the role that makes the change.
    type: str
    required: true
  hosts:
    description: The hosts.
    type: list
    elements: str
    required: true
  health:
    description:
      - The health of each host before the action, as M(incident.response.service_health_info) returns it.
      - A host without the unit, or with another name of the unit, is refused.
    type: list
    elements: dict
    default: []
  looks:
    description:
      - The result of the backend on each host, as M(incident.response.service_release) returns it.
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
    description: The total number of instances on all hosts, if the state is a list of C(instances).
    type: raw
  limits:
    description:
      - The limits for O(replicas). C(min) and C(max); C(down) allows fewer instances than now; C(memory_mb) and C(cpus) are the needs of one
        instance.
    type: dict
    default: {}
  approved:
    description:
      - The ticket that a shown plan printed. Only this plan is carried out. Any other plan is refused, and so is a ticket of another person, an
        expired ticket (C(safety.plan_expires)), and a used ticket. Empty allows any plan.
    type: str
    default: ""
  only:
    description: Whether to only show the plan. Only words for true and false are accepted.
    type: raw
    default: false
  balancer:
    description: The nginx in front of the hosts, as in the service catalogue.
    type: dict
    default: {}
  balancers:
    description:
      - The results of M(incident.response.nginx_upstream) on each balancer. Hosts that an earlier run left out of nginx come first. The plan names
        a host if no other host would serve during its change. It refuses that host if an earlier run left out another host that could serve.
    type: list
    elements: dict
    default: []
  interrupted:
    description: The hosts that an earlier run left half-way.
    type: dict
    default: {}
  break_glass:
    description: The reason to act before the other hosts are put back.
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
  description: A new id for each plan, even if the plan is the same.
  type: str
  returned: success
hash:
  description:
    - The hash of the plan. It is the same for the same plan. It differs if anything differs that decides what is done and where, such as the
      variables of the role, and the states and addresses of the hosts.
  type: str
  returned: always
plan_only: {description: "Whether the plan is only shown, so that nothing may be changed.", type: bool, returned: success}
approval:
  description: Whether the policy requires the approval of a second person (M(incident.response.action_approve)).
  type: bool
  returned: success
about:
  description: The action and the service.
  type: str
  returned: success
hosts:
  description: The states C(before) and C(wanted) of each host.
  type: dict
  returned: success
health:
  description: The O(health) of each host.
  type: dict
  returned: success
order:
  description: The hosts in the order of the action. The lookup P(incident.response.action_targets#lookup) uses this order.
  type: list
  elements: str
  returned: success
first: {description: The first host., type: str, returned: success}
alone:
  description: The hosts that stay in nginx during their change, because no other host would serve.
  type: list
  elements: str
  returned: success
restore:
  description: The servers to put back into nginx before the first change.
  type: list
  elements: str
  returned: success
text:
  description: The printed plan.
  type: str
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
