# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print the timeline of the newest incident in the state folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "collections"))

from ansible_collections.incident.response.plugins.module_utils._core.incident import timeline
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._state import key, state_dir

folder = state_dir()
journal = SqliteJournal(folder / "journal.db", key(folder))
newest = journal.ids()[0]
info = journal.info(newest)
print(f"{info['name']} · {info['severity']} · {info['status']} · record verified: {info['verified']}")
print("\n".join(timeline(journal.entries(newest))))
