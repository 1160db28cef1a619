# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the clocks and the levels of escalation from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.escalation import Clocks, Level
from ansible_collections.incident.response.plugins.module_utils._usecases.escalation import Policy
from ansible_collections.incident.response.plugins.plugin_utils import _config


def policy(config: Mapping[str, Any]) -> Policy:
    """Build the clocks and levels from a validated configuration."""
    outage = _seconds(config["escalation"]["outage_after"])

    def clocks(severity: str) -> Clocks:
        given = config["severities"][severity]
        names = {"ack": "ack_within", "respond": "respond_within", "mitigate": "mitigate_within", "resolve": "resolve_within"}
        names |= {"update": "update_every", "review": "review_within"}
        return Clocks(**{name: _seconds(given[key]) for name, key in names.items()}, outage=outage)

    return Policy(clocks, tuple(Level(each["name"], tuple(each.get("notify", []))) for each in config["escalation"]["levels"]))


def _seconds(duration: str | None) -> float | None:
    return None if duration is None else _config.seconds(duration)
