# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tasks are detail: nobody would tell that they went well."""

from __future__ import annotations

from typing import Any

_BUILTIN = {
    "validate_argument_spec", "include_role", "include_tasks", "import_role", "import_tasks", "include_vars", "set_fact", "assert", "fail", "meta",
    "add_host", "group_by",
}  # fmt: skip
"""Ansible's own that decide what is done, and do nothing themselves."""
_OURS = {"incident.response.action_begin", "incident.response.service_health"}
"""Ours whose result the plan and the verdict say in words."""
_COLLECTION, LOOK = "incident.response.", "Look "
"""How the names of our tasks begin that only look at something: what they see is in the plan, or in a verdict."""
_PREFIXES = ("ansible.builtin.", "ansible.legacy.")


def is_detail(task: Any) -> bool:
    """Whether the task's results are detail where they are ok. Those that were skipped are always, and no other is.

    It is decided by its action, or by its name, where it is one of ours that only looks; or since it can neither change anything nor fail: by
    `changed_when: false` with `failed_when: false`.
    """
    action = str(task.action)
    for prefix in _PREFIXES:
        action = action.removeprefix(prefix)
    looks = action.startswith(_COLLECTION) and str(task.name).startswith(LOOK)
    return looks or action in _BUILTIN or action in _OURS or (_never(task.changed_when) and _never(task.failed_when))


def _never(condition: Any) -> bool:
    return condition is False or (isinstance(condition, (list, tuple)) and len(condition) == 1 and condition[0] is False)
