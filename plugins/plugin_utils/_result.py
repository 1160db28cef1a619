# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the result of a task, without secrets: why it failed, and on which hosts it was done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact, shown

_TEXT = 500
_EVIDENCE = 3000
_REFUSAL = "Nothing was touched"
"""The text in each of our refusals, on the controller and on hosts."""
_REASONS = 3
"""The largest number of different reasons of a loop's items in a text."""

Details = Mapping[str, Any]
"""The result of a task, or of an item of its loop, in the form that a callback gets."""


@dataclass(frozen=True, slots=True)
class Part:
    """The work of a task on one host. `bad`: it failed there, or the host could not be reached. `items` are the results that contain the reason."""

    host: str
    changed: bool
    bad: bool
    items: Sequence[Details]


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why a task failed, from its result. `evidence` is its output, over several lines."""

    text: str = ""
    evidence: str = ""


def is_hidden(task: Any, details: Details) -> bool:
    """Whether the result must stay secret (no_log)."""
    return bool(task.no_log or details.get("_ansible_no_log") or "censored" in details)


def parts(host: str, details: Details, *, changed: bool, bad: bool, delegated: Callable[[Details], str]) -> list[Part]:
    """The work of the task on each host: on `host`, unless it was delegated. `delegated` returns the host to which the result, or one of its items,
    was delegated; empty for none. A loop may have several hosts."""
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
    """Read the reason from the results, without the `known` secrets. The reason of a loop comes from its failed items. Results that are not logged
    are ignored."""
    open_items = [each for item in items for each in _items(item) or [item] if not each.get("_ansible_no_log") and "censored" not in each]
    failed = [item for item in open_items if _is_bad(item)] or open_items[:1]
    words = list(dict.fromkeys(shown(str(item["msg"]), _TEXT, known) for item in failed if item.get("msg")))
    more = f"; and {len(words) - _REASONS} more reasons" if len(words) > _REASONS else ""
    evidence = "\n".join(str(item["evidence"]) for item in failed if item.get("evidence"))
    if not evidence:
        return Reason(cut("; ".join(words[:_REASONS]) + more, _TEXT))
    from ansible_collections.incident.response.plugins.module_utils._core.decisive import kept  # rarely needed, and slow

    room = 16 * _EVIDENCE  # searching a very long text would be slow
    end = evidence if len(evidence) <= room else evidence[-room:].partition("\n")[2] or evidence[-room:]
    evidence = kept(redact(end, known), _EVIDENCE)
    return Reason(cut("; ".join(words[:_REASONS]) + more, _TEXT), evidence)


def refuses(details: Details) -> bool:
    """Whether a failure says that nothing was touched. In a loop, each failed item must say so."""
    failed = [item for item in _items(details) if _is_bad(item)] or [details]
    return all(_REFUSAL in str(item.get("msg", "")) for item in failed)


def will_be_rescued(task: Any) -> bool:
    """Whether the rescue of a surrounding block handles a failure of the task."""
    child, block = task, task._parent
    while block is not None:
        if getattr(block, "rescue", None) and any(each._uuid == child._uuid for each in block.block):
            return True
        child, block = block, block._parent
    return False


def _items(details: Details) -> list[Details]:
    """The results of a loop's items; empty if it is no loop, or if a module returned its own list with this name."""
    found = details.get("results")
    return [item for item in found if isinstance(item, Mapping) and "ansible_loop_var" in item] if isinstance(found, (list, tuple)) else []


def _is_bad(item: Details) -> bool:
    """Whether a loop's item failed, or its host was lost. Since ansible-core 2.20, no key says this directly."""
    if item.get("unreachable"):
        return True
    for key in ("failed", "failed_when_result"):
        if item.get(key) is not None:
            return bool(item[key])
    return "exception" in item or bool(item.get("rc"))
