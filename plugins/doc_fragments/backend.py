# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that change a service's version share."""

    DOCUMENTATION = r"""
options:
  version:
    description: Only show the change to this version. V(previous), or an exact version. An unknown version is refused, with a list of the known
      ones.
    type: str
  wanted:
    description: The target state, as the module returned it in RV(ignore:wanted) or RV(ignore:state). Without it, the module only reads.
    type: dict
  expected:
    description: The states from which a change is allowed. Any other state is refused, with its name. Empty allows all states.
    type: list
    elements: dict
    default: []
attributes:
  check_mode: {support: full, description: Shows the change.}
  diff_mode: {support: full, description: Shows the versions.}
"""
