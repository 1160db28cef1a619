# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the result of a task says, without secrets, and what Ansible will make of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact

_TEXT = 500
_EVIDENCE = 3000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task failed, in the words of its result; `evidence` is what it saw, over several lines."""

    text: str = ""
    evidence: str = ""


def reason(details: Mapping[str, Any], known: Collection[str]) -> Reason:
    """Read it from a result, without the `known` secrets."""
    return Reason(cut(redact(str(details.get("msg", "")), known), _TEXT), redact(cut(str(details.get("evidence") or ""), _EVIDENCE), known))


def is_hidden(task: Any, details: Mapping[str, Any]) -> bool:
    """Whether nothing of the result may be told (no_log)."""
    return bool(task.no_log or details.get("_ansible_no_log") or "censored" in details)


def will_be_rescued(task: Any) -> bool:
    """Whether a failure of the task is met by the rescue of a block round it."""
    child, block = task, task._parent
    while block is not None:
        if getattr(block, "rescue", None) and any(each._uuid == child._uuid for each in block.block):
            return True
        child, block = block, block._parent
    return False
