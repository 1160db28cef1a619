# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why nobody looks at a service, and that it is over without a look only where somebody says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.lookup import incident_service
from ansible_collections.incident.response.plugins.plugin_utils._location import Location

HERE = Location(Path("/etc/incident-response/incident-response.yml"), "of this machine")
NO_CHECKS: dict[str, Any] = {"hosts": "db-01", "checks": dict.fromkeys(("unit", "command", "http", "tcp"), "")}


@pytest.mark.parametrize(
    ("settings", "services", "location", "said"),
    [
        ({}, {}, Location(), "there is no configuration here, so no service catalogue. Name the inventory with -i, beside which it is looked for"),
        ({}, {}, HERE, "the configuration has no service catalogue. Write it there: services.db"),
        ({}, {"web": {}}, HERE, "the service catalogue doesn't have it. Write it there: services.db"),
        (NO_CHECKS, {"db": {}}, HERE, "the service catalogue has no health check of it. Write one there: services.db.health"),
        ({**NO_CHECKS, "checks": {**NO_CHECKS["checks"], "unit": "db.service"}}, {"db": {}}, HERE, "the inventory has none of its hosts (db-01)"),
    ],
)  # fmt: skip
def test_each_reason_is_true_and_has_its_remedy(settings: dict[str, Any], services: dict[str, Any], location: Location, said: str) -> None:
    assert ". ".join(incident_service._nobody_looks("db", settings, {"services": services}, location)).startswith(said)


@pytest.mark.parametrize("given", [{}, {"force": True}, {"force": True, "message": " "}, {"force": "no", "message": "x"}, {"message": "x"}])
def test_without_force_and_a_reason_it_is_refused(given: dict[str, Any]) -> None:
    about = {"name": "db", "unlooked": "nobody looked at db: x", "why": "x", "remedy": "y"}
    with pytest.raises(AnsibleError, match="Nobody can look whether db is healthy: x. Nothing was recorded. y; or do it all the same, and say why"):
        incident_service._refuse_unlooked(about, given)
    incident_service._refuse_unlooked(about, {"force": True, "message": "it is gone"})
    incident_service._refuse_unlooked({**about, "unlooked": ""}, given)
