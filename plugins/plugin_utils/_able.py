# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The catalogue data that an action needs, checked before a play has hosts: an impossible action opens no incident, and calls nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _hostvars

_ROLES = {"rollback": "service_rollback_", "scale_up": "service_scale_"}
_OVERRIDES = ("backend", "path", "package", "settings")
"""The role variables that can replace the catalogue's data about versions or instances."""
_asked: set[tuple[str, ...]] = set()


def refuse(playbook: str, config: dict[str, Any], settings: dict[str, Any], hosts: list[str], variables: dict[str, Any], path: str) -> None:
    """Raises AnsibleError if the catalogue lacks data for the action, or if it can't be rendered for one of the hosts. Checked once for each: a later
    change must not end a running run. A service that is not in the catalogue needs no data from it."""
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
    """Whether the inventory or the command line sets the data that the action needs."""
    names = {f"{_ROLES.get(playbook, '')}{each}" for each in _OVERRIDES}
    return any(name in each for each in said for name in names)


def _refuse_unable(playbook: str, service: str, entry: Mapping[str, Any]) -> None:
    """The backend `command` has no convention for versions and instances, so the catalogue must name them."""
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
