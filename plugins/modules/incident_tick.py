# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_tick
short_description: Remind of what incidents are late with, escalate, and page
version_added: 0.1.0
description:
  - Compares the journal with the clocks in C(severities) of the configuration, and sends reminders on the timeline and in chat. It reminds if an
    incident is not acknowledged, not worked on, not mitigated or not resolved in time, has no update, is forgotten, or if its review is due.
  - Calls the second level of C(escalation.levels) if an incident is not mitigated in time, or after twice the time without an acknowledgement or an
    update.
  - Carries out the commands C(!escalate why), C(!ack) and C(!publish draft) in the channels of open incidents.
  - Tries the notifiers in C(paging) one after the other until the call is answered, and records each attempt.
  - Drafts texts for customers, every C(severities.*.update_every), and asks the person who speaks for the incident to publish them. Sends published
    texts that were not sent yet, and updates the status page.
  - Fails, and checks no clock, if the clock of this machine differs by more than a minute from the clock of the chat server. If an entry was
    written with a wrong clock, the time when the journal received it counts, and the task says so.
  - Sends each reminder once, even if several machines run the tick at the same time, or if no tick ran for a long time. Run it every minute.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  watch:
    description: Repeat the tick after this many seconds, for example to watch it in a terminal; 0 to run it once.
    type: float
    default: 0
  duration:
    description: With O(watch), end after this number of seconds; 0 to run until the run is interrupted.
    type: float
    default: 0
attributes:
  check_mode: {support: full, description: Shows the reminders without sending them.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: full, description: A second tick at the same moment sends nothing.}
"""
EXAMPLES = r"""
- name: Remind and escalate
  incident.response.incident_tick:
"""
RETURN = r"""
reminded:
  description: The reminders that were sent, and the commands from chat.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: The reminder., type: str, returned: success}
    level: {description: "The number of the level that was called, from 2 on; 0 for none.", type: int, returned: success}
clock:
  description: The problem with this machine's clock; empty if there is none.
  type: str
  returned: always
paged:
  description: The paging attempts.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: The result., type: str, returned: success}
    worked: {description: Whether the notifier accepted it., type: bool, returned: success}
published:
  description: The texts that were published or drafted for people outside.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: The text., type: str, returned: success}
    worked: {description: Whether it was accepted., type: bool, returned: success}
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
untold:
  description: The incidents with entries that are not in chat, or with operations that chat refused. Each one is also a warning.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    pending: {description: The number of entries that are not in chat., type: int, returned: success}
    why: {description: The cause., type: str, returned: success}
"""
