# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries the lines of spools into the journal: the lines of a run in their order, each once, and its end even if its controller was killed.

A spool is removed once the journal has all of it. One that is damaged, or that somebody else may have written, is kept, and the others are carried
all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils import _owned
from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.outcome import Outcome, Seen, outcome_of
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._usecases.record import VANISHED, ingest
from ansible_collections.incident.response.plugins.plugin_utils._courier.log import log
from ansible_collections.incident.response.plugins.plugin_utils._process import alive
from ansible_collections.incident.response.plugins.plugin_utils._spool import lines_after, remove, set_aside, survey
from ansible_collections.incident.response.plugins.plugin_utils._spool_lines import UNSEALED

COMMIT_EVERY = 1.0  # the end of a run and the loss of a controller are carried at once
HOLD = 15.0
"""Seconds that the courier waits for an action's plan before it opens an incident. A run that is refused in this time opens none. A host may hang
longer."""
EMPTY_FOR = 60.0


@dataclass(frozen=True, slots=True)
class Carried:
    """How far one run was carried. Its lines are in one file, or in several if the first place was full."""

    offsets: Mapping[Path, int] = field(default_factory=dict)
    """The carried bytes of each file."""
    sizes: Mapping[Path, int] = field(default_factory=dict)
    """The bytes of each file when it was last read: it may end with half a line."""
    seq: int = 0
    damaged: int = 0
    foreign: int = 0
    anew: bool = False
    """Whether the journal has lost entries that were carried before."""
    ended: bool = False
    pid: int = 0
    since: str = ""
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    planned: tuple[str, ...] = ()
    recorder: str = ""
    check: bool = False
    begun: tuple[dict[str, Any], ...] = ()
    incident: str = ""
    lock: dict[str, Any] | None = None
    waits: bool = False
    """Whether the run has no plan yet, and may still be refused."""
    refused: bool = False
    first: float = field(default_factory=time.monotonic)
    """When the courier first saw the spool."""

    def notes(self) -> dict[int, str]:
        """Messages for people about the carrying, each with its position."""
        known = (
            (self.foreign, f"{self.foreign} lines in this run's spool are not its own, or were changed: they are set aside, and not recorded"),
            (self.damaged, f"{self.damaged} lines in this run's spool can't be read: they are set aside"),
            (self.anew, "The journal was removed or replaced while this run went on: what it held before is not in it any more"),
        )
        return {place: note for place, (said, note) in enumerate(known, start=1) if said}


@dataclass
class Finished:
    """A run whose controller may still wait for the status of its lines."""

    run: str
    carried: Carried
    incident: str
    told: dict[str, Any] = field(default_factory=dict)


class _JournalRefused(OSError):
    """The journal or its key must not be used now. The spool is not at fault, and waits."""


