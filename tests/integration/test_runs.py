# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which run a play belongs to, and on which incident it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fleets import Fleet, run
from sites import RESTART, Site, eventually


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def services(site: Site, *names: str) -> None:
    """A catalogue in which each has one host."""
    config = site.folder / "config.json"
    about: dict[str, Any] = {}
    for name, host in zip(names, ("prod-api-01", "prod-api-02"), strict=False):
        script = site.folder / f"{name}.sh"
        script.write_text(site.script.read_text().replace("running", f"{name}-runs"))
        script.chmod(0o755)
        commands = {word: [str(script), word] for word in ("start", "stop", "status")}
        health = {"retries": 2, "delay": 0.1, "steady_for": 0}
        about[name] = {"hosts": host, "backend": "command", "commands": commands, "health": health}
    config.write_text(json.dumps({"services": about}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    site.without_variables()


def imports(site: Site, *services: str) -> str:
    """A playbook that restarts each, one after the other."""
    path = site.folder / "site.json"
    path.write_text(json.dumps([
        {"import_playbook": "incident.response.restart_service", "vars": {"service": service, "host": "prod-api-01"}} for service in services
    ]))  # fmt: skip
    return str(path)


def test_two_playbooks_on_one_command_line_are_two_runs_on_two_incidents(fleet: Fleet) -> None:
    first = fleet.write(fleet.play(run("Drain api")), name="first")
    second = fleet.write(fleet.play(run("Purge the cache", arguments="false"), hosts="web2", action="purge", service="cache"), name="second")
    code, output = fleet.run(second, playbook=first)
    assert code == 2, output
    assert [text for text, *dummy in fleet.results("api 1")] == ["Drain api"]
    ((text, host, state, dummy),) = fleet.results("cache 1")
    assert (text.partition(":")[0], host, state) == ("Purge the cache", "web2", "failed")
    assert fleet.end("cache 1").startswith("❌")
    assert not fleet.end("api 1").startswith("❌")
    names = [incident["name"] for incident in fleet.incidents()]
    assert all(f"incident {name} (" in output for name in names), "each is told at the end of its playbook"
    assert "still carrying" not in output


def test_two_services_of_one_playbook_are_two_runs_on_two_incidents(site: Site) -> None:
    services(site, "api", "billing")
    path = Path(imports(site, "api", "billing"))
    path.write_text(path.read_text().replace('"billing", "host": "prod-api-01"', '"billing", "host": "prod-api-02"'))
    code, output = site.run(playbook=str(path))
    assert code == 0, output
    incidents = {incident["service"]: incident for incident in site.incidents()}
    assert set(incidents) == {"api", "billing"}
    for service, incident in incidents.items():
        assert [(each["verdict"], each["text"].partition(" started")[0]) for each in incident["runs"]] == [("worked", f"Restart of {service}")]
        assert incident["status"] == "mitigated"
        assert not {host for entry in incident["entries"] if (host := entry["host"])} - {f"prod-api-0{1 if service == 'api' else 2}"}
        assert f"incident {incident['name']} (mitigated)\n  restart of {service}: verdict worked" in output


def test_the_same_playbook_twice_on_one_command_line_is_two_runs_and_both_are_recorded(site: Site) -> None:
    code, output = site.run(RESTART, "-e", "service=api host=prod-api-01")
    assert code == 0, output
    assert "NOT ENABLED" not in output
    (incident,) = site.incidents()
    assert [each["verdict"] for each in incident["runs"]] == ["worked", "worked"]
    texts = [entry["text"] for entry in incident["entries"]]
    assert texts.count("Start api on prod-api-01") == 2


def test_the_same_playbook_imported_twice_is_two_runs_and_the_first_does_not_lock_the_second_out(site: Site) -> None:
    services(site, "api")
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    code, output = site.run(playbook=imports(site, "api", "api"))
    assert code == 0, output
    assert eventually(lambda: [each["verdict"] for each in site.incidents()[0]["runs"]] == ["worked", "worked"]), site.courier_log()


def test_a_later_play_that_is_not_recorded_fails_by_itself(fleet: Fleet) -> None:
    code, output = fleet.run(playbook=fleet.write(fleet.play(run("Drain api")), fleet.play(run("Cook", arguments="false"), action=None)))
    assert code == 2, output
    assert [text for text, *dummy in fleet.results()] == ["Drain api"]
    assert fleet.end() == "⚠️ nothing verified the outcome"


def test_delivering_within_a_run_does_not_wait_for_its_end(fleet: Fleet) -> None:
    deliver = {"name": "Deliver", "incident.response.incident_deliver": {"timeout": 5}}
    code, output = fleet.run(playbook=fleet.write(fleet.play(run("Drain")), fleet.play(deliver, action=None, hosts="localhost")))
    assert code == 0, output
    assert [text for text, *dummy in fleet.results()] == ["Drain"]


def test_a_run_that_fails_on_one_host_says_so_though_the_next_run_works(fleet: Fleet) -> None:
    drain = fleet.play(run("Drain", module="ansible.builtin.fail", arguments="no", when="inventory_hostname == 'web1'"), hosts="web1,web2")
    code, output = fleet.run(playbook=fleet.write(drain, fleet.play(run("Purge"), hosts="web2", action="purge", service="cache")))
    assert code == 2, output
    assert fleet.end("api 1").startswith("❌")
    assert fleet.end("cache 1") == "⚠️ nothing verified the outcome"


def test_batches_and_further_plays_of_one_action_are_one_run(fleet: Fleet) -> None:
    first = fleet.play(run("Drain", changed_when=True), hosts="web1,web2", serial=1, handlers=[run("Reload")], strategy="free")
    first["tasks"][0]["notify"] = "Reload"
    between = fleet.play(run("Cook"), action=None)
    code, output = fleet.run(playbook=fleet.write(first, between, fleet.play(run("Look"), strategy="free", hosts="web1,web2")))
    assert code == 0, output
    assert list(fleet.runs()) == ["api 1"]
    assert sorted(text for text, *dummy in fleet.results()) == ["Drain"] * 2 + ["Look"] * 2 + ["Reload (handler)"] * 2


def test_plays_that_name_another_incident_or_are_a_drill_are_runs_of_their_own(fleet: Fleet) -> None:
    drill = fleet.play(run("Drill"), vars={"incident_drill": True})
    code, output = fleet.run(playbook=fleet.write(fleet.play(run("Drain")), drill))
    assert code == 0, output
    assert sorted((incident["drill"], len(incident["runs"])) for incident in fleet.incidents()) == [(False, 1), (True, 1)]


def test_a_play_without_hosts_and_one_whose_service_cannot_be_worked_out_lose_nothing(fleet: Fleet) -> None:
    nobody = fleet.play(run("Drain"), hosts="nobody")
    unknown = fleet.play(run("Purge"), action="purge", service="{{ nowhere }}")
    code, output = fleet.run(playbook=fleet.write(nobody, unknown))
    assert code == 0, output
    assert "incident_service can't be worked out" in " ".join(output.split())
    assert [text for text, *dummy in fleet.results(" 1")] == ["Purge"]
    assert fleet.end("api 1") == "⚠️ nothing verified the outcome"


def test_a_role_in_a_play_that_is_not_recorded_is_not_taken_for_a_callback_that_is_off(site: Site) -> None:
    services(site, "api", "billing")
    roles = [{"role": "incident.response.service_restart", "vars": {"service": "billing"}}]
    recorded = {"incident_action": "look", "incident_service": "api"}
    tasks = [{"name": "Look", "ansible.builtin.debug": {"msg": "x"}}]
    path = site.folder / "site.json"
    path.write_text(json.dumps([
        {"hosts": "prod-api-01", "gather_facts": False, "vars": recorded, "tasks": tasks},
        {"hosts": "prod-api-02", "gather_facts": False, "roles": roles},
    ]))  # fmt: skip
    code, output = site.run(playbook=str(path))
    assert code == 0, output
    assert "CALLBACK IS NOT ENABLED" not in " ".join(output.split())
    assert "THIS PLAY IS NOT RECORDED" in " ".join(output.split())
    assert eventually(lambda: {"api": [None], "billing": ["worked"]}.items() <= {
        incident["service"]: [each["verdict"] if each["verdict"] != "unknown" else None for each in incident["runs"]] for incident in site.incidents()
    }.items()), site.incidents()  # fmt: skip


def test_without_the_callback_two_services_of_one_playbook_are_two_runs(site: Site) -> None:
    services(site, "api", "billing")
    site.without_callback()
    path = Path(imports(site, "api", "billing"))
    path.write_text(path.read_text().replace('"billing", "host": "prod-api-01"', '"billing", "host": "prod-api-02"'))
    code, output = site.run(playbook=str(path))
    assert code == 0, output

    def told() -> dict[str, list[str]]:
        return {incident["service"]: [each["verdict"] for each in incident["runs"]] for incident in site.incidents()}

    assert eventually(lambda: told() == {"api": ["worked"], "billing": ["worked"]}), told()


@pytest.mark.parametrize("asked", ["plan=true", "approved_plan=0123456789ab-1-01234567", "paln=true"])
def test_without_the_callback_a_plan_or_a_refusal_opens_no_incident(site: Site, asked: str) -> None:
    services(site, "api")
    site.without_callback()
    site.environment["INCIDENT_DRAIN_TIMEOUT"] = "0"
    code, output = site.run("-e", f"service=api host=prod-api-01 {asked}")
    assert (code == 0) is (asked == "plan=true"), output
    assert eventually(lambda: not site.couriers() and not list(site.state.glob("spool/*.jsonl")))
    assert not (site.state / "journal.db").exists() or site.incidents() == []


def test_an_action_in_the_incident_of_another_service_is_said_and_mitigates_nothing(site: Site) -> None:
    services(site, "api", "billing")
    for service in ("billing", "api"):
        assert site.ad_hoc("rocketchat_incident", f"state=open service={service} title=Down")[0] == 0
    names = {each["service"]: each["name"] for each in site.incidents()}
    code, output = site.run("-e", f"service=api host=prod-api-01 incident={names['billing']}")
    assert code == 0, output
    said = f"incident={names['billing']} is of billing: this action on api is recorded there, and does not mitigate it. The open incident of api is "
    assert said + names["api"] in " ".join(output.split())
    assert eventually(
        lambda: any(each["service"] == "billing" and [run["verdict"] for run in each["runs"]] == ["worked"] for each in site.incidents())
    )
    assert {each["service"]: each["status"] for each in site.incidents()} == {"billing": "acknowledged", "api": "open"}


def test_a_single_command_is_a_run_too(fleet: Fleet) -> None:
    fleet.environment["ANSIBLE_LOAD_CALLBACK_PLUGINS"] = "1"
    code, output = fleet.command("ansible", "web1,web2", "-m", "ping", "-e", "incident_action=look incident_service=api")
    assert code == 0, output
    assert sorted(each[1:3] for each in fleet.results()) == [("web1", "ok"), ("web2", "ok")]


def test_a_second_playbook_that_is_refused_leaves_the_first_run_as_it_ended(site: Site) -> None:
    """It is refused before it begins, which ends the command: what the first did is no vanished controller."""
    services(site, "api", "billing")
    code, output = site.run(playbook=imports(site, "api", "biling"))
    assert code == 5, output
    assert "service=biling is not in the service catalogue. Did you mean billing?" in " ".join(output.split())
    assert "restart of api: verdict worked" in output
    (incident,) = site.incidents()
    assert (incident["service"], [run["verdict"] for run in incident["runs"]], incident["status"]) == ("api", ["worked"], "mitigated")
    assert site.ending()["kind"] == "run_ended"
