# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that ask a Docker engine share."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description: The address of the Docker engine, as in the environment variable E(DOCKER_HOST), which it overrides.
    type: str
  timeout:
    description: The time in seconds to wait until everything is healthy. The module fails sooner if this can't succeed.
    type: float
    default: 120
"""
