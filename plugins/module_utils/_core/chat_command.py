# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands that people write in an incident's room: `!escalate the pool is exhausted`, `!ack`, `!publish 1a2b3c`."""

from __future__ import annotations

import re
from dataclasses import dataclass

ESCALATE, ACKNOWLEDGE, PUBLISH = "escalate", "acknowledge", "publish"
_WORDS = {"!escalate": ESCALATE, "!ack": ACKNOWLEDGE, "!acknowledge": ACKNOWLEDGE, "!publish": PUBLISH}
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Command:
    """The command, and the text after it."""

    name: str
    words: str


def parse(text: str) -> Command | None:
    """Parse a command; None for any other message. The message must begin with the command: mentioning a command is not a command."""
    found = re.match(r"\s*(![A-Za-z]+)\b[\s:,-]*(.*)", text, re.DOTALL)
    name = _WORDS.get(found[1].lower()) if found else None
    return Command(name, " ".join(found[2].split())[:_LONGEST]) if found and name else None
