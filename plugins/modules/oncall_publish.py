# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: oncall_publish
short_description: Say in chat who is on call, and keep the team right
version_added: 0.1.0
description:
  - Writes the people on call into the topic of a channel, after V(On call), and leaves the other parts of the topic, between C(|), unchanged.
  - Posts each change in the channel, with the open incidents. Run it with cron, every few minutes.
  - Adds the people on call to a team, and removes people in C(oncall.people) who are not on call. All other members stay.
  - Does not publish a stale answer.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  channel:
    description: The channel, without the C(#). Defaults to C(channels.devops) of the configuration.
    type: str
  team:
    description:
      - The team. Defaults to C(oncall.team) of the configuration. With an empty name, no team is changed.
      - The bot needs the permissions C(view-all-teams) and C(edit-team-member).
    type: str
attributes:
  check_mode: {support: full, description: "Shows the new topic, and who would join or leave."}
  diff_mode: {support: full, description: Shows the topic before and after.}
  idempotent: {support: full, description: Changes nothing as long as the same people are on call.}
"""
EXAMPLES = r"""
- name: Say who is on call
  incident.response.oncall_publish:
"""
RETURN = r"""
topic:
  description: The topic of the channel.
  type: str
  returned: success
uncovered:
  description: The levels without anybody on call now, in words. The topic has the other levels.
  type: list
  elements: str
  returned: success
told:
  description: The channel, the mentioned people, and whether the message was delivered.
  type: dict
  returned: success
  sample: {"channel": "devops", "mentioned": ["ada"], "delivered": true}
joined:
  description: The people who were added to the team.
  type: list
  elements: str
  returned: success
left:
  description: The people who were removed from the team.
  type: list
  elements: str
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
