# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock in chat as a run takes it, which waits for it a bounded time, and as a courier gives it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar

from ansible_collections.incident.response.plugins.module_utils import _state
from ansible_collections.incident.response.plugins.module_utils._core import chat_lock
from ansible_collections.incident.response.plugins.module_utils._core.chat_lock import Holder
from ansible_collections.incident.response.plugins.module_utils._ports import ChatDown, ChatError, ChatLimited
from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import Held, Wish
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._process import machine

_ODD = (ValueError, TypeError, KeyError, AttributeError)
"""What an answer that is none of a chat may make of a client."""
_Found = TypeVar("_Found")


def own(folder: Path, key_file: str) -> str:
    """What the journal of this state folder is known by in chat. Raises OSError."""
    return chat_lock.identity(_state.key(folder, key_file), machine())


def obtain(connection: Mapping[str, Any], wish: Wish, channel: str, seconds: float, *, only_look: bool) -> Held | Holder | None:
    """The lock, or who has it; None where nobody has, and we `only_look`. Raises ChatError, also where it takes longer than `seconds`."""

    def ask() -> Held | Holder | None:
        from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat  # not cheap
        from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import look, take

        chat = RocketChat.of(connection, timeout=seconds)
        try:
            return (look if only_look else take)(chat, wish, channel)
        finally:
            chat.close()

    return _within(seconds, ask)


def _within(seconds: float, work: Callable[[], _Found]) -> _Found:
    """What `work` returns, or raises, in a thread that is left to itself when the time is up: the client's own limit is one for each call."""
    results: Queue[_Found | Exception] = Queue()

    def run() -> None:
        try:
            results.put(work())
        except (ChatError, *_ODD) as error:
            results.put(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if results.empty():
        raise ChatDown(f"no answer within {seconds:g} s")
    found = results.get()
    if isinstance(found, ChatError):
        raise found
    if isinstance(found, Exception):
        raise ChatDown(f"it answers with what is no answer of a chat ({type(found).__name__})")
    return found


def line(wish: Wish, held: Held | None) -> dict[str, Any]:
    """What a courier needs to give it back, for the run's entry; with `held` None it isn't known whether it was taken."""
    place = {"rid": held.rid, "period": held.period, "place": held.place} if held else {}
    return {"service": wish.service, "by": wish.by, "drill": wish.drill, "until": time.time() + wish.seconds, **place}


class GivesBack(threading.Thread):
    """Gives back in chat what runs that are over have held, in a thread of its own: a chat that hangs keeps no entry from the journal.

    It tries as long as the lock would last. What it can't give back then has ended by itself.
    """

    def __init__(self, connection: Mapping[str, Any], log: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self._connection, self._log = connection, log
        self._due: Queue[tuple[str, Mapping[str, Any]]] = Queue()
        self._open = 0

    def add(self, run: str, given: Mapping[str, Any]) -> None:
        """The run is over; `given` is what `line` has told of it."""
        self._open += 1
        self._due.put((run, given))
        if not self.is_alive():
            self.start()

    def left(self) -> bool:
        """Whether there is anything to give back yet."""
        return self._open > 0

    def run(self) -> None:
        while True:
            run, given = self._due.get()
            try:
                self._give_back(run, given)
            except _ODD as error:  # the outer edge of the thread: one odd entry must not keep the others
                self._log(f"the lock of run {run} in chat can't be given back: {type(error).__name__}: {error}")
            self._open -= 1

    def _give_back(self, run: str, given: Mapping[str, Any]) -> None:
        from ansible_collections.incident.response.plugins.module_utils._rocketchat.client import RocketChat
        from ansible_collections.incident.response.plugins.module_utils._usecases.chat_lock import free

        wish = Wish(str(given["service"]), run, str(given["by"]), "", 0, drill=given.get("drill") is True)
        held = Held(str(given["rid"]), int(given["period"]), int(given["place"])) if given.get("rid") else None
        problem = ""
        while True:
            chat = RocketChat.of(self._connection)
            try:
                free(chat, wish, _channel(), held)
                return
            except ChatError as error:
                again = isinstance(error, ChatDown | ChatLimited)
                if str(error) != problem:
                    problem = str(error)
                    self._log(f"the lock of {wish.service} in chat can't be given back{' yet' if again else ', and ends by itself'}: {problem}")
                if not again or time.time() > float(given["until"]):
                    return
                pause = min(error.retry_after or 1.0, 30.0)
            finally:
                chat.close()
            time.sleep(pause)


def _channel() -> str:
    """Where the locks are, also for a courier whose configuration has got mistakes since."""
    try:
        return str(_config.load(_config.find())["channels"]["locks"])
    except _config.ConfigError:
        return str(_config.load(None)["channels"]["locks"])
