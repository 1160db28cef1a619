# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times every hook of our callback in an ansible-playbook, and writes the microseconds of each call to HOOKS_FILE at its end."""

from __future__ import annotations

import atexit
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMES: dict[str, list[float]] = {}


def timed(name: str, hook: Callable[..., None]) -> Callable[..., None]:
    def call(*args: Any, **kwargs: Any) -> None:
        begun = time.perf_counter_ns()
        hook(*args, **kwargs)
        TIMES.setdefault(name, []).append((time.perf_counter_ns() - begun) / 1000)

    call.__dict__.update(hook.__dict__)
    return call


def tell(controller: int) -> None:
    if os.getpid() == controller:
        Path(os.environ["HOOKS_FILE"]).write_text(json.dumps(TIMES))


class Finder:
    """Lets the callback's module be loaded as ever, then wraps its hooks."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        loaded = sys.modules.get("ansible_collections.incident.response.plugins.callback.incident_timeline")
        callback = getattr(loaded, "CallbackModule", None)
        if callback and not TIMES:
            TIMES[""] = []
            for hook in [each for each in vars(callback) if each.startswith("v2_")]:
                setattr(callback, hook, timed(hook, getattr(callback, hook)))
            TIMES.pop("")
            sys.meta_path.remove(self)


if sys.argv and sys.argv[0].endswith("ansible-playbook"):
    sys.meta_path.insert(0, Finder())
    atexit.register(tell, os.getpid())
