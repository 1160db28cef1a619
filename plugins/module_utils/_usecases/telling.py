# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The result of telling people about an incident, and its texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core import chat_text
from .._core.severity import Severity
from .._ports import Journal
from .chat_room import CALL

WAIT = 5.0
"""Seconds to wait for a required delivery, unless more is configured."""
URGENT = {Severity.P0, Severity.P1}
"""The severities whose calls must be delivered."""


def told(
    journal: Journal, incident: str, *, chat: bool, held: str = "", people: Sequence[str] | None = None, calls: bool = False, pages: bool = False,
    wrote: range | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The delivery state of the incident in chat, as `told` of a result. `held` is the reason why chat gets nothing now. `people` must be mentioned;
    default is the people of the severity. With `calls`, it counts as undelivered if nobody could be called, unless a notifier `pages`. `wrote` are
    the positions of the task's entries (default: all); `mentioned` are the people whom they mention."""
    state = journal.incident(incident)
    pending, troubles = journal.pending(incident), journal.troubles(incident)
    mentioned = _mentioned(journal, incident, wrote) if chat else []
    reached = bool(mentioned or journal.recall(incident, "told")) if people is None else bool({*people} & {*mentioned})
    uncalled = any(journal.recall(incident, key) for key in (f"trouble {CALL}", *(f"trouble {CALL} {name}" for name in people or ())))
    nobody = calls and uncalled and not reached and not pages
    reasons = [held, *troubles] if pending else troubles  # the current reason comes first, because a trouble may be old
    unknown = "chat has not answered yet; it goes on in the background" if pending else ""
    why = "; ".join(dict.fromkeys(filter(None, reasons))) or unknown
    return {
        "incident": state.name, "channel": state.channel, "url": state.url, "mentioned": mentioned, "pending": pending, "chat": chat,
        "required": False, "delivered": chat and not pending and not nobody, "why": why if chat else "no chat is configured here", "call": "",
    }  # fmt: skip


def _mentioned(journal: Journal, incident: str, wrote: range | None) -> list[str]:
    """The mentioned people in the delivered messages for these entries who could be called: first the people of the severity."""
    told = journal.recall(incident, "told").split()
    shown = [sent for _row, sent in journal.sent(incident) if wrote is None or any(each in wrote for each in range(sent.first, sent.last + 1))]
    named = dict.fromkeys(name for sent in shown for name in chat_text.mentioned(sent.text))
    return [name for name in dict.fromkeys([*told, *named]) if name in named and not journal.recall(incident, f"trouble {CALL} {name}")]


def words(told: Mapping[str, Any]) -> str:
    """The message: it is recorded, what is missing, whom to call, and what to do."""
    what = "not all of it was told in chat" if told["mentioned"] or told["delivered"] else "NOBODY WAS TOLD in chat"
    call = f" Call {told['call']}." if told["call"] else ""
    later = " It is told when chat takes it: ansible-playbook incident.response.deliver" if told["chat"] else ""
    return f"{told['incident']} is recorded, and {what}: {told['why'].rstrip('.')}.{call}{later}"