class Carrier:
    """Carries spools into the journal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, Carried] = {}
        self._committed = 0.0
        self._strange = set[str]()
        self.refused: dict[Path, str] = {}
        """Spools that somebody else may have written, with the reason."""
        self.finished: list[Finished] = []
        self.locks: list[tuple[str, dict[str, Any]]] = []
        """The locks in chat of finished runs."""

    def step(self) -> tuple[bool, bool]:
        """Carry new lines. Returns whether any spool is left, and whether anything was carried. Raises the exceptions of the journal."""
        left = moved = False
        trouble: Exception | None = None
        paths, strange = survey(self._folder)
        self.refused = {}
        for run in sorted({path.stem for path in paths}):
            its = [path for path in paths if path.stem == run]
            try:
                moved |= self._carry(run, its)
                left |= not self.refused.keys() >= set(its)
            except FileNotFoundError:
                self._seen.pop(run, None)
            except (OSError, JournalError):
                raise
            except Exception as error:  # one spool's trouble, whatever it is, leaves the others alone
                left, trouble = True, trouble or error
        self._tell_strange([*strange, *self.refused.values()])
        if trouble:
            raise trouble
        return left, moved

    def _tell_strange(self, strange: list[str]) -> None:
        for each in strange:
            if each not in self._strange:
                log(f"{each}. Nothing of it is carried")
        self._strange = set(strange)

    @property
    def strange(self) -> list[str]:
        """The files in the spool folders that do not belong only to this user."""
        return sorted(self._strange)

    def _carry(self, run: str, paths: list[Path]) -> bool:
        """Carry the new lines of a run from its files, in the order in which it wrote them. Returns whether anything was carried."""
        seen = self._seen.setdefault(run, Carried())
        gone = bool(seen.pid) and not alive(seen.pid, seen.since)  # asked before the last read of the files
        sizes = {path: path.stat().st_size for path in paths}
        if not gone and sizes == seen.sizes:
            self._set_aside_unreadable(paths, seen)
            return False
        if not gone and time.monotonic() - self._committed < COMMIT_EVERY and not any(map(_tail_is_end, paths)):
            return False
        now, lines = self._read(seen, sizes)
        if gone and not now.ended:
            now = replace(now, refused=now.waits)  # nothing was touched, and nobody else can say so any more
            lines += [line | {"kind": "task", "state": "interrupted"} for line in now.begun]
            lines.append(_last_words(run, now))
            now = replace(now, ended=True)
        if now.waits and not now.ended and time.monotonic() - seen.first < HOLD:
            self._committed = time.monotonic()  # checked as often as new lines are carried
            self._seen[run] = replace(seen, pid=now.pid, since=now.since)  # it may end without a plan
            return False
        if not now.offsets:  # no file of it may be read
            return False
        self._commit(run, now, [line for line in lines if line["kind"] != "begun"])
        return bool(lines)

    def _read(self, seen: Carried, sizes: Mapping[Path, int]) -> tuple[Carried, list[dict[str, Any]]]:
        """The new lines of a run's files, and the position after them."""
        now, lines = replace(seen, sizes={}, offsets={}), list[dict[str, Any]]()
        for path, size in sizes.items():
            offset = seen.offsets.get(path, 0)
            try:
                new = lines_after(path, offset if size >= offset else 0)  # it was cut: what is there, is there again from its start
            except _owned.NotOurs as error:
                self.refused[path] = str(error)
                continue
            now = replace(now, offsets={**now.offsets, path: new.offset}, sizes={**now.sizes, path: size})
            now = replace(now, damaged=now.damaged + new.damaged, foreign=now.foreign + new.foreign)
            if new.foreign:
                log(f"{path}: {new.foreign} lines are not of its run, or were changed: they are not recorded")
            for line in new.lines:
                now = _noted(now, line)
                if line["kind"] == "run_started" and UNSEALED in line.get("data", {}):
                    line["text"] = f"{line.get('text', '')} (recorded without seals, by a version before this one)"
            lines += new.lines
        return now, lines

    def _commit(self, run: str, now: Carried, lines: list[dict[str, Any]]) -> None:
        try:
            opened = open_journal(self._folder)
        except _owned.NotOurs as error:
            raise _JournalRefused(str(error)) from error
        with opened as journal:
            for each in journal.mended:
                log(each)
            incident = now.incident
            if incident and journal.incident_of(run) != incident:
                log(f"{run}: the journal lost what was carried of it: all of it is carried again")
                self._seen[run] = Carried(anew=True)
                return
            if lines and not (now.check and self._committed_some(run) and not incident):  # a run in check mode may belong to none
                try:
                    incident = ingest(journal, lines, opens=not now.refused) or ""
                except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                    log(f"{run}: it can't be recorded ({type(error).__name__}: {error}); it is kept as {_aside(now.offsets)}")
                    self._seen.pop(run, None)
                    return
            if now.refused and not incident:
                log(f"{run} was refused before it had a plan, and its service has no open incident: none is opened")
            self._committed = time.monotonic()
            self._seen[run] = now = replace(now, incident=incident)
            if not now.ended:
                return
            with journal.transaction():
                journal.release(run)
                if incident:
                    journal.append(incident, _notes(run, now))
            self.finished.append(Finished(run, now, incident))
            if now.lock:
                self.locks.append((run, now.lock))
        if now.damaged or now.foreign:
            log(f"{run}: {now.damaged} lines can't be read, {now.foreign} are not of its run; the file is kept as {_aside(now.offsets)}")
        else:
            for path in now.offsets:
                remove(path)
        del self._seen[run]

    def _committed_some(self, run: str) -> bool:
        return any(self._seen[run].offsets.values())

    def live(self) -> bool:
        """Whether the controller of any unfinished run is alive."""
        return any(seen.pid and alive(seen.pid, seen.since) for seen in self._seen.values())

    def _set_aside_unreadable(self, paths: list[Path], seen: Carried) -> None:
        """Set aside files without a readable start of a run. They are kept, but no longer waited for."""
        if not seen.pid and all(time.time() - path.stat().st_mtime > EMPTY_FOR for path in paths):
            log(f"{paths[0].stem}: no start of a run can be read in it; it is kept as {_aside(paths)}")


