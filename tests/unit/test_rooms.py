# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which part may import which: the direction that docs/adr and CONTRIBUTING promise."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
PREFIX = "ansible_collections.incident.response.plugins."
UTILS = "module_utils."
MAY = {
    "module_utils/_core": {"module_utils._core"},
    "module_utils/_ports.py": {"module_utils._core"},
    "module_utils/_gate.py": {"module_utils._core"},
    "module_utils/_owned.py": set(),
    "module_utils/_state.py": {"module_utils._owned"},
    "module_utils/_libraries.py": set(),
    "module_utils/_limit.py": set(),
    "module_utils/_command.py": set(),
    "module_utils/_backends": {"module_utils._core", "module_utils._command", "module_utils._limit", "module_utils._backends"},
    "module_utils/_journal": {
        "module_utils._core",
        "module_utils._gate",
        "module_utils._ports",
        "module_utils._owned",
        "module_utils._state",
        "module_utils._journal",
    },  # fmt: skip
    "module_utils/_exchange.py": {"module_utils._core", "module_utils._limit"},
    "module_utils/_http.py": {"module_utils._core", "module_utils._gate", "module_utils._exchange", "module_utils._libraries"},
    "module_utils/_oncall": {
        "module_utils._core",
        "module_utils._http",
        "module_utils._libraries",
        "module_utils._limit",
        "module_utils._oncall",
        "module_utils._ports",
    },  # fmt: skip
    "module_utils/_mail.py": {"module_utils._gate", "module_utils._limit"},
    "module_utils/_paging": {"module_utils._core", "module_utils._http", "module_utils._mail", "module_utils._ports"},
    "module_utils/_statuspage": {
        "module_utils._core",
        "module_utils._gate",
        "module_utils._http",
        "module_utils._libraries",
        "module_utils._ports",
        "module_utils._statuspage",
    },  # fmt: skip
    "module_utils/_rocketchat": {
        "module_utils._core",
        "module_utils._exchange",
        "module_utils._gate",
        "module_utils._libraries",
        "module_utils._ports",
        "module_utils._rocketchat",
    },  # fmt: skip
    "module_utils/_usecases": {"module_utils._core", "module_utils._gate", "module_utils._ports", "module_utils._usecases"},
    "modules": {"module_utils"},
    "action": {"module_utils", "modules", "plugin_utils"},
    "callback": {
        "module_utils._core",
        "module_utils._gate",
        "module_utils._libraries",
        "module_utils._rocketchat.connect",
        "module_utils._state",
        "plugin_utils",
    },  # fmt: skip
    "lookup": {"module_utils._core", "plugin_utils"},
    "plugin_utils/_wiring": {"module_utils", "plugin_utils._config", "plugin_utils._options", "plugin_utils._wiring"},
    "plugin_utils/_courier": {
        "module_utils",
        "plugin_utils._chat_lock",
        "plugin_utils._config",
        "plugin_utils._courier",
        "plugin_utils._options",
        "plugin_utils._process",
        "plugin_utils._spool",
        "plugin_utils._spool_lines",
        "plugin_utils._wiring",
    },  # fmt: skip
    "plugin_utils": {"module_utils", "plugin_utils"},
    "doc_fragments": set(),
}
"""For each room, what of the collection its files may import."""


def imported(path: Path) -> set[str]:
    """The modules of the collection that a file imports, from `plugins.` on, and all others by their first name."""
    here = path.relative_to(PLUGINS).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = [*here[: len(here) - node.level], *(node.module.split(".") if node.module else [])]
            found |= {PREFIX + ".".join([*base, *([alias.name] if not node.module else [])]) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module.startswith(PREFIX[:-1]) else {node.module}
    return found


FILES = sorted(PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_imports_go_in_the_promised_direction(path: Path) -> None:
    name = str(path.relative_to(PLUGINS))
    room = next(room for room in MAY if name == room or name.startswith(f"{room}/"))
    ours = {each.removeprefix(PREFIX) for each in imported(path) if each.startswith(PREFIX)}
    assert {each for each in ours if not any(each == allowed or each.startswith(f"{allowed}.") for allowed in MAY[room])} == set()


def test_no_import_leads_back_to_where_it_came_from() -> None:
    """Neither among files nor among rooms, late imports included. `pytest -s` prints the picture: each room, and the rooms that it imports."""
    files = {".".join(path.relative_to(PLUGINS).with_suffix("").parts): path for path in FILES}
    graph = {name: {at for each in imported(path) if (at := file_of(each.removeprefix(PREFIX), files))} - {name} for name, path in files.items()}
    assert sum(map(len, graph.values())) > 500
    list(TopologicalSorter(graph).static_order())  # raises CycleError
    rooms: dict[str, set[str]] = {}
    for name, others in graph.items():
        rooms.setdefault(room_of(name), set()).update(room_of(each) for each in others if room_of(each) != room_of(name))
    for room in TopologicalSorter(rooms).static_order():
        print(f"{room} -> {', '.join(sorted(rooms.get(room, ()))) or 'nothing'}")


def file_of(name: str, files: Mapping[str, Path]) -> str:
    """The file in which an imported name is; empty if it is a package."""
    return next((each for each in (name, name.rpartition(".")[0]) if each in files), "")


def room_of(name: str) -> str:
    """The room of a file: its folder below module_utils, or the loose file there; elsewhere the first folder."""
    first, second = (*name.split("."), "")[:2]
    return f"{first}.{second}" if first == "module_utils" else first


@pytest.mark.parametrize("path", [path for path in FILES if "_core" in path.parts], ids=lambda path: path.name)
def test_the_core_needs_the_standard_library_only(path: Path) -> None:
    others = {each.partition(".")[0] for each in imported(path) if not each.startswith(PREFIX)}
    assert others <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", [path for path in FILES if "_backends" in path.parts], ids=lambda path: path.name)
def test_what_runs_on_hosts_needs_the_standard_library_and_what_comes_with_each_module(path: Path) -> None:
    others = {each for each in imported(path) if not each.startswith(PREFIX)} - {"ansible.module_utils.basic"}
    assert {each.partition(".")[0] for each in others} <= set(sys.stdlib_module_names)


def test_the_core_passes_its_tests_without_ansible() -> None:
    """In an interpreter that finds no package called ansible."""
    tests = ["-q", "-p", "no:cacheprovider", "tests/unit/test_core.py"]
    program = f"import sys; sys.modules['ansible'] = None; import pytest; sys.exit(pytest.main({tests}))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
