# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks an HTTP address. Runs on the managed host, where the standard library is already compiled, but a module's own files are compiled each time.
Therefore this does not use `ansible.module_utils.urls`, whose compilation takes longer than the request (tests/bench/wrapping.py)."""

from __future__ import annotations

import base64
import http.client
import urllib.parse

from .._limit import Limit

TROUBLE = (OSError, ValueError, http.client.HTTPException)
"""The exceptions of `status` without an answer, or with an invalid one."""
_MOVED = {301, 302, 303, 307, 308}
_HOPS = 10


def status(address: str, timeout: float = 5) -> int:
    """The HTTP status, after all redirects. Uses no proxy, and checks certificates. `timeout` is the limit of the whole request in seconds. Raises
    one of TROUBLE."""
    with Limit(timeout) as limit:
        try:
            return _status(address, timeout, limit)
        except TROUBLE:
            if limit.over:
                raise TimeoutError(f"no answer within {timeout:g} s") from None
            raise


def _status(address: str, timeout: float, limit: Limit) -> int:
    for _hop in range(_HOPS):
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{address} is no address that begins with http:// or https://")
        connection = (http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)(
            parts.hostname, parts.port, timeout=timeout
        )
        limit.watch(connection)
        try:
            connection.request("GET", urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")), headers=_headers(parts))
            answer = connection.getresponse()
            where = answer.getheader("Location")
        finally:
            connection.close()
        if limit.over:
            raise TimeoutError
        if answer.status not in _MOVED or not where:
            return answer.status
        address = urllib.parse.urljoin(address, where)
    raise ValueError(f"it redirects more than {_HOPS} times")


def _headers(parts: urllib.parse.SplitResult) -> dict[str, str]:
    headers = {"User-Agent": "incident.response", "Accept": "*/*"}
    if parts.username is not None:
        user, secret = (urllib.parse.unquote(each or "") for each in (parts.username, parts.password))
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
    return headers
