# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shortens texts for people, but never inside a mention, an emoji, or a letter with its accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = {"Mn", "Me", "Mc"}
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_RIGHT_TO_LEFT = {"R", "AL"}
_ISOLATE, _END = "\u2068", "\u2069"


def clip(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with `…` for a removed part."""
    if len(text) <= limit:
        return text
    end = max(0, limit - 1)
    while end and _one_character(text[end - 1], text[end]):
        end -= 1
    word = max(text.rfind(blank, 0, end) for blank in " \n") + 1
    if text[word : word + 1] in {"@", "#"} and not text[end].isspace():
        end = word
    return text[:end].rstrip() + "…"


def line(text: str) -> str:
    """`text` as one line, without control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def names(of: Sequence[str], noun: str, room: int = 60) -> str:
    """The first names, as many as fit into `room` characters (at least one), and the number of the others."""
    shown: list[str] = []
    for name in of:
        if shown and len(", ".join([*shown, name])) > room:
            break
        shown.append(clip(name, room))
    more = len(of) - len(shown)
    return ", ".join(shown) + (f" and {more} more {noun}{'' if more == 1 else 's'}" if more else "")


def isolated(text: str) -> str:
    """`text` isolated, so that right-to-left letters do not change the order of the surrounding text."""
    if text.isascii() or not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return text
    return f"{_ISOLATE}{text}{_END}"


def _one_character(before: str, after: str) -> bool:
    """Whether the two characters are displayed as one, or as parts of one."""
    code = ord(after)
    if before == _ZERO_WIDTH_JOINER or after == _ZERO_WIDTH_JOINER or unicodedata.category(after) in _MARKS:
        return True
    return code in _SKIN_TONES or code in _TAGS or (code in _FLAG_LETTERS and ord(before) in _FLAG_LETTERS)
