# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text for a terminal: what others wrote moves no cursor, and is as wide as it is counted."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDTH = 80
"""Columns of a terminal that is readable beside another one."""
_LINE_END = " ⏎ "


def plain(text: object) -> str:
    """The text on one line, without what a terminal would obey: escapes, and marks that turn the direction of writing round."""
    line = _LINE_END.join(part.strip() for part in str(text).splitlines() if part.strip())
    return "".join(char if char.isprintable() else "" if unicodedata.category(char) == "Cf" else " " for char in line)


def width(text: str) -> int:
    """How many columns a terminal needs for it: none for what is put on the character before, two for a wide one."""
    return sum(_columns(char) for char in text)


def fitted(text: str, columns: int) -> str:
    """The text in so many columns at most, its end marked by `…` where something is missing. No character loses its accents."""
    if width(text) <= columns:
        return text
    used, end = 0, 0
    for place, char in enumerate(text):
        used += _columns(char)
        if used > columns - 1:
            break
        end = place + 1
    return text[:end].rstrip() + "…"


def table(rows: Sequence[Sequence[str]], columns: int = WIDTH, *, indent: str = "  ") -> list[str]:
    """A line for each row, its cells below each other; the last cell is cut where the line would be wider than `columns`."""
    if not rows:
        return []
    widths = [max(width(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    found = []
    for row in rows:
        start = indent + "".join(cell + " " * (size - width(cell) + 2) for cell, size in zip(row, widths, strict=False))
        found.append((start + fitted(row[-1], max(columns - width(start), 8))).rstrip())
    return found


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
