# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What chat has seen of a record: the last reply of each run has its count of entries and its head."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._ports import Journal

_SEEN = re.compile(r"^record: (\d{1,9}) entries, head `([0-9a-f]{12})`\Z", re.MULTILINE)


def doubt(journal: Journal, incident: str, replies: Iterable[str]) -> tuple[int, str] | None:
    """The first entry that isn't the one that chat has seen, by the bot's `replies`, and why; None where all are."""
    seen = sorted((int(found[1]), found[2]) for found in map(_SEEN.search, replies) if found)
    for count, head in seen:
        there = journal.seal_of(incident, count)
        if there is None:
            return count, f"chat has seen {seen[-1][0]} entries, and entry {count} is not here any more: an older copy of the record was put back"
        if not there.startswith(head):
            return count, f"entry {count} is not the one that chat has seen"
    return None
