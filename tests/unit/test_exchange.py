# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why nothing came back, as people read it. The texts are those of requests 2.34 and urllib3 2.8, as they were seen."""

from __future__ import annotations

import pytest
import requests
from ansible_collections.incident.response.plugins.module_utils._exchange import reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: /api/v1/channels.info (Caused by NewConnectionError("
            "\"HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: [Errno 111] Connection refused\"))",
            "connection refused",
        ),
        (
            "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
            "remote end closed connection without response",
        ),
        ("('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", None),
        (
            "HTTPSConnectionPool(host='chat.example.com', port=443): Max retries exceeded with url: / (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1018)')))",
            "certificate verify failed: self-signed certificate",
        ),
        ("Failed to resolve 'chat.example.invalid' ([Errno -2] Name or service not known)", "name or service not known"),
        ("what nobody thought of", None),
    ],
)
def test_the_words_of_the_system_are_said_and_not_those_round_them(text: str, said: str | None) -> None:
    assert reason(requests.ConnectionError(text)) == (said or text)
