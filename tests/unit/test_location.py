# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which configuration a run goes by. The order is that of docs/configuration.md; real runs are in tests/integration/test_configuration.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from ansible import constants, context
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.incident.response.plugins.callback import incident_timeline
from ansible_collections.incident.response.plugins.plugin_utils import _location, _options
from ansible_collections.incident.response.plugins.plugin_utils._config_file import NONE
from ansible_collections.incident.response.plugins.plugin_utils._location import NAME, Location, Place, locate


def places(folder: Path, *names: str) -> list[Place]:
    for name in names:
        (folder / name).mkdir()
    return [Place(folder / name / NAME, f"in {name}") for name in names]


def test_the_first_that_is_there_wins_and_one_that_is_named_wins_over_all(tmp_path: Path) -> None:
    one, two = places(tmp_path, "one", "two")
    assert locate(None, [one, two]) == Location(looked=(str(tmp_path / "one"), str(tmp_path / "two")))
    two.path.write_text("")
    assert (locate(None, [one, two]).path, locate(None, [one, two]).where) == (two.path, "in two")
    one.path.write_text("")
    found = locate(None, [one, two])
    assert (found.path, found.notes) == (one.path, ())  # they say the same
    assert found.digest == hashlib.sha256(b"").hexdigest()[:12]
    assert locate(Place(two.path, "INCIDENT_CONFIG"), [one, two]).path == two.path


def test_two_that_differ_are_told_with_both_paths_and_which_is_used(tmp_path: Path) -> None:
    one, two = places(tmp_path, "one", "two")
    one.path.write_text("safety: {max_hosts: 2}\n")
    two.path.write_text("safety: {max_hosts: 3}\n")
    assert locate(None, [one, two, one]).notes == (f"two configurations differ: {one.path} (in one) is used, and {two.path} (in two) is not",)
    two.path.unlink()
    two.path.symlink_to(one.path)
    assert locate(None, [one, two]).notes == ()


def test_what_is_there_and_can_not_be_used_is_not_passed_over(tmp_path: Path) -> None:
    one, two = places(tmp_path, "one", "two")
    two.path.write_text("")
    one.path.mkdir()
    assert locate(None, [one, two]).path == one.path
    one.path.rmdir()
    one.path.symlink_to(tmp_path / "nowhere")
    assert locate(None, [one, two]).path == one.path


def test_one_that_others_can_write_is_refused_where_it_was_found_and_warned_of_where_it_was_named(tmp_path: Path) -> None:
    (one,) = places(tmp_path, "one")
    one.path.write_text("")
    one.path.chmod(0o666)
    found = locate(None, [one])
    assert f"everybody can write {one.path}" in found.problem
    assert found.problem.endswith(f"To use it all the same, name it: INCIDENT_CONFIG={one.path}")
    named = locate(Place(one.path, "INCIDENT_CONFIG"), [])
    assert (named.problem, len(named.notes)) == ("", 1)
    assert named.notes[0].endswith("It is used, since INCIDENT_CONFIG names it")


def test_a_folder_that_can_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    one, two = places(tmp_path, "one", "two")
    two.path.write_text("")
    monkeypatch.setattr(Path, "lstat", denied)  # root may look everywhere
    found = locate(None, [one])
    assert (found.path, found.notes) == (NONE, (f"{tmp_path / 'one'} can't be looked into for a configuration: permission denied",))


