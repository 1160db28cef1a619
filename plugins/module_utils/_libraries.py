# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python libraries that ansible-core does not include: whether they are installed, and how to install them."""

from __future__ import annotations

import importlib.util
import sys

MODULES = {
    "icalendar": ("icalendar",), "jsonschema>=4.18": ("jsonschema",), "python-socketio[client]": ("socketio", "websocket"),
    "recurring-ical-events": ("recurring_ical_events",), "requests": ("requests",), "tzdata": ("tzdata",),
}  # fmt: skip
"""Their names in pip, and their names in Python."""


def missing(package: str) -> bool:
    """Whether the running Python lacks the library. Nothing is imported."""
    return any(importlib.util.find_spec(module) is None for module in MODULES[package])


def complaint(needed_by: str, *packages: str) -> str:
    """A message about which feature needs these packages, and the command to install them for this Python."""
    names = " and ".join(package.partition(">")[0].partition("[")[0] for package in packages)
    quoted = " ".join(f"'{package}'" if set(package) & set("[>") else package for package in packages)
    are = "libraries {} are" if len(packages) > 1 else "library {} is"
    return f"the Python {are.format(names)} missing, which {needed_by} needs: {sys.executable} -m pip install {quoted} (or your system's package)"
