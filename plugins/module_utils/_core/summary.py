# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Describes the result of a run in one self-contained sentence, for chat's first message of the run and the terminal's last block. The first 120
characters, which a phone shows, contain the service, the hosts, the result and the evidence."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .clip import clip, line, names
from .entry import Entry
from .undo import PLANNED, actions
from .verdict import CHANGE_FAILED, GOOD, PUT_BACK, STILL_GOOD, Verdict, mark

Quote = Callable[[str, int], str]
"""Makes other people's text safe for the place where it is shown, limited to a number of characters."""

_VERBS = {
    "restart": ("restarts", "restarted"), "rollback": ("rolls back", "rolled back"), "scale-up": ("scales", "scaled"),
    "undo": ("puts back", "put back"),
}  # fmt: skip
"""The phrases for an action and its result, by the action's name."""
_PLAYBOOKS = {"restart": "restart_service", "rollback": "rollback", "scale-up": "scale_up"}
_ARGUMENTS = ("service", "app", "host", "version", "replicas", "max_hosts", "allow_scale_down", "force_migrations", "drill")
"""The variables of the command that repeats the action: a drill must be a drill again."""
_DRILLS = {"drill": "true", "dry": "dry"}
_BAD = {"failed", "unreachable"}
_WHY = 160
_REFUSAL = 300
_NAME = 40
_APPROVAL = "incident.response.action_approve"
_ENDED_WELL = "command ended with 0"
_FAILS, _FAILED = "its check fails with", "its check failed with"
_FROM_TO = re.compile(r"^(\S+) to (\S+)")
_INSTANCES = re.compile(r"^(\d+) of (\d+) instances run")
_OF_TO = re.compile(r" of (\d+) to (\d+)$")


@dataclass(slots=True)
class Told:
    """The data from a run's entries for the sentence. `before` is the health at the plan, `seen` the health after the action."""

    run: str
    service: str
    action: str
    actor: str
    arguments: Mapping[str, str]
    hosts: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    healthy: dict[str, bool] = field(default_factory=dict)
    """The current health of the hosts, from the last check."""
    failed: dict[str, list[Entry]] = field(default_factory=dict)
    """The failed entries by host, including later steps."""
    elsewhere: dict[str, list[Entry]] = field(default_factory=dict)
    """The failed entries of tasks on other hosts, by the host for which they were done."""
    touched: set[str] = field(default_factory=set)
    """The changed hosts."""
    dry: bool = False
    """A drill that changes nothing."""
    end: Entry | None = None

    def bad(self) -> list[str]:
        """The failed hosts, in the order of all hosts."""
        judged = [host for host, verdict in self.verdicts.items() if verdict not in GOOD]
        lost = [host for host, entries in self.failed.items() if any(entry.state in _BAD for entry in entries)]
        found = {*judged, *lost}
        return [*(host for host in self.hosts if host in found), *sorted(found.difference(self.hosts))]


def plain(text: str, limit: int) -> str:
    """A text for a terminal."""
    return clip(line(text[: 20 * limit]), limit)


def told(entries: Sequence[Entry]) -> Told:
    """Read a run's entries."""
    start = next((entry for entry in entries if entry.kind == "run_started"), entries[0])
    given = start.data.get("arguments")
    arguments = {str(key): str(value) for key, value in given.items()} if isinstance(given, Mapping) else {}
    service = str(start.data.get("service") or arguments.get("service") or arguments.get("app") or "")
    found = Told(start.run, service, start.action, start.actor, arguments)
    found.dry = start.data.get("drill") == "dry"
    arguments["drill"] = _DRILLS.get(str(start.data.get("drill") or ""), "")
    hosts: set[str] = set()  # without a plan, the only order is the order in which they were ready
    for entry in entries:
        if entry.kind in {"run_ended", "run_vanished"}:
            found.end = entry
        elif entry.kind == "task":
            hosts |= {str(entry.data.get("for") or entry.host)} if entry.host else set()
            _fold(found, entry)
    found.hosts = found.hosts or sorted(hosts) or [name for name in arguments.get("host", "").split(",") if name]
    return found


