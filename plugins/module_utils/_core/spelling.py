# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds known secrets in a text in any encoding. The text is decoded like a program would: escapes of JSON, URLs, HTML, mails and terminals are
undone repeatedly, upper case becomes lower case, and blanks and quotes are removed (except for short secrets). Base64 and hex forms are searched
directly. Matches are masked in the original text."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from urllib.parse import quote_plus

SHORT = 8
"""Secrets shorter than this are searched with blanks: "past" must not be found in "up a st"."""
_PART = 6
"""The number of a secret's characters that identify it at the end of a cut text."""
_ROUNDS = 4
_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&(?:#x[0-9A-Fa-f]{1,6}|#\d{1,7}|[A-Za-z]{2,8});|(?:\\u[0-9A-Fa-f]{4})+|(?:\\x[0-9A-Fa-f]{2})+|\\[nrtbf\"'/\\]"
    r"|(?:\\[0-3][0-7]{2})+|(?:=[0-9A-F]{2})+|=\r?\n|\x1b\[[0-9;:?]*[@-~]"
)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_LEFT_OUT = dict.fromkeys([*map(ord, " \t\n\r\v\f\b\"'\\`\u00a0\u00ad\u200b\u200c\u200d\u2028\u2029\u2060\ufeff"), *range(0x1C, 0x20)])
_CUT = re.compile(r"\s?(?:…|\.\.\.|[\[(<]?truncated|[\[(<]?snip)")

_Chars = list[tuple[str, int, int]]
"""Characters, each with its start and end in the text."""


def hide(text: str, secrets: Collection[str], mask: str) -> str:
    """`text` with a `mask` for each of the secrets."""
    needles = [needle for secret in secrets if secret and secret not in mask for needle in _needles(secret)]
    spans = sorted(_spans(text, needles)) if needles else []
    out, done = list[str](), 0
    for start, end in spans:
        if end <= done:
            continue
        if start >= done:
            out += [text[done:start], mask]
        done = end
    return "".join([*out, text[done:]])


def _spans(text: str, needles: list[tuple[str, bool]]) -> Iterator[tuple[int, int]]:
    """The positions of the secrets in the text. They may overlap."""
    level: _Chars | None = None
    plain = text
    for _round in range(_ROUNDS + 1):
        yield from _found(plain, level, needles)
        if not _ESCAPE.search(plain):
            return
        level = _unescaped(level or [(char, place, place + 1) for place, char in enumerate(plain)])
        plain = "".join(char for char, *_place in level)


def _found(plain: str, level: _Chars | None, needles: list[tuple[str, bool]]) -> Iterator[tuple[int, int]]:
    """The positions in a partly decoded text."""
    folded = _folded(plain)
    dense = folded.translate(_LEFT_OUT)
    ends = _ends(plain, dense)
    lists: dict[bool, list[tuple[int, int]]] = {}
    for needle, is_dense in needles:
        where = dense if is_dense else folded
        hits = [*_occurrences(where, needle), *(_halves(where, needle, ends) if is_dense else ())]
        if hits and is_dense not in lists:
            lists[is_dense] = _places(plain, level, dense=is_dense)
        for start, length in hits:
            places = lists[is_dense][start : start + length]
            yield min(place[0] for place in places), max(place[1] for place in places)


def _occurrences(text: str, needle: str) -> Iterator[tuple[int, int]]:
    at = text.find(needle)
    while at >= 0:
        yield at, len(needle)
        at = text.find(needle, at + 1)


