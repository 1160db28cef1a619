# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real SMTP server on loopback, with a certificate of its own. It takes no mail for `refused.example`, and none
for addresses that are not ASCII."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import subprocess
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass(frozen=True)
class Mail:
    """As it arrived."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class MailServer:
    """Runs while it is a context. `security`: none, starttls or tls. With a `user` it takes mail only from whoever knows the `password`."""

    def __init__(self, folder: Path, *, security: str, user: str, password: str) -> None:
        self.mails: list[Mail] = []
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run([*command, *subject], check=True, capture_output=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, key)
        given: dict[str, Any] = {}
        if security != "none":
            given = {"authenticator": self._check, "auth_required": True, "auth_require_tls": security == "starttls"}
        given |= {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
        given |= {"ssl_context": context} if security == "tls" else {}
        self._known = user.encode(), password.encode()
        with socket.create_server(("127.0.0.1", 0)) as free:  # it can't be asked to choose one itself
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=False, **given)

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == self._known, handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(envelope.mail_from, envelope.rcpt_tos, message))
        return "250 OK"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._controller.stop()
