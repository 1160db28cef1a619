# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the result of a task says, without secrets: why it failed, and on which hosts it was done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact, shown

_TEXT = 500
_EVIDENCE = 3000
_REFUSAL = "Nothing was touched"
"""What each refusal of ours says, on the controller and on hosts."""
_REASONS = 3
"""How many different reasons of a loop's items are told."""

Details = Mapping[str, Any]
"""The result of a task, or of an item of its loop, as a callback gets it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a task did on one host. `bad`: it failed there, or the host could not be reached. `items` are the results to read the reason in."""

    host: str
    changed: bool
    bad: bool
    items: Sequence[Details]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task failed, in the words of its result; `evidence` is what it saw, over several lines."""

    text: str = ""
    evidence: str = ""


def is_hidden(task: Any, details: Details) -> bool:
    """Whether nothing of the result may be told (no_log)."""
    return bool(task.no_log or details.get("_ansible_no_log") or "censored" in details)


def parts(host: str, details: Details, *, changed: bool, bad: bool, delegated: Callable[[Details], str]) -> list[Part]:
    """What the task did on each host: on `host`, unless it was delegated.

    `delegated` says to which host the result, or an item of it, was; empty where to none. A loop may have gone to several.
    """
    items = _items(details)
    if not items:
        return [Part(delegated(details) or host, changed, bad, [details])]
    hosts: dict[str, list[Details]] = {}
    for item in items:
        hosts.setdefault(host if item.get("skipped") else delegated(item) or host, []).append(item)
    if len(hosts) == 1:
        return [Part(next(iter(hosts)), changed, bad, items)]
    done = {name: each for name, each in hosts.items() if not all(item.get("skipped") for item in each)} or hosts
    return [Part(name, any(item.get("changed") for item in each), any(_is_bad(item) for item in each), each) for name, each in done.items()]


def reason(items: Sequence[Details], known: Collection[str]) -> Reason:
    """Read it from the results, without the `known` secrets. A loop's reasons are its failed items'; what is not logged says nothing."""
    open_items = [each for item in items for each in _items(item) or [item] if not each.get("_ansible_no_log") and "censored" not in each]
    failed = [item for item in open_items if _is_bad(item)] or open_items[:1]
    words = list(dict.fromkeys(shown(str(item["msg"]), _TEXT, known) for item in failed if item.get("msg")))
    more = f"; and {len(words) - _REASONS} more reasons" if len(words) > _REASONS else ""
    evidence = "\n".join(str(item["evidence"]) for item in failed if item.get("evidence"))
    if not evidence:
        return Reason(cut("; ".join(words[:_REASONS]) + more, _TEXT))
    from ansible_collections.incident.response.plugins.module_utils._core.decisive import kept  # rarely needed, and not cheap

    room = 16 * _EVIDENCE  # to look through all of a very long text would take long
    end = evidence if len(evidence) <= room else evidence[-room:].partition("\n")[2] or evidence[-room:]
    evidence = kept(redact(end, known), _EVIDENCE)
    return Reason(cut("; ".join(words[:_REASONS]) + more, _TEXT), evidence)


def refuses(details: Details) -> bool:
    """Whether a failure says that nothing was touched; of a loop, each item that failed does."""
    failed = [item for item in _items(details) if _is_bad(item)] or [details]
    return all(_REFUSAL in str(item.get("msg", "")) for item in failed)


def will_be_rescued(task: Any) -> bool:
    """Whether a failure of the task is met by the rescue of a block round it."""
    child, block = task, task._parent
    while block is not None:
        if getattr(block, "rescue", None) and any(each._uuid == child._uuid for each in block.block):
            return True
        child, block = block, block._parent
    return False


def _items(details: Details) -> list[Details]:
    """The results of a loop's items; none where it is no loop, or a module returned a list of its own by this name."""
    found = details.get("results")
    return [item for item in found if isinstance(item, Mapping) and "ansible_loop_var" in item] if isinstance(found, (list, tuple)) else []


def _is_bad(item: Details) -> bool:
    """Whether a loop's item failed, or its host was lost. From ansible-core 2.20 on no key says so plainly."""
    if item.get("unreachable"):
        return True
    for key in ("failed", "failed_when_result"):
        if item.get(key) is not None:
            return bool(item[key])
    return "exception" in item or bool(item.get("rc"))
