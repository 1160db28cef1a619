# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: action_begin
short_description: Begin an emergency action on a service
version_added: 0.1.0
description:
  - Takes the lock of the service for this run. Fails where another run that lives holds it. It is free again when the run ends, or dies.
  - Where chat is configured, it also takes the lock there, which controllers with journals of their own share, and waits for it
    C(safety.lock_within). Where that can't be had, it says so and goes on.
  - Where the callback P(incident.response.incident_timeline#callback) is not enabled, says so and records the run's start.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  service:
    description: The service that is to be acted on.
    type: str
    required: true
  relative:
    description:
      - Whether what is asked for depends on what is there, as V(previous) does.
      - Then it is refused after an action that was interrupted, and where the same incident has taken one of these hosts back already.
    type: bool
    default: false
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
  description: Whether the lock was taken. It can't be where the journal is broken, which stops no action.
  type: bool
  returned: success
interrupted:
  description: The hosts on which the last action on the service was interrupted, with what it was about to change.
  type: dict
  returned: success
dry: {description: "Whether it is a dry drill, which leaves the change out.", type: bool, returned: success}
run:
  description: The run's name, as its entries have it.
  type: str
  returned: where the journal could be used
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
