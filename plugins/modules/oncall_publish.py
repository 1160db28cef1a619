# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: oncall_publish
short_description: Say in chat who is on call, and keep the team right
version_added: 0.1.0
description:
  - Puts who is on call into the topic of a channel, as V(On call), and leaves what else the topic says, between C(|), as it is.
  - Where that changes, says so in the channel, with the incidents that are still open. Run it by cron, every few minutes.
  - Puts who is on call into a team, and takes out of it whom C(oncall.people) knows and who isn't. All others are left in it.
  - An answer that is only a repetition of an older one, since no source answers, is not published.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  channel:
    description: The channel, without the C(#). Defaults to C(channels.devops) of the configuration.
    type: str
  team:
    description:
      - The team. Defaults to C(oncall.team) of the configuration; with an empty name no team is touched.
      - The bot needs the permissions C(view-all-teams) and C(edit-team-member).
    type: str
attributes:
  check_mode: {support: full, description: "Says what the topic would be, and who would join or leave."}
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
  description: The levels that nobody is on call in now, in words. The topic has the others.
  type: list
  elements: str
  returned: success
told:
  description: Where it is said, who is named there, and whether it is.
  type: dict
  returned: success
  sample: {"channel": "devops", "mentioned": ["ada"], "delivered": true}
joined:
  description: Who has come into the team.
  type: list
  elements: str
  returned: success
left:
  description: Who has gone.
  type: list
  elements: str
  returned: success
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
