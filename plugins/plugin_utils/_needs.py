# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Python libraries that a configuration needs, so that a missing one is reported before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._libraries import complaint, missing

_BY_HTTP = "requests"


def lacking(config: Mapping[str, Any], *, chat: bool) -> list[str]:
    """A message for each missing library: the feature that needs it, and the command to install it."""
    needed: dict[str, list[str]] = {}
    for what, package in _needs(config, chat):
        needed.setdefault(package, []).append(what)
    return [complaint(" and ".join(dict.fromkeys(all_of_it)), package) for package, all_of_it in needed.items() if missing(package)]


def _needs(config: Mapping[str, Any], chat: bool) -> Iterator[tuple[str, str]]:
    if chat:
        yield "chat", _BY_HTTP
    for source in config["oncall"]["sources"]:
        what = f"the on-call source {source['type']}"
        if source["type"] == "ical":
            yield what, "icalendar"
            yield what, "recurring-ical-events"
        if source["type"] not in {"schedule", "ical"} or any("://" in str(each) for each in source.get("calendars", [])):
            yield what, _BY_HTTP
    for notifier in config["paging"]["notifiers"]:
        if notifier["type"] in {"webhook", "pagerduty"}:
            yield f"paging by {notifier['type']}", _BY_HTTP
    provider = config["status_page"]["provider"]
    if provider not in {"none", "static"} and not provider.endswith(".py"):
        yield f"the status page {provider}", _BY_HTTP
    if provider == "uptime_kuma":
        yield f"the status page {provider}", "python-socketio[client]"
