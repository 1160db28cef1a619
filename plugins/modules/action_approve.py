# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_approve
short_description: Get the yes of a second person to an emergency action
version_added: 0.2.0
description:
  - Posts the plan in the run's thread, and waits until an approver approves or denies it with a reaction, C(!approve HASH) or C(!deny HASH). Fails
    if nobody answers in time, if chat can't be asked, and if the answer is no.
  - C(safety.approval) in the configuration sets the approvers and the time limit. Nobody can approve their own action.
  - The approval protects against haste. It can't stop a person who wants to act without it, because Ansible runs on that person's machine.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  about:
    description: The action and the service, in words.
    type: str
    required: true
  plan:
    description: The hash of the plan, as M(incident.response.action_plan) returned it.
    type: str
    required: true
  text:
    description: The plan in words.
    type: str
    required: true
  break_glass:
    description: The reason to go on without an approval. The task then goes on at once, records the reason, and tells everyone in
      C(channels.incidents).
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Asks nobody.}
  diff_mode: {support: none, description: Changes nothing.}
"""
EXAMPLES = r"""
- name: Wait for a second person
  incident.response.action_approve:
    about: rollback of api
    plan: "{{ plan.hash }}"
    text: "{{ plan.text }}"
  run_once: true
  when: plan.approval
"""
RETURN = r"""
approved_by:
  description: The chat user who approved; empty with O(break_glass), and in check mode.
  type: str
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
