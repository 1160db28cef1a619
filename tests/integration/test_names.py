# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service has one lock and one incident, by whatever name people call it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sites import Site


def catalogue(site: Site, services: dict[str, Any]) -> None:
    path = site.folder / "config.json"
    path.write_text(json.dumps({"services": services}))
    site.environment["INCIDENT_CONFIG"] = str(path)


def test_all_names_of_a_service_are_one_incident(site: Site) -> None:
    catalogue(site, {"api": {"hosts": "prod-api-*", "aliases": ["backend", "rest"]}, "db": {"hosts": "prod-db-01"}})
    for name in ("api", "backend", "rest"):
        code, output = site.run("-e", f"service={name} host=prod-api-01")
        assert code == 0, output
    (incident,) = site.incidents()
    assert (incident["service"], len(incident["runs"])) == ("api", 3)


def test_what_is_said_and_asked_under_another_name_is_the_same_incident(site: Site) -> None:
    catalogue(site, {"api": {"hosts": "prod-api-*", "aliases": ["backend"]}})
    assert site.run("-e", "service=api host=prod-api-01")[0] == 0
    assert site.ad_hoc("rocketchat_incident", "service=backend text='the disk is full'")[0] == 0
    code, output = site.ad_hoc("incident_info", "service=backend")
    assert code == 0, output
    assert "the disk is full" in output
    assert len(site.incidents()) == 1


def test_an_alias_is_locked_while_the_service_is_acted_on(site: Site) -> None:
    catalogue(site, {"api": {"hosts": "prod-api-*", "aliases": ["backend"]}})
    process = site.start_slowly("-e", "service=api host=prod-api-01")
    code, output = site.run("-e", "service=backend host=prod-api-01")
    process.kill()
    process.communicate()
    assert code != 0
    assert "Somebody else is acting on api" in output


def test_without_a_catalogue_the_name_of_the_unit_is_the_service(site: Site) -> None:
    for name in ("api", "api.service"):
        assert site.run("-e", f"service={name} host=prod-api-01")[0] == 0
    (incident,) = site.incidents()
    assert (incident["service"], len(incident["runs"])) == ("api", 2)


@pytest.mark.parametrize(
    ("services", "says"),
    [
        (
            {"api": {"hosts": "prod-api-01"}, "backend": {"hosts": "prod-api-*", "unit": "api.service"}},
            "api and backend are both api.service on prod-api-01: the service catalogue has one service under two names. Nothing was touched.",
        ),
        ({"api": {"aliases": ["db"]}, "db": {}}, "services.api.aliases[0] db names db already"),
        ({"api": {"aliases": ["x"]}, "db": {"aliases": ["x"]}}, "services.db.aliases[0] x names api already"),
    ],
)
def test_a_catalogue_with_one_service_under_two_names_is_refused(site: Site, services: dict[str, Any], says: str) -> None:
    catalogue(site, services)
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    assert says in " ".join(output.split())
    assert not (site.folder / "running").exists()


def test_a_service_that_flaps_is_not_healthy(site: Site) -> None:
    """Every other look passes: one look alone would call it healthy."""
    site.script.write_text(site.script.read_text().replace("status) [ -e running ]", "status) if [ -e ok ]; then rm ok; false; else touch ok; fi"))
    code, output = site.run("-e", "service=api host=prod-api-01")
    assert code != 0
    assert "healthy at times, but not 2 looks in a row" in output
    assert site.incidents()[0]["runs"][0]["verdict"] != "worked"
