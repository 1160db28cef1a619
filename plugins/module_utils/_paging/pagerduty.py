# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PagerDuty, which then pages by its own rules until somebody answers (developer.pagerduty.com, "Events API v2")."""

from __future__ import annotations

from typing import Any

from .._core.paging import TRIGGER, Alert
from .._http import Api, HttpError
from .._ports import PageError

URL = "https://events.pagerduty.com"
_SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}
_LONGEST = 1024


class PagerDuty:
    """`key` is the integration key. Each call is a separate alert, because an acknowledged alert stays silent for later events."""

    def __init__(self, key: str, url: str = "") -> None:
        self._key, self._api = key, Api(url or URL, {}, secrets=(key,), timeout=10)

    def page(self, alert: Alert) -> None:
        body: dict[str, Any] = {"routing_key": self._key, "event_action": alert.event, "dedup_key": alert.key}
        if alert.event == TRIGGER:
            details = {"incident": alert.name, "status": alert.status, "called": ", ".join(each.name for each in alert.people)}
            body["payload"] = {
                "summary": alert.summary()[:_LONGEST], "source": alert.service or alert.name, "severity": _SEVERITIES[alert.severity],
                "timestamp": alert.opened_at, "custom_details": details,
            }  # fmt: skip
            body["client"] = "incident.response"
            if alert.url:
                body["links"] = [{"href": alert.url, "text": alert.name}]
        try:
            self._api.text("POST", "/v2/enqueue", body=body)
        except HttpError as error:
            raise PageError(str(error)) from None
