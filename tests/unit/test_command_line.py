# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which playbooks a command line runs, ours alone or not, and which tags leave a part of ours out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.incident.response.plugins.plugin_utils import _command_line
from ansible_collections.incident.response.plugins.plugin_utils._command_line import CommandLine

ROOT = Path(__file__).parents[2]
RESTART = ROOT / "playbooks" / "emergency" / "restart-service.yml"


def read(monkeypatch: pytest.MonkeyPatch, *playbooks: str | Path) -> CommandLine:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(args=tuple(map(str, playbooks))))
    return _command_line.read()


@pytest.mark.parametrize("named", [RESTART, ROOT / "playbooks" / "restart_service.yml", "incident.response.restart_service"])
def test_ours_are_known_by_path_and_by_name(monkeypatch: pytest.MonkeyPatch, named: str | Path) -> None:
    line = read(monkeypatch, named)
    assert (line.ours, line.alone) == ({"restart_service": set()}, True)


def test_ours_are_known_by_the_name_of_the_folder_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(read(monkeypatch, "incident.response.incident.open", "incident.response.emergency.rollback").ours) == {"incident_open", "rollback"}


def test_a_file_that_imports_ours_counts_as_ours_with_the_tags_that_it_puts_on_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "emergency").mkdir()
    (tmp_path / "emergency" / "restart.yml").write_text("- import_playbook: incident.response.restart_service\n  tags: heal, mend\n")
    (tmp_path / "all.yml").write_text(f"- ansible.builtin.import_playbook: emergency/restart.yml\n- import_playbook: {RESTART}\n  tags: [again]\n")
    line = read(monkeypatch, tmp_path / "all.yml")
    assert (line.ours, line.alone) == ({"restart_service": {"heal", "mend", "again"}}, True)


@pytest.mark.parametrize(
    "content",
    [
        "- import_playbook: incident.response.rollback\n- hosts: web\n  tasks: []\n", "- import_playbook: other.collection.deploy\n",
        "- import_playbook: '{{ which }}'\n", "- import_playbook: nowhere.yml\n", "- hosts: \"{{ lookup('incident.response.controller_host') }}\"\n",
    ],
)  # fmt: skip
def test_any_play_of_somebodys_own_makes_it_theirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    (tmp_path / "site.yml").write_text(content)
    assert not read(monkeypatch, tmp_path / "site.yml").alone


def test_a_file_that_imports_itself_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("- import_playbook: site.yml\n")
    assert not read(monkeypatch, tmp_path / "site.yml").alone


def leaves_out(monkeypatch: pytest.MonkeyPatch, own: set[str], *, alone: bool = True, acts: bool = True, **options: Any) -> bool:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict({"tags": ["all"], "skip_tags": []} | options))
    try:
        _command_line.refuse_parts(CommandLine({"rollback": own}, alone), "rollback", acts=acts)
    except AnsibleError:
        return True
    return False


@pytest.mark.parametrize(
    ("own", "tags", "skip_tags", "out"),
    [
        (set(), ["all"], [], False), (set(), ["untagged"], [], False), (set(), ["x"], [], True), (set(), ["tagged"], [], True),
        (set(), ["all", "x"], [], False), (set(), ["all"], ["x"], False), (set(), ["all"], ["untagged"], True), (set(), ["all"], ["all"], True),
        (set(), ["all"], ["tagged"], False), ({"heal"}, ["heal"], [], False), ({"heal"}, ["tagged"], [], False), ({"heal"}, ["x"], [], True),
        ({"heal"}, ["untagged"], [], True), ({"heal"}, ["all"], ["heal"], True), ({"heal"}, ["all"], ["tagged"], True),
        ({"heal"}, ["all"], ["x"], False), ({"always"}, ["x"], [], False),
    ],
)  # fmt: skip
def test_tags_that_leave_ours_out_are_refused(
    monkeypatch: pytest.MonkeyPatch, own: set[str], tags: list[str], skip_tags: list[str], out: bool
) -> None:
    assert leaves_out(monkeypatch, own, tags=tags, skip_tags=skip_tags) is out
    assert not leaves_out(monkeypatch, own, tags=tags, skip_tags=skip_tags, listtasks=True)
    assert not leaves_out(monkeypatch, own, alone=False, tags=tags, skip_tags=skip_tags)


def test_an_action_is_not_stepped_through_wherever_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leaves_out(monkeypatch, set(), alone=False, step=True)
    assert not leaves_out(monkeypatch, set(), alone=False, acts=False, step=True)
    assert leaves_out(monkeypatch, set(), start_at_task="Begin")
    assert not leaves_out(monkeypatch, set(), alone=False, start_at_task="Something of their own")
