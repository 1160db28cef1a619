# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection's settings: from the environment and from `[incident_response]` in ansible.cfg, as the callback documents them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect

CALLBACK = "incident.response.incident_timeline"
_VARIABLES = {
    "state_dir": "INCIDENT_STATE_DIR",
    "journal": "INCIDENT_JOURNAL",
    "journal_key_file": "INCIDENT_JOURNAL_KEY_FILE",
    "config": "INCIDENT_CONFIG",
    **{f"rocketchat_{name}": variable for name, variable in connect.VARIABLES.items()},
}


def settings() -> dict[str, Any]:
    """All options of the callback, whether it is enabled or not."""
    plugin = callback_loader.get(CALLBACK, class_only=True)  # makes its options known to Ansible's configuration, by this name
    found: dict[str, Any] = constants.config.get_plugin_options("callback", plugin._load_name)
    return found


def environment(options: Mapping[str, Any]) -> dict[str, str]:
    """The environment for the courier. Settings travel in it: an argument would show in the list of processes."""
    given = {variable: str(options.get(option) or "") for option, variable in _VARIABLES.items()}
    return {**os.environ, **{variable: value for variable, value in given.items() if value}}


def drain(options: Mapping[str, Any], default: float) -> float:
    """Seconds to wait for delivery. What isn't a number is told, and is no reason to stop an action."""
    given = str(options["drain_timeout"] or "").strip()
    try:
        return max(0.0, float(given)) if given else default
    except ValueError:
        Display().warning(f"incident.response: INCIDENT_DRAIN_TIMEOUT must be a number of seconds, not {given[:40]!r}: {default:.0f} is used")
        return default


def connection(options: Mapping[str, Any]) -> dict[str, Any]:
    """The chat's connection options, empty where none is configured. Raises connect.Misconfigured."""
    return connect.options({name: options.get(f"rocketchat_{name}") for name in connect.VARIABLES}, {})
