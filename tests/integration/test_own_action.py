# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The example of docs/actions.md, taken from the page itself."""

from __future__ import annotations

import json
import re
import sys

import pytest
from sites import ROOT, Site

BLOCKS = re.compile(r"`([\w./-]+\.yml)` is [^`]*?```yaml\n(.*?)```", re.DOTALL)
ROLES = [f"roles/{role}/tasks/{name}.yml" for role, backend in (("feature_switch", "file"), ("flush_cache", "command")) for name in (backend, "main")]


@pytest.fixture
def own(site: Site) -> Site:
    """A repository with the files of the page."""
    page = (ROOT / "docs" / "actions.md").read_text().partition("## What a backend")[0]
    files = dict(BLOCKS.findall(page))
    assert sorted(files) == sorted([*ROLES, "flush-cache.yml", "switch.yml"])
    for name, text in files.items():
        path = site.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\n" + text)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "feature_switch_file": str(site.folder / "{{ inventory_hostname }}"),
    }
    site.inventory.write_text(json.dumps({"all": {"hosts": {"prod-api-01": None, "prod-api-02": None}, "vars": variables}}))
    site.environment["ANSIBLE_ROLES_PATH"] = str(site.folder / "roles")
    for host in ("prod-api-01", "prod-api-02"):
        (site.folder / host).write_text("search chat\n")
    return site


def switch(site: Site, features: str, *more: str) -> tuple[int, str]:
    return site.run("-e", json.dumps({"service": "api", "host": "prod-api-0*", "max_hosts": 2, "features": features}), *more,
                    playbook=str(site.folder / "switch.yml"))  # fmt: skip


def features(site: Site) -> list[str]:
    return [(site.folder / host).read_text() for host in ("prod-api-01", "prod-api-02")]


def test_it_acts_on_both_hosts_is_on_the_timeline_and_can_be_undone(own: Site) -> None:
    code, output = switch(own, "search", "-e", "plan=true")
    assert code == 0, output
    assert features(own) == ["search chat\n"] * 2
    code, output = switch(own, "search")
    assert code == 0, output
    assert features(own) == ["search\n"] * 2
    (incident,) = own.incidents()
    assert incident["status"] == "mitigated"
    assert any("search chat to search" in entry["text"] for entry in incident["entries"])
    code, output = own.run("-e", f"action={incident['runs'][-1]['run']}", playbook="incident.response.undo")
    assert code == 0, output
    assert features(own) == ["search chat\n"] * 2


def test_what_is_not_healthy_is_brought_back_and_the_next_host_is_left_alone(own: Site) -> None:
    role = own.folder / "roles/feature_switch/tasks/main.yml"
    role.write_text(role.read_text().replace("[test, -s,", "[grep, -q, chat,"))
    code, output = switch(own, "search")
    assert code != 0
    assert "verdict made_worse" in output
    assert features(own) == ["search chat\n"] * 2


def test_an_undo_of_what_has_moved_is_refused(own: Site) -> None:
    assert switch(own, "search")[0] == 0
    (own.folder / "prod-api-02").write_text("chat\n")
    code, output = own.run("-e", f"action={own.incidents()[0]['runs'][-1]['run']}", playbook="incident.response.undo")
    assert code != 0
    assert "It has moved since: chat. Nothing was touched." in output
    assert features(own) == ["search\n", "chat\n"]


@pytest.fixture
def flushed(own: Site) -> Site:
    """As `own`, with the commands of the second example. Each flush leaves another instant behind."""
    kept = own.folder / "flushed"
    inventory = json.loads(own.inventory.read_text())
    inventory["all"]["vars"] |= {
        "flush_cache_command": ["sh", "-c", f"echo flush $(date +%s%N) > {kept}"], "flush_cache_check": ["true"],
        "flush_cache_identity": ["cat", str(kept)],
    }  # fmt: skip
    own.inventory.write_text(json.dumps(inventory))
    kept.write_text("never\n")
    return own


def flush(site: Site, *more: str) -> tuple[int, str]:
    return site.run("-e", "service=api host=prod-api-01", *more, playbook=str(site.folder / "flush-cache.yml"))


def test_an_action_without_a_state_says_that_nothing_is_out_meanwhile(flushed: Site) -> None:
    code, output = flush(flushed)
    assert code == 0, output
    assert "0 % of the service is out meanwhile" in output
    assert "risk low" in output
    assert (flushed.folder / "flushed").read_text() != "never\n"
    assert "cache flush of api: verdict worked" in output


def test_a_flush_that_flushes_nothing_has_not_worked(flushed: Site) -> None:
    code, output = flush(flushed, "-e", json.dumps({"flush_cache_command": ["true"]}))
    assert code != 0
    assert "verdict no_effect" in output


@pytest.mark.parametrize("out", [-1, 101])
def test_a_share_that_can_not_be_is_refused(flushed: Site, out: int) -> None:
    code, output = flush(flushed, "-e", f"action_out={out}")
    assert code != 0
    assert f"out={out} is no share of a host" in output
    assert (flushed.folder / "flushed").read_text() == "never\n"


