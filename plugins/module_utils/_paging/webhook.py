# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Any service that accepts a JSON document: a gateway for calls and text messages, or a custom program."""

from __future__ import annotations

from .._core.paging import Alert
from .._http import Api, HttpError
from .._ports import PageError


class Webhook:
    """Posts `Alert.document` to `url`, which may be a secret itself, with `token` as the bearer token if there is one."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._api = Api(url, headers, secrets=(token,) if token else (), timeout=10, secret_url=True)
        self._end = "/" if url.endswith("/") else ""

    def page(self, alert: Alert) -> None:
        try:
            self._api.text("POST", self._end, body=alert.document())
        except HttpError as error:
            raise PageError(str(error)) from None
