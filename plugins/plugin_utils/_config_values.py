# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds values that YAML reads differently from their meaning: names that become numbers or dates, infinite numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

from ansible_collections.incident.response.plugins.plugin_utils._config_text import Where, dotted


def misread(value: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """The names in the configuration that are not text, and the infinite numbers: paths, and messages that begin with these paths."""
    if isinstance(value, dict):
        for key, below in value.items():
            inside = (*where, str(key))
            if not isinstance(key, str):
                yield inside, f"{dotted(inside)}: YAML reads the name {key} as {_kind(key)}: put it in quotes"
            yield from misread(below, inside)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from misread(below, (*where, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield where, f"{dotted(where)} must be a number that ends, not {value}"


def _kind(key: object) -> str:
    if key is None:
        return "nothing"
    return "true or false" if isinstance(key, bool) else "a date" if isinstance(key, date) else "a number"
