# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls to a provider's JSON API, and checks of the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.status_page import Account
from .._http import Api, HttpError, OddAnswer
from .errors import lasting, refused

PAGE, PAGES = 100, 10
"""The page size, and the largest number of pages."""
TIMEOUT = 10.0
"""The timeout of a whole answer in seconds."""


class Client:
    """One connection. `token` is masked in every message. Each call is made once; the caller decides about retries."""

    def __init__(self, url: str, headers: Mapping[str, str], token: str = "", *, timeout: float | None = None) -> None:
        try:
            self._api = Api(url, headers, secrets=(token,) if token else (), timeout=timeout or TIMEOUT)
        except HttpError as error:
            raise lasting(str(error)) from None

    def call(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON value of the answer; None for an empty answer. Raises StatusPageError."""
        try:
            return self._api.value(method, path, query=query, body=body)
        except OddAnswer:
            raise lasting(f"{self._api.url} answered with no JSON: is status_page.url the address of the provider's API?") from None
        except HttpError as error:
            raise refused(error) from None


def paged(fetch: Callable[[int], list[Any]], size: int = PAGE) -> Iterator[Any]:
    """The items of all pages. A server without paging returns the same page again; that also ends the loop."""
    first: Any = None
    for number in range(1, PAGES + 1):
        found = fetch(number)
        if number > 1 and found and found[0] == first:
            return
        first = found[0] if found else None
        yield from found
        if len(found) < size:
            return


def page_of(account: Account, what: str) -> str:
    """The page's id, which the provider requires. Raises StatusPageError that says what to set."""
    if not account.page.strip():
        raise lasting(f"{what} needs to know which page is meant: set status_page.page")
    return account.page.strip()


def url_of(account: Account, what: str, usual: str = "") -> str:
    """The account's address, otherwise the usual one. Raises StatusPageError that says what to set."""
    url = account.url.strip() or usual
    if not url:
        raise lasting(f"{what} needs the address where it runs: set status_page.url")
    try:
        split = urlsplit(url)
        fine = split.scheme in {"http", "https"} and bool(split.hostname) and split.username is None and (split.port is None or split.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise lasting(f"{what} can't be reached at status_page.url: it must be an address like https://status.example.com, without a password")
    return url.rstrip("/")


def token_of(account: Account, what: str, variable: str) -> str:
    """The secret. Raises StatusPageError that says where to set it."""
    token = account.token.strip()
    if not token:
        raise lasting(f"{what} needs a secret: put it into the environment variable {variable}, or name another one in status_page.token_env")
    if not (token.isascii() and token.isprintable()):
        raise lasting(f"the secret for {what} has characters that can't be sent: look at {variable}, or what status_page.token_env names")
    return token
