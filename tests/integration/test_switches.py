# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan, or a drill, is never an action by accident: what is neither true nor false ends the run before anything is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.test_inputs import HERE, refused
from sites import RESTART, Site

NEITHER = ["ture", "maybe", "only", "yes please", "2", "", "truefalse", "none", "y", "True!", "tru\u0435"]


def own(site: Site, hosts: str = "prod-api-01", **variables: Any) -> str:
    """A play of somebody's own that uses the role alone."""
    play = {"hosts": hosts, "gather_facts": False, "vars": {"service": "api", **variables}, "roles": ["incident.response.service_restart"]}
    path = site.folder / "own.yml"
    path.write_text(yaml.safe_dump([play]))
    return str(path)


def untouched(site: Site, *arguments: str, playbook: str) -> str:
    """What it says, in one line, after it failed and touched nothing."""
    code, output = site.run(*arguments, playbook=playbook)
    assert code != 0, output
    assert not (site.folder / "running").exists()
    return " ".join(output.split())


@pytest.mark.parametrize("given", NEITHER)
def test_a_plan_that_is_neither_true_nor_false_is_refused(site: Site, given: str) -> None:
    said = refused(site, RESTART, "-e", json.dumps({"service": "api", "host": "prod-api-01", "plan": given}))
    assert said.startswith(f"plan={given[:40]!r} must be true or false. Nothing was touched.")


@pytest.mark.parametrize("given", ["ture", "", "2", "only"])
def test_a_role_alone_refuses_it_too(site: Site, given: str) -> None:
    assert f"plan={given!r} must be true or false. Nothing was touched." in untouched(site, playbook=own(site, plan=given))


@pytest.mark.parametrize("given", [" true", "TRUE ", "yes", "on\n", 1, True])
def test_each_way_to_say_true_is_a_plan_and_touches_nothing(site: Site, given: object) -> None:
    for playbook, about in ((RESTART, {"service": "api", "host": "prod-api-01"}), (own(site), {})):
        code, output = site.run("-e", json.dumps({**about, "plan": given}), playbook=playbook)
        assert code == 0, output
        assert "Plan: restart of api" in output
        assert not (site.folder / "running").exists()


@pytest.mark.parametrize("given", ["dry ", " Dry", "DRY"])
def test_each_way_to_say_dry_changes_nothing(site: Site, given: str) -> None:
    for playbook, about in ((RESTART, {"service": "api", "host": "prod-api-01"}), (own(site), {})):
        dummy, output = site.run("-e", json.dumps({**about, "drill": given}), playbook=playbook)
        assert "About to act: restart of api" in output
        assert not (site.folder / "running").exists(), output


def by_host(site: Site, **variables: dict[str, Any]) -> None:
    """Let hosts of the inventory have variables of their own, in the order of the names."""
    inventory = json.loads(site.inventory.read_text())
    for name, value in zip(("prod-api-01", "prod-api-02"), variables.values(), strict=True):
        inventory["all"]["hosts"][name] = value
    site.inventory.write_text(json.dumps(inventory))


DIFFER: list[Any] = [({"plan": True}, {}), ({}, {"plan": "ture"}), ({"drill": "dry"}, {}), ({"plan": True}, {"plan": False})]


@pytest.mark.parametrize(("first", "second"), DIFFER)
def test_a_switch_that_differs_from_host_to_host_is_refused(site: Site, first: dict[str, Any], second: dict[str, Any]) -> None:
    """What the first host says decided for all of the plan, and each host's own for its change."""
    by_host(site, first=first, second=second)
    name = next(iter(first | second))
    said = untouched(site, playbook=own(site, "prod-api-01:prod-api-02"))
    assert f"{name} is not the same on prod-api-01 and prod-api-02. Nothing was touched." in said


@pytest.mark.parametrize(("variable", "given", "says"), [
    ("break_glass", "false", "break_glass='false' must be the reason, in words"),
    ("break_glass", True, "break_glass='True' must be the reason, in words"),
    ("action_break_glass", "no", "break_glass='no' must be the reason, in words"),
    ("approved_plan", "", "approved_plan is empty"),
    ("approved_plan", " ", "approved_plan is empty"),
    ("drill", "maybe", "drill='maybe' is neither true, false nor dry"),
    ("action_plan_only", "maybe", "plan='maybe' must be true or false"),
    ("allow_scale_down", "jes", "allow_scale_down='jes' must be true or false"),
    ("force_migrations", "ture", "force_migrations='ture' must be true or false"),
])  # fmt: skip
def test_what_a_role_alone_is_given_is_checked_like_what_is_typed(site: Site, variable: str, given: Any, says: str) -> None:
    assert f"{says}" in untouched(site, playbook=own(site, **{variable: given}))


def test_an_environment_switch_that_is_neither_is_told(site: Site) -> None:
    site.environment["INCIDENT_REQUIRE_CONFIG"] = "ture"
    assert "INCIDENT_REQUIRE_CONFIG must be true or false, not 'ture'. Nothing was touched." in untouched(site, "-e", HERE, playbook=RESTART)
    chat = {"URL": "https://chat.example.com", "USER_ID": "x", "TOKEN": "x", "VALIDATE_CERTS": "flase"}
    site.environment |= {"INCIDENT_REQUIRE_CONFIG": "", **{f"ROCKETCHAT_{name}": value for name, value in chat.items()}}
    dummy, output = site.run("-e", HERE)
    assert "ROCKETCHAT_VALIDATE_CERTS must be true or false, not 'flase'" in " ".join(output.split())


def test_a_lookup_refuses_what_is_neither(site: Site, tmp_path: Path) -> None:
    play = {"hosts": "{{ lookup('incident.response.action_targets', 'prod-api-01', service='api', whole_service='ture') }}", "tasks": []}
    (tmp_path / "targets.yml").write_text(yaml.safe_dump([play]))
    assert "whole_service='ture' must be true or false" in untouched(site, playbook=str(tmp_path / "targets.yml"))
