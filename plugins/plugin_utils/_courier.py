# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The courier: carries spools into the journal and the journal into chat, and notices when a controller has gone.

    python _courier.py STATE_DIR RUN [LOCK]

Who is called for an incident is paged on the way, and those outside are told. One courier works in a state folder at a time. It ends when
all is carried and shown, or when nothing has moved for a while: the next run, or the playbook `incident.response.deliver`, goes on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_COLLECTION = Path(__file__).absolute().parents[2]
if __name__ == "__main__":
    _IN_TREE = _COLLECTION.parents[1].name == "ansible_collections"
    sys.path[0] = str(_COLLECTION.parents[2] if _IN_TREE else _COLLECTION / "collections")

from ansible_collections.incident.response.plugins.module_utils import _gate, _owned  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._core.incident import Entry, utc  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._core.outcome import Outcome, Seen, outcome_of  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._core.verdict import Verdict  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._journal.location import location, open_journal  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._usecases.record import VANISHED, ingest  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._chat_lock import GivesBack  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier_lock import CourierLock, marked  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._process import alive  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._spool import (  # noqa: E402
    courier_file,
    lines_after,
    places,
    remove,
    set_aside,
    spools,
    status_file,
    survey,
)
from ansible_collections.incident.response.plugins.plugin_utils._spool_lines import UNSEALED  # noqa: E402

POLL = 0.05
IDLE = 0.5
"""Seconds between two rounds if nothing has changed for CALM seconds and no run is active, because chat may be down for long."""
CALM = 5.0
COMMIT_EVERY = 1.0  # the end of a run and the loss of a controller are carried at once
LINGER = 0.3
"""Seconds that a courier of a task waits for the next task of its play."""
GIVE_UP = 600.0
TURN = 2.0
"""Seconds after which a courier that can't deliver to chat lets a courier with other settings take over. They alternate."""
HOLD = 15.0
"""Seconds that the courier waits for an action's plan before it opens an incident. A run that is refused in this time opens none. A host may hang
longer."""
EMPTY_FOR = 60.0
ASIDE_WITHIN = 300.0
PUBLISH_AFTER = 10.0  # while a run goes on: what it takes, 0.2 s of a processor, is then 2 % of the run at most. At its end it is done at once
_TROUBLE = (OSError, JournalError, ValueError, TypeError, KeyError)


def log(text: str) -> None:
    with suppress(OSError):  # a full disk must not end the courier
        sys.stderr.write(f"{utc(time.time())} {_gate.clean(text)}\n")
        sys.stderr.flush()


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
    if isinstance(data.get("lock"), dict):
        seen = replace(seen, lock=data["lock"])
    if line["kind"] == "run_ended":
        seen = replace(seen, refused=bool(data.get("refused")))
    if "health" in data:  # the plan of an action of ours
        seen = replace(seen, waits=False)
    if data.get("only"):  # a plan, and no more
        seen = replace(seen, check=True)
    if data.get("verdict") in set(Verdict):
        seen = replace(seen, verdicts=(*seen.verdicts, (str(line.get("host", "")), Verdict(data["verdict"]))))
    return seen


def _last_words(run: str, seen: Carried) -> dict[str, Any]:
    """The end of a run that did not write its own end: it was killed, or only its tasks recorded it."""
    line: dict[str, Any] = {"run": run, "run_seq": VANISHED, "at": utc(time.time())}
    if seen.refused:
        text = "❌ Ended before it had a plan: nothing was touched"
        return line | {
            "kind": "run_ended",
            "state": str(Verdict.UNKNOWN),
            "text": text,
            "data": {"check": seen.check, "failed": True, "refused": True},
        }
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
            now = replace(now, refused=now.recorder == "task" and now.waits)  # nobody else has said so
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


def _aside(paths: Iterable[Path]) -> str:
    return ", ".join(str(set_aside(path)) for path in paths)


