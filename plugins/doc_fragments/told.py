# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of the modules that call people."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  require_delivery:
    description:
      - Whether the task fails where what it says is not delivered in chat within 5 seconds, or E(INCIDENT_DRAIN_TIMEOUT) where that is longer.
        It is recorded all the same, and delivered later.
      - By default V(true) where somebody is called for a P0 or P1, or by an escalation, and V(false) otherwise.
      - Where no chat is configured, it is said that nobody was told, and is no failure, but of an escalation.
    type: bool
"""