def _halves(dense: str, needle: str, ends: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Finds the beginning of a secret before each cut in the text, and the end of one after it."""
    for end, begin in ends:
        last, first = dense[max(0, end - _PART) : end], dense[begin : begin + _PART]
        at = needle.rfind(last) if len(last) == _PART else -1
        while at >= 0:  # the longest half first
            if dense.endswith(needle[: at + _PART], 0, end):
                yield end - at - _PART, at + _PART
                break
            at = needle.rfind(last, 0, at + _PART - 1)
        at = needle.find(first) if len(first) == _PART else -1
        while at >= 0:
            if dense.startswith(needle[at:], begin):
                yield begin, len(needle) - at
                break
            at = needle.find(first, at + 1)


def _ends(plain: str, dense: str) -> list[tuple[int, int]]:
    """The possible cuts in a dense text: the end before, and the start after each cut."""
    ends = [(len(dense), len(dense)), (0, 0)]
    for match in list(_CUT.finditer(plain))[:20]:
        before, mark = (len(_folded(part).translate(_LEFT_OUT)) for part in (plain[: match.start()], match[0]))
        ends.append((before, before + mark))
    return ends


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else "".join(map(_fold, text))


def _fold(char: str) -> str:
    return char.lower() if char.isascii() else unicodedata.normalize("NFKD", char).casefold()


def _places(plain: str, level: _Chars | None, *, dense: bool) -> list[tuple[int, int]]:
    """The origin of each character of the folded text."""
    chars = level or [(char, place, place + 1) for place, char in enumerate(plain)]
    return [(start, end) for char, start, end in chars for part in _fold(char) if not dense or ord(part) not in _LEFT_OUT]


def _unescaped(level: _Chars) -> _Chars:
    """The text after one round of decoding."""
    plain = "".join(char for char, *_place in level)
    chars, done = _Chars(), 0
    for match in _ESCAPE.finditer(plain):
        chars += level[done : match.start()]
        meant = level[match.start() : match.end()]
        chars += _characters(match[0], [(start, end) for _char, start, end in meant])
        done = match.end()
    return chars + level[done:]


def _characters(escape: str, places: list[tuple[int, int]]) -> _Chars:
    """The characters of an escape or of a sequence of escapes. Each keeps its own position if it has one."""
    if escape[0] == "&":
        text = html.unescape(escape)
    elif escape[0] == "\x1b" or escape in {"=\n", "=\r\n"}:  # a terminal's colours; a line that a mail breaks
        text = ""
    elif escape[0] in "%=" or escape[:2] == "\\x" or escape[1].isdigit():
        data = _bytes(escape)
        text = data.decode("utf-8", "replace" if len(data) > 1 else "surrogateescape")
        text = text if "\ufffd" not in text and text.isprintable() else data.decode("latin-1")
    elif escape[:2] == "\\u":
        text = escape.encode().decode("unicode-escape").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    else:
        text = _LETTERS.get(escape[1], escape[1])
    size, rest = divmod(len(places), len(text)) if text else (0, 1)
    if not rest and size:
        return [(char, places[at * size][0], places[(at + 1) * size - 1][1]) for at, char in enumerate(text)]
    return [(char, places[0][0], places[-1][1]) for char in text]


def _bytes(escape: str) -> bytes:
    """The characters of a sequence of escapes: \\ooo in octal, otherwise in hex."""
    if escape[0] == "\\" and escape[1].isdigit():
        return bytes(int(each, 8) for each in escape.split("\\")[1:])
    return bytes.fromhex(re.sub(r"%|=|\\x", "", escape))


@lru_cache(maxsize=8192)
def _needles(secret: str) -> tuple[tuple[str, bool], ...]:
    """The search texts, each with whether it is searched without blanks."""
    lines = [line.strip() for line in secret.splitlines()] if len(secret.splitlines()) > 1 else []
    wholes = {secret, secret.strip(), *(line for line in lines if len(line) >= SHORT and not line.startswith("-----"))}
    spelled = {spelling for whole in wholes if whole for spelling in _spellings(whole)}
    found = {(each, False) for spelling in spelled for each in [_folded(spelling)] if len(each.translate(_LEFT_OUT)) < SHORT}
    found |= {(each, True) for spelling in spelled for each in [_folded(spelling).translate(_LEFT_OUT)] if len(each) >= SHORT}
    return tuple(sorted(found, key=lambda needle: -len(needle[0])))


def _spellings(secret: str) -> Iterator[str]:
    level = [(char, place, place + 1) for place, char in enumerate(secret)]
    for _round in range(_ROUNDS):
        yield "".join(char for char, *_place in level)
        level = _unescaped(level)
    yield quote_plus(secret)
    data = secret.encode("utf-8", "surrogatepass")
    if len(data) < 4:
        return
    yield binascii.hexlify(data).decode()
    yield binascii.hexlify(data, ":").decode()
    for encoded in (data, secret.encode("utf-16-le", "surrogatepass")):
        for offset in range(3):
            whole = base64.b64encode(b"\0" * offset + encoded).decode()
            core = whole[-(-8 * offset // 6) : (offset + len(encoded)) * 8 // 6]
            if len(core) >= 5:
                yield core
                yield core.replace("+", "-").replace("/", "_")
