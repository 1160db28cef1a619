# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses the upstreams in an nginx file by nginx's own rules, and changes single places. All other bytes stay unchanged. Runs on the managed host, so
it only uses the standard library. A text is the file's bytes as Latin-1, so that every byte is preserved."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

OURS = " # taken out by incident.response\n    down"
"""The text that takes a server out. The comment inside the directive marks it as ours; a `down` that a person has set is not changed."""
_MARK = re.compile(r"#\s*taken out by incident\.response\b")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+) | (?P<comment>\#[^\n]*) | (?P<end>[;{}])
      | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)' | (?P<plain>(?!["'])(?:\\.|\$\{|[^ \t\r\n;{\\])+)""",
    re.VERBOSE | re.DOTALL,
)  # source: https://github.com/nginx/nginx, src/core/ngx_conf_file.c, ngx_conf_read_token: within a word, # } and quotes are letters
_ESCAPE = re.compile(r"\\([\"'\\])")


class Unclear(Exception):
    """The file is not understood, so it is not changed. The text says where, and what to do."""


@dataclass(frozen=True)
class Word:
    """A word or a comment, with its position."""

    text: str
    start: int
    end: int


@dataclass
class Directive:
    """`words … ;` or `words … {`. `end` is the position of the last character; `comments` are the comments between the words."""

    words: list[Word] = field(default_factory=list)
    comments: list[Word] = field(default_factory=list)
    end: int = 0
    sign: str = ""


@dataclass(frozen=True)
class Server:
    """A server of an upstream. `state` is serving, drained (by us), or down (by a person). `mark` is the start and end of our mark."""

    address: str
    state: str
    backup: bool
    start: int
    end: int
    mark: tuple[int, int] | None


@dataclass
class Upstream:
    """An upstream. `start` is the start of its block, `close` the position of the }. A file with only server lines, for an include, is an upstream
    without a name."""

    name: str
    line: int
    start: int
    close: int = 0
    servers: list[Server] = field(default_factory=list)
    included: str = ""
    """The includes of other files, whose servers are unknown here."""


def address(text: str) -> str:
    """A unique spelling of each address: 10.0.0.1 is 10.0.0.1:80, FD00:0::1:8080 is [fd00::1]:8080."""
    if text.startswith("unix:"):
        return text
    if text.startswith("["):
        host, _bracket, port = text[1:].partition("]")
        port = port.lstrip(":")
    elif text.count(":") > 1:
        host, _colon, port = text.rpartition(":")
    else:
        host, _colon, port = text.partition(":")
    try:
        parsed = ipaddress.ip_address(host)
        host = f"[{parsed}]" if parsed.version == 6 else str(parsed)
    except ValueError:
        host = host.lower()
    return f"{host}:{port or 80}"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _directives(text: str) -> Iterator[Directive]:
    """All directives; each } that closes a block is a directive without words. Raises Unclear."""
    found, position = Directive(), 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unclear(f"line {_line(text, position)} has a quote that is never closed, or a \\ at its end")
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "comment":
            found.comments.append(Word(match[0], match.start(), match.end()))
        elif kind == "end":
            found.end, found.sign = match.start(), match[0]
            if found.sign == "}" and found.words:
                raise Unclear(f"line {_line(text, match.start())} has a }} where a ; should be")
            yield found
            found = Directive()
        elif kind != "space":
            value = match[kind] if kind == "plain" else _ESCAPE.sub(r"\1", match[kind])
            found.words.append(Word(value, match.start(), match.end()))
    if found.words:
        raise Unclear(f"line {_line(text, found.words[0].start)} begins a directive that never ends")


def upstreams(text: str) -> list[Upstream]:
    """All upstreams of the file. Raises Unclear."""
    bare = Upstream("", 1, 0, len(text))
    found: list[Upstream] = []
    blocks: list[Upstream | None] = []
    for directive in _directives(text):
        name = directive.words[0].text if directive.words else ""
        here = blocks[-1] if blocks else bare
        if directive.sign == "}":
            if not blocks:
                raise Unclear(f"line {_line(text, directive.end)} has a }} that closes nothing")
            closed = blocks.pop()
            if closed:
                closed.close = directive.end
        elif directive.sign == "{":
            opened = _opened(text, directive, name)
            blocks.append(opened)
            found += [opened] if opened else []
        elif name == "server" and here and len(directive.words) > 1:
            here.servers.append(_server(text, directive))
        elif name == "include" and blocks and here:
            here.included = f"line {_line(text, directive.end)}: {' '.join(word.text for word in directive.words)}"
    if blocks:
        raise Unclear("a block is never closed: a } is missing")
    return [bare, *found] if bare.servers else found


def _opened(text: str, directive: Directive, name: str) -> Upstream | None:
    if name.endswith("_by_lua_block"):
        raise Unclear(f"line {_line(text, directive.end)} begins Lua ({name}), which is not read here. Put the upstream into a file of its own")
    if name != "upstream" or len(directive.words) != 2:
        return None
    return Upstream(directive.words[1].text, _line(text, directive.words[0].start), directive.end + 1)


def _server(text: str, directive: Directive) -> Server:
    parameters = directive.words[2:]
    marks = [(comment, word) for comment in directive.comments if _MARK.match(comment.text) for word in parameters if word.start > comment.end]
    ours = [(comment, word) for comment, word in marks if word.text == "down"]
    mark = (ours[-1][0].start - (text[ours[-1][0].start - 1] == " "), ours[-1][1].end) if ours else None
    down = [word for word in parameters if word.text == "down" and not (ours and word is ours[-1][1])]
    state = "down" if down else "drained" if mark else "serving"
    backup = any(word.text == "backup" for word in parameters)
    return Server(address(directive.words[1].text), state, backup, directive.words[0].start, directive.end, mark)


@dataclass
class Changed:
    """The new text, the servers that are in no upstream, and the servers that stay in because no other one serves, each with its upstream."""

    text: str
    missing: list[str] = field(default_factory=list)
    alone: list[tuple[str, Upstream]] = field(default_factory=list)


def changed(text: str, servers: Sequence[str], state: str, name: str = "", answers: Callable[[str], bool] = bool) -> Changed:
    """Change the servers to that state. `answers` says whether the server with an address could serve. Raises Unclear."""
    result = Changed(text)
    for given in servers:
        wanted = address(given)
        found = [each for each in upstreams(result.text) if not name or each.name == name]
        holds = [each for each in found if any(server.address == wanted for server in each.servers)]
        _refuse_unclear(state, found, holds, wanted)
        edits = []
        if not (found if state in {"present", "absent"} else holds):
            result.missing.append(given)
        for upstream in found if state == "present" else holds:
            if state in {"drained", "absent"} and is_alone(upstream, wanted, answers):
                result.alone.append((given, upstream))
            else:
                edits += _edits(result.text, upstream, wanted, state)
        for start, end, words in sorted(edits, reverse=True):
            result.text = result.text[:start] + words + result.text[end:]
    return result


def _refuse_unclear(state: str, found: list[Upstream], holds: list[Upstream], wanted: str) -> None:
    """Raises Unclear if the file alone does not contain the needed information."""
    for upstream in holds or found:
        if upstream.included and (state in {"drained", "absent"} or not holds):
            raise Unclear(f"upstream {upstream.name} takes servers from another file ({upstream.included}): which serve can't be told here")
    if state == "present" and len(found) > 1:
        lines = " and ".join(str(each.line) for each in found)
        raise Unclear(f"{len(found)} upstreams have the name {found[0].name} (lines {lines}): which of them is to have {wanted} can't be told")


def is_alone(upstream: Upstream, wanted: str, answers: Callable[[str], bool]) -> bool:
    """Whether this server serves, and no other one would serve without it. A backup counts as serving."""
    serving = {server.address for server in upstream.servers if server.state == "serving"}
    return wanted in serving and not serving & answering(upstream, answers) - {wanted}


def answering(upstream: Upstream, answers: Callable[[str], bool]) -> set[str]:
    """The addresses of the servers that answer; all addresses if none answers, because then the test is meaningless."""
    there = {server.address for server in upstream.servers}
    return {each for each in there if answers(each)} or there


def _edits(text: str, upstream: Upstream, wanted: str, state: str) -> list[tuple[int, int, str]]:
    """The replacement, as start, end and text."""
    there = [server for server in upstream.servers if server.address == wanted]
    if state == "absent":
        return [(*_removed(text, server), "") for server in there]
    if state == "drained":
        return [(server.end, server.end, OURS) for server in there if server.state == "serving"]
    if state == "present" and not there:
        return [_added(text, upstream, wanted)]
    return [(*server.mark, "") for server in there if server.mark]


def _added(text: str, upstream: Upstream, wanted: str) -> tuple[int, int, str]:
    """The insertion of a new line after the last server's line, or of a new directive in a one-line block."""
    first = upstream.servers[-1].start if upstream.servers else upstream.start
    last = upstream.servers[-1].end + 1 if upstream.servers else upstream.start
    newline = text.find("\n", last, upstream.close)
    if newline < 0:
        return last, last, f" server {wanted};"
    indent = text[_blanks_before(text, first) : first] if upstream.servers else "    "
    ending = "\r\n" if text[newline - 1] == "\r" else "\n"
    at = newline - len(ending) + 1
    return at, at, f"{ending}{indent}server {wanted};"


def _removed(text: str, server: Server) -> tuple[int, int]:
    """Return the position of a server in the text, including the blanks before it, and its whole line if it is the first one there."""
    start = _blanks_before(text, server.start)
    start -= text[:start].endswith("\n") + text[:start].endswith("\r\n")
    return start, server.end + 1


def _blanks_before(text: str, position: int) -> int:
    while position and text[position - 1] in " \t":
        position -= 1
    return position
