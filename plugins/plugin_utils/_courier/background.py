# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done beside the journal and chat, each in a thread of its own: people are paged, and those outside are told.

The threads go by what the journal holds. What fails is logged, and done in the next round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.plugin_utils._courier.log import log

ASIDE_WITHIN = 300.0
PUBLISH_AFTER = 10.0  # while a run goes on: what it takes, 0.2 s of a processor, is then 2 % of the run at most. At its end it is done at once


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
    from ansible_collections.incident.response.plugins.plugin_utils import _config, _options
    from ansible_collections.incident.response.plugins.plugin_utils._wiring import paging as paging_wiring

    policy = paging_wiring.policy(_config.load(_config.find()), folder, _options.of_environment())
    with open_journal(folder) as journal:
        for name, entry in paging.look(journal, policy, clock=time.time, write=True) if policy else []:
            log(f"{name}: {entry.text}")


def publisher(folder: Path) -> Aside:
    """The thread that publishes by the policy, and updates the status page."""
    return Aside(lambda: _publish(folder), "nobody outside could be told", PUBLISH_AFTER)


def _publish(folder: Path) -> None:
    from ansible_collections.incident.response.plugins.module_utils._usecases import communication
    from ansible_collections.incident.response.plugins.plugin_utils import _config
    from ansible_collections.incident.response.plugins.plugin_utils._wiring import status_page as status_page_wiring

    publishing = status_page_wiring.publishing(_config.load(_config.find()), folder)
    with open_journal(folder) as journal:
        told, problems = communication.look(journal, publishing.policy, clock=time.time, write=True)
        shown, more = publishing.show(journal, False)
    for name, entry in [*told, *shown]:
        log(f"{name}: {entry.text}")
    for problem in [*problems, *more]:
        log(problem)
