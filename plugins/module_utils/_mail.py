# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mail over SMTP: bounded in time, encrypted unless it is asked not to be, and every failure in words that say what to do."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

_TIMEOUT = 10.0
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class MailError(Exception):
    """It was not taken on for somebody, and why. `partly`: the others have it."""

    def __init__(self, text: str, *, partly: bool = False) -> None:
        super().__init__(text)
        self.partly = partly


@dataclass(frozen=True, slots=True)
class Mailer:
    """A server. `security`: starttls, tls or none; `port` 0 is the usual one of these. `user` is empty where none is asked for."""

    host: str
    sender: str
    port: int = 0
    security: str = "starttls"
    user: str = ""
    password: str = ""

    def send(self, recipients: Sequence[str], subject: str, text: str, html: str = "", *, hidden: bool = False) -> None:
        """One message to all, who see each other's addresses unless they are `hidden`. Raises MailError, which names those whom the server
        refused; the others have it then."""
        message = EmailMessage()
        try:
            message["From"], message["Subject"] = self.sender, " ".join(subject.split())
            message["To"] = "undisclosed-recipients:;" if hidden else ", ".join(recipients)
            message["Date"], message["Message-ID"] = formatdate(localtime=False), make_msgid(domain="incident.response")
            message.set_content(text)
            if html:
                message.add_alternative(html, subtype="html")
        except (ValueError, IndexError) as error:
            raise MailError(f"the message can't be written: {error}") from None
        try:
            with self._connected() as server:
                refused = server.send_message(message, to_addrs=list(recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise MailError(f"{self.host} takes no mail for {_reasons(error.recipients)}") from None
        except smtplib.SMTPAuthenticationError:
            raise MailError(f"{self.host} does not accept the user {self.user} with this password") from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(f"{self.host}: {error}. Does security: {self.security} fit?") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(f"{self.host} could not be given the mail: {error}") from None
        if refused:
            raise MailError(f"{self.host} takes no mail for {_reasons(refused)}; the others have it", partly=True)

    def _connected(self) -> smtplib.SMTP:
        port, context = self.port or _PORTS[self.security], ssl.create_default_context()
        server: smtplib.SMTP
        if self.security == "tls":
            server = smtplib.SMTP_SSL(self.host, port, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(self.host, port, timeout=_TIMEOUT)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _reasons(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{address} ({code} {said.decode(errors='replace')[:100]})" for address, (code, said) in refused.items())
