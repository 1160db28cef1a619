# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each command that is printed can be pasted: nothing is glued to its end, and no sentence follows it on its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"ansible(?:-playbook|-inventory| localhost)(?: -[\w-]+| incident\.response\.).*")
FILES = sorted(each for room in ("action", "callback", "lookup", "plugin_utils", "module_utils") for each in (ROOT / "plugins" / room).rglob("*.py"))


def printed(path: Path) -> list[str]:
    """What stands from each command on, in the text that it is in."""
    found = COMMAND.findall(path.read_text())
    return [re.split(r"(?<!\\)[\"`]", re.sub(r"\{[^{}]*\}", "X", each))[0] for each in found]


def test_there_are_commands() -> None:
    assert sum(len(printed(path)) for path in FILES) > 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_printed_command_ends_its_line(path: Path) -> None:
    for command in printed(path):
        assert not re.search(r"[.,;:]( |$)", command), command
        assert not re.search(r" [A-Z][a-z]+ [a-z]+", command), command
