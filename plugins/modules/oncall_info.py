# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: oncall_info
short_description: Say who is on call
version_added: 0.1.0
description:
  - Asks the sources in C(oncall.sources) of the configuration, one after the other until one answers. The default is the rotation in
    C(oncall.schedule). If no source answers, the last good answer is returned and marked as stale.
  - Fails if nobody is on call, and says why no source answered.
  - The action plugin of the same name does the work on the controller.
author: Contributors to incident.response (@incident-response)
options:
  level:
    description: Only this level; V(1) is called first. Default is all levels.
    type: int
  at:
    description: The time, such as V(2026-11-25T10:00:00Z). A time without a zone is UTC. Default is now.
    type: str
  cover_days:
    description: Fail if the rotation has a gap within this number of days from O(at), and name each gap. V(0) only checks O(at).
    type: int
    default: 0
attributes:
  check_mode: {support: full, description: Changes nothing in any mode.}
  diff_mode: {support: none, description: Shows nothing.}
"""
EXAMPLES = r"""
- name: Ask who is called first
  incident.response.oncall_info:
    level: 1
  register: called

- name: See that somebody is on call at any time in the next 90 days
  incident.response.oncall_info:
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
    layer: {description: "The source's name of the level: a layer or a schedule.", type: str, returned: success}
    name: {description: The name of the person., type: str, returned: success}
    username: {description: "Their user name in chat; empty if C(oncall.people) doesn't have them.", type: str, returned: success}
    email: {description: Their mail address; may be empty., type: str, returned: success}
    phone: {description: Their phone number; may be empty., type: str, returned: success}
    from: {description: "The start of the shift in UTC; empty if the source doesn't say.", type: str, returned: success}
    until: {description: "The end of the shift in UTC; empty if the source doesn't say.", type: str, returned: success}
    next: {description: "The name of the next person; empty if unknown.", type: str, returned: success}
    source: {description: "The source of the answer: V(schedule) for the rotation of the configuration.", type: str, returned: success}
problems:
  description: The reasons why earlier sources did not answer.
  type: list
  elements: str
  returned: success
uncovered:
  description: The levels without anybody on call at that time, in words. They are not checked if O(level) is given.
  type: list
  elements: str
  returned: success
stale:
  description: Whether no source answered, and this is an older answer.
  type: bool
  returned: success
as_of:
  description: "The time of a stale answer in UTC; empty for a fresh answer."
  type: str
  returned: success
config: {description: The configuration file that the task uses; empty if there is none., type: str, returned: always}
"""
