# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action needs of the catalogue, asked before a play has hosts: an action that can't be opens no incident, and calls nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _hostvars

_ROLES = {"rollback": "service_rollback_", "scale_up": "service_scale_"}
_OVERRIDES = ("backend", "path", "package", "settings")
"""What of a role's variables says where versions or instances are, so that the catalogue needn't."""
_asked: set[tuple[str, ...]] = set()


def refuse(playbook: str, config: dict[str, Any], settings: dict[str, Any], hosts: list[str], variables: dict[str, Any], path: str) -> None:
    """Raises AnsibleError where the catalogue lacks what the action needs, and where it can't be filled in for one of the hosts.

    Once for each: what changes while a run is under way must not end it. A service that the catalogue doesn't have needs nothing of it.
    """
    service = settings["name"]
    if service not in config["services"] or (playbook, service, *hosts) in _asked:
        return
    about = [found for host in hosts if (found := _hostvars.of(host, variables)) is not None]
    if len(about) < len(hosts):  # without the callback; `action_begin` asks then, before it opens anything
        return
    if not _overridden(playbook, about):
        _refuse_unable(playbook, service, config["services"][service])
    for each in about:
        _catalogue.filled(config, service, dict(each), DataLoader(), path)
    _asked.add((playbook, service, *hosts))


def _overridden(playbook: str, said: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an inventory, or whoever typed the command, says of itself what the action needs."""
    names = {f"{_ROLES.get(playbook, '')}{each}" for each in _OVERRIDES}
    return any(name in each for each in said for name in names)


def _refuse_unable(playbook: str, service: str, entry: Mapping[str, Any]) -> None:
    """A backend of commands of somebody's own says nothing of versions and instances: no convention holds for it."""
    if entry["backend"] != "command":
        return
    nothing = "it is run by commands of your own (backend: command), and the catalogue doesn't say"
    if playbook == "rollback" and not {"backend", "path", "package"} & entry["versions"].keys():
        raise AnsibleError(
            f"{service} can't be rolled back yet: {nothing} where its releases are. Nothing was touched, and nobody was told.\n"
            f"Write into the configuration: services.{service}.versions: {{path: /srv/{service}}}, the folder with releases and the link current"
        )
    if playbook == "scale_up" and not {"backend", "template"} & entry["replicas"].keys():
        raise AnsibleError(
            f"{service} can't be scaled: {nothing} what its instances are. Nothing was touched, and nobody was told.\n"
            f"Write into the configuration: services.{service}.replicas: {{template: {service}@.service}}, if they are of a systemd template unit"
        )
