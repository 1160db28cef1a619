# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service catalogue for a play. Every refusal is an AnsibleError that says what to do."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from ansible import constants, template
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils._core import argument
from ansible_collections.incident.response.plugins.plugin_utils import _config, _config_template, _options
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE
from ansible_collections.incident.response.plugins.plugin_utils._config_text import Where, dotted
from ansible_collections.incident.response.plugins.plugin_utils._terminal import Terminal

CONTROLLER = "localhost"
_known: dict[str, dict[str, Any]] = {}
_trusted = getattr(template, "trust_as_template", str)
"""Since ansible-core 2.19, only values with this mark are rendered."""
_PLAIN = re.compile(r"[\w.*?-]+")
"""A pattern that is a single name, also with wildcards."""
_SERVICE = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@_.:-]{0,127}")


def for_action(explicit: str = "") -> dict[str, Any]:
    """The configuration for an action. Raises AnsibleError, also if a configuration is required and missing."""
    if explicit:
        return configuration(explicit)
    options = _options.settings()
    found = options["location"]
    config = configuration(options["config"])
    given = str(options["require_config"] or "").strip()
    try:
        who = "INCIDENT_REQUIRE_CONFIG" if given and argument.switch(given) else ""
    except argument.Wrong:
        raise AnsibleError(f"INCIDENT_REQUIRE_CONFIG must be true or false, not {given[:40]!r}. Nothing was touched.") from None
    if found.path != NONE and not found.empty:
        return config
    if not who and found.left and _requires(found.left):
        who = f"safety.require_config in {found.left}"
    if who and found.empty:
        raise AnsibleError(f"The configuration {found.path} is empty, and {who} asks for one. Nothing was touched. Was it cut off? Bring it back.")
    if who:
        raise AnsibleError(
            f"There is no configuration, and {who} asks for one. Nothing was touched. Name it: INCIDENT_CONFIG=/path/of/incident-response.yml. "
            f"Looked in: {', '.join(found.looked)}."
        )
    return config


def _requires(left: Path) -> bool:
    """Whether the ignored configuration file sets `safety.require_config`."""
    try:
        return bool(_config.load(left)["safety"]["require_config"])
    except _config.ConfigError:
        return False


def configuration(explicit: str) -> dict[str, Any]:
    """The configuration in the settings, as it was when this process, or the process that forked it, first read it. So a planned and approved action
    is not affected by later changes of the file. Raises AnsibleError, also if the file has changed since the run began."""
    if explicit not in _known:
        _known[explicit] = _loaded(explicit)
    return _known[explicit]


def _loaded(explicit: str) -> dict[str, Any]:
    location = _options.settings()["location"]
    try:
        path = _config.find(explicit)
        found = _config.load(path)
        if path == location.path and location.changed():
            raise AnsibleError(f"{path} has changed since the run began. It goes by one configuration: run it again. What it did so far is recorded")
        return found
    except _config.ConfigError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise AnsibleError(f"The configuration has mistakes. Nothing was touched.\n{problems}\nCorrect them, and run it again.") from None


def filled(config: dict[str, Any], called: str, variables: dict[str, Any], loader: DataLoader | None, path: str) -> dict[str, Any]:
    """The configuration, with the service's templates rendered for the host of the `variables`. Raises AnsibleError. If the variables belong to no
    host, templates stay unchanged."""
    name = _config.service(config, called)["name"]
    entry = config["services"].get(name, {})
    places = dict(_config_template.templates({key: entry[key] for key in _config_template.FILLED if key in entry}))
    host = variables.get("inventory_hostname")
    if not places or not host:
        return config
    templar, there = Templar(loader=loader, variables=variables), copy.deepcopy(entry)
    try:
        for where, text in places.items():
            _holder(there, where)[where[-1]] = templar.template(_trusted(text))
    except AnsibleError as error:
        below = ("services", name, *where)
        raise AnsibleError(_unfilled(path, below, f"{dotted(below)}: {text} can't be filled in for {host}: {error}")) from None
    checked, faults = _checked(name, json.dumps(there, default=str), tuple(places))
    for where, words in faults:
        raise AnsibleError(_unfilled(path, where, f"{words} on {host}", "Correct the variable in the inventory, or write the value itself."))
    return {**config, "services": {**config["services"], name: copy.deepcopy(checked)}}


