# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service catalogue as a play meets it: every refusal is an AnsibleError that names the way out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.incident.response.plugins.plugin_utils import _config

CONTROLLER = "localhost"
_SERVICE = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@_.:-]{0,127}")


def configuration(explicit: str = "") -> dict[str, Any]:
    """The configuration. Raises AnsibleError."""
    try:
        return _config.load(_config.find(explicit))
    except _config.ConfigError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise AnsibleError(
            f"The configuration has mistakes. Nothing was touched.\n{problems}\nCorrect them, or act without it: INCIDENT_CONFIG=/dev/null"
        ) from None


def service_settings(config: dict[str, Any], name: str) -> dict[str, Any]:
    """What is known of the service. Raises AnsibleError for no name, a bad one, and one that a catalogue does not have."""
    if not _SERVICE.fullmatch(name):
        raise AnsibleError(f"service={name[:60]!r} is not the name of a service (letters, digits, @ _ . : -). Nothing was touched.")
    known, settings = config["services"], _config.service(config, name)
    if known and settings["name"] not in known:
        near = difflib.get_close_matches(name, known, n=2)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(sorted(known)[:20])}."
        raise AnsibleError(
            f"service={name} is not in the service catalogue. {hint} Nothing was touched. To act without the catalogue: INCIDENT_CONFIG=/dev/null"
        )
    return settings


def inventory(groups: Mapping[str, list[str]]) -> InventoryManager:
    """The run's own inventory, flat, for its patterns."""
    found = InventoryManager(loader=DataLoader(), parse=False)
    for group, hosts in groups.items():
        found.add_group(group)
        for host in hosts:
            found.add_host(host, group=None if group in {"all", "ungrouped"} else group)
    found.reconcile_inventory()
    return found


def matching(found: InventoryManager, pattern: str) -> list[str]:
    """The names of the hosts that a pattern means."""
    return [host.name for host in found.list_hosts(pattern)]


def names(config: Mapping[str, Any]) -> set[str]:
    """All that a service of the catalogue may be called."""
    return {name for service, entry in config["services"].items() for name in (service, *entry["aliases"])}


def left_out(found: InventoryManager, limit: str, hosts: Collection[str]) -> list[str]:
    """Those of the hosts that a limit excludes. The inventory has the limit from now on."""
    found.subset(limit)
    return sorted(set(hosts) - set(matching(found, "all")))


def refuse_limit(variables: Mapping[str, Any], hosts: list[str]) -> None:
    """Raises AnsibleError where the run's limit leaves out any of the hosts: Ansible would skip it, and end well."""
    limit = variables.get("ansible_limit")
    if not limit:
        return
    found = inventory(variables.get("groups", {}))
    if CONTROLLER in hosts:
        found.add_host(CONTROLLER)
        found.reconcile_inventory()
    gone = left_out(found, limit, hosts)
    if gone:
        raise AnsibleError(f"--limit {limit} leaves out {', '.join(gone)}, where this works. Nothing was touched. Leave the limit out.")
