# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people type: mistyped, under another name, or with a part left out. All of it is checked before anything is touched, opened or told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers.running import RocketChat
from sites import RESTART, Site, eventually

HERE = "service=api host=prod-api-01"
ROLLBACK, SCALE, UNDO = (f"playbooks/emergency/{name}.yml" for name in ("rollback", "scale-up", "undo"))
CATALOGUE = {"services": {"api": {"hosts": "prod-api-*"}, "web": {"hosts": "prod-api-*", "aliases": ["shop"]}}}


def step(name: str) -> str:
    return f"playbooks/incident/{name}.yml"


def refusal(output: str) -> list[str]:
    """The lines that Ansible printed, but for its warnings: the refusal is to be all."""
    lines = [line for line in output.splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if line.startswith(("[ERROR]: ", "ERROR! ")))
    return [lines[first].split(" ", 1)[1], *lines[first + 1 :]]


def refused(site: Site, playbook: str, *arguments: str) -> str:
    """What it says, in one line, after nothing was touched and nothing recorded."""
    assert eventually(lambda: not site.couriers())  # which publish at a time of their own
    before = site.incidents() if (site.state / "journal.db").exists() else []
    (site.folder / "running").touch()
    code, output = site.run(*arguments, playbook=playbook)
    assert code == 5, output
    assert "PLAY [" not in output
    assert (site.folder / "running").exists()
    assert (site.incidents() if (site.state / "journal.db").exists() else []) == before
    said = refusal(output)
    assert len(said) == 1, output
    return said[0]


def catalogue(site: Site, content: dict[str, Any] | None = None) -> None:
    path = site.folder / "config.yml"
    path.write_text(json.dumps(content or CATALOGUE))
    site.environment["INCIDENT_CONFIG"] = str(path)