def _noted(seen: Carried, line: dict[str, Any]) -> Carried:
    """The facts about a run in a line of its spool."""
    data = line.get("data") or {}
    seen = replace(seen, seq=max(seen.seq, line["run_seq"]), ended=seen.ended or line["kind"] == "run_ended")
    if line["kind"] == "run_started":
        seen = replace(seen, pid=int(data.get("pid", 0)), since=str(data.get("since", "")), recorder=str(data.get("recorder", "")))
        hosts = data.get("hosts")
        seen = replace(seen, check=bool(data.get("check")), planned=tuple(map(str, hosts)) if isinstance(hosts, list) else ())
        seen = replace(seen, waits=bool(data.get("waits")))
    if line["kind"] == "begun" or (line["kind"] == "task" and line.get("state") != "retry"):
        host = data.get("for") or line.get("host")  # a delegated task begins on the host for which it is done
        others = tuple(each for each in seen.begun if each.get("host") != host)
        seen = replace(seen, begun=(*others, line) if line["kind"] == "begun" else others)
    if line["kind"] == "run_ended":
        seen = replace(seen, refused=bool(data.get("refused")))
    return _of_task(seen, line, data) if line["kind"] == "task" else seen


def _of_task(seen: Carried, line: dict[str, Any], data: dict[str, Any]) -> Carried:
    if data.get("lock"):
        seen = replace(seen, lock=data["lock"])
    if "health" in data:  # the plan of an action of ours
        seen = replace(seen, waits=False)
    if data.get("only"):  # a plan, and no more
        seen = replace(seen, check=True, waits=False)
    if data.get("verdict") in set(Verdict):
        seen = replace(seen, verdicts=(*seen.verdicts, (str(line.get("host", "")), Verdict(data["verdict"]))))
    return seen


def _last_words(run: str, seen: Carried) -> dict[str, Any]:
    """The end of a run that did not write its own end: it was killed, or only its tasks recorded it."""
    line: dict[str, Any] = {"run": run, "run_seq": VANISHED, "at": utc(time.time())}
    if seen.refused:
        text = "❌ Ended before it had a plan, or was killed before that: nothing was touched"
        data = {"check": seen.check, "failed": True, "refused": True}
        return line | {"kind": "run_ended", "state": str(Verdict.UNKNOWN), "text": text, "data": data}
    if seen.recorder == "task":
        ended = _ended(seen)
        text = f"{ended.mark} Ended: {ended.words}"
        return line | {"kind": "run_ended", "state": str(ended.verdict), "text": text, "data": {"check": seen.check, "failed": ended.failed}}
    text = "The controller vanished: killed or interrupted before the run ended"
    return line | {"kind": "run_vanished", "state": str(Verdict.UNKNOWN), "text": text}


def _ended(seen: Carried) -> Outcome:
    """The outcome of a run that only its tasks recorded. Failures are not recorded there, so a missing verdict counts as a failure."""
    known = Seen(check=seen.check, planned=set(seen.planned), failures=0 if seen.verdicts or seen.check else 1, changed=True)
    for host, verdict in seen.verdicts:
        known.judge(host, verdict)
    return outcome_of(known)


def _notes(run: str, seen: Carried) -> list[Entry]:
    """The entries about problems during the carrying, each once."""
    at = utc(time.time())
    return [Entry("note", at, text=note, run=run, run_seq=VANISHED + place) for place, note in seen.notes().items()]


def _aside(paths: Iterable[Path]) -> str:
    return ", ".join(str(set_aside(path)) for path in paths)


def _tail_is_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return b'"kind":"run_ended"' in file.read()