def test_a_role_that_is_not_there_is_named_before_anything_is_looked_at(own: Site) -> None:
    playbook = own.folder / "switch.yml"
    playbook.write_text(playbook.read_text().replace("action_role: feature_switch", "action_role: feature_swich"))
    code, output = switch(own, "search")
    assert code != 0
    assert "role 'feature_swich' was not found" in output
    assert features(own) == ["search chat\n"] * 2


def test_the_engine_alone_says_what_it_needs(own: Site) -> None:
    code, output = own.run("-e", "service=api host=prod-api-01", playbook="incident.response.emergency_action")
    assert code != 0
    assert "emergency_action needs action_role: actions.md in docs shows it. Nothing was touched." in output


def test_several_hosts_at_once_are_refused(own: Site) -> None:
    play = {"hosts": "all", "gather_facts": False, "vars": {"service": "api", "features": "search"}, "roles": ["feature_switch"]}
    (own.folder / "own.yml").write_text(json.dumps([play]))
    code, output = own.run(playbook=str(own.folder / "own.yml"))
    assert code != 0
    assert "This play takes 2 hosts at once, so none is acted on: give it serial: 1" in " ".join(output.split())
    assert features(own) == ["search chat\n"] * 2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            ("    action_backend: command\n", "    action_backend: comand\n"),
            "The role flush_cache has no backend comand (tasks/comand.yml): it has command.",
        ),
        (("    action_stateful: false\n", ""), "No task of the role flush_cache sets flush_cache_seen, so the backend can't only look"),
        (("    action_stateful: false\n", "    action_statefull: false\n"), "No task of the role flush_cache sets flush_cache_seen"),
    ],
)
@pytest.mark.parametrize("plan", ["true", "false"])
def test_a_backend_that_is_missing_or_can_not_only_look_is_refused_before_a_plan(flushed: Site, wrong: tuple[str, str], says: str, plan: str) -> None:
    """Else the look before the plan makes the change."""
    role = flushed.folder / "roles/flush_cache/tasks/main.yml"
    role.write_text(role.read_text().replace(*wrong))
    code, output = flush(flushed, "-e", f"plan={plan}")
    assert code != 0
    assert says in " ".join(output.split())
    assert (flushed.folder / "flushed").read_text() == "never\n"
    assert flushed.incidents() == []


def test_without_what_is_asked_for_nothing_is_switched(own: Site) -> None:
    """A mistyped variable of one's own, too: it must not empty the file."""
    code, output = own.run("-e", "service=api host=prod-api-01 featurs=search", playbook=str(own.folder / "switch.yml"))
    assert code != 0
    assert "Name the features, as in -e features=search. Nothing was touched." in output
    assert features(own) == ["search chat\n"] * 2


@pytest.mark.parametrize("typed", ["paln=true", "paln=ture", "brake_glass=x", "hots=prod-api-01"])
def test_a_mistyped_variable_of_the_engine_is_refused_for_an_action_of_ones_own(flushed: Site, typed: str) -> None:
    code, output = flush(flushed, "-e", typed)
    assert code != 0
    assert f"-e {typed.partition('=')[0]}= is not known to this action: did you mean " in output
    assert (flushed.folder / "flushed").read_text() == "never\n"


def test_a_variable_of_ones_own_may_look_like_one_of_the_engines(flushed: Site) -> None:
    role = flushed.folder / "roles/flush_cache/tasks/main.yml"
    role.write_text(role.read_text() + '- ansible.builtin.debug: {msg: "{{ plans | default() }}"}\n')
    code, output = flush(flushed, "-e", "plans=3")
    assert code == 0, output
    code, output = flush(flushed, "-e", "service=")
    assert code != 0
    assert "service is empty" in output or "service='' is not the name" in output


@pytest.mark.parametrize("typed", ["dry_run=true", "planned=yes", "plan=true"])
def test_what_other_tools_call_a_plan_is_one(site: Site, typed: str) -> None:
    code, output = site.run("-e", f"service=api host=prod-api-01 {typed}")
    assert code == 0, output
    assert "Plan: restart of api" in output
    assert site.incidents() == []


@pytest.mark.parametrize("typed", ["dry_run=true", "planned=yes", "check=true"])
def test_another_name_of_plan_is_one_for_an_action_of_ones_own(flushed: Site, typed: str) -> None:
    code, output = flush(flushed, "-e", typed)
    assert code == 0, output
    assert "Plan: cache flush of api" in output
    assert (flushed.folder / "flushed").read_text() == "never\n"


def test_another_name_of_plan_that_is_no_switch_is_refused(flushed: Site) -> None:
    code, output = flush(flushed, "-e", "dry_run=ture")
    assert code != 0
    assert "ture" in output
    assert (flushed.folder / "flushed").read_text() == "never\n"


@pytest.mark.parametrize("part", [("--tags", "flush"), ("--skip-tags", "untagged"), ("--start-at-task", "Act on one host after the other")])
def test_a_part_of_an_action_of_ones_own_is_refused(flushed: Site, part: tuple[str, str]) -> None:
    code, output = flush(flushed, *part)
    assert code != 0
    assert f"{part[0]} " in output
    assert "leaves out a part of this action" in " ".join(output.split())
    assert (flushed.folder / "flushed").read_text() == "never\n"
    assert not flushed.state.exists()
