# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Any service that takes a JSON document: a gateway for calls and text messages, or a program of one's own."""

from __future__ import annotations

from urllib.parse import urlsplit

from .._core.paging import Page
from .._http import Api, HttpError
from .._ports import PageError


class Webhook:
    """Posts `Page.document` to `url`, which may itself be a secret, with the `token` as a bearer's where there is one."""

    def __init__(self, url: str, token: str = "") -> None:
        path = urlsplit(url).path.strip("/")
        secrets = tuple(each for each in (token, path) if each)
        self._api = Api(url, {"Authorization": f"Bearer {token}"} if token else {}, secrets=secrets, timeout=10)
        self._shown = "{0.scheme}://{0.hostname}".format(urlsplit(url))

    def page(self, page: Page) -> None:
        try:
            self._api.text("POST", "", body=page.document())
        except HttpError as error:
            raise PageError(str(error).replace(self._api.url, self._shown)) from None
