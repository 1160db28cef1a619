# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: service_settings
short_description: What the service catalogue says of a service
version_added: 0.1.0
description:
  - Reads C(incident-response.yml). Without a catalogue, a service is the systemd unit with its name.
  - A service that is not in the catalogue is an error.
author: Contributors to incident.response (@incident-response)
options:
  _terms:
    description: The service's name.
    required: true
  config:
    description: Another configuration file than the one of the run.
    type: str
    default: ""
"""
EXAMPLES = r"""
- name: Show the unit of api
  ansible.builtin.debug:
    msg: "{{ lookup('incident.response.service_settings', 'api').unit }}"
"""
RETURN = r"""
_raw:
  description: The service's entry with all defaults, as C(docs/configuration.md) lists them.
  type: list
  elements: dict
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.incident.response.plugins.plugin_utils import _catalogue, _options
from ansible_collections.incident.response.plugins.plugin_utils._terminal import careful


class LookupModule(LookupBase):
    """Reads the catalogue on the controller."""

    @careful
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        path, variables = self.get_option("config") or _options.settings()["config"], variables or {}
        config = _catalogue.configuration(path)
        filled = (_catalogue.filled(config, str(term), variables, self._loader, path) for term in terms)
        return [_catalogue.service_settings(each, str(term)) for each, term in zip(filled, terms, strict=True)]
