# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The courier: carries spools into the journal and the journal into chat, and notices when a controller has gone.

    python _courier/main.py STATE_DIR RUN [LOCK]

Who is called for an incident is paged on the way, and those outside are told. One courier works in a state folder at a time. It ends when
all is carried and shown, or when nothing has moved for a while: the next run, or the playbook `incident.response.deliver`, goes on.

This file has the program and its loop. What they call is beside it: `carrier` reads the spools, `chat` and `background` have threads of their own,
`lock` lets one courier in, `log` writes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_COLLECTION = Path(__file__).absolute().parents[3]
if __name__ == "__main__":
    _IN_TREE = _COLLECTION.parents[1].name == "ansible_collections"
    sys.path[0] = str(_COLLECTION.parents[2] if _IN_TREE else _COLLECTION / "collections")

from ansible_collections.incident.response.plugins.module_utils import _gate, _owned  # noqa: E402 - after the path is set
from ansible_collections.incident.response.plugins.module_utils._journal.location import location, open_journal  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError  # noqa: E402
from ansible_collections.incident.response.plugins.module_utils._rocketchat import connect  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._chat_lock import GivesBack  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier.background import pager, publisher  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier.carrier import Carrier, Finished  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier.chat import GIVE_UP, Postman  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier.lock import CourierLock, marked  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._courier.log import log  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._process import alive  # noqa: E402
from ansible_collections.incident.response.plugins.plugin_utils._spool import courier_file, places, spools, status_file  # noqa: E402

POLL = 0.05
IDLE = 0.5
"""Seconds between two rounds if nothing has changed for CALM seconds and no run is active, because chat may be down for long."""
CALM = 5.0
LINGER = 0.3
"""Seconds that a courier of a task waits for the next task of its play."""
TURN = 2.0
"""Seconds after which a courier that can't deliver to chat lets a courier with other settings take over. They alternate."""
_TROUBLE = (OSError, JournalError, ValueError, TypeError, KeyError)


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
    asides = [each for each in (pager(folder), publisher(folder)) if each]
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if sys.argv[3:] else -1)
