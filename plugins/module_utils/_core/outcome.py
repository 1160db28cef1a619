# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run ended, decided from what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .verdict import GOOD, Verdict, mark, worst


@dataclass(slots=True)
class Seen:
    """What a run did. `ours`: it is an emergency action of ours, which judges each host that it plans for."""

    check: bool = False
    ours: bool = False
    changed: bool = False
    planned: set[str] = field(default_factory=set)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failures: int = 0
    """How many results failed, or lost their host. What was ignored or rescued is not in it."""
    failed: list[str] = field(default_factory=list)
    """Each of them in words: the task, where, and why; and what was rescued, since a verdict on it may say no more than that it failed."""
    lost: list[str] = field(default_factory=list)
    """Hosts that could not be reached any more."""
    half_way: list[str] = field(default_factory=list)
    """Hosts that were touched, and of which nobody knows how they were left: no `previous` is worked out for them."""
    empty: list[str] = field(default_factory=list)
    """Plays that had no hosts."""

    def lose(self, host: str) -> None:
        if host not in self.lost:
            self.lost.append(host)

    def judge(self, host: str, verdict: Verdict) -> None:
        """A host may be judged again at the end: the worst counts."""
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
    """Judge the run. Never good where something failed, where a host was lost, or where what was to be judged was not."""
    verdict = worst(seen.verdicts.values())
    missing = _missing(seen) if not seen.check and not seen.failures else ""
    if verdict in GOOD and (seen.failures or missing):  # how a host that was lost, or not judged, was left, nobody knows
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
    """What was not judged though it was to be; empty where nothing is missing."""
    if seen.unjudged() and (seen.verdicts or seen.ours):
        return f"NOT JUDGED: {', '.join(seen.unjudged())}"
    if seen.ours and not seen.verdicts:
        why = f"no hosts for {', '.join(seen.empty)}" if seen.empty else "were its tasks left out, by --tags, --skip-tags or --start-at-task?"
        return f"NO HOST WAS JUDGED: {why}"
    return ""


def _half_way(seen: Seen) -> str:
    return f"nobody knows how {', '.join(seen.half_way)} was left" if seen.half_way else ""