def test_without_one_the_run_says_so(tmp_path: Path) -> None:
    (one,) = places(tmp_path, "one")
    one.path.write_text("")
    assert locate(None, []).words.startswith("no configuration found: no service catalogue, no protected hosts")
    found = locate(Place(NONE, "INCIDENT_CONFIG"), [one])
    assert found.words.startswith("without a configuration, by INCIDENT_CONFIG")
    assert (found.left, found.digest) == (one.path, "")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for each place, and a run that would look into all of them."""
    for name in ("playbook", "inventory", "cfg", "work", "home/incident-response", "system"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("playbook/play.yml", "inventory/hosts", "cfg/ansible.cfg"):
        (tmp_path / name).touch()
    monkeypatch.delenv("INCIDENT_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "CONFIG_FILE", str(tmp_path / "cfg" / "ansible.cfg"))
    monkeypatch.setattr(_options, "_SYSTEM", tmp_path / "system")
    monkeypatch.chdir(tmp_path / "work")
    playbooks, sources = ("incident.response.restart_service", "../playbook/play.yml"), ("localhost,", str(tmp_path / "inventory" / "hosts"))
    arguments = {"args": playbooks, "inventory": sources}
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(arguments))
    return tmp_path


def found_by(given: str = "") -> Location:
    _options._searched.cache_clear()
    return _options._location({"config": given})


def test_the_places_are_looked_into_in_the_promised_order(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_by().path == NONE
    order = ("system", "home/incident-response", "work", "cfg", "inventory", "playbook")
    for name in order:  # each wins over those before
        (world / name / NAME).write_text(name)
        assert found_by().path == world / name / NAME
    assert len(found_by().notes) == len(order) - 1
    (world / "cfg" / "own.yml").touch()
    assert found_by("own.yml").path == world / "cfg" / "own.yml"  # of ansible.cfg: beside that
    assert found_by("own.yml").where == f"config in {world / 'cfg' / 'ansible.cfg'}"
    monkeypatch.setenv("INCIDENT_CONFIG", "own.yml")
    assert found_by("own.yml").path == world / "work" / "own.yml"
    assert found_by("own.yml").where == "INCIDENT_CONFIG"


def test_the_playbooks_of_the_collection_are_no_place_and_neither_is_a_pattern_of_hosts(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(_location.__file__).resolve().parents[2]
    assert _options._playbook_folder(str(root / "playbooks" / "tick.yml")) is None
    assert _options._playbook_folder("incident.response.tick") is None
    assert _options._playbook_folder("../playbook/play.yml") is not None
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict({"args": "playbook", "inventory": (str(world / "inventory"),)}))
    (world / "inventory" / NAME).touch()
    assert found_by().path == world / "inventory" / NAME  # a folder of inventories is the place itself


def test_paths_of_ansible_cfg_are_relative_to_it_and_those_of_the_environment_to_the_working_directory(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The courier works elsewhere: a relative key file would be another key."""
    monkeypatch.delenv("INCIDENT_JOURNAL_KEY_FILE", raising=False)
    assert _options._absolute("keys/one", "INCIDENT_JOURNAL_KEY_FILE") == str(world / "cfg" / "keys" / "one")
    monkeypatch.setenv("INCIDENT_JOURNAL_KEY_FILE", "keys/one")
    assert _options._absolute("keys/one", "INCIDENT_JOURNAL_KEY_FILE") == str(world / "work" / "keys" / "one")
    assert _options._absolute("", "INCIDENT_JOURNAL_KEY_FILE") == ""


@pytest.mark.parametrize("text", ["", "\n", "# services:\n", "---\n...\n", "\ufeff# cut off\n", "{}\n", "null"])
def test_one_that_says_nothing_protects_nobody_and_is_said(tmp_path: Path, text: str) -> None:
    (one,) = places(tmp_path, "one")
    one.path.write_text(text)
    found = locate(None, [one])
    assert found.empty
    assert found.words == f"configuration {one.path} (in one) is empty: no service catalogue, no protected hosts"
    one.path.write_text(f"{text}\nsafety: {{max_hosts: 2}}\n")
    found = locate(None, [one])
    assert not found.empty
    assert found.words == f"configuration {one.path} (in one)"


@pytest.mark.parametrize(
    ("text", "variable", "told"),
    [
        ("[incident_response]\nstat_dir = x\n", "", "stat_dir in [incident_response] of INI is read by nothing: did you mean state_dir?"),
        ("[incident_respons]\nstate_dir = x\n", "", "[incident_respons] in INI is read by nothing: did you mean [incident_response]?"),
        ("", "INCIDENT_STAT_DIR", "the variable INCIDENT_STAT_DIR is read by nothing: did you mean INCIDENT_STATE_DIR?"),
        ("", "ROCKETCHAT_TOKN", "the variable ROCKETCHAT_TOKN is read by nothing: did you mean ROCKETCHAT_TOKEN?"),
        ("[incident_response]\nstate_dir = x\n[defaults]\nstat = 1\n", "ROCKETCHAT_PORT", ""),
        ("no section", "INCIDENT_IO_API_KEY", ""),
    ],
)
def test_a_misspelt_setting_is_said(tmp_path: Path, text: str, variable: str, told: str) -> None:
    ini = tmp_path / "ansible.cfg"
    ini.write_text(text)
    known = yaml.safe_load(incident_timeline.DOCUMENTATION)["options"].values()
    found = _options.lookalikes(str(ini), frozenset({variable, "INCIDENT_ID", "PATH"}), known)
    assert found == ([told.replace("INI", str(ini))] if told else [])


@pytest.mark.parametrize(
    "name", ["incident-response.yaml", "incident_response.yml", "incident_response.yaml", "incident-respons.yml", "incident-reponse.yml"]
)
def test_one_by_nearly_the_name_is_named_since_it_is_not_read(tmp_path: Path, name: str) -> None:
    (one,) = places(tmp_path, "one")
    other = one.path.with_name(name)
    other.write_text("safety: {protected_hosts: [a]}\n")
    assert locate(None, [one]).notes == (f"{other} is not read: rename it to incident-response.yml",)
    one.path.write_text("safety: {protected_hosts: [a]}\n")
    assert locate(None, [one]).notes == ()
