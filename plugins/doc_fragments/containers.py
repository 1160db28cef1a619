# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that change containers share, whatever runs these."""

    DOCUMENTATION = r"""
options:
  what:
    description:
      - The property of the service to read and change. V(version) and V(replicas) have states, and O(wanted) is the target state.
      - V(restart) restarts the service, and has no state; in check mode it only reads.
    type: str
    choices: [version, replicas, restart]
    required: true
  force:
    description: Repeat steps that a killed run may have left half done, even if the service already has the wanted state.
    type: bool
    default: false
  steady_for:
    description: For how many seconds each container must have run without another start to count as healthy.
    type: float
    default: 3
  migration_marker:
    description: A file whose presence means that a database migration is pending. While it exists, another version is refused.
    type: str
    default: MIGRATION_PENDING
  force_migrations:
    description: Ignore the O(migration_marker).
    type: bool
    default: false
"""
