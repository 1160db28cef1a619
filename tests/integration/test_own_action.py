# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The example of docs/actions.md, taken from the page itself."""

from __future__ import annotations

import json
import re
import sys

import pytest
from sites import ROOT, Site

BLOCKS = re.compile(r"`([\w./]+\.yml)` is .*?```yaml\n(.*?)```", re.DOTALL)


@pytest.fixture
def own(site: Site) -> Site:
    """A repository with the files of the page."""
    page = (ROOT / "docs" / "actions.md").read_text().partition("## What a backend")[0]
    files = dict(BLOCKS.findall(page))
    assert sorted(files) == ["roles/feature_switch/tasks/file.yml", "roles/feature_switch/tasks/main.yml", "switch.yml"]
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
