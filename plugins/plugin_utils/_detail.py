# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides which tasks are detail: their success is unimportant for readers."""

from __future__ import annotations

from typing import Any

_BUILTIN = {
    "validate_argument_spec", "include_role", "include_tasks", "import_role", "import_tasks", "include_vars", "set_fact", "assert", "fail", "meta",
    "add_host", "group_by",
}  # fmt: skip
"""Ansible's actions that only decide, and change nothing."""
_OURS = {"incident.response.action_begin", "incident.response.service_health_info", "incident.response.service_health"}
"""Our actions whose result is in the plan or in the verdict."""
_COLLECTION, LOOK = "incident.response.", "Look "
"""The first words of our tasks that only check something: the result is in the plan, or in a verdict."""
_PREFIXES = ("ansible.builtin.", "ansible.legacy.")


def is_detail(task: Any) -> bool:
    """Whether the task's ok results are detail. Skipped results are always detail, and other results never. A task is detail by its action; by its
    name, for our tasks that only check; or if it can neither change anything nor fail (`changed_when: false` with `failed_when: false`)."""
    action = str(task.action)
    for prefix in _PREFIXES:
        action = action.removeprefix(prefix)
    looks = action.startswith(_COLLECTION) and str(task.name).startswith(LOOK)
    return looks or action in _BUILTIN or action in _OURS or (_never(task.changed_when) and _never(task.failed_when))


def _never(condition: Any) -> bool:
    return condition is False or (isinstance(condition, (list, tuple)) and len(condition) == 1 and condition[0] is False)
