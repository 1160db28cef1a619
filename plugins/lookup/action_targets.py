# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: action_targets
short_description: The hosts that an emergency action may touch
version_added: 0.1.0
description:
  - Checks the hosts that a person named before any play acts. An unknown host is an error, never an empty play that ends with 0.
  - With a service catalogue, the hosts must be hosts of the service. If no host is named, all hosts of the service are used.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description:
      - The host or pattern that was named. It may be empty if the service catalogue has the hosts of the service.
      - A list means each of its hosts.
  playbook:
    description:
      - One of the collection's own playbooks, such as C(restart_service). The other options are then taken from the variables of that playbook
        (C(docs/playbooks.md)), and all of these variables are checked.
      - A refusal is then printed without a wrapper, and ends the run with exit code 5 before any play begins.
    type: str
    default: ""
  service:
    description: The service that was named. Required without O(playbook).
    type: str
    default: ""
  max_hosts:
    description: The largest number of hosts that a person may name. 0 means C(safety.max_hosts) of the configuration.
    type: int
    default: 0
  whole_service:
    description: >-
      Whether all hosts of a service in the catalogue are meant where none is named, however many: for actions that take
      one host after the other and stop at the first that fails.
    type: raw
    default: false
  config:
    description: Another configuration file than the one of the run.
    type: str
    default: ""
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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.module_utils._core import drill
from ansible_collections.incident.response.plugins.plugin_utils import _able, _arguments, _catalogue, _options, _refusal, _undo
from ansible_collections.incident.response.plugins.plugin_utils._terminal import careful

_UNDONE = ("run", "incident", "force_unverified")
_WHOLE = {"rollback", "scale_up"}
"""They take one host after the other and stop at the first that fails: so the whole service, on purpose."""


_MEANT = "Did you mean {}?"
_LOOK = "Look with: ansible-inventory --graph"


@dataclass(frozen=True, slots=True)
class Asked:
    """The request. `hosts` is None if no host was named. `most` is the largest number of hosts that a person may name; 0 means the limit of the
    configuration."""

    service: str
    hosts: tuple[str, ...] | None
    most: int = 0
    whole: bool = False
    replicas: int = 0
    playbook: str = ""


class LookupModule(LookupBase):
    """Resolves hosts with Ansible's own patterns, over the inventory of the run."""

    @careful
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        variables, playbook = variables if variables is not None else {}, str(self.get_option("playbook"))
        _options.say(_options.settings())
        if not playbook:
            return _resolved(self._said(terms, variables), variables, self.get_option("config"))
        try:
            return _resolved(self._given(playbook, variables), variables, self.get_option("config"))
        except AnsibleError as error:
            _refusal.end(error)

    def _said(self, terms: list[Any], variables: dict[str, Any]) -> Asked:
        _arguments.of_own_action(variables, self)
        try:
            drill.parse(variables.get("drill", ""))
        except ValueError as error:
            raise AnsibleError(f"{error}. Nothing was touched.") from None
        term = terms[0] if terms else ""
        named = tuple(filter(None, (str(each).strip() for each in (term if isinstance(term, list) else [term]))))
        if not named and "host" in variables:
            raise AnsibleError("host is empty. Nothing was touched. Name it, or leave it out for all hosts of the service.")
        limit = self.get_option("max_hosts")
        if limit < 0:
            raise AnsibleError(f"max_hosts must be 1 or more, not {limit}. Nothing was touched.")
        return Asked(str(self.get_option("service")), named or None, limit, _arguments.switch("whole_service", self.get_option("whole_service")))

    def _given(self, playbook: str, variables: dict[str, Any]) -> Asked:
        given = _arguments.given(playbook, variables, self)
        if playbook == "undo":
            there = variables.get("action_undone")  # else it is the template of the play
            record = there if isinstance(there, Mapping) else _undo.record(*(str(given.get(name, "")).strip() for name in _UNDONE))
            called = str(given.get("service", record["service"])).strip()
            if _catalogue.service_settings(_catalogue.for_action(self.get_option("config")), called)["name"] != record["service"]:
                raise AnsibleError(f"service={called} is not what that run was of: that is {record['service']}. Nothing was touched.")
            return Asked(record["service"], tuple(record["hosts"]), len(record["hosts"]), playbook=playbook)
        service = str(given.get("app" if playbook == "rollback" else "service", "")).strip()
        host = given.get("host")
        named = None if host is None else tuple(str(each).strip() for each in (host if isinstance(host, (list, tuple)) else [host]))
        return Asked(service, named, int(given.get("max_hosts", 0)), playbook in _WHOLE, int(given.get("replicas", 0)), playbook)


