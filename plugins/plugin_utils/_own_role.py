# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the role of an action before it is locked or planned. A backend that is missing, or that can't only look, must not be found out later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError

_PAGE = "docs/actions.md shows how a backend is written. Nothing was touched."
_FILES = (".yml", ".yaml")


def refuse(role: str, backend: str, variables: Mapping[str, Any], *, stateful: bool) -> None:
    """Raises AnsibleError for a role without the backend, and for the backend of a stateful action that never sets ROLE_seen: in the look before the
    plan, it would make the change. A role that is not around the task is not checked."""
    names, short = {role, Path(role).name, role.rpartition(".")[2]}, role.rpartition(".")[2]
    paths = [Path(str(each)) for each in variables.get("ansible_parent_role_paths") or []]
    folder = next((path / "tasks" for path in paths if path.name in names), None)
    if folder is None or not folder.is_dir():
        return
    if not any((folder / f"{backend}{end}").is_file() for end in _FILES):
        others = sorted(path.stem for path in folder.iterdir() if path.suffix in _FILES and path.stem != "main")
        there = f"it has {', '.join(others)}" if others else "it has none"
        raise AnsibleError(f"The role {role} has no backend {backend} (tasks/{backend}.yml): {there}. {_PAGE}")
    if stateful and not re.search(rf"\b{re.escape(short)}_seen\b", _said(folder)):
        raise AnsibleError(
            f"No task of the role {role} sets {short}_seen, so the backend can't only look, as the plan asks it to. "
            f"If the action changes no state, set action_stateful: false. {_PAGE}"
        )


def texts(role: str, playbook_dir: str) -> str | None:
    """All that the role's files say; None if it is not found in the folders of roles, as one of another collection."""
    roles = [Path(playbook_dir) / "roles", *map(Path, constants.config.get_config_value("DEFAULT_ROLES_PATH"))]
    if role.startswith("incident.response."):
        roles = [Path(__file__).parents[2] / "roles"]
    found = next((folder for each in roles if (folder := each / role.rpartition(".")[2]).is_dir()), None)
    return _said(found) if found else None


def _said(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*")) if path.suffix in _FILES)
