# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people say of an incident, through the modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sites import A_RUN, Site, eventually

RESOLUTION = "root_cause='Pool too small' fix='Pool of 50' monitoring='Alert on the pool' next='Review tomorrow'"


def told(site: Site, arguments: str, *more: str) -> dict[str, Any]:
    """The result of one rocketchat_incident, which has to succeed."""
    code, output = site.ad_hoc("rocketchat_incident", arguments, *more)
    assert code == 0, output
    result: dict[str, Any] = json.loads(output[output.index("{") : output.rindex("}") + 1])
    return result


def test_each_step_of_the_handbook_is_recorded_and_repeating_it_changes_nothing(site: Site) -> None:
    steps = [
        "state=open service=api title='API slow'",
        "state=acknowledged service=api",
        "state=investigating service=api message='High error rate'",
        "service=api message='Root cause: pool exhausted'",
        "service=api severity=P0",
        f"state=resolved service=api {RESOLUTION}",
        "state=closed service=api message='Resolved by scaling'",
        "state=reviewed service=api",
    ]
    for step in steps:
        predicted = told(site, step, "--check")
        first, again = told(site, step), told(site, step)
        assert (predicted["changed"], first["changed"], again["changed"]) == (True, True, False), step
        assert {**predicted["incident"], **dict.fromkeys(("id", "name"))} == {**first["incident"], **dict.fromkeys(("id", "name"))}, step
        assert set(predicted) == set(first) == set(again)
    (incident,) = site.incidents()
    assert (incident["status"], incident["severity"], incident["title"], incident["verified"]) == ("reviewed", "P0", "API slow", True)
    assert list(incident["resolution"].values()) == ["Pool too small", "Pool of 50", "Alert on the pool", "Review tomorrow"]
    texts = [entry["text"] for entry in incident["entries"]]
    assert "Investigating: High error rate" in texts
    assert "Mitigated (implied by a later step)" in texts
    assert incident["mitigated_at"] is None
    assert incident["resolved_at"] is not None


