# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: incident_service
short_description: Where the service of an incident runs, and how its health is checked
version_added: 0.2.0
description:
  - Reads the journal and the service catalogue. If the incident has no service, or the catalogue doesn't have the service, there is nothing to
    check.
  - A C(--limit) that leaves out one of the hosts is an error. An inventory without any of the hosts is an error, too, unless the variable C(force)
    is true.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description: The name or id of the incident. Empty if O(service) names the service.
  playbook:
    description: >-
      One of the collection's own playbooks, as C(incident_close), which take both from their variables. These are then checked; a refusal is
      printed as it is, and ends the run with 5, before any play begins.
    type: str
    default: ""
  service:
    description: The service of the incident.
    type: str
    default: ""
"""
EXAMPLES = r"""
- name: Look at the service of an incident
  hosts: "{{ lookup('incident.response.incident_service', 'incident-2025-11-10-001').hosts }}"
  tasks:
    - name: Look at its address
      incident.response.service_health_info:
        http: "{{ lookup('incident.response.incident_service', 'incident-2025-11-10-001').checks.http | default(omit) }}"
"""
RETURN = r"""
_raw:
  description:
    - A mapping with C(name), C(hosts) and C(checks). C(checks) has the configured ones of C(unit), C(command), C(http) and C(tcp), together with
      C(steady_for), C(timeout) and C(identity).
    - If there is nothing to check, C(hosts) only has C(localhost), and C(checks) is empty. C(unlooked) says why a service is not checked.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.module_utils._core import argument
from ansible_collections.incident.response.plugins.plugin_utils import _arguments, _catalogue, _command_line, _journal, _options, _refusal
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE
from ansible_collections.incident.response.plugins.plugin_utils._location import Location
from ansible_collections.incident.response.plugins.plugin_utils._terminal import careful

_ENDS = {"incident_resolve", "incident_close"}
"""Steps after which nobody looks any more."""
_CHECKS = ("unit", "command", "http", "tcp")


class LookupModule(LookupBase):
    """Reads the journal and the catalogue on the controller."""

    @careful
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        variables, playbook = variables if variables is not None else {}, str(self.get_option("playbook"))
        _options.say(_options.settings())
        if not playbook:
            return [self._looked_up(str(terms[0]) if terms else "", str(self.get_option("service")), variables)]
        try:
            given = _arguments.given(playbook, variables, self)
            about = self._looked_up(str(given.get("incident", "")), str(given.get("service", "")), variables)
            if playbook in _ENDS:
                _refuse_unlooked(about, given)
            return [about]
        except AnsibleError as error:
            _refusal.end(error)

    def _looked_up(self, incident: str, service: str, variables: dict[str, Any]) -> dict[str, Any]:
        options = _options.settings()
        service = service.strip() or _journal.service_of(incident.strip() or options["incident"], options)
        config = _catalogue.configuration(options["config"])
        config = _catalogue.filled(config, service, variables, self._loader, options["config"]) if service else config
        settings = _catalogue.service_settings(config, service) if service in _catalogue.names(config) else {}
        checks = {key: settings["checks"][key] for key in _CHECKS if settings["checks"][key]} if settings else {}
        checks |= {key: settings["checks"][key] for key in ("steady_for", "identity", "timeout")} if checks else {}
        inventory = _catalogue.inventory(variables.get("groups", {}))
        hosts = _catalogue.matching(inventory, settings["hosts"]) if checks else []
        if checks and not hosts and not _arguments.switch("force", variables.get("force", False)):
            raise AnsibleError(
                f"The inventory has none of the hosts of {service} ({settings['hosts']}), so its health can't be looked at. Nothing was done. "
                'Name the inventory with -i; or do it all the same, and say why: -e \'{"force": true, "message": "…"}\''
            )
        _catalogue.refuse_limit(variables, hosts or [_catalogue.CONTROLLER])
        why, remedy = _nobody_looks(service, settings, config, options["location"]) if service and not hosts else ("", "")
        return {
            "name": service, "hosts": hosts or [_catalogue.CONTROLLER], "checks": checks if hosts else {},
            "unlooked": f"nobody looked at {service}: {why}" if why else "", "why": why, "remedy": remedy,
        }  # fmt: skip


def _nobody_looks(service: str, settings: dict[str, Any], config: dict[str, Any], location: Location) -> tuple[str, str]:
    """The reason why the health of a service isn't checked, and what to do about it."""
    if location.path == NONE:
        where = "Name the inventory with -i, beside which it is looked for, or it: INCIDENT_CONFIG=/path/of/incident-response.yml"
        return "there is no configuration here, so no service catalogue", where
    if not settings:
        there = "the service catalogue doesn't have it" if config["services"] else "the configuration has no service catalogue"
        return there, f"Write it there: services.{service}"
    if not any(settings["checks"][key] for key in _CHECKS):
        return "the service catalogue has no health check of it", f"Write one there: services.{service}.health"
    return f"the inventory has none of its hosts ({settings['hosts']})", "Name the inventory with -i"


def _refuse_unlooked(about: dict[str, Any], given: dict[str, Any]) -> None:
    """Raises AnsibleError if a service that nobody can check would be called healthy without a reason."""
    forced = argument.switch(given.get("force", False)) and str(given.get("message") or "").strip()
    if about["unlooked"] and not forced and not _command_line.only_lists():
        raise AnsibleError(
            f"Nobody can look whether {about['name']} is healthy: {about['why']}. Nothing was recorded. {about['remedy']}; "
            'or do it all the same, and say why: -e \'{"force": true, "message": "…"}\''
        )
