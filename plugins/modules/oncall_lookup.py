# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: oncall_lookup
short_description: Say who is on call
version_added: 0.1.0
description:
  - Asks the sources that the configuration names in C(oncall.sources), one after the other until one says; by default the rotation
    in C(oncall.schedule). Where none says, the last good answer is given again and marked stale.
  - Fails loudly where nobody is on call, and says why no source could tell.
  - Its work is done on the controller, by the action plugin of the same name.
author: Contributors to incident.response (@incident-response)
options:
  level:
    description: Only this level, V(1) for those who are called first. All where it isn't given.
    type: int
  at:
    description: When, as V(2026-11-25T10:00:00Z). A time without a zone is UTC. Now where it isn't given.
    type: str
  cover_days:
    description: Fail where the rotation leaves a gap in so many days from O(at) on, and name each. V(0) looks at O(at) alone.
    type: int
    default: 0
attributes:
  check_mode: {support: full, description: Changes nothing in any mode.}
  diff_mode: {support: none, description: Shows nothing.}
"""
EXAMPLES = r"""
- name: Ask who is called first
  incident.response.oncall_lookup:
    level: 1
  register: called

- name: See that somebody is on call at any time in the next 90 days
  incident.response.oncall_lookup:
    cover_days: 90
"""
RETURN = r"""
oncall:
  description: Who is on call, the first level first.
  type: list
  elements: dict
  returned: success
  contains:
    level: {description: From 1., type: int, returned: success}
    layer: {description: "What the source calls the level: a layer, a schedule.", type: str, returned: success}
    name: {description: What the person is called., type: str, returned: success}
    username: {description: "Their name in chat; empty where C(oncall.people) doesn't have them.", type: str, returned: success}
    email: {description: Their address; may be empty., type: str, returned: success}
    phone: {description: Their number; may be empty., type: str, returned: success}
    from: {description: "Since when, in UTC; empty where the source doesn't say.", type: str, returned: success}
    until: {description: "Until when, in UTC; empty where the source doesn't say.", type: str, returned: success}
    next: {description: "What the person who follows is called; empty where that isn't known.", type: str, returned: success}
    source: {description: "Who said so: V(schedule) for the rotation of the configuration.", type: str, returned: success}
problems:
  description: Why sources that were asked before did not say.
  type: list
  elements: str
  returned: success
uncovered:
  description: The levels that nobody is on call in at that time, in words. Those of O(level) alone are not looked for.
  type: list
  elements: str
  returned: success
stale:
  description: Whether no source said, and this is what one said before.
  type: bool
  returned: success
as_of:
  description: "When a stale answer was given, in UTC; empty for a fresh one."
  type: str
  returned: success
config: {description: The configuration that the task goes by; empty without., type: str, returned: always}
"""
