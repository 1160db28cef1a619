# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides how a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from .verdict import GOOD, Verdict, mark, worst


@dataclass(slots=True)
class Seen:
    """The facts about a run. `ours`: it is one of our emergency actions, which gives a verdict for each planned host."""

    check: bool = False
    ours: bool = False
    changed: bool = False
    planned: set[str] = field(default_factory=set)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failures: int = 0
    """The number of failed results and lost hosts, without ignored or rescued ones."""
    failed: list[str] = field(default_factory=list)
    """The failures in words: the task, the host, and the reason. Rescued failures are included, because a verdict may not contain their reason."""
    lost: list[str] = field(default_factory=list)
    """Hosts that became unreachable."""
    half_way: list[str] = field(default_factory=list)
    """Hosts that were touched and have an unknown state: `previous` is refused for them."""
    empty: list[str] = field(default_factory=list)
    """Plays that had no hosts."""

    def lose(self, host: str) -> None:
        if host not in self.lost:
            self.lost.append(host)

    def judge(self, host: str, verdict: Verdict) -> None:
        """Store a host's verdict. A host may get another verdict at the end: the worst counts."""
        self.verdicts[host] = worst({verdict, self.verdicts.get(host, verdict)})

    def unjudged(self) -> list[str]:
        return sorted(self.planned - self.verdicts.keys())


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    failed: bool
    mark: str
    words: str


def outcome_of(seen: Seen) -> Outcome:
    """Decide the outcome of the run. It is never good if something failed, a host was lost, or a verdict is missing."""
    verdict = worst(seen.verdicts.values())
    missing = _missing(seen) if not seen.check and not seen.failures else ""
    if verdict in GOOD and (seen.failures or missing):  # the state of a host that was lost, or has no verdict, is unknown
        verdict = Verdict.UNKNOWN
    failed = bool(seen.failures or missing) or bool(seen.verdicts and verdict not in GOOD)
    words = "; ".join(filter(None, (_judged(seen, verdict), missing, _half_way(seen))))
    return Outcome(verdict, failed, mark(verdict, failed=failed, planned=seen.check), words)


def _judged(seen: Seen, verdict: Verdict) -> str:
    if seen.verdicts and verdict is Verdict.NOTHING_TO_DO:
        return "nothing to do: it was so already, and nothing was changed"
    if seen.verdicts:
        return f"verdict {verdict}"
    if seen.check:
        return "planned only, nothing was touched"
    if seen.failures and not seen.changed and not seen.half_way:
        return "nothing was changed"
    return "nothing verified the outcome"


def _missing(seen: Seen) -> str:
    """The missing verdicts, in words; empty if nothing is missing."""
    if seen.unjudged() and (seen.verdicts or seen.ours):
        return f"NOT JUDGED: {', '.join(seen.unjudged())}"
    if seen.ours and not seen.verdicts:
        why = f"no hosts for {', '.join(seen.empty)}" if seen.empty else "were its tasks left out, by --tags, --skip-tags or --start-at-task?"
        return f"NO HOST WAS JUDGED: {why}"
    return ""


def _half_way(seen: Seen) -> str:
    return f"nobody knows how {', '.join(seen.half_way)} was left" if seen.half_way else ""
