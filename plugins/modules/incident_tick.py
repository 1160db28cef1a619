# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_tick
short_description: Remind of what incidents are late with, escalate, and page
version_added: 0.1.0
description:
  - Reads off the journal what is late by the clocks in C(severities) of the configuration. Nobody has acknowledged, nobody works on it, it is
    not mitigated or resolved, there is no news, an incident is forgotten, a review is due. Says so on the timeline and in chat.
  - What is twice late, or not mitigated in time, calls the next level of C(escalation.levels).
  - Does what people ask for in the channels of open incidents, with C(!escalate why), C(!ack), and C(!publish draft).
  - Tries the notifiers in C(paging) one after the other until the call is answered, and writes down each attempt.
  - Drafts what customers should hear, at the cadence of C(severities.*.update_every), and asks whoever speaks for the incident to publish it.
    Sends what was published and not sent, and brings the status page up to date.
  - Fails, and looks at no clock, where this machine's own clock is more than a minute off that of the chat server. What was written by a
    clock that was wrong counts from when the journal got it, and that is said.
  - Each reminder is told once, whichever machine looks, however many do at the same moment, and however long none did. Run it every minute.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  watch:
    description: Look again every so many seconds, as for a terminal that shows what happens; 0 to look once.
    type: float
    default: 0
  duration:
    description: With O(watch), end after so many seconds; 0 to go on until the run is interrupted.
    type: float
    default: 0
attributes:
  check_mode: {support: full, description: Says what would be told.}
  diff_mode: {support: none, description: Shows nothing.}
  idempotent: {support: full, description: A second look at the same moment tells nothing.}
"""
EXAMPLES = r"""
- name: Remind and escalate
  incident.response.incident_tick:
"""
RETURN = r"""
reminded:
  description: What was told, or asked for in chat.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: What is late., type: str, returned: success}
    level: {description: "The number of the level that was called, from 2 on; 0 for none.", type: int, returned: success}
clock:
  description: What is wrong or strange about this machine's clock; empty where nothing is.
  type: str
  returned: always
paged:
  description: Whom it tried to reach, and how.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: What came of it., type: str, returned: success}
    worked: {description: Whether the notifier took it on., type: bool, returned: success}
published:
  description: What those outside were told, and what was drafted for them.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    text: {description: What it was., type: str, returned: success}
    worked: {description: Whether it was taken on., type: bool, returned: success}
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
untold:
  description: The incidents of which chat lacks something, or would not do something. Each is also a warning.
  type: list
  elements: dict
  returned: success
  contains:
    incident: {description: The name of the incident., type: str, returned: success}
    pending: {description: The number of entries that chat lacks., type: int, returned: success}
    why: {description: What holds it up., type: str, returned: success}
"""
