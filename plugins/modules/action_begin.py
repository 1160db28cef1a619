# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_begin
short_description: Begin an emergency action on a service
version_added: 0.1.0
description:
  - Takes the lock of the service for this run. Fails if another live run holds the lock. The lock is released when the run ends or dies.
  - If chat is configured, the task also takes the lock in chat, which controllers with separate journals share. It waits for that lock for
    C(safety.lock_within). If it can't take the lock in chat, it warns and goes on.
  - If the callback P(incident.response.incident_timeline#callback) is not enabled, the task warns and records the start of the run itself.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  service:
    description: The service of the action.
    type: str
    required: true
  relative:
    description:
      - Whether the request depends on the current state, as V(previous) does.
      - Such a request is refused after an interrupted action, and if the same incident has already rolled back one of these hosts.
    type: bool
    default: false
  role:
    description: The role of the action. The task fails if this role is around it and lacks the O(backend).
    type: str
    default: ""
  backend:
    description: The backend, a task file of the O(role).
    type: str
    default: ""
  stateful:
    description: Whether the backend can look at a state. The task fails if it is said to, and no task of the O(role) sets C(ROLE_seen).
    type: bool
    default: true
attributes:
  check_mode: {support: full, description: Looks at the lock and does not take it.}
  diff_mode: {support: none, description: Shows nothing.}
"""
EXAMPLES = r"""
- name: Lock api for this run
  incident.response.action_begin:
    service: api
"""
RETURN = r"""
recorded:
  description: Whether the callback records the whole run.
  type: bool
  returned: success
locked:
  description: Whether the lock was taken. With a broken journal it can't be taken; the action still goes on.
  type: bool
  returned: success
interrupted:
  description: The hosts on which the last action on the service was interrupted, with the change that it was making.
  type: dict
  returned: success
dry: {description: "Whether this is a dry drill, which does not make the change.", type: bool, returned: success}
run:
  description: The name of the run, as in its entries.
  type: str
  returned: where the journal could be used
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