@lru_cache(maxsize=64)
def _checked(name: str, entry: str, places: tuple[Where, ...]) -> tuple[dict[str, Any], list[tuple[Where, str]]]:
    """The rendered entry, and its errors against the schema. Older cores render to text: if the schema requires another type, the text is parsed as
    YAML. If the schema requires text, as in the arguments of a command, a number is accepted."""
    there: dict[str, Any] = json.loads(entry)
    faults = list(_config.faults(name, there))
    wrong = {where[2:] for where, dummy in faults} & set(places)
    for where in wrong:
        holder = _holder(there, where)
        if isinstance(holder[where[-1]], str):
            with suppress(yaml.YAMLError):
                holder[where[-1]] = yaml.safe_load(holder[where[-1]])
        elif isinstance(holder[where[-1]], (int, float)) and not isinstance(holder[where[-1]], bool):
            holder[where[-1]] = str(holder[where[-1]])
    return there, list(_config.faults(name, there)) if wrong else faults


def _holder(entry: dict[str, Any], where: Where) -> Any:
    """The mapping or list that contains the last part of the path."""
    found: Any = entry
    for part in where[:-1]:
        found = found[part]
    return found


def _unfilled(path: str, where: Where, words: str, hint: str = "Set the variable in the inventory, or write the value itself.") -> str:
    try:
        line = f":{_config.line(Path(path), where)}"
    except _config.ConfigError:
        line = ""
    return f"{path}{line}: {words}. Nothing was touched. {hint}"


def service_settings(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The settings of the service. Raises AnsibleError for an empty, invalid or unknown name."""
    if not _SERVICE.fullmatch(name):
        raise AnsibleError(f"service={name[:60]!r} is not the name of a service (letters, digits, @ _ . : -). Nothing was touched.")
    known, settings = config["services"], _config.service(config, name)
    if known and settings["name"] not in known:
        raise AnsibleError(f"service={name} is not in the service catalogue. {nearest(name, names(config))} Nothing was touched.")
    return settings


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for an unknown name: similar names, otherwise the existing names."""
    near = difflib.get_close_matches(name, known, n=2) or [each for each in [argument.mistyped(name, known)] if each]
    return f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(sorted(known)[:20])}. If it is right, add services.{name[:60]}."


def inventory(groups: Mapping[str, list[str]]) -> InventoryManager:
    """The run's own inventory, for its patterns."""
    found = InventoryManager(loader=DataLoader(), parse=False)
    for group, hosts in groups.items():
        found.add_group(group)
        for host in hosts:
            found.add_host(host, group=None if group in {"all", "ungrouped"} else group)
    found.reconcile_inventory()
    return found


def matching(found: InventoryManager, pattern: str) -> list[str]:
    """The names of the hosts that match a pattern. Suppresses Ansible's own warning about a pattern without hosts, which does not say where the
    pattern comes from."""
    if _PLAIN.fullmatch(pattern) and not any(fnmatchcase(name, pattern) for name in (*found.hosts, *found.groups, *constants.LOCALHOST)):
        return []
    return [host.name for host in found.list_hosts(pattern)]


def refuse_protected(config: Mapping[str, Any], found: InventoryManager, hosts: Collection[str]) -> None:
    """Raises AnsibleError if one of the hosts is protected."""
    for each in config["safety"]["protected_hosts"]:
        if found.hosts and not matching(found, each):
            near = difflib.get_close_matches(each, [*found.hosts, *found.groups], n=1, cutoff=0.8)
            hint = f": did you mean {near[0]}?" if near else ""
            Terminal().warning(f"incident.response: safety.protected_hosts names {each}, which is no host and no group of this inventory{hint}")
    kept = [name for each in config["safety"]["protected_hosts"] for name in matching(found, each) if name in hosts]
    if kept:
        shown = ", ".join(kept[:5]) + (" …" if len(kept) > 5 else "")
        raise AnsibleError(f"{shown} is protected (safety.protected_hosts in the configuration). Nothing was touched.")


def names(config: Mapping[str, Any]) -> set[str]:
    """All names and aliases of the services in the catalogue."""
    return {name for service, entry in config["services"].items() for name in (service, *entry["aliases"])}


def left_out(found: InventoryManager, limit: str, hosts: Collection[str]) -> list[str]:
    """The hosts that a limit excludes. The inventory keeps the limit from now on."""
    found.subset(limit)
    return sorted(set(hosts) - set(matching(found, "all")))


def refuse_limit(variables: Mapping[str, Any], hosts: list[str]) -> None:
    """Raises AnsibleError if the run's limit leaves out one of the hosts: Ansible would skip it, and succeed."""
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