def _fold(found: Told, entry: Entry) -> None:
    data = entry.data
    if entry.action == PLANNED and entry.state not in _BAD:
        health, plan = data.get("health"), data.get("plan")
        found.before = {str(host): _short(str(words)) for host, words in health.items()} if isinstance(health, Mapping) else {}
        planned = plan.get("hosts") if isinstance(plan, Mapping) else None
        named = data.get("hosts") or planned or health or ()
        found.hosts = [str(host) for host in named] if isinstance(named, (Mapping, list, tuple)) else []
        if isinstance(planned, Mapping):
            found.changes = [str(each.get("text") or "") for each in planned.values() if isinstance(each, Mapping)]
    if entry.changed:
        found.touched.add(str(data.get("for") or entry.host))
    if entry.state in {*_BAD, "rescued"}:
        found.failed.setdefault(entry.host, []).append(entry)
        if data.get("for"):
            found.elsewhere.setdefault(str(data["for"]), []).append(entry)
    if isinstance(data.get("verdict"), str):
        found.verdicts[entry.host] = data["verdict"]
        if isinstance(data.get("healthy"), bool):
            found.healthy[entry.host] = data["healthy"]
        found.seen[entry.host] = _short(str(data.get("seen") or "").removeprefix(STILL_GOOD))


def _short(seen: str) -> str:
    """The evidence without uninformative parts: a successful command if another check says more, and error numbers."""
    words = re.sub(rf"^((?:\w+: )?){_ENDED_WELL}, (?=\w)", r"\1", seen)
    words = re.sub(rf"\b{_ENDED_WELL}\b", "its check passes", words)
    words = re.sub(r"\bcommand ended with (?=\d)", f"{_FAILS} ", words)
    return re.sub(r"\[Errno -?\d+\] (?=\w)", "", words)


def sentence(entries: Sequence[Entry], quote: Quote = plain, severity: str = "") -> str:
    """The result of the run, or that it is running. `severity` is included after a failure."""
    run = told(entries)
    if run.end is None:
        return _running(run, quote)
    sign = _sign(run.end)
    took = f" · {spoken(run.end.duration_ms / 1000)}" if run.end.duration_ms is not None else ""
    by = f" · by {quote(run.actor, _NAME)}" if run.actor else ""
    what = _outcome(run, run.end, quote)
    return f"{sign} {f'{severity} ' if severity and sign != '✅' else ''}{what}{by}{took}"


def doing(entries: Sequence[Entry], quote: Quote = plain) -> str:
    """The person, action and hosts of a running run, for a message that has already named the service."""
    run = told(entries)
    who, where = quote(run.actor, _NAME) or "somebody", f"{_change(run, quote)}{_where(run.hosts, quote)}"
    if run.dry:
        return f"{who} rehearses its {quote(run.action, _NAME)}{where}, and changes nothing"
    verb, back, dummy = _VERBS.get(run.action, (f"runs {quote(run.action, _NAME)} for", ""))[0].partition(" back")
    return f"{who} {verb} it{back}{_really(run)}{where}"


def _really(run: Told) -> str:
    """The text about a drill, which makes clear that its action is real."""
    return " for real" if run.arguments.get("drill") == _DRILLS["drill"] else ""


def asked(entries: Sequence[Entry], quote: Quote = plain) -> str:
    """The planned change of a run: the service, the states, the hosts and their health. Empty without a plan."""
    if not any(entry.action == PLANNED for entry in entries):
        return ""
    run = told(entries)
    seen = _symptom(run, quote)
    return f"{_subject(run, quote)}{_change(run, quote)}{_where(run.hosts, quote)}{f' ({seen})' if seen else ''}"


def next_steps(entries: Sequence[Entry], quote: Quote = plain, *, undoable: bool | None = None) -> list[str]:
    """What to do after a failed run: a text, and a command on a separate line. Empty after a successful run. `undoable` says whether anything can be
    undone; None means: find out from the entries."""
    run = told(entries)
    if run.end is None or run.end.data.get("refused") or run.end.data.get("check") or run.end.state == Verdict.NOTHING_TO_DO:
        return []
    if _unapproved(run):
        return ["next: agree with who approves it, then run it again, which asks again; or choose another action"]
    if _sign(run.end) in {"✅", "📋"}:
        return []
    if undoable is None:
        undoable = False
        with suppress(KeyError, ValueError, TypeError, AttributeError):  # an entry that was tampered with is ignored here; the chain reports it
            undoable = any(change.undoable() for action in actions(entries) for change in action.hosts.values())
    if undoable:
        return ["to undo it, with the same inventory:", f"ansible-playbook incident.response.undo -e run={run.run}"]
    command, where = _command(run), names([quote(host, _NAME) for host in run.bad() or run.hosts], "host") or "the hosts"
    if run.action == "rollback" and run.bad() and all(run.healthy.get(host) for host in run.bad()):
        return [f"next: find out why on {where}: the version that was there before runs again"]
    first = "look at the service" if run.end.kind == "run_vanished" or not run.bad() else "mend that"
    return [f"next: {first} on {where}, then run it again{':' if command else ''}", *([command] if command else [])]


