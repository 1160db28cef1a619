# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock in chat: a run takes it with a time limit, and a courier releases it."""

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
"""The exceptions that an invalid answer of chat may cause in a client."""
_Found = TypeVar("_Found")


def own(folder: Path, key_file: str) -> str:
    """The id in chat of the journal in this state folder. Raises OSError."""
    return chat_lock.identity(_state.key(folder, key_file), machine())


def obtain(connection: Mapping[str, Any], wish: Wish, channel: str, seconds: float, *, only_look: bool) -> Held | Holder | None:
    """The taken lock, or its holder; None if nobody holds it and `only_look` is set. Raises ChatError, also after `seconds`."""

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
    """The result or exception of `work`, which runs in a thread. The thread is abandoned when the time is up, because the client's own limit only
    applies to each call."""
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
    """The data that a courier needs to release the lock, for the run's entry. `held` is None if it isn't known whether the lock was taken."""
    place = {"rid": held.rid, "period": held.period, "place": held.place} if held else {}
    return {"service": wish.service, "by": wish.by, "drill": wish.drill, "until": time.time() + wish.seconds, **place}


class GivesBack(threading.Thread):
    """Releases the locks of finished runs in chat, in a separate thread, so that a hanging chat does not delay the journal. It retries until the lock
    would expire anyway."""

    def __init__(self, connection: Mapping[str, Any], log: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self._connection, self._log = connection, log
        self._due: Queue[tuple[str, Mapping[str, Any]]] = Queue()
        self._open = 0

    def add(self, run: str, given: Mapping[str, Any]) -> None:
        """Release the lock of a finished run. `given` is the data from `line`."""
        self._open += 1
        self._due.put((run, given))
        if not self.is_alive():
            self.start()

    def left(self) -> bool:
        """Whether there is still a lock to release."""
        return self._open > 0

    def run(self) -> None:
        while True:
            run, given = self._due.get()
            try:
                self._give_back(run, given)
            except _ODD as error:  # the outermost code of the thread: one wrong entry must not block the others
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
    """The channel of the locks, also if the configuration has mistakes now."""
    try:
        return str(_config.load(_config.find())["channels"]["locks"])
    except _config.ConfigError:
        return str(_config.load(None)["channels"]["locks"])
