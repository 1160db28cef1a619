# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tick costs over a journal with many incidents, most of them long over.

tick.py [--closed N] [--open N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "collections"))

from ansible_collections.incident.response.plugins.module_utils._core.entry import Entry, utc
from ansible_collections.incident.response.plugins.module_utils._core.incident import transition
from ansible_collections.incident.response.plugins.module_utils._core.severity import Severity
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._usecases import escalation
from ansible_collections.incident.response.plugins.module_utils._usecases.record import open_incident
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring import escalation as escalation_wiring

TARGET = 1.0
ENTRIES = 60
"""Of each incident that is open: a restart of a few hosts, and what people said."""


def filled(path: Path, closed: int, opened: int, now: float) -> None:
    """A journal with that many incidents: one a quarter of an hour was opened and reviewed, those that are open began in the last hour."""
    with SqliteJournal(path, b"k" * 32) as journal:
        for number in range(closed):
            with journal.transaction():
                at = utc(now - 7200 - 900 * number)
                incident = open_incident(journal, title="Slow", service=f"s{number}", severity=Severity.P1, at=at, actor="ada", chat=True)
                journal.append(incident, transition(Status.OPEN, Status.CLOSED, at=at, actor="ada"))
                journal.append(incident, transition(Status.CLOSED, Status.REVIEWED, at=at, actor="ada"))
        for number in range(opened):
            with journal.transaction():
                at = utc(now - 60 * (number % 60))
                incident = open_incident(journal, title="Slow", service=f"o{number}", severity=Severity.P1, at=at, actor="ada", chat=True)
                journal.append(incident, [Entry("note", at, actor="ada", text=f"News {each}") for each in range(ENTRIES)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closed", type=int, default=10_000)
    parser.add_argument("--open", type=int, default=50)
    given = parser.parse_args()
    policy, now = escalation_wiring.policy(_config.load(None)), time.time()
    print(f"What a tick costs over {given.closed} closed and {given.open} open incidents (target: {TARGET} s)\n\n| | seconds | told |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "journal.db"
        filled(path, given.closed, given.open, now)
        for name in ("first, which tells", "second, which has nothing to tell"):
            begun = time.monotonic()
            with SqliteJournal(path, b"k" * 32) as journal:
                told = escalation.look(journal, policy, now=now, write=True)
            took = time.monotonic() - begun
            print(f"| {name} | {took:.3f} | {len(told)} |{' MISSED' if took > TARGET else ''}")


if __name__ == "__main__":
    main()
