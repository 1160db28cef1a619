# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of a host, also before the first play, when Ansible has no `hostvars` yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_plays: list[Any] = []


def remember(plays: Sequence[Any]) -> None:
    """Store the plays of the playbook that begins. Only a callback receives them."""
    _plays[:] = plays[:1]


def of(host: str, variables: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The variables of the host, not rendered; None if they are unknown."""
    facts: Any = variables.get("hostvars")
    if facts is not None:
        return facts.raw_get(host) or {}
    if not _plays:
        return None
    manager = _plays[0].get_variable_manager()
    found: Mapping[str, Any] = manager.get_vars(host=manager._inventory.get_host(host))
    return found
