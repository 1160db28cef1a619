# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares a record with chat: the last reply of each run has the number of entries and the head."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._ports import Journal

_SEEN = re.compile(r"^record: (\d{1,9}) entries, head `([0-9a-f]{12})`\Z", re.MULTILINE)


def doubt(journal: Journal, incident: str, replies: Iterable[str]) -> tuple[int, str] | None:
    """The first entry that differs from the bot's `replies` in chat, and why; None if none differs."""
    seen = sorted((int(found[1]), found[2]) for found in map(_SEEN.search, replies) if found)
    for count, head in seen:
        there = journal.seal_of(incident, count)
        if there is None:
            return count, f"chat has seen {seen[-1][0]} entries, and entry {count} is not here any more: an older copy of the record was put back"
        if not there.startswith(head):
            return count, f"entry {count} is not the one that chat has seen"
    return None