def test_check_mode_writes_nothing(site: Site) -> None:
    told(site, "state=open service=api", "--check")
    assert site.incidents() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("state=resolved service=api fix=x", "also give root_cause, monitoring, next"),
        ("state=closed service=api", "also give root_cause, fix, monitoring, next"),
        ("state=reviewed service=api", "close it first"),
        ("state=acknowledged service=web", "there is no incident of web. Open now: incident-"),
        ("state=acknowledged", "which incident?"),
        ("state=acknowledged incident=incident-2025-11-10-001", "no incident is called incident-2025-11-10-001"),
        ("state=open", "say what is wrong (title) or with what (service)"),
        ("state=gone service=api", "value of state must be one of"),
        ("service=api severity=P9", "'P9' is not a severity: choose one of P0, P1, P2, P3"),
        ("service=api message=x url=chat.example.com", "configured in part"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_way_out(site: Site, arguments: str, message: str) -> None:
    told(site, "state=open service=api")
    assert eventually(lambda: len(site.entries()) < len(site.incidents()[0]["entries"]))  # the courier sets the component on the status page
    before = site.incidents()
    code, output = site.ad_hoc("rocketchat_incident", arguments)
    assert code != 0
    assert message in output
    assert site.incidents() == before


OTHER = ["state=acknowledged", f"state=resolved {RESOLUTION}", "message=better", f"state=resolved force=true {RESOLUTION}", "state=open severity=P0"]


@pytest.mark.parametrize("step", OTHER)
def test_a_step_for_a_service_is_not_done_to_the_incident_of_another(site: Site, step: str) -> None:
    """A number that is one off would resolve the wrong incident, and there is no way back."""
    told(site, "state=open service=web title=Slow")
    told(site, "state=open service=api title=Down")
    other = next(each["name"] for each in site.incidents() if each["service"] == "web")
    before = [(each["status"], each["service"], each["severity"]) for each in site.incidents()]
    said = f"{other}, which incident or INCIDENT_ID names, is of web, and not of api. Leave out one of them. Open now: incident-"
    code, output = site.ad_hoc("rocketchat_incident", f"{step} incident={other} service=api")
    assert code != 0
    assert said in output
    for playbook, words in (
        ("incident/escalate", "reason=help"),
        ("incident/communicate", "message=down"),
        ("status_page", "state=identified message=down"),
    ):
        code, output = site.run("-e", f"incident={other} service=api {words}", playbook=f"playbooks/{playbook}.yml")
        assert code != 0, output
        assert said in " ".join(output.split()), output
    assert [(each["status"], each["service"], each["severity"]) for each in site.incidents()] == before


def test_a_service_may_be_named_as_it_was_called_when_its_incident_was_opened(site: Site) -> None:
    told(site, "state=open service=cache title=Slow")
    name = site.incidents()[0]["name"]
    config = site.folder / "config.json"
    config.write_text(json.dumps({"services": {"db": {"hosts": "prod-db-01", "aliases": ["cache"]}}}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    code, output = site.run("-e", f"incident={name} service=cache message=seen", playbook="playbooks/incident/acknowledge.yml")
    assert code == 0, output
    assert (site.incidents()[0]["status"], site.incidents()[0]["service"]) == ("acknowledged", "cache")


def test_force_resolves_without_the_details_and_they_can_follow(site: Site) -> None:
    told(site, "state=open service=api")
    assert told(site, "state=resolved service=api force=true")["incident"]["status"] == "resolved"
    assert told(site, "state=resolved service=api root_cause=Pool")["changed"]
    assert site.incidents()[0]["resolution"] == {"root_cause": "Pool"}


def test_after_a_resolved_incident_the_next_open_is_another_one(site: Site) -> None:
    told(site, "state=open service=api")
    told(site, "state=resolved service=api force=true")
    told(site, "state=open service=api")
    assert [incident["status"] for incident in site.incidents()] == ["open", "resolved"]


def test_stages_never_go_back(site: Site) -> None:
    told(site, "state=open service=api")
    told(site, "state=mitigated service=api")
    code, output = site.ad_hoc("rocketchat_incident", "state=acknowledged service=api")
    assert code != 0
    assert "stages only go forward" in output


def test_what_is_not_mitigated_after_all_is_investigated_again(site: Site) -> None:
    told(site, "state=open service=api")
    told(site, "state=mitigated service=api")
    code, output = site.run("-e", "service=api", "-e", '{"message": "errors are back"}', playbook="playbooks/incident/investigate.yml")
    assert code == 0, output
    incident = site.incidents()[0]
    assert (incident["status"], incident["mitigated_at"]) == ("investigating", None)
    assert [entry["text"] for entry in incident["entries"] if entry["kind"] in {"status", "reminded"}][-2:] == [
        "Investigating again: errors are back", "Being investigated again, since it is not mitigated: errors are back",
    ]  # fmt: skip
    told(site, "state=mitigated service=api")
    assert site.incidents()[0]["mitigated_at"]


def test_titles_are_kept_as_they_are_typed(site: Site) -> None:
    title = 'it\'s "down" 🔥 @all `rm -rf /` $(reboot) *x*\n## next'
    opening = {"incident.response.rocketchat_incident": {"state": "open", "service": "api", "title": "{{ title }}"}}
    site.write_playbook([opening], {"title": title * 100})
    code, output = site.run(playbook=str(site.folder / "play.json"))
    assert code == 0, output
    assert site.incidents()[0]["title"] == title * 100


def test_one_place_sets_the_connection_for_all_modules(site: Site) -> None:
    play = {
        "hosts": "prod-api-01", "gather_facts": False, "tasks": [{"incident.response.rocketchat_incident": {"state": "open", "service": "api"}}],
        "module_defaults": {"group/incident.response.incident": {"state_dir": str(site.folder / "elsewhere")}},
    }  # fmt: skip
    (site.folder / "play.json").write_text(json.dumps([play]))
    code, output = site.run(playbook=str(site.folder / "play.json"))
    assert code == 0, output
    assert (site.folder / "elsewhere" / "journal.db").exists()


def test_the_diff_shows_what_changes(site: Site) -> None:
    told(site, "state=open service=api")
    dummy, output = site.ad_hoc("rocketchat_incident", "state=acknowledged service=api", "--diff")
    assert '-    "status": "open"' in output
    assert '+    "status": "acknowledged"' in output


def test_incidents_are_filtered(site: Site) -> None:
    told(site, "state=open service=api")
    told(site, "state=open service=web")
    told(site, "state=acknowledged service=web")
    for arguments, expected in (
        ("service=api", ["api"]), ("status=acknowledged", ["web"]), ("since=1h", ["web", "api"]), ("since=2100-01-01", []), ("", ["web", "api"]),
    ):  # fmt: skip
        code, output = site.ad_hoc("incident_info", arguments)
        assert code == 0, output
        shown = json.loads(output[output.index("{") : output.rindex("}") + 1])["incidents"]
        assert [incident["service"] for incident in shown] == expected, arguments
    code, output = site.ad_hoc("incident_info", "since=yesterday")
    assert code != 0
    assert "is no time: write" in output


@pytest.mark.parametrize("module", ["incident_info", "rocketchat_incident"])
def test_the_module_itself_does_what_its_action_does(site: Site, module: str, tmp_path: Path) -> None:
    """Where somebody runs main() on a host of its own, without the controller's help."""
    import subprocess
    import sys

    arguments = {"state": "open", "service": "api"} if module == "rocketchat_incident" else {}
    program = f"import ansible_collections.incident.response.plugins.modules.{module} as m; m.main()"
    data = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    environment = site.environment | {"PYTHONPATH": str(Path(__file__).parents[2] / "collections")}
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, input=data, env=environment, text=True, capture_output=True, timeout=A_RUN, check=False)
    assert json.loads(answer.stdout).get("failed") is None, answer.stdout + answer.stderr


def said(site: Site, step: str, *, flat: bool, **variables: Any) -> tuple[int, str]:
    """A lifecycle playbook by its path, or by the name that a rulebook calls it by."""
    playbook = f"incident.response.incident_{step}" if flat else f"playbooks/incident/{step}.yml"
    return site.run("-e", json.dumps(variables), playbook=playbook)


@pytest.mark.parametrize("flat", [False, True])
def test_each_playbook_takes_the_incident_a_step_on(site: Site, flat: bool) -> None:
    resolution = {"root_cause": "Pool too small", "fix": "Pool of 50", "monitoring": "Alert on the pool", "next": "Review tomorrow"}
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("open", {"title": "API slow", "severity": "P2"}, "Opened: API slow"),
        ("acknowledge", {}, "Acknowledged"),
        ("assign", {"commander": "ada", "communications": "joan", "scribe": "grace"}, "Commander is now ada, communications is now joan"),
        ("investigate", {"message": "High error rate"}, "Investigating: High error rate"),
        ("update", {"message": "Pool exhausted"}, "Pool exhausted"),
        ("severity", {"severity": "P1", "reason": "All customers see it"}, "Severity is now P1 (was P2)"),
        ("handoff", {"to": "grace", "message": "My shift ends"}, "Handed over to grace (was ada): My shift ends"),
        ("mitigate", {}, "Mitigated: nobody looked at api: there is no configuration"),
        ("resolve", {**resolution, "force": True, "message": "I looked"}, "Resolved: I looked (nobody looked at api: there is no configuration"),
        ("close", {"force": True, "message": "Done"}, "Closed: Done"),
        ("review", {}, "Reviewed"),
    ]
    for step, variables, text in steps:
        code, output = said(site, step, flat=flat, service="api", **variables)
        assert code == 0, output
        entries = [entry["text"] for entry in site.incidents()[0]["entries"]]
        assert any(each.startswith(text) for each in entries), (step, entries)
    (incident,) = site.incidents()
    assert (incident["status"], incident["severity"]) == ("reviewed", "P1")
    assert incident["roles"] == {"commander": "grace", "communications": "joan", "scribe": "grace"}
    assert {"Severity is now P1 (was P2): All customers see it", "Handed over to grace (was ada): My shift ends"} <= {
        entry["text"] for entry in incident["entries"]
    }
    code, output = said(site, "list", flat=flat)
    assert code == 0, output
    assert f"\nOver: 1\n  {incident['name']}  P1  reviewed  api  API slow\n" in output
    code, output = said(site, "list", flat=flat, service="db")
    assert code == 0, output
    assert "There is none." in output


@pytest.mark.parametrize(
    ("step", "variables", "message"),
    [
        ("acknowledge", {"service": "api"}, "there is no incident of api"),
        ("acknowledge", {}, "which incident?"),
        ("open", {}, "to open an incident, say what is wrong"),
        ("open", {"service": "api", "severity": "bad"}, "P0, P1, P2, P3"),
        ("update", {"service": "api"}, "message"),
        ("severity", {"service": "api", "severity": "P0"}, "reason"),
        ("handoff", {"service": "api", "message": "x"}, "incident_handoff needs to: -e to=grace"),
        ("open", {"service": "api", "drill": True}, "an incident that is opened by hand is a real one"),
        ("open", {"service": "api", "concerns": ["fire"]}, "security, data_loss, trade_off"),
    ],
)
def test_a_step_that_lacks_something_is_refused_and_records_nothing(site: Site, step: str, variables: dict[str, str], message: str) -> None:
    code, output = said(site, step, flat=False, **variables)
    assert code != 0
    assert message in output
    assert not (site.state / "journal.db").exists() or site.incidents() == []


@pytest.mark.parametrize("step", ["open", "close", "list"])
def test_a_limit_that_leaves_out_where_a_step_works_is_an_error(site: Site, step: str) -> None:
    told(site, "state=open service=api severity=P2")
    code, output = site.run("-e", "service=api", "-l", "prod-api-01", playbook=f"playbooks/incident/{step}.yml")
    assert code != 0
    assert "--limit prod-api-01 leaves out localhost" in " ".join(output.split())
    assert site.run("-e", "service=api", "-l", "localhost,prod-db-01", playbook="playbooks/incident/open.yml")[0] == 0


def test_what_is_not_healthy_is_closed_by_force_and_with_a_reason_only(site: Site, tmp_path: Path) -> None:
    good, config = tmp_path / "good", tmp_path / "config.json"
    health = {"command": ["test", "-e", str(good)]}
    commands = {word: ["true"] for word in ("start", "stop", "status")}
    config.write_text(json.dumps({"services": {"api": {"hosts": "prod-api-*", "backend": "command", "health": health, "commands": commands}}}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    told(site, "state=open service=api title='API slow' severity=P2")
    name = site.incidents()[0]["name"]
    code, output = said(site, "mitigate", flat=False, service="api")
    assert code != 0
    assert "api is not healthy on prod-api-01, prod-api-02. Nothing was recorded." in " ".join(output.split())
    for variables in ({"service": "api"}, {"incident": name, "message": "x"}, {"service": "api", "force": True}, {"service": "api", "message": "x"}):
        code, output = said(site, "close", flat=False, **variables)
        assert code != 0
        assert "api is not healthy on prod-api-01, prod-api-02. Nothing was recorded." in " ".join(output.split())
    assert site.incidents()[0]["status"] == "open"
    code, output = said(site, "close", flat=False, service="api", force=True, message="It is gone for good")
    assert code == 0, output
    closed = site.incidents()[0]["entries"][-1]["text"]
    assert closed == "Closed: It is gone for good (api is not healthy on prod-api-01, prod-api-02)"

    told(site, "state=open service=api title='API slow' severity=P2")
    good.touch()
    code, output = said(site, "close", flat=True, incident=site.incidents()[0]["name"])
    assert code == 0, output
    assert site.incidents()[0]["status"] == "closed"


def test_a_host_that_cannot_be_reached_is_not_healthy(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"services": {"api": {"hosts": "prod-api-01", "health": {"command": ["true"]}}}}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    site.inventory.write_text(json.dumps({"all": {"hosts": {"prod-api-01": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}}))
    told(site, "state=open service=api title='API slow' severity=P2")
    code, output = said(site, "close", flat=False, service="api")
    assert code != 0
    assert "api is not healthy on prod-api-01" in " ".join(output.split())


def test_a_service_that_cannot_be_looked_at_is_not_closed(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"services": {"api": {"hosts": "elsewhere", "health": {"command": ["true"]}}}}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    told(site, "state=open service=api title='API slow' severity=P2")
    code, output = said(site, "close", flat=False, service="api")
    assert code != 0
    assert "The inventory has none of the hosts of api (elsewhere)" in " ".join(output.split())
    assert site.incidents()[0]["status"] == "open"
    code, output = said(site, "close", flat=False, service="api", force=True, message="It is gone")
    assert code == 0, output
    assert site.incidents()[0]["status"] == "closed"


def test_a_check_that_cannot_be_made_is_no_reason_not_to_close_by_force(site: Site, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"services": {"api": {"hosts": "prod-api-01", "health": {"http": "http://[", "retries": 0}}}}))
    site.environment["INCIDENT_CONFIG"] = str(config)
    told(site, "state=open service=api title='API slow' severity=P2")
    assert said(site, "close", flat=False, service="api")[0] != 0
    code, output = said(site, "close", flat=False, service="api", force=True, message="It is gone")
    assert code == 0, output
