# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the line of the evidence that says why something failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST = 200_000
"""The number of characters to search, from the end, because the reason is near the end."""
_LONGEST = 1000
"""The number of characters of a line to search."""
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LOG = re.compile(
    r"^(?:<\d+>)?(?:[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*)(?: \d{1,3}\])?"
    r"(?: [\w.-]+ [\w@./:-]+(?:\[\d+\])?:)?\s+"
)
"""The prefix of a log line: `Nov 27 04:06:38 prod-api-01 api[123]: `, `2026-11-27T04:06:38Z `."""
_ERROR = re.compile(
    r"error(?!_log|s?[=:] ?0\b)|fatal|panic|exception|critical|\bcrit\b|\bemerg\b|traceback|abort|segfault|segmentation fault|core dumped|"
    r"can(?:no|')t\b|cannot|could ?n[o']t|unable to|fail(?:ed|ure|s)\b|refused|denied|forbidden|no space left|out of memory|\boom\b|killed|"
    r"not found|no such|not permitted|already in use|timed? ?out|unreachable|invalid|missing|unknown|no route|undefined|"
    r"fehler|fehlgeschlagen|verweigert|nicht gefunden|erreur|échec|échoué|impossible|refusée?|introuvable|\berrore\b|fallito|\berro\b|\bfalha|falló|"
    r"\bfallo\b|błąd|chyba|selhal|\bfout|mislukt|\bhata|başarısız|ошибк|отказ|не удалось|помилк|错误|失败|錯誤|失敗|エラー|拒否|오류|실패|خطأ|שגיאה",
    re.IGNORECASE,
)  # fmt: skip
_NO_ERROR = re.compile(r"\b(?:0|no|without) (?:errors?|failures?|exceptions?)\b|\berrors?[=:] ?0\b", re.IGNORECASE)
_LOW = re.compile(r"^\W*(?:\S+ ){0,2}\W*(?:info|debug|trace|notice|warn(?:ing)?)\b", re.IGNORECASE)
"""A line whose log level is no error. It only counts if there is no better line."""
_SUPERVISOR = re.compile(
    r"failed with result|^failed to start |main process exited|control process exited|scheduled restart job|start request repeated|"
    r"^job for \S+ failed|entered failed state|unit \S+ has (?:failed|entered)|^see \"?systemctl|deactivated successfully|consumed .* cpu time|"
    r"^[●○×*]? ?\S+\.service - |^(?:loaded|active|docs|process|main pid|tasks|memory|cpu|cgroup|status|drop-in|trigger\w*|invocation|duration):|"
    r"^hint: |^-- |^[├└]─",
    re.IGNORECASE,
)  # fmt: skip
"""Lines about the failure without a reason: the head of `systemctl status`, and systemd's general messages."""
_START = re.compile(r"^(?:starting|started) |: (?:starting|started) |^stopped ", re.IGNORECASE)
_FRAME = re.compile(r'^(?:at [\w$.<>]+[ (]|File ".*", line \d+|\.\.\. \d+ more|goroutine \d+|~{3,}|\^+$|Traceback \()')
"""A line of a stack trace, before or after the error."""


def decisive(evidence: str) -> str:
    """The last error line since the last start; otherwise the last informative line; empty without evidence. Log prefixes and escapes are removed.
    The time does not depend on the length of the evidence."""
    lines = _lines(evidence)
    began = max((place for place, line in enumerate(lines) if _START.search(line)), default=0)
    for part in (lines[began:], lines[:began]):
        errors = [line for line in reversed(part) if _is_error(line)]
        if errors:
            return next((line for line in errors if not _LOW.search(line)), errors[0])
    others = [line for line in lines if not _START.search(line) and not _FRAME.match(line)]
    return next((line for line in reversed(others) if not _SUPERVISOR.search(line)), _by_supervisor(others or lines))


def kept(evidence: str, limit: int) -> str:
    """The end of the evidence in at most `limit` characters. The decisive line comes first if it would be cut off."""
    evidence = _ESCAPE.sub("", evidence[-_MOST:])
    if len(evidence) <= limit:
        return evidence
    end = evidence[-limit:].partition("\n")[2] or evidence[-limit:]
    why = decisive(evidence)
    if not why or why in end:
        return end
    why = why[: limit // 2]
    end = evidence[len(why) + 3 - limit :].partition("\n")[2]
    return f"{why}\n…\n{end}"


def _lines(evidence: str) -> list[str]:
    text = _ESCAPE.sub("", evidence[-_MOST:])
    found = []
    for raw in text.splitlines():
        line = "".join(char if char.isprintable() else " " for char in raw[:_LONGEST]).strip()
        line = _LOG.sub("", line, count=1).strip()
        if any(char.isalnum() for char in line):
            found.append(line)
    return found


def _is_error(line: str) -> bool:
    return bool(_ERROR.search(_NO_ERROR.sub("", line))) and not _SUPERVISOR.search(line) and not _FRAME.match(line)


def _by_supervisor(lines: Sequence[str]) -> str:
    """The best line without a reason: how the process ended, otherwise the last line."""
    ended = [line for line in lines if "process exited" in line.lower() or "code=" in line]
    return (ended or list(lines) or [""])[-1]
