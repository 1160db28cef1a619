# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints what the chat of the demo shows: each room's messages, and under each what stands in its thread.

shown.py URL
"""

from __future__ import annotations

import json
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from typing import Any

HIDDEN = {"service-locks"}
"""Rooms in which programs keep each other out."""
WIDTH = 110


def lines(state: dict[str, Any]) -> Iterator[str]:
    """The rooms, first the one that tells of all incidents."""
    rooms = [room for room in state["rooms"] if room["name"] not in HIDDEN]
    for room in sorted(rooms, key=lambda each: (each["name"] != "incidents", str(each["name"]))):
        messages = [message for message in room["messages"] if not message.get("t")]
        if messages:
            yield f"#{room['name']}{'  (' + room['topic'] + ')' if room.get('topic') else ''}"
        for message in (each for each in messages if not each.get("tmid")):
            yield from indented(message["msg"], "  ")
            for reply in (each for each in messages if each.get("tmid") == message["_id"]):
                yield from indented(reply["msg"], "    | ")


def indented(text: str, before: str) -> Iterator[str]:
    """A message's lines, without the fences of code."""
    for line in text.splitlines():
        if line != "```":
            yield from textwrap.wrap(line, WIDTH, initial_indent=before, subsequent_indent=f"{before}  ") or [""]


def main() -> None:
    with urllib.request.urlopen(f"{sys.argv[1]}/_state", timeout=10) as answer:  # noqa: S310 - loopback
        print("\n".join(lines(json.load(answer))))


if __name__ == "__main__":
    main()
