# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text for a terminal: other people's text can't move the cursor, and its width is computed correctly."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDTH = 80
"""The default width of the output in columns."""
_LINE_END = " ⏎ "


def plain(text: object) -> str:
    """The text on one line, without escapes and direction marks."""
    line = _LINE_END.join(part.strip() for part in str(text).splitlines() if part.strip())
    return "".join(char if char.isprintable() else "" if unicodedata.category(char) == "Cf" else " " for char in line)


def width(text: str) -> int:
    """The width of the text in columns: zero for a combining character, two for a wide one."""
    return sum(_columns(char) for char in text)


def fitted(text: str, columns: int) -> str:
    """The text in at most that many columns, with `…` at the end if something is missing. No character loses its accents."""
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
    """One line for each row, with aligned cells. The last cell is cut if the line would be wider than `columns`."""
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
