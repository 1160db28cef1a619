# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that pass for what they aren't: seconds without an end, names that became numbers, severities that nothing is done with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sites import Site

ARGUMENTS = ("-e", "service=api host=prod-api-01")


def own_play(site: Site, **variables: Any) -> str:
    """A play of somebody's own that uses the role."""
    role = {"name": "Heal it", "ansible.builtin.include_role": {"name": "incident.response.service_restart"}}
    known = {"incident_action": "restart", "incident_service": "api", "service_restart_service": "api", **variables}
    return str(site.write_playbook([role], known))


def untouched(site: Site, code: int, output: str) -> str:
    assert code != 0, output
    assert not (site.folder / "running").exists()
    return " ".join(output.split())


@pytest.mark.parametrize("seconds", [".nan", ".inf", "-1"])
@pytest.mark.parametrize("name", ["delay", "steady_for"])
def test_seconds_that_are_none_are_refused_before_anything_is_touched(site: Site, name: str, seconds: str) -> None:
    path = site.folder / "vars.yml"
    path.write_text(f"service_restart_{name}: {seconds}\n")
    said = untouched(site, *site.run("-e", f"@{path}", playbook=own_play(site)))
    assert f"{name} must be a number of seconds, 0 or more, not {seconds.strip('.')}" in said


def test_a_severity_that_is_none_is_refused_in_a_play_of_ones_own_too(site: Site) -> None:
    said = untouched(site, *site.run("-e", "severity=P9", playbook=own_play(site)))
    assert "severity='P9' must be one of P0, P1, P2, P3. Nothing was touched." in said


def test_a_severity_that_is_none_is_refused_on_a_restart(site: Site) -> None:
    said = untouched(site, *site.run(*ARGUMENTS, "-e", "severity=P9"))
    assert "severity='P9' must be one of P0, P1, P2, P3. Nothing was touched." in said


def test_a_severity_that_an_open_incident_does_not_take_is_told(site: Site) -> None:
    code, output = site.run(*ARGUMENTS, "-e", "severity=P2")
    assert (code, "is not taken" in output) == (0, False), output
    code, output = site.run(*ARGUMENTS, "-e", "severity=p0")
    assert code == 0, output
    (incident,) = site.incidents()
    assert f"severity=P0 is not taken: {incident['name']} is open, and stays P2. To change it:" in " ".join(output.split())
    assert incident["severity"] == "P2"


@pytest.mark.parametrize("given", [{"service": 1.10}, {"service": True}, {"service": "api", "host": 1.5}])
def test_a_name_that_became_a_number_or_a_truth_value_is_refused(site: Site, given: dict[str, Any]) -> None:
    said = untouched(site, *site.run("-e", json.dumps({"host": "prod-api-01", **given})))
    assert "was read as no text: put it in quotes. Nothing was touched." in said


def test_a_service_that_is_called_by_a_number_is_one_service(site: Site) -> None:
    for given in ({"service": 8080}, {"service": "8080"}):
        code, output = site.run("-e", json.dumps({"host": "prod-api-01", **given}))
        assert code == 0, output
    (incident,) = site.incidents()
    assert incident["service"] == "8080"
