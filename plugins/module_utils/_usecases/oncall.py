# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks who is on call: one source after the other, and finally the last known answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .._core.oncall import of_levels, result
from .._ports import LevelSource, OncallError, OncallSource, PartialSource


class Memory(Protocol):
    """Keeps the last good answer; losing it is no error."""

    # recall: the answer and its time; None if there is none.

    def recall(self) -> tuple[list[dict[str, Any]], str] | None: ...
    def keep(self, answer: list[dict[str, Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The people on call; the reasons why earlier sources did not answer; and the time of the answer if it is a stale one. `uncovered`: texts about
    the levels without anybody on call at that time."""

    oncall: list[dict[str, Any]]
    problems: list[str] = field(default_factory=list)
    as_of: str = ""
    uncovered: list[str] = field(default_factory=list)


def ask(
    sources: Sequence[OncallSource], people: Mapping[str, Mapping[str, Any]], when: datetime, memory: Memory | None, *, level: int | None = None
) -> Answer:
    """The people on call at `when`, of one level or all levels. `memory` is only for requests about now. Raises OncallError if no source answers."""
    problems = []
    for source in sources:
        try:
            # a gap in another level is no reason to call nobody
            everyone = source.of_level(when, level) if level is not None and isinstance(source, LevelSource) else source.on_call(when)
        except OncallError as error:
            problems.append(f"{source.name}: {error}")
            continue
        if memory:
            memory.keep([result(each, source.name, people) for each in everyone])
        found = of_levels(everyone, level)
        if found:
            gaps = source.uncovered(found, when) if level is None and isinstance(source, PartialSource) else []
            return Answer([result(each, source.name, people) for each in found], problems, uncovered=gaps)
        levels = sorted({each.level for each in everyone})
        problems.append(f"{source.name}: nobody in level {level}; it has {', '.join(map(str, levels))}")
    before = memory.recall() if memory else None
    if before:
        stale = [each for each in before[0] if level in {None, each["level"]}]
        if stale:
            return Answer(stale, problems, before[1])
    raise OncallError("; ".join(problems))
