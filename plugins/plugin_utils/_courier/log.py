# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The courier's log, which is its standard error: each line has its time, no secret, and never stops the work."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core.entry import utc


def log(text: str) -> None:
    with suppress(OSError):  # a full disk must not end the courier
        sys.stderr.write(f"{utc(time.time())} {_gate.clean(text)}\n")
        sys.stderr.flush()
