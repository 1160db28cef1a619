# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses the text of the configuration: YAML with the line of each key, and severities in any case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.plugin_utils._config_file import ConfigError

Where = tuple[str | int, ...]
"""A path in the configuration."""
_MOST = 100_000
"""The largest number of values. Values that an anchor repeats count each time: a few lines of anchors can expand to billions."""
_DEEPEST = 50
_KEYED = (("severities",), ("status_page", "severities"))
_LISTED = (("paging", "severities"), ("communication", "severities"), ("communication", "auto_publish"))


@dataclass
class Text:
    """The parsed file: `given`, and its lines. `twice` are the duplicate keys."""

    given: Any = None
    twice: list[tuple[Where, int]] = field(default_factory=list)
    lines: dict[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """The line of the path, or of its nearest existing parent."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)


class _Refused(yaml.MarkedYAMLError):
    """The YAML is no configuration, because of its size or its shape. The text is the message without the file."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem)
        self.words = f"{mark.line + 1 if mark else 1}: {problem}"


class _Loader(yaml.SafeLoader):
    """A loader that reports the line of unreadable text, and refuses too deep nesting before it parses it."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise _Refused(f"it is nested too deeply: {_DEEPEST} levels are enough", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
            found: yaml.Node | None = super().compose_node(parent, index)
            return found
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # what a value of a wrong kind makes of its reader
            why = "" if str(node.value) in str(error) else f": {error}"  # it may be a secret
            raise _Refused(f"the value here can't be read as {node.tag.rpartition(':')[2]}{why}", node.start_mark) from None


def _without_value(problem: str) -> str:
    """The error without the content of the file: a password that begins with a star is reported as an unknown alias."""
    return re.sub(r"'[^'<>]{2,}'", "what is there", problem)


def parsed(path: Path, raw: bytes) -> Text:
    """Parse the file; an empty file gives an empty configuration. Raises ConfigError."""
    loader = None
    try:
        loader = _Loader(raw.decode("utf-8-sig"))
        node = loader.get_single_node()
        if node is None:
            return Text({})
        _refuse_bomb(node, {})
        text = Text()
        text.twice = list(_look(node, (), text))
        text.given = loader.construct_document(node)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: this is no UTF-8 (byte 0x{raw[error.start]:02x}): save the file as UTF-8"]) from None
    except _Refused as error:
        raise ConfigError([f"{path}:{error.words}"]) from None
    except yaml.MarkedYAMLError as error:
        place = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError([f"{path}{place}: this is no YAML: {_without_value(str(error.problem))}"]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([f"{path}: this is no YAML: {error}"]) from None
    finally:
        if loader:
            loader.dispose()
    if text.given is None:
        text.given = {}
    text.twice += _spell(text)
    return text


def dotted(where: Where) -> str:
    """The readable form of a path: oncall.sources[0].type."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")


def _refuse_bomb(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of values below the node, computed without expanding an anchor twice, because a few lines can expand to more than fits into memory.
    Raises _Refused."""
    if id(node) in known:
        if not known[id(node)]:
            raise _Refused("an anchor here holds itself", node.start_mark)
        return known[id(node)]
    known[id(node)] = 0
    below = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
    count = 1 + sum(_refuse_bomb(each, known) for each in (below if isinstance(below, list) else ()))
    if count > _MOST:
        raise _Refused(f"its anchors make more than {_MOST:,} values of what is here", node.start_mark)
    known[id(node)] = count
    return count


def _look(node: yaml.Node, where: Where, text: Text) -> Iterator[tuple[Where, int]]:
    """Store the line of each path below `node`; yields duplicate keys."""
    text.lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused("a list or a mapping can't be a key: is a line missing, or a quote?", key.start_mark)
            below = (*where, str(key.value))
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                yield below, key.start_mark.line + 1
            seen.add(str(key.value))
            text.lines[below] = key.start_mark.line + 1
            yield from _look(value, below, text)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _look(value, (*where, index), text)


def _spell(text: Text) -> Iterator[tuple[Where, int]]:
    """Normalize each severity: `p1` becomes P1. Yields duplicates."""
    for where in _KEYED:
        found = _at(text.given, where)
        if isinstance(found, dict):
            for key in list(found):
                name = _severity(key)
                if name != key and name in found:
                    yield (*where, str(key)), text.line((*where, str(key)))
                found[name] = found.pop(key)
            text.lines |= {(*where, _severity(below[len(where)]), *below[len(where) + 1 :]): line for below, line in _under(text.lines, where)}
    rules = _at(text.given, ("safety", "approval", "required"))
    holders = [_at(text.given, where[:-1]) for where in _LISTED] + (rules if isinstance(rules, list) else [])
    keys = [where[-1] for where in _LISTED] + ["severities"] * (len(holders) - len(_LISTED))
    for holder, key in zip(holders, keys, strict=True):
        if isinstance(holder, dict) and isinstance(holder.get(key), list):
            holder[key] = [_severity(each) for each in holder[key]]


def _at(given: Any, where: Where) -> Any:
    for part in where:
        given = given.get(part) if isinstance(given, Mapping) else None
    return given


def _under(lines: Mapping[Where, int], where: Where) -> list[tuple[Where, int]]:
    return [(below, line) for below, line in lines.items() if below[: len(where)] == where and len(below) > len(where)]


def _severity(given: Any) -> Any:
    """The normalized severity. Other values stay unchanged, and the schema reports them."""
    try:
        return str(Severity.parse(given)) if isinstance(given, str) else given
    except ValueError:
        return given
