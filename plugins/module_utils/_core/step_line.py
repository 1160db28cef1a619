# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last line of a successful step: the incident, the result, the channel, and the mentioned people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .columns import fitted, plain

_NOTED = 120
NOTHING_NEW = "nothing new, it was so already"


def entries(count: int) -> str:
    """The number of entries as text."""
    return f"{count} entr{'y' if count == 1 else 'ies'}"


def lacking(count: int) -> str:
    """The text about entries that are not in chat."""
    return f"{entries(count)} {'is' if count == 1 else 'are'} not in chat"


def line(told: Mapping[str, Any], what: str, mentioned: Iterable[str] = (), noted: Iterable[str] = ()) -> str:
    """The line of a step. `told` comes from the result: undelivered entries have no channel, and mention nobody. `noted` is the recorded text."""
    people = ", ".join(f"@{name}" for name in dict.fromkeys(mentioned))
    where = f" · in #{told['channel']}" if told["delivered"] and told["channel"] else ""
    who = f" · mentioned: {people}" if where and people else ""
    words = "".join(f" · {fitted(plain(text), _NOTED)}" for text in noted)
    return f"{told['incident']} · {what}{words}{where}{who}"


def delivered(before: Mapping[str, str], after: Mapping[str, str], counts: Mapping[str, int], runs: int) -> list[str]:
    """The line about delivered entries: the incident's name `before` and `after` (chat may have numbered it since), and the number of entries."""
    lines = []
    for incident, name in after.items():
        renamed = f"{before[incident]} is now {name}" if before.get(incident, name) != name else name
        lines.append(f"{renamed} · {entries(counts.get(incident, 0))} brought to chat")
    return [*lines, *([f"{runs} run{'s' if runs > 1 else ''} brought to the journal"] if runs else [])] or ["nothing was pending"]