@pytest.mark.parametrize(
    ("playbook", "typed", "said"),
    [
        (RESTART, "servcie=api host=prod-api-01", "-e servcie= is not known to restart_service: did you mean service?"),
        (RESTART, "service=api hsot=prod-api-01", "-e hsot= is not known to restart_service: did you mean host?"),
        (RESTART, f"{HERE} severty=P0", "-e severty= is not known to restart_service: did you mean severity?"),
        (RESTART, f"{HERE} max-hosts=2", "-e max-hosts= is not known to restart_service: did you mean max_hosts?"),
        (RESTART, f"{HERE} Plan=true", "-e Plan= is not known to restart_service: did you mean plan?"),
        (RESTART, f"{HERE} replicas=3", "-e replicas= is not known to restart_service, only to scale_up."),
        (ROLLBACK, "app=api verison=1", "-e verison= is not known to rollback: did you mean version?"),
        (SCALE, "service=api relicas=3", "-e relicas= is not known to scale_up: did you mean replicas?"),
        (UNDO, "rnu=20251110T100500-1a2b3c4d", "-e rnu= is not known to undo: did you mean run?"),
        (step("open"), "service=api titel=slow", "-e titel= is not known to incident_open: did you mean title?"),
        (step("update"), "service=api mesage=slow", "-e mesage= is not known to incident_update: did you mean message?"),
        (step("close"), "service=api root_casue=x", "-e root_casue= is not known to incident_close: did you mean root_cause?"),
        ("incident.response.incident_escalate", "service=api reson=x", "-e reson= is not known to incident_escalate: did you mean reason?"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_one_that_is_meant(site: Site, playbook: str, typed: str, said: str) -> None:
    assert refused(site, playbook, "-e", typed).startswith(said)


@pytest.mark.parametrize(
    ("playbook", "typed", "said"),
    [
        (RESTART, f"{HERE} plan=ture", "plan='ture' must be true or false"),
        (RESTART, f"{HERE} drill=dri", "drill='dri' is neither true, false nor dry"),
        (RESTART, f"{HERE} severity=P9", "severity='P9' must be one of P0, P1, P2, P3"),
        (RESTART, f"{HERE} max_hosts=two", "max_hosts='two' is not a whole number above 0"),
        (RESTART, f"{HERE} max_hosts=0", "max_hosts='0' is not a whole number above 0"),
        (RESTART, "service=api host=", "host is empty"),
        (RESTART, '{"service": "api", "host": []}', "host is empty"),
        (RESTART, '{"service": ["api"], "host": "prod-api-01"}', "service=\"['api']\" must be text"),
        (RESTART, "host=prod-api-01", "restart_service needs service: -e service=api"),
        (RESTART, f"{HERE} break_glass=true", "break_glass='true' must be the reason, in words"),
        (RESTART, f"{HERE} approved_plan=", "approved_plan is empty"),
        (RESTART, f"{HERE} incident=incident-2025-11-10-001", "incident=incident-2025-11-10-001 isn't known here. None is open."),
        (RESTART, f"{HERE} incident=", "incident is empty"),
        (RESTART, f"{HERE} plan", "-e has words that belong to nothing: 'plan'. Did you mean plan=true?"),
        (RESTART, f"{HERE} reason=it is down plan", "-e has words that belong to nothing: 'is down plan'. Did you mean plan=true? Or write"),
        (step("update"), 'service=api message="we are" on it', "-e has words that belong to nothing: 'on it'."),
        (RESTART, "app=web service=api host=prod-api-01", "service and app are the same, and differ: service='api', app='web'"),
        (ROLLBACK, "app=api version=", "version is empty"),
        (ROLLBACK, "app=api force_migrations=jes", "force_migrations='jes' must be true or false"),
        (SCALE, "service=api replicas=three", "replicas='three' is not a whole number above 0. Nothing was touched. Write it as in -e replicas=3"),
        (SCALE, "service=api replicas=-1", "replicas='-1' is not a whole number above 0"),
        (SCALE, "service=api replicas=", "replicas='' is not a whole number above 0"),
        (SCALE, "service=api", "scale_up needs replicas: -e replicas=3"),
        (SCALE, "service=api replicas=3 allow_scale_down=y", "allow_scale_down='y' must be true or false"),
        (UNDO, "run=20251110T100500-1a2b3c4d", "run=20251110T100500-1a2b3c4d isn't known in this journal"),
        (step("open"), "service=api severity=P4", "severity='P4' must be one of P0, P1, P2, P3"),
        (step("open"), "service=api concerns=secruity", "concerns='secruity' must be one of security, data_loss, trade_off: did you mean security?"),
        (step("open"), "service=api embargo=maybe", "embargo='maybe' must be true or false"),
        (step("open"), "service=api title=API is slow severity=P1", "-e has words that belong to nothing: 'is slow'."),
        (step("severity"), "service=api severity=P0", "incident_severity needs reason"),
        (step("handoff"), "service=api to=", "to is empty"),
        (step("resolve"), "service=api force=ja", "force='ja' must be true or false"),
        (step("escalate"), "service=api reason=stuck level=x", "level='x' is not a whole number above 0"),
        (step("escalate"), "service=api reason=stuck level=9", "level=9 is no level. The levels of escalation are: 1 On-call Engineer, 2"),
        (step("list"), "status=opened", "status='opened' must be one of open, acknowledged"),
        (step("list"), "since=yesterday", "since='yesterday' is no time such as"),
        (step("communicate"), "service=api publish=now", "publish='now' must be true or false"),
        (step("update"), "service=api", "incident_update needs message (or concerns, embargo): -e '{"),
        (step("update"), '{"service": "api", "message": "  "}', "message is empty, and incident_update needs message (or concerns, embargo)"),
        (step("assign"), "service=api", "incident_assign needs commander (or communications, scribe): -e '{"),
        (step("acknowledge"), "service=api", "incident_acknowledge: there is no incident of api. Open now: none. Nothing was recorded."),
        (step("open"), "service=api drill=true", "drill is for what acts on a service: an incident that is opened by hand is a real one"),
        ("playbooks/status_page.yml", '{"state": "identified"}', "status_page: which incident?"),
        ("playbooks/status_page.yml", "state=scheduled starts=soon", "starts='soon' is no time such as 2026-12-01T22:00:00Z"),
        ("playbooks/status_page.yml", "state=scheduld", "state='scheduld' must be one of"),
        ("playbooks/tick.yml", "watch=often", "watch='often' must be a number of seconds, 0 or more"),
        ("playbooks/deliver.yml", "timeout=-3", "wait='-3' must be a number of seconds, 0 or more"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(site: Site, playbook: str, typed: str, said: str) -> None:
    assert refused(site, playbook, "-e", typed).startswith(said)


def test_nobody_is_told_of_what_is_refused(site: Site, chat: RocketChat) -> None:
    site.environment |= chat.environment()
    before = chat.state()
    refused(site, SCALE, "-e", "service=api replicas=three")
    refused(site, step("open"), "-e", "service=api severity=P9")
    assert not site.couriers()
    assert chat.state() == before


@pytest.mark.parametrize("typed", ["app=api hosts=prod-api-01", "service=api host=prod-api-01 app=api", '{"app": "api", "hosts": ["prod-api-01"]}'])
def test_obvious_other_names_are_taken(site: Site, typed: str) -> None:
    code, output = site.run("-e", typed)
    assert code == 0, output
    (incident,) = site.incidents()
    assert (incident["service"], incident["runs"][0]["verdict"]) == ("api", "worked")


def test_other_names_are_taken_in_each_step(site: Site) -> None:
    steps = [
        ("open", "app=api title=slow severity=p2 text=first", "first"), ("acknowledge", "app=api msg=mine", "Acknowledged: mine"),
        ("update", "service=api reason=pool", "pool"), ("severity", "service=api severity=P1 message=worse", "worse"),
        ("handoff", "service=api commander=grace text=sleep", "sleep"), ("escalate", "app=api message=stuck require_delivery=false", "stuck"),
    ]  # fmt: skip
    for name, typed, text in steps:
        code, output = site.run("-e", typed, playbook=step(name))
        assert code == 0, output
        assert any(text in entry["text"] for entry in site.entries()), (name, site.entries())
    assert site.incidents()[0]["severity"] == "P1"


def test_what_others_add_is_never_refused(site: Site) -> None:
    added = {
        "awx_job_id": 7, "tower_job_id": 7, "awx_severity": "x", "semaphore_vars": {"task_details": {"id": 1}}, "ansible_eda": {"event": {}},
        "ansible_user": "root", "my_team_var": "x", "region": "eu", "service_restart_retries": 1, "environment_name": "prod",
    }  # fmt: skip
    extra = site.folder / "extra.json"
    extra.write_text(json.dumps({"service": "api", "host": "prod-api-01", **added}))
    code, output = site.run("-e", f"@{extra}")
    assert code == 0, output


def test_a_file_of_extra_variables_is_checked_like_what_is_typed(site: Site) -> None:
    extra = site.folder / "extra.yml"
    extra.write_text("servcie: api\nhost: prod-api-01\n")
    assert refused(site, RESTART, "-e", f"@{extra}").startswith("-e servcie= is not known to restart_service: did you mean service?")


def test_a_playbook_of_one_line_that_imports_ours_is_checked_like_ours(site: Site) -> None:
    own = site.folder / "restart-service.yml"
    own.write_text("- import_playbook: incident.response.restart_service\n")
    assert refused(site, str(own), "-e", "servcie=api host=prod-api-01").startswith("-e servcie= is not known to restart_service")
    assert site.run("-e", "app=api host=prod-api-01", playbook=str(own))[0] == 0


OWN = """
- name: Something of their own
  hosts: "{{ hosts }}"
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ app }} {{ servcie }} {{ replicas }}"}
      tags: [own]
- import_playbook: incident.response.restart_service
  vars: {service: api, host: prod-api-01}
"""


def test_in_a_playbook_of_ones_own_no_name_is_refused_and_none_is_taken_for_ours(site: Site) -> None:
    own = site.folder / "site.yml"
    own.write_text(OWN)
    code, output = site.run("-e", "hosts=prod-db-01 app=frontend servcie=x replicas=9 hsot=y", playbook=str(own))
    assert code == 0, output
    assert "frontend x 9" in output
    assert [(each["service"], each["runs"][0]["verdict"]) for each in site.incidents()] == [("api", "worked")]
    words = " ".join(output.split())
    assert "-e hsot= is not known to restart_service: if you mean host, end this" in words
    assert "-e servcie= is not known" not in words


def test_several_playbooks_on_one_command_line_share_their_variables(site: Site) -> None:
    code, output = site.run(step("open"), step("acknowledge"), "-e", "service=api title=slow", playbook=step("list"))
    assert code == 0, output
    assert site.incidents()[0]["status"] == "acknowledged"


def test_on_one_command_line_each_playbook_has_its_own_service(site: Site) -> None:
    code, output = site.run(ROLLBACK, "-e", "service=api app=web host=prod-api-01 plan=true version=none", playbook=RESTART)
    assert "Plan: restart of api on 1 host" in output
    assert "differ" not in output
    assert code != 0  # web has no release here


@pytest.mark.parametrize("name", ["open", "acknowledge", "escalate", "list", "communicate", "update"])
def test_a_service_that_the_catalogue_does_not_have_is_refused_with_the_nearest(site: Site, name: str) -> None:
    catalogue(site)
    more = {"escalate": " reason=stuck", "update": " message=slow"}.get(name, "")
    said = refused(site, step(name), "-e", f"service=apii{more}")
    assert said.startswith("service=apii is not in the service catalogue. Did you mean api?")
    assert said.endswith("To take it all the same: -e force=true") is (name != "list")  # where it is only looked at, nothing comes of it


def test_a_service_that_the_catalogue_does_not_have_can_be_forced_and_is_known_from_then_on(site: Site) -> None:
    catalogue(site)
    code, output = site.run("-e", "service=payment title=slow force=true", playbook=step("open"))
    assert code == 0, output
    assert site.run("-e", "service=payment", playbook=step("acknowledge"))[0] == 0
    assert site.run("-e", "service=shop title=slow", playbook=step("open"))[0] == 0
    assert sorted(each["service"] for each in site.incidents()) == ["payment", "web"]


def test_without_a_catalogue_any_service_goes(site: Site) -> None:
    assert site.run("-e", "service=apii title=slow", playbook=step("open"))[0] == 0


def test_a_configuration_with_mistakes_keeps_no_incident_from_being_opened(site: Site) -> None:
    catalogue(site, {"servcies": {}})
    assert site.run("-e", "service=apii title=slow", playbook=step("open"))[0] == 0


def test_an_action_for_an_incident_that_is_over_is_refused_with_those_that_are_open(site: Site) -> None:
    assert site.run("-e", "service=api title=slow severity=P2", playbook=step("open"))[0] == 0
    assert site.run("-e", "service=api force=true message=gone", playbook=step("close"))[0] == 0
    over = site.incidents()[0]["name"]
    assert site.run("-e", "service=web title=slow", playbook=step("open"))[0] == 0
    said = refused(site, RESTART, "-e", f"{HERE} incident={over}")
    assert said.startswith(f"incident={over} is over (closed). Open now: {site.incidents()[0]['name']} (web).")
    site.environment["INCIDENT_ID"] = over
    assert refused(site, RESTART, "-e", HERE).startswith(f"incident={over} is over (closed)")


def test_more_replicas_than_the_catalogue_allows_are_refused_before_an_incident_is_opened(site: Site) -> None:
    catalogue(site, {"services": {"api": {"hosts": "prod-api-*", "replicas": {"max": 4}}}})
    assert refused(site, SCALE, "-e", "service=api replicas=5").startswith("replicas=5 is more than the 4 that the service catalogue allows")


@pytest.mark.parametrize("left_out", [["--tags", "nosuch"], ["--skip-tags", "untagged"], ["--start-at-task", "no such task"], ["--step"]])
def test_case_05_tags_that_leave_out_a_part_of_an_action_are_refused(site: Site, left_out: list[str]) -> None:
    said = refused(site, RESTART, "-e", HERE, *left_out)
    assert said.startswith(left_out[0])
    assert "leaves out a part of restart_service, which runs as a whole or not at all. Nothing was touched." in said


def test_case_05_tags_that_leave_out_a_step_are_refused(site: Site) -> None:
    assert refused(site, step("open"), "-e", "service=api", "--tags", "nosuch").startswith("--tags nosuch leaves out a part of incident_open")


@pytest.mark.parametrize("harmless", [["--tags", "all"], ["--tags", "untagged"], ["--skip-tags", "notify"]])
def test_tags_that_leave_nothing_out_are_taken(site: Site, harmless: list[str]) -> None:
    code, output = site.run("-e", HERE, *harmless)
    assert code == 0, output
    assert [run["verdict"] for run in site.incidents()[0]["runs"]] == ["worked"]


@pytest.mark.parametrize("lists", [["--list-tasks"], ["--list-tags"], ["--list-hosts"], ["--syntax-check"]])
def test_lists_work_with_tags_too(site: Site, lists: list[str]) -> None:
    code, output = site.run("-e", HERE, *lists, "--tags", "nosuch")
    assert code == 0, output
    assert not (site.state / "journal.db").exists()


def test_a_tag_on_an_import_selects_the_whole_action(site: Site) -> None:
    own = site.folder / "site.yml"
    own.write_text("- import_playbook: incident.response.restart_service\n  tags: [heal]\n")
    code, output = site.run("-e", HERE, "--tags", "heal", playbook=str(own))
    assert code == 0, output
    assert [run["verdict"] for run in site.incidents()[0]["runs"]] == ["worked"]
    assert refused(site, str(own), "-e", HERE, "--tags", "nosuch").startswith("--tags nosuch")


def import_role(tags: list[str]) -> dict[str, Any]:
    return {"name": "Heal it", "ansible.builtin.import_role": {"name": "incident.response.service_restart"}, "tags": tags}


@pytest.mark.parametrize("how", ["roles", "import_role"])
def test_a_role_that_is_tagged_in_a_play_of_ones_own_runs_as_a_whole(site: Site, how: str) -> None:
    about = {"service": "api", "incident_action": "restart", "incident_service": "api"}
    play: dict[str, Any] = {"hosts": "prod-api-01", "gather_facts": False, "vars": about}
    play |= {"roles": [{"role": "incident.response.service_restart", "tags": ["heal"]}]} if how == "roles" else {"tasks": [import_role(["heal"])]}
    (site.folder / "own.yml").write_text(yaml.safe_dump([play]))
    code, output = site.run("--tags", "heal", playbook=str(site.folder / "own.yml"))
    assert code == 0, output
    assert (site.folder / "running").exists()
    assert [run["verdict"] for run in site.incidents()[0]["runs"]] == ["worked"]


def test_a_mistyped_switch_is_refused_in_a_play_of_ones_own_too(site: Site) -> None:
    """`plan=ture` would have counted as no, and the plan been carried out."""
    play = {"hosts": "prod-api-01", "gather_facts": False, "vars": {"service": "api"}, "roles": ["incident.response.service_restart"]}
    (site.folder / "own.yml").write_text(yaml.safe_dump([play]))
    code, output = site.run("-e", "plan=ture", playbook=str(site.folder / "own.yml"))
    assert code != 0
    assert "plan='ture' must be true or false. Nothing was touched." in " ".join(output.split())
    assert not (site.folder / "running").exists()


def test_without_an_inventory_the_refusal_says_how_to_name_it(tmp_path: Path) -> None:
    from deployments import Deployed

    deployed = Deployed(tmp_path)
    assert deployed.rollback()[0] == 0
    undo = f"run={deployed.last_run()}"
    deployed.inventory.write_text("[all]\n")
    for playbook, arguments in ((RESTART, HERE), (UNDO, undo), (ROLLBACK, "app=api")):
        assert "the inventory has no hosts. Nothing was touched. Name it with -i" in refused(deployed, playbook, "-e", arguments)
    deployed.inventory.write_text("[all]\nweb1\n")
    said = refused(deployed, ROLLBACK, "-e", "app=api")
    assert "The inventory has none of the hosts of api (prod-api-*). Nothing was touched. Name the inventory of api with -i" in said
    assert refused(deployed, RESTART, "-e", HERE).endswith("Nothing was touched. Name the inventory with -i, or look with: ansible-inventory --graph")


def test_the_command_that_undoes_takes_the_run_by_both_names(tmp_path: Path) -> None:
    from deployments import Deployed

    deployed = Deployed(tmp_path)
    code, output = deployed.rollback()
    assert code == 0, output
    first = deployed.last_run()
    code, output = deployed.run("-e", f"run={first} plan=true", playbook=UNDO)
    assert code == 0, output
    assert "reserved name" not in output
    assert refused(deployed, UNDO, "-e", f"run={first} service=web").startswith("service=web is not in the service catalogue")
    config = json.loads((tmp_path / "config.yml").read_text())
    (tmp_path / "config.yml").write_text(json.dumps({"services": {**config["services"], "web": {"hosts": "prod-api-*"}}}))
    assert refused(deployed, UNDO, "-e", f"run={first} app=web").startswith("service=web is not what that run was of: that is api.")
    code, output = deployed.run("-e", f"action={first}", playbook=UNDO)
    assert code == 0, output
    assert eventually(lambda: [run["verdict"] for run in deployed.incidents()[0]["runs"]].count("worked") == 2)


def plan_of(site: Site, **more: Any) -> str:
    """The plan to scale that the module of this name shows for what a backend saw."""
    looks = [{"state": {"instances": [1]}, "memory_left": 999, "cpus_left": 9}]
    plan = {"action": "scale-up", "service": "api", "role": "r", "backend": "instances", "hosts": ["prod-api-01"], "looks": looks, "replicas": 2}
    code, output = site.run(playbook=str(site.write_playbook([{"incident.response.action_plan": {**plan, "only": True, **more}}])))
    assert code == 0, output
    return output


def test_a_plan_says_on_how_many_hosts_of_which_environment(site: Site) -> None:
    commands = {word: ["true"] for word in ("start", "stop", "status")}
    api = {"hosts": "prod-api-*", "environment": "production", "backend": "command", "commands": commands}
    catalogue(site, {"services": {"api": api}, "safety": {"max_hosts": 2}})
    site.without_variables()
    code, output = site.run("-e", f"{HERE} plan=true")
    assert code == 0, output
    assert "Plan: restart of api on 1 of its 2 hosts (production), plan " in output
    code, output = site.run("-e", "service=api plan=true")
    assert "Plan: restart of api on all 2 hosts (production), plan " in output


def test_a_plan_to_scale_warns_of_a_plain_unit_beside_and_of_no_balancer(site: Site) -> None:
    catalogue(site, {"services": {"api": {"hosts": "prod-api-01"}}})
    output = plan_of(site)
    assert "careful: the instances are of api@.service; api.service is not one of them: it is not counted, and goes on beside them" in output
    assert "careful: the catalogue knows no load balancer (services.api.balancer): nothing here gives the new ones requests" in output
    balancer = {"hosts": "prod-api-02", "path": "/etc/nginx/api.conf"}
    catalogue(site, {"services": {"api": {"hosts": "prod-api-01", "backend": "instances", "balancer": balancer}}})
    assert "careful" not in plan_of(site)
