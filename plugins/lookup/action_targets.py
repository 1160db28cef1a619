# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: action_targets
short_description: The hosts that an emergency action may touch
version_added: 0.1.0
description: Checks what a person named before any play acts. An unknown host is an error, never an empty play that ends with 0.
author: contributors to incident.response
options:
  _terms:
    description: The host or pattern that was named.
    required: true
  service:
    description: The service that was named.
    type: str
    required: true
  max_hosts:
    description: The blast radius, the most hosts that the action may touch.
    type: int
    default: 1
"""
EXAMPLES = r"""
- name: Act on exactly the host that was named
  hosts: "{{ lookup('incident.response.action_targets', host, service=service) }}"
"""
RETURN = r"""
_raw:
  description: The names of the hosts.
  type: list
  elements: str
"""

import difflib
import re
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.lookup import LookupBase

_SERVICE = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@_.:-]{0,127}")


class LookupModule(LookupBase):
    """Resolves with Ansible's own patterns, over the inventory of the run."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        service, limit = str(self.get_option("service")), self.get_option("max_hosts")
        if not _SERVICE.fullmatch(service):
            raise AnsibleError(f"service={service[:60]!r} is not the name of a service (letters, digits, @ _ . : -). Nothing was touched.")
        pattern = str(terms[0]).strip()
        if not pattern:
            raise AnsibleError(f'host is empty: name the host to act on, as in -e "service={service} host=prod-api-01". Nothing was touched.')
        groups = (variables or {}).get("groups", {})
        inventory = InventoryManager(loader=DataLoader(), parse=False)
        for group, hosts in groups.items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_host(host, group=None if group in {"all", "ungrouped"} else group)
        inventory.reconcile_inventory()
        found = [host.name for host in inventory.list_hosts(pattern)]
        if not found:
            near = difflib.get_close_matches(pattern, groups.get("all", []), n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Look with: ansible-inventory --graph"
            raise AnsibleError(f"host={pattern[:100]!r} matches no host of the inventory. {hint} Nothing was touched.")
        subset = (variables or {}).get("ansible_limit")
        if subset:
            inventory.subset(subset)
            left_out = sorted(set(found) - {host.name for host in inventory.list_hosts(pattern)})
            if left_out:
                raise AnsibleError(f"--limit {subset} leaves out {', '.join(left_out)}, which host={pattern} names. Nothing was touched.")
        if len(found) > limit:
            some = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
            raise AnsibleError(
                f"host={pattern} means {len(found)} hosts ({some}), more than the blast radius of {limit}. "
                f"Name fewer, or allow it with -e max_hosts={len(found)}. Nothing was touched."
            )
        return found
