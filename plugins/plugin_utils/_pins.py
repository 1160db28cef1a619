# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pins of an action on each host: the variables of the acting role and the host's address. They decide what the action does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.incident.response.plugins.module_utils._core import plan
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue
from ansible_collections.incident.response.plugins.plugin_utils._config_template import FILLED

Pins = dict[str, Any]

_ACTION = ("action_stateful", "action_health", "action_balancer", "action_nginx", "action_way_back", "action_undone")
_ADDRESS = (
    "ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_connection", "ansible_docker_host", "ansible_ssh_args",
    "ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_user", "ansible_ssh_user", "ansible_become", "ansible_become_user",
    "ansible_become_method", "ansible_become_exe", "ansible_become_flags", "ansible_python_interpreter",
)  # fmt: skip
"""Variables that decide the machine behind a host's name, and the user and method of the connection."""
_TYPED = ("remote_user", "become", "become_user", "become_method")
"""The same settings on the command line."""
_PART = re.compile(r"\{\{ (\w+)((?:\.\w+)+) \}\}")
_RESTART = "service_restart"
"""The role whose backend the other roles use to restart the changed service."""
_DECIDE = {*FILLED, "name", "backend", "checks"}
"""The keys of a service's entry that affect an action. The owner does not."""
_BACKENDS = {
    "systemd": ("unit",), "instances": ("unit", "replicas"), "command": ("commands",), "compose": ("compose",), "swarm": ("swarm",),
    "kubernetes": ("kubernetes",), "release": ("path",), "package": ("package",),
}  # fmt: skip
"""The variables of our roles that their backends use, for the plan."""


def of_hosts(task: Task, variables: Mapping[str, Any], hosts: list[str], role: str, loader: Any) -> dict[str, Pins]:
    """Return the pins of each host, by variable name. A task that runs once only knows its own host's variables, so Ansible's variable manager is
    asked for the variables of each host."""
    there: Any = variables["hostvars"]
    found = {}
    for host in hosts:
        own = variables
        if host != variables.get("inventory_hostname"):
            own = there._variable_manager.get_vars(play=task.get_play(), host=there._inventory.get_host(host), task=task)
        found[host] = _pins(dict(own), role.rpartition(".")[2], loader) | {"as": {name: context.CLIARGS.get(name) for name in _TYPED}}
    return found


def balancers(variables: Mapping[str, Any], balancer: Mapping[str, Any], loader: Any) -> dict[str, Pins]:
    """The address variables of the load balancers, because the action also changes them."""
    there: Any = variables["hostvars"]
    hosts = _catalogue.matching(_catalogue.inventory(variables.get("groups", {})), str(balancer.get("hosts") or ""))
    found = {}
    for host in hosts:
        own = there.raw_get(host)
        templar = Templar(loader=loader, variables=own)
        found[host] = {name: _worked_out(templar, own[name]) for name in _ADDRESS if name in own}
    return found


def _pins(variables: dict[str, Any], role: str, loader: Any) -> Pins:
    settings = f"{role}_settings"
    names = [name for name in variables if name.startswith((f"{role}_", f"{_RESTART}_")) and not name.endswith("_seen")]
    if settings in variables:  # once: most other variables only name a part of it
        variables[settings] = _worked_out(Templar(loader=loader, variables=variables), variables[settings])
        variables |= {name: _part(variables[settings], settings, variables[name]) for name in names}
    templar, found = Templar(loader=loader, variables=variables), {}
    for name in dict.fromkeys([*names, *(name for name in (*_ACTION, *_ADDRESS) if name in variables)]):
        found[name] = variables[name] = _worked_out(templar, variables[name])  # known to the variables that are derived from it
    if isinstance(found.get(settings), Mapping):
        found[settings] = {key: value for key, value in found[settings].items() if key in _DECIDE}
    return {name: value for name, value in found.items() if not _is_result(value)}


def _part(settings: Any, name: str, value: Any) -> Any:
    """The part of the settings that a template such as `{{ service_restart_settings.health.http }}` names; any other value unchanged. Ansible would
    process all settings again for each template, which takes a millisecond."""
    path = _PART.fullmatch(value) if isinstance(value, str) else None
    if not path or path[1] != name:
        return value
    part = settings
    for key in path[2].split(".")[1:]:
        if not isinstance(part, Mapping) or key not in part:
            return value
        part = part[key]
    return part


def _worked_out(templar: Templar, value: Any) -> Any:
    """The rendered value, or its template if it can't be rendered before the action runs."""
    try:
        return templar.template(value)
    except AnsibleError:
        return str(value)


def _is_result(value: Any) -> bool:
    """Whether the value is a registered result. It contains durations, which differ in each run."""
    return isinstance(value, Mapping) and "changed" in value and "failed" in value


def address(host: str, pins: Pins) -> str:
    """Return the address of the host, with its port if that is not 22."""
    port = pins.get("ansible_port")
    return f"{pins.get('ansible_host') or host}{f':{port}' if port and str(port) != '22' else ''}"


def words(pins: Pins, role: str, backend: str) -> str:
    """The pins of a host as readable text."""
    short = role.rpartition(".")[2]
    return "; ".join(part for part in (*_changed(pins, short, backend), *_checked(pins), *_behind(pins)) if part)


def _changed(pins: Pins, role: str, backend: str) -> Iterator[str]:
    settings = pins.get(f"{role}_settings") or {}
    if not role.startswith("service_") or backend not in _BACKENDS or not settings:
        yield from (f"{name.removeprefix(f'{role}_')} {plan.pairs(value)}" for name, value in pins.items() if name.startswith(f"{role}_") and value)
        return
    yield from _by(pins, role, backend, settings)
    if backend in {"release", "package"}:
        yield from _by(pins, _RESTART, settings["backend"], settings)


def _by(pins: Pins, role: str, backend: str, settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _BACKENDS.get(backend, ()):
        value = pins.get(f"{role}_{name}", settings.get(name))
        if name == "commands" and isinstance(value, Mapping):
            value = {key: value.get(key) for key in ("stop", "start")}
        if value:
            yield f"{name} {plan.pairs(value)}"


def _checked(pins: Pins) -> Iterator[str]:
    health = pins.get("action_health") or {}
    for key in ("command", "http", "tcp"):
        if health.get(key):
            yield f"health by {key} {plan.pairs(health[key])}"


def _behind(pins: Pins) -> Iterator[str]:
    balancer = pins.get("action_nginx") or pins.get("action_balancer") or {}
    if balancer:
        yield f"behind nginx on {plan.pairs(balancer.get('hosts', ''))}, {balancer.get('path', '')}"