def plan_line(entries: Sequence[Entry], quote: Quote = plain) -> str:
    """The part of the plan that matters during the action: the share of the service, the hosts, the risk."""
    plan = next((entry for entry in entries if entry.action == PLANNED and entry.data.get("scope")), None)
    if plan is None:
        return ""
    run = told(entries)
    change = "" if _change(run, quote) else "; ".join(dict.fromkeys(filter(None, run.changes)))  # one that is the same on all is in the sentence
    parts = (str(plan.data["scope"]), f"risk {plan.data['risk']}" if plan.data.get("risk") else "", change)
    return ("planned: " if run.end else "plan: ") + " · ".join(quote(part, 150) for part in parts if part)


def spoken(seconds: float) -> str:
    """A readable duration: `31 s`, `2 min 5 s`, `1 h 20 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min{f' {whole % 60} s' if whole % 60 and whole < 600 else ''}"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h{f' {minutes} min' if minutes else ''}"


def _sign(end: Entry) -> str:
    if end.kind == "run_vanished" or (end.state == Verdict.NOTHING_TO_DO and not end.data.get("failed")):
        return "⚠️"
    return mark(end.state, failed=bool(end.data.get("failed")), planned=bool(end.data.get("check")))


def _running(run: Told, quote: Quote) -> str:
    actor, where = quote(run.actor, _NAME) or "somebody", _where(run.hosts, quote)
    verb = _VERBS.get(run.action, ("", ""))[0]
    what = f"{verb} {_service(run, quote)}" if verb else f"runs {_subject(run, quote)}"
    seen = _symptom(run, quote)
    return f"⏳ {actor} {what}{_change(run, quote)}{where} …{f' · it is {seen}' if seen else ''}"


def _outcome(run: Told, end: Entry, quote: Quote) -> str:
    subject = _subject(run, quote)
    if end.kind == "run_vanished":
        return f"{subject}{_where(run.hosts, quote)} BROKE OFF: its controller was killed, and nobody knows how the service is now"
    if end.data.get("check") and end.data.get("failed"):
        why = quote(_why(run, run.bad(), end), _REFUSAL)
        return f"{subject}{_where(run.bad() or run.hosts, quote)} can't be planned{f': {why}' if why else ''}; nothing was touched"
    if end.data.get("check"):
        return f"{subject}{_where(run.hosts, quote)} planned only: nothing was touched"
    if end.data.get("failed"):
        return _failure(run, end, quote)
    if end.state == Verdict.NOTHING_TO_DO:
        return f"{subject}{_where(run.hosts, quote)}: nothing to do, it was so already; look for another cause"
    if end.state == Verdict.WORKED:
        done = _VERBS.get(run.action, ("", ""))[1]
        plainly = f"{subject}{' rehearsed (nothing was changed)' if run.dry else ''}"
        what = f"{_service(run, quote)} {done}{_really(run)}" if done and not run.dry else plainly
        return f"{what}{_change(run, quote)}{_where(run.hosts, quote)}: {_healthy(run, quote)}"
    return f"{subject}{_where(run.hosts, quote)} ended, and nothing verified the outcome"


def _failure(run: Told, end: Entry, quote: Quote) -> str:
    bad = run.bad()
    if end.data.get("refused"):
        return f"{_subject(run, quote)}{_where(bad or run.hosts, quote)} REFUSED: {quote(_why(run, bad, end), _REFUSAL)}"
    if _unapproved(run):
        return f"{_subject(run, quote)}{_change(run, quote)}{_where(run.hosts, quote)} NOT DONE: {quote(_why(run, bad, end), _REFUSAL)}"
    good = sum(verdict in GOOD for host, verdict in run.verdicts.items() if host not in bad)
    rest = [host for host in run.hosts if host not in {*bad, *run.verdicts}]
    left = sum(host not in run.touched for host in rest)
    counts = {"worked": good, "not touched": left, "not judged": len(rest) - left}
    others = ", ".join(f"{count} other{'s' if count > 1 else ''} {words}" for words, count in counts.items() if count and bad)
    where = f" on {names([quote(host, _NAME) for host in bad], 'host')}" if bad else _where(run.hosts, quote)
    why = quote(_why(run, bad, end).replace(_FAILS, _FAILED), _WHY)
    what, rest_of_them = f"{_subject(run, quote)}{where} FAILED", f" ({others})" if others else ""
    if bad and all(run.healthy.get(host) and PUT_BACK in run.seen.get(host, "") for host in bad):
        return f"{what}{f': {why}' if why else ''}; it is back as it was, and healthy{rest_of_them}"
    return f"{what}{rest_of_them}{_now(run, bad, quote)}{f': {why}' if why else ''}"


def _now(run: Told, bad: Sequence[str], quote: Quote) -> str:
    """The current health of the failed hosts, which is more important than the failure: nobody must wake up for a repaired failure."""
    down = [host for host in bad if run.healthy.get(host) is False]
    if down:
        return f", {_service(run, quote) if run.service else 'it'} is DOWN{' there' if len(down) == len(bad) else _where(down, quote)}"
    return ", it is healthy" if bad and all(run.healthy.get(host) for host in bad) else ""


def _unapproved(run: Told) -> bool:
    """Whether the action was not done because it was not approved, or denied."""
    return not run.verdicts and any(entry.action == _APPROVAL for entries in run.failed.values() for entry in entries)


def _why(run: Told, bad: Sequence[str], end: Entry) -> str:
    """The decisive line of the evidence of the first failed host, otherwise the text of its last failure."""
    from .decisive import decisive  # rarely needed, and slow

    for host in bad:
        entries = [*run.elsewhere.get(host, []), *run.failed.get(host, [])]
        seen = run.seen.get(host, "").partition(f"; {PUT_BACK}")[0]
        shown = [row for entry in entries for row in str(entry.data.get("evidence") or "").splitlines() if row.strip() != seen]  # this is no cause
        said = [str(entry.data.get("why") or entry.text) for entry in entries if "verdict" not in entry.data]
        if seen.startswith(CHANGE_FAILED) and said:  # the failed task has said by what
            seen = said[0]
        words = decisive("\n".join(shown)) or seen or next(reversed(said), "")
        if words:
            return words
    evidence = str(end.data.get("evidence") or "")
    return decisive(evidence) or end.text.partition(": ")[2]


def _healthy(run: Told, quote: Quote) -> str:
    """The health after the action, and before it if that was different. Of several hosts, the first unhealthy one counts."""
    host = next((host for host, words in run.before.items() if words.startswith("down")), next(iter(run.seen), ""))
    seen, before = _instances(run) or run.seen.get(host, ""), run.before.get(host, "")
    was = f", was {quote(before.replace(_FAILS, _FAILED), _WHY // 2)}" if before.startswith("down") else ""
    return f"healthy{' again' if was else ''}{f' ({quote(seen, _WHY // 2)})' if seen else ''}{was}"


def _instances(run: Told) -> str:
    """The total number of running instances; empty if instances were not counted."""
    found = [_INSTANCES.match(words) for words in run.seen.values()]
    counted = [(int(each[1]), int(each[2])) for each in found if each]
    if len(counted) < 2 or len(counted) < len(found):
        return ""
    return f"{sum(count for count, dummy in counted)} of {sum(wanted for dummy, wanted in counted)} instances run in all"


def _symptom(run: Told, quote: Quote) -> str:
    return quote(next((words for words in run.before.values() if words.startswith("down")), ""), _WHY // 2)


def symptom(entries: Sequence[Entry], quote: Quote = plain) -> str:
    """The health before the action: the first unhealthy host; empty if all were healthy, or nothing was checked."""
    run = told(entries)
    host = next((host for host, words in run.before.items() if words.startswith("down")), "")
    return f"{_symptom(run, quote)} on {quote(host, _NAME)}" if host else ""


def _service(run: Told, quote: Quote) -> str:
    return quote(run.service, _NAME) or "no service"


def _subject(run: Told, quote: Quote) -> str:
    return f"{f'{quote(run.service, _NAME)} ' if run.service else ''}{quote(run.action, _NAME) or 'run'}"


def _where(hosts: Sequence[str], quote: Quote) -> str:
    if not hosts:
        return ""
    short = len(hosts) == 1 or (len(hosts) == 2 and len(", ".join(hosts)) <= 24)
    return f" on {', '.join(quote(host, _NAME) for host in hosts) if short else f'{len(hosts)} hosts'}"


def _change(run: Told, quote: Quote) -> str:
    """The change of state, if it is the same on all hosts; for a scale-up the total."""
    form = _OF_TO if run.action == "scale-up" else _FROM_TO
    found = {(match[1], match[2]) for match in map(form.search, run.changes) if match and match[1] != match[2]}
    if len(found) != 1:
        return ""
    before, after = found.pop()
    return f" {quote(before, 30)} → {quote(after, 30)}"


def _command(run: Told) -> str:
    """The command that repeats the action; empty if it is unknown, or can't be pasted."""
    playbook = _PLAYBOOKS.get(run.action, "")
    values = {key: run.arguments[key] for key in _ARGUMENTS if run.arguments.get(key)}
    if not playbook or not values or any(re.search(r"[\s'\"\\={}]", value) or not value.isprintable() for value in values.values()):
        return ""
    words = " ".join(f"{key}={value}" for key, value in values.items())
    return f"ansible-playbook incident.response.{playbook} -e {shlex.quote(words)}"
