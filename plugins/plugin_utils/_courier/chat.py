# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the journal to chat in a thread of its own: what is written to the journal never waits for chat.

Nothing that is thrown ends the thread; one that is stuck is replaced (`Postman.lost`).
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.plugin_utils._courier.log import log

GIVE_UP = 600.0
"""Seconds without a move after which chat is no longer waited for."""


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
        from ansible_collections.incident.response.plugins.plugin_utils._wiring.chat import Deliverer

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
