# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that change a service's version share."""

    DOCUMENTATION = r"""
options:
  version:
    description: Only say what this would change. V(previous), or an exact version. One that isn't there is refused, with those that are.
    type: str
  wanted:
    description: The state to bring about, as the module returned it under RV(ignore:wanted) or RV(ignore:state). Without it, it only looks.
    type: dict
  expected:
    description: States from which it may be changed. Any other is refused, and named. Empty for all.
    type: list
    elements: dict
    default: []
attributes:
  check_mode: {support: full, description: Says what would change.}
  diff_mode: {support: full, description: Shows the versions.}
"""
