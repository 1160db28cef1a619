# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mail over SMTP, with a timeout, and encrypted unless configured otherwise. Every failure has a message that says what to do."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from . import _gate
from ._limit import Limit

_TIMEOUT, _LONGEST = 10.0, 60.0
"""The timeout for the server's next line, and for the whole mail, in seconds."""
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


_Refusals = dict[str, tuple[int, bytes]]
"""Refused addresses with the code and text of the server."""


class MailError(Exception):
    """The server did not accept the mail for some recipients. The text is the reason. `partly`: it accepted the mail for the others."""

    def __init__(self, text: str, *, partly: bool = False) -> None:
        super().__init__(text)
        self.partly = partly


@dataclass(frozen=True, slots=True)
class Mailer:
    """A server. `security`: starttls, tls or none. `port` 0 is the usual port. `user` is empty if the server needs no login."""

    host: str
    sender: str
    port: int = 0
    security: str = "starttls"
    user: str = ""
    password: str = ""

    def send(self, recipients: Sequence[str], subject: str, text: str, html: str = "", *, hidden: bool = False) -> None:
        """Send one message to all recipients, who see each other's addresses unless they are `hidden`. Raises MailError with the refused recipients;
        the others get the mail."""
        handed, unable = list[bool](), _Refusals()
        _gate.learn([self.password])
        subject, text, html = (_gate.clean(each) for each in (subject, text, html))
        try:
            with self._connected(handed) as server:
                to, unable = _writable(recipients, international=server.international())
                if not to:
                    raise MailError(f"{self.host} takes no mail for {_reasons(unable)}")
                message = self._message(["undisclosed-recipients:;"] if hidden else to, subject, text, html)
                refused = unable | server.send_message(message, to_addrs=to)
        except smtplib.SMTPRecipientsRefused as error:
            raise MailError(f"{self.host} takes no mail for {_reasons(unable | error.recipients)}") from None
        except smtplib.SMTPAuthenticationError:
            raise MailError(f"{self.host} does not accept the user {self.user} with this password") from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(f"{self.host}: {error}. Does security: {self.security} fit?") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            if handed and not isinstance(error, smtplib.SMTPResponseException):
                raise MailError(f"it isn't known whether {self.host} has taken it, which did not say so: {error}", partly=True) from None
            raise MailError(f"{self.host} could not be given the mail: {error}") from None
        if refused:
            raise MailError(f"{self.host} takes no mail for {_reasons(refused)}; the others have it", partly=True)

    def _message(self, to: Sequence[str], subject: str, text: str, html: str) -> EmailMessage:
        """Raises MailError."""
        message = EmailMessage()
        subject, text, html = (each.encode("utf-8", "replace").decode() for each in (subject, text, html))  # half a character must not block the mail
        try:
            message["From"], message["Subject"] = self.sender, " ".join(subject.split())
            message["To"] = ", ".join(to)
            message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="incident.response")
            message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no out-of-office program answers
            message.set_content(text)
            if html:
                message.add_alternative(html, subtype="html")
        except (ValueError, IndexError) as error:
            raise MailError(f"the message can't be written: {error}") from None
        return message

    def _connected(self, handed: list[bool]) -> _Bounded:
        """Sends the mail. `handed` is filled when the whole mail was sent to the server, even if the server does not confirm it."""
        port, context = self.port or _PORTS[self.security], ssl.create_default_context()
        server: _Bounded
        if self.security == "tls":
            server = _Secure(self.host, port, timeout=_TIMEOUT, context=context)
        else:
            server = _Bounded(self.host, port, timeout=_TIMEOUT)
        server.handed = handed
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


class _Bounded(smtplib.SMTP):
    """An SMTP connection with a limit for the whole conversation: the library's own timeout applies to each received piece."""

    handed: list[bool]

    def connect(self, *arguments: Any, **more: Any) -> tuple[int, bytes]:
        self._guard = Limit(_LONGEST)
        self._guard.watch(self)
        self._guard.__enter__()
        return super().connect(*arguments, **more)

    def send(self, s: Any) -> None:
        super().send(s)
        if isinstance(s, bytes) and s.endswith(b"\r\n.\r\n"):
            self.handed.append(True)

    def international(self) -> bool:
        """Whether the server accepts non-ASCII addresses (RFC 6531)."""
        self.ehlo_or_helo_if_needed()
        return bool(self.has_extn("smtputf8"))

    def __exit__(self, *_: object) -> None:
        """End the conversation. The server's answer is ignored, because it has already said whether it accepted the mail."""
        with suppress(smtplib.SMTPException, OSError):
            self.docmd("QUIT")
        self.close()

    def close(self) -> None:
        self._guard.__exit__()
        super().close()


class _Secure(_Bounded, smtplib.SMTP_SSL):
    """Encrypted from the beginning."""


def _writable(recipients: Sequence[str], *, international: bool) -> tuple[list[str], _Refusals]:
    """The addresses in the form for the server, and the addresses that it can't accept. A domain has an ASCII form, but a name before the @ has
    none."""
    to, unable = list[str](), _Refusals()
    for address in recipients:
        name, dummy, domain = address.strip().rpartition("@")
        try:
            plain = f"{name}@{domain if international else domain.encode('idna').decode()}"
        except UnicodeError:
            plain = ""
        if not name or not domain or not plain or not plain.isprintable() or set(" <>,;") & set(plain):
            unable[address] = 553, b"this is no mail address"
        elif not (international or name.isascii()):
            unable[address] = 553, b"the server takes no address that isn't ASCII: it has no SMTPUTF8"
        else:
            to.append(plain)
    return to, unable


def _reasons(refused: _Refusals) -> str:
    return ", ".join(f"{address} ({code} {said.decode(errors='replace')[:100]})" for address, (code, said) in refused.items())