def _tail_is_end(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        return b'"kind":"run_ended"' in file.read()


class Postman(threading.Thread):
    """Delivers the journal to chat, in a separate thread, so that a hanging chat does not delay the journal."""

    def __init__(self, folder: Path, connection: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._folder, self._connection = folder, connection
        self.problem = ""
        self.hopeless = False
        self.clock = ""
        self._left = True
        self._wanted = 1
        self._looked = 0
        self.moved = self.began = time.monotonic()
        self.hurry = threading.Event()
        self.stop = threading.Event()
        self._noted: set[str] = set()

    def look(self) -> None:
        """Wake the thread, because there is something new."""
        self._wanted += 1
        self.hurry.set()

    def lost(self) -> bool:
        """Whether the thread is stuck: it has died, or hangs in one round in spite of each call's timeout."""
        return not self.stop.is_set() and (not self.is_alive() or time.monotonic() - self.began > GIVE_UP)

    def left(self) -> bool:
        """Whether messages remain that can be delivered without a person's help, including those that arrived during the last round."""
        return not self.hopeless and (self._left or self._looked < self._wanted)

    def _log_new(self, notes: list[str]) -> None:
        for note in notes:
            if note not in self._noted:
                log(note)
                self._noted.add(note)

    def run(self) -> None:
        from ansible_collections.incident.response.plugins.module_utils._usecases.chat_delivery import Patience
        from ansible_collections.incident.response.plugins.plugin_utils._deliver import Deliverer

        patience = Patience()
        while not self.stop.is_set():
            pause = 0.1
            self.began = time.monotonic()
            try:
                with Deliverer(self._folder, self._connection, patience) as deliverer:
                    while not self.stop.is_set():
                        self.began = time.monotonic()
                        hurry, wanted = self.hurry.is_set(), self._wanted
                        self.hurry.clear()
                        self._left = deliverer.step(all_now=hurry)
                        self.problem, self.hopeless, self._looked = "", False, wanted
                        self.clock = deliverer.clock
                        self._log_new([*deliverer.notes, *filter(None, (self.clock,))])
                        self.moved = time.monotonic()
                        self.hurry.wait(0.5)
            except BaseException as error:  # the outer edge of the thread, without which chat would stay dark
                problem = str(error) if isinstance(error, Deliverer.TROUBLE) else f"chat could not be told: {type(error).__name__}: {error}"
                if problem != self.problem:
                    log(problem)
                self.problem, self._left = problem, True
                self.hopeless = bool(getattr(error, "lasting", False))
                pause = min(getattr(error, "retry_after", None) or 1.0, 60.0)
                self.hurry.set()
            self.stop.wait(pause)


class Aside(threading.Thread):
    """Other work (paging, publishing) in a separate thread, so that a hang delays neither the journal nor chat. It runs `after` that many seconds
    when something has changed, and once at the end."""

    def __init__(self, work: Callable[[], None], trouble: str, after: float = 0) -> None:
        super().__init__(daemon=True)
        self._work, self._trouble, self._after = work, trouble, after
        self._last = threading.Event()
        self.look = threading.Event()

    def run(self) -> None:
        while True:
            self.look.wait()
            self._last.wait(self._after)
            self.look.clear()
            last = self._last.is_set()
            try:
                self._work()
            except BaseException as error:  # the outermost code of the thread: the next round can do what failed now
                log(f"{self._trouble}: {type(error).__name__}: {error}")
            if last:
                return

    def close(self) -> None:
        """Run once more, if the thread hasn't ended."""
        self._last.set()
        self.look.set()
        self.join(ASIDE_WITHIN)


def pager(folder: Path) -> Aside | None:
    """The pager; None if nobody is paged, which is the usual case and must be cheap."""
    from ansible_collections.incident.response.plugins.plugin_utils import _config

    try:
        found = _config.find()
        if not found or not _config.load(found)["paging"]["notifiers"]:
            return None
    except _config.ConfigError as error:
        log(f"nobody is paged: {error}")
        return None
    return Aside(lambda: _page(folder), "nobody could be paged")


def _page(folder: Path) -> None:
    from ansible_collections.incident.response.plugins.module_utils._usecases import paging
    from ansible_collections.incident.response.plugins.plugin_utils import _config, _options, _paging

    policy = _paging.policy(_config.load(_config.find()), folder, _options.of_environment())
    with open_journal(folder) as journal:
        for name, entry in paging.look(journal, policy, clock=time.time, write=True) if policy else []:
            log(f"{name}: {entry.text}")


def _publish(folder: Path) -> None:
    """Publish by the policy, and update the status page."""
    from ansible_collections.incident.response.plugins.module_utils._usecases import communication
    from ansible_collections.incident.response.plugins.plugin_utils import _config, _publishing

    publishing = _publishing.publishing(_config.load(_config.find()), folder)
    with open_journal(folder) as journal:
        told, problems = communication.look(journal, publishing.policy, clock=time.time, write=True)
        shown, more = publishing.show(journal, False)
    for name, entry in [*told, *shown]:
        log(f"{name}: {entry.text}")
    for problem in [*problems, *more]:
        log(problem)


class Courier:
    """Run all work until everything is done or nothing changes any more. `wanted` says whether a courier with other chat settings waits."""

    def __init__(
        self, folder: Path, connection: dict[str, Any], moved: Callable[[], None], finished: Sequence[Finished] = (),
        beat: Callable[[], None] = lambda: None, wanted: Callable[[], bool] = lambda: False, wishes: Callable[[], int] = lambda: 0,
    ) -> None:  # fmt: skip
        self._folder, self._connection, self._moved, self._beat, self._wanted, self._wishes = folder, connection, moved, beat, wanted, wishes
        self.heard = wishes()
        """The number of requests to check the journal that it has seen."""
        self._carrier = Carrier(folder)
        self._carrier.finished = list(finished)  # runs that may still wait to hear of what an earlier one has carried
        self._postman = Postman(folder, connection) if connection else None
        self._locks = GivesBack(connection, log) if connection else None
        self._published = float("-inf")
        self._last = 0.0

    @property
    def finished(self) -> list[Finished]:
        """The runs that may still wait for their status."""
        return self._carrier.finished

    def work(self) -> bool:
        """Work until everything is done. Returns False if a courier with other chat settings must take over."""
        began = time.monotonic()
        self._last = self._last or began
        self._send_postman()
        while True:
            problem, pause = "", POLL
            self._beat()
            try:
                left, progress = self._carrier.step()
            except Exception as error:  # whatever it is, what is carried already has to be told and shown
                left, progress, pause = True, False, 1.0
                problem = f"the journal {_journal_name(self._folder)} can't be written: {error}"
                log(problem)
            now, asked = time.monotonic(), self._is_asked()
            if progress or asked:
                self._last = now
                self._moved()
            self._tell(problem)
            waits = self._gives_back() | self._waits_for_chat(progress or asked)  # also while more is left: the postman checks what has changed
            if not left and not waits:
                break
            self._last = max(self._last, self._postman.moved if self._postman else 0.0)
            if now - self._last > GIVE_UP and not self._carrier.live():
                log("nothing has moved for a while: the rest waits for the next run, or for the playbook incident.response.deliver")
                break
            if now - began > TURN and self._is_no_use() and self._wanted():
                self._give_way()
                return False
            time.sleep(IDLE if now - self._last > CALM and not self._carrier.live() else pause)
        if self._postman:
            self._postman.stop.set()
        self._published = float("-inf")
        self._tell("")
        return True

    def _is_asked(self) -> bool:
        """Whether a task has written to the journal and requested a check."""
        heard, self.heard = self.heard, self._wishes()
        return heard != self.heard

    def _send_postman(self) -> None:
        if self._postman and self._postman.stop.is_set():  # it had a turn before
            self._postman = Postman(self._folder, self._connection)
            self._postman.moved = self._last
        if self._postman:
            self._postman.start()

    def _is_no_use(self) -> bool:
        """Whether this courier can't deliver to chat, but another one may."""
        return not self._postman or bool(self._postman.problem)

    def _give_way(self) -> None:
        log(f"another courier, with other settings of chat, has its turn{f': {self._postman.problem}' if self._postman else ''}")
        if self._postman:
            self._postman.stop.set()
            self._postman.join(TURN)  # not for longer: the other one's calls are worth more than one that hangs

    def _gives_back(self) -> bool:
        """Release the locks in chat. Returns whether any lock is left."""
        over, self._carrier.locks = self._carrier.locks, []
        if not self._locks:
            return False
        for run, lock in over:
            self._locks.add(run, lock)
        return self._locks.left()

    def _waits_for_chat(self, progress: bool) -> bool:
        if self._postman and self._postman.lost():
            log("what brings the journal to chat has died or hangs: another one goes on")
            self._postman.stop.set()
            self._postman = Postman(self._folder, self._connection)
            self._postman.start()
        if self._postman and progress:
            self._postman.look()
        return bool(self._postman and self._postman.left())

    def _tell(self, problem: str) -> None:
        """Write the status for the finished runs, or for all waiting runs if the journal has a problem, and the problems for everybody."""
        if time.monotonic() - self._published > 1:
            self._published = time.monotonic()
            chat_problem = self._postman.problem if self._postman else ""
            told = {"problem": problem, "chat_problem": chat_problem, "settings": connect.mark(self._connection), "strange": self._carrier.strange}
            self._write(courier_file(self._folder), told)
        for path, why in self._carrier.refused.items():
            self._say(path.stem, {"problem": why})
        if problem:
            for path in spools(self._folder):
                self._say(path.stem, {"problem": problem})
        self.tell_finished()

    def tell_finished(self) -> None:
        """Write the status for the finished runs, also while another courier works."""
        waiting = [each for each in self._carrier.finished if alive(each.carried.pid, each.carried.since)]
        self._carrier.finished = waiting
        for finished in waiting:
            answer = self._answer(finished)
            if answer != finished.told:
                self._say(finished.run, answer)
                finished.told = answer

    def _answer(self, finished: Finished) -> dict[str, Any]:
        answer: dict[str, Any] = {"carried": finished.carried.seq, "pending": 0, "chat_problem": "", "troubles": list[str]()}
        answer["warnings"] = [*finished.carried.notes().values(), *self._carrier.strange]
        answer |= dict.fromkeys(("incident", "url", "status", "severity"), "")
        if not finished.incident:
            return answer
        try:
            with open_journal(self._folder) as journal:
                if finished.told and journal.pending(finished.incident) == finished.told.get("pending"):
                    answer = dict(finished.told)
                else:
                    info = journal.info(finished.incident)
                    answer |= {key: info[key] or "" for key in ("url", "status", "severity")} | {"incident": info["name"], "pending": info["pending"]}
                answer["troubles"] = journal.troubles(finished.incident)
        except Exception as error:  # one incident's trouble, whatever it is, leaves the other runs alone
            return answer | {"problem": str(error)}
        if self._postman and answer["pending"]:
            tries_another = self._postman.stop.is_set() or self._wanted()
            answer["chat_problem"] = "" if tries_another else self._postman.problem
            if not answer["chat_problem"] and answer["troubles"] and not self._postman.left():
                answer["chat_problem"] = answer["troubles"][-1]
        if self._postman:
            answer["clock"] = self._postman.clock
        return answer

    def _say(self, run: str, answer: dict[str, Any]) -> None:
        self._write(status_file(self._folder, run), answer)

    @staticmethod
    def _write(file: Path, answer: dict[str, Any]) -> None:
        try:
            _owned.write_text(file, json.dumps(_gate.clean_data(answer)))
        except OSError as error:
            log(str(error))


def _journal_name(folder: Path) -> str:
    try:
        return str(location(folder))
    except ValueError:
        return ""


def main(folder: Path, run: str, inherited: int = -1) -> None:
    """Work as the folder's only courier; where another works, wait until it has carried this run, or step in for it.

    `inherited` is the file descriptor of the lock, where who started this holds it for it.
    """
    _gate.known()  # before there are threads
    sys.excepthook = lambda *error: log("the courier breaks off: " + "".join(traceback.format_exception(*error)))
    threading.excepthook = lambda broken: log("a part of the courier breaks off: " + "".join(traceback.format_exception(broken.exc_value)))
    own = [place / f"{run}.jsonl" for place in places(folder)]
    try:
        connection = connect.options()
    except connect.Misconfigured as error:
        log(str(error))
        connection = {}
    os.nice(10)
    asides = [each for each in (pager(folder), Aside(lambda: _publish(folder), "nobody outside could be told", PUBLISH_AFTER)) if each]
    for each in asides:
        each.start()
        each.look.set()  # what is in the journal already waits for no spool, and not for chat

    def moved() -> None:
        for each in asides:
            each.look.set()

    finished: list[Finished] = []
    try:
        finished = _work(folder, own, connection, moved, inherited=inherited, linger=0.0 if run else LINGER)
    finally:
        for each in asides:  # without the lock: what hangs here must not keep other runs out of the journal
            each.close()
    if connection and _undelivered(folder, refused=False):  # what came of it
        _work(folder, [], connection, lambda: None, finished)


def _work(
    folder: Path, own: list[Path], connection: dict[str, Any], moved: Callable[[], None], finished: Sequence[Finished] = (), *,
    inherited: int = -1, linger: float = 0.0,
) -> list[Finished]:  # fmt: skip
    with CourierLock(folder, connect.mark(connection), marked(os.environ), inherited) as lock:
        courier = Courier(folder, connection, moved, finished, lock.beat, lock.wanted, lock.wishes)
        while True:
            lacks = bool(connection) and _undelivered(folder)
            if lock.take(wants=lacks):
                done = courier.work()
                until = time.monotonic() + linger
                while done and courier.heard == lock.wishes() and time.monotonic() < until and not lock.wanted():
                    lock.beat()
                    time.sleep(POLL)
                lock.give()
                if done and courier.heard == lock.wishes():  # a later request finds the lock free, and starts another courier
                    return courier.finished
            elif not lacks and not any(path.exists() for path in own):
                return courier.finished
            stuck = lock.end_stuck()
            if stuck:
                log(f"the courier {stuck} did nothing any more, and is ended: this one goes on")
            courier.tell_finished()
            time.sleep(0.2)


def _undelivered(folder: Path, *, refused: bool = True) -> bool:
    try:
        with open_journal(folder) as journal:
            return bool(journal.undelivered(refused=refused))
    except _TROUBLE:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if sys.argv[3:] else -1)