def _resolved(asked: Asked, variables: dict[str, Any], config_file: str) -> list[str]:
    """The names of the hosts. Raises AnsibleError if there are none, if they are not allowed, or if there are too many."""
    config = _catalogue.for_action(config_file)
    settings = _catalogue.service_settings(config, asked.service)
    service, every = settings["name"], variables.get("groups", {}).get("all", [])
    pattern = ",".join(asked.hosts) if asked.hosts else (settings["hosts"] if service in config["services"] else "")
    if not pattern:
        raise AnsibleError(f'host is empty: name the host to act on, as in -e "service={service} host=prod-api-01". Nothing was touched.')
    inventory = _catalogue.inventory(variables.get("groups", {}))
    found = _catalogue.matching(inventory, pattern)
    if not found and not asked.hosts:
        raise AnsibleError(_no_hosts(service, pattern, every))
    if not found:
        raise AnsibleError(_no_match(pattern, every))
    gone = [name for name in asked.hosts or () if not _catalogue.matching(inventory, name)]
    if gone:
        raise AnsibleError(_no_match(gone[0], every))
    _check_place(inventory, found, settings, config)
    _check_limit(inventory, found, pattern, variables.get("ansible_limit"))
    limit = asked.most or config["safety"]["max_hosts"]
    if len(found) > limit and (asked.hosts or not asked.whole):
        meant = f"host={pattern} means" if asked.hosts else f"without a host, {service} means"
        raise AnsibleError(
            f"{meant} {len(found)} hosts ({_some(found)}), more than the {limit} that may be named by hand (safety.max_hosts). "
            f"Name fewer, as in host={found[0]}, or allow it with -e max_hosts={len(found)}. Nothing was touched."
        )
    most = settings["replicas"].get("max")
    if most is not None and asked.replicas > most:
        problem = f"replicas={asked.replicas} is more than the {most} that the service catalogue allows (replicas.max)"
        raise AnsibleError(f"{problem}. Nothing was touched.")
    if asked.playbook:
        _able.refuse(asked.playbook, config, settings, found, variables, config_file or _options.settings()["config"])
    return _in_turns(found, variables)


def _check_limit(inventory: InventoryManager, found: list[str], pattern: str, limit: str | None) -> None:
    """Raises AnsibleError if `--limit` would silently leave out one of the hosts."""
    left_out = _catalogue.left_out(inventory, limit, found) if limit else []
    if left_out:
        raise AnsibleError(f"--limit {limit} leaves out {', '.join(left_out)}, which host={pattern} names. Nothing was touched.")


def _in_turns(found: list[str], variables: dict[str, Any]) -> list[str]:
    """Sort the hosts in the order of this run's plan, if it has a plan for exactly these hosts."""
    facts: Any = variables.get("hostvars")
    for host in found if facts is not None else []:
        order = ((facts.raw_get(host) or {}).get("_action_plan") or {}).get("order") or []
        if sorted(order) == sorted(found):
            return list(order)
    return found


def _check_place(inventory: InventoryManager, found: list[str], settings: dict[str, Any], config: dict[str, Any]) -> None:
    """Raises AnsibleError if the service does not run on these hosts, or if a host is protected."""
    service = settings["name"]
    if service in config["services"]:
        there = _catalogue.matching(inventory, settings["hosts"])
        wrong = [name for name in found if name not in there]
        if wrong:
            raise AnsibleError(
                f"{service} does not run on {_some(wrong)}: the service catalogue has it on {settings['hosts']} "
                f"({_some(there) or 'no host of the inventory'}). Nothing was touched."
            )
        _check_names(inventory, found, settings, config)
    _catalogue.refuse_protected(config, inventory, found)


def _check_names(inventory: InventoryManager, found: list[str], settings: dict[str, Any], config: dict[str, Any]) -> None:
    """Raises AnsibleError if the catalogue has the same unit on the same host under another name: that would mean two locks and two incidents."""
    name, unit = settings["name"], settings["unit"]
    for other, entry in config["services"].items():
        same = settings["backend"] == entry["backend"] == "systemd" and entry.get("unit", f"{other}.service") == unit
        both = [host for host in _catalogue.matching(inventory, entry["hosts"]) if host in found] if same and other != name else []
        if both:
            raise AnsibleError(
                f"{name} and {other} are both {unit} on {_some(both)}: the service catalogue has one service under two names. "
                f"Nothing was touched. Keep one, and make the other its alias: services.{name}.aliases: [{other}]"
            )


def _no_hosts(service: str, pattern: str, hosts: list[str]) -> str:
    if hosts:
        return f"The inventory has none of the hosts of {service} ({pattern}). Nothing was touched. Name the inventory of {service} with -i"
    return f"No host of {service} ({pattern}) can be found: the inventory has no hosts. Nothing was touched. Name it with -i"


def _no_match(pattern: str, hosts: list[str]) -> str:
    if not hosts:
        return f"host={pattern[:100]!r} can't be found: the inventory has no hosts. Nothing was touched. Name it with -i"
    near = difflib.get_close_matches(pattern, hosts, n=3)
    problem = f"host={pattern[:100]!r} matches no host of the inventory."
    if near:
        return f"{problem} {_MEANT.format(' or '.join(near))} Nothing was touched."
    return f"{problem} Nothing was touched. Name the inventory with -i, or {_LOOK[0].lower()}{_LOOK[1:]}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
