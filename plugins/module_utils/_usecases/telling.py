# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of telling people of an incident, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core import chat_text
from .._core.incident import derive
from .._core.severity import Severity
from .._ports import Journal
from .chat_room import CALL

WAIT = 5.0
"""Seconds to wait for delivery where it is required, unless more is configured."""
URGENT = {Severity.P0, Severity.P1}
"""Where somebody is called, it has to be delivered."""


def told(
    journal: Journal, incident: str, *, chat: bool, held: str = "", people: Sequence[str] | None = None, calls: bool = False, pages: bool = False,
    wrote: range | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What chat has of the incident, as `told` of a result. `held` is what holds chat up now; `people` those who were to be named, else whom the
    severity tells. Where somebody `calls` it is not delivered while nobody could be called, unless something else `pages`.

    `wrote` are the places of the entries that the task wrote, by default of all: `mentioned` is whom these named.
    """
    state = derive(incident, journal.entries(incident))
    pending, troubles = journal.pending(incident), journal.troubles(incident)
    mentioned = _mentioned(journal, incident, wrote) if chat else []
    reached = bool(mentioned or journal.shown(incident, "told")) if people is None else bool({*people} & {*mentioned})
    uncalled = any(journal.shown(incident, key) for key in (f"trouble {CALL}", *(f"trouble {CALL} {name}" for name in people or ())))
    nobody = calls and uncalled and not reached and not pages
    reasons = [held, *troubles] if pending else troubles  # what holds it up now is said first: a trouble may be an old one
    unknown = "chat has not answered yet; it goes on in the background" if pending else ""
    why = "; ".join(dict.fromkeys(filter(None, reasons))) or unknown
    return {
        "incident": state["name"], "channel": state["channel"], "url": state["url"], "mentioned": mentioned, "pending": pending, "chat": chat,
        "required": False, "delivered": chat and not pending and not nobody, "why": why if chat else "no chat is configured here", "call": "",
    }  # fmt: skip


def _mentioned(journal: Journal, incident: str, wrote: range | None) -> list[str]:
    """Who is named in what chat has about these entries, and could be called: first those whom the severity tells."""
    told = journal.shown(incident, "told").split()
    shown = [sent for _row, sent in journal.sent(incident) if wrote is None or any(each in wrote for each in range(sent.first, sent.last + 1))]
    named = dict.fromkeys(name for sent in shown for name in chat_text.mentioned(sent.text))
    return [name for name in dict.fromkeys([*told, *named]) if name in named and not journal.shown(incident, f"trouble {CALL} {name}")]


def words(told: Mapping[str, Any]) -> str:
    """That it is recorded, and what is missing; then whom to call, and what to do."""
    what = "not all of it was told in chat" if told["mentioned"] or told["delivered"] else "NOBODY WAS TOLD in chat"
    call = f" Call {told['call']}." if told["call"] else ""
    later = " It is told when chat takes it: ansible-playbook incident.response.deliver" if told["chat"] else ""
    return f"{told['incident']} is recorded, and {what}: {told['why'].rstrip('.')}.{call}{later}"
