# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that change containers share, whatever runs these."""

    DOCUMENTATION = r"""
options:
  what:
    description:
      - What of the service is looked at and changed. V(version) and V(replicas) have states that O(wanted) brings about.
      - V(restart) restarts it, and has none; in check mode it only looks.
    type: str
    choices: [version, replicas, restart]
    required: true
  force:
    description: Finish what a killed run may have left half done, even where the state is the wanted one already.
    type: bool
    default: false
  steady_for:
    description: For how many seconds each container must have run, without being started anew, to count as healthy.
    type: float
    default: 3
  migration_marker:
    description: A file whose presence says that a migration of the database is pending. No other version is offered while it is there.
    type: str
    default: MIGRATION_PENDING
  force_migrations:
    description: Go on in spite of the O(migration_marker).
    type: bool
    default: false
"""
