# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The current time, by this process's clock and by the machine's own count."""

from __future__ import annotations

import re
import time
from pathlib import Path

from .._core.moment import Moment

_BOOT, _UPTIME, _STAT = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/uptime"), Path("/proc/stat")
_STARTED = re.compile(r"^btime (\d+)$", re.MULTILINE)


def now() -> Moment:
    """Without the machine's own count (macOS), only the clock is used."""
    try:
        started = _STARTED.search(_STAT.read_text())
        if started:
            return Moment(time.time(), _BOOT.read_text().strip(), float(started[1]), float(_UPTIME.read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        pass
    return Moment(time.time())
