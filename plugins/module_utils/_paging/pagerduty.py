# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PagerDuty, which then pages by its own rules until somebody answers (developer.pagerduty.com, "Events API v2")."""

from __future__ import annotations

from typing import Any

from .._core.paging import TRIGGER, Page
from .._http import Api, HttpError
from .._ports import PageError

URL = "https://events.pagerduty.com"
_SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}
_LONGEST = 1024


class PagerDuty:
    """`key` is the integration key. Each call is a separate alert, because an acknowledged alert stays silent for later events."""

    def __init__(self, key: str, url: str = "") -> None:
        self._key, self._api = key, Api(url or URL, {}, secrets=(key,), timeout=10)

    def page(self, page: Page) -> None:
        body: dict[str, Any] = {"routing_key": self._key, "event_action": page.event, "dedup_key": page.key}
        if page.event == TRIGGER:
            details = {"incident": page.name, "status": page.status, "called": ", ".join(each.name for each in page.people)}
            body["payload"] = {
                "summary": page.summary()[:_LONGEST], "source": page.service or page.name, "severity": _SEVERITIES[page.severity],
                "timestamp": page.opened_at, "custom_details": details,
            }  # fmt: skip
            body["client"] = "incident.response"
            if page.url:
                body["links"] = [{"href": page.url, "text": page.name}]
        try:
            self._api.text("POST", "/v2/enqueue", body=body)
        except HttpError as error:
            raise PageError(str(error)) from None
