# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_approve
short_description: Get the yes of a second person to an emergency action
version_added: 0.2.0
description:
  - Posts the plan in the run's thread, and waits until somebody who may has approved or denied it, with a reaction or by writing
    C(!approve HASH) or C(!deny HASH). Fails where nobody does in time, where chat can't be asked, and where the answer is no.
  - Who may, and how long it waits, is in C(safety.approval) of the configuration. Nobody approves what he asked for himself.
  - This keeps people from acting in haste. It is no wall against somebody who wants to act without it, since Ansible runs on his machine.
  - Its work is done on the controller, by the action plugin of the same name.
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
    description: Why it can't wait for anybody. Then it goes on at once, it is recorded, and everyone is told in C(channels.incidents).
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
  description: The chat user who said yes; empty where the glass was broken, and in check mode.
  type: str
  returned: success
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
