# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sends what is published by mail, with the server and the recipients of the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.incident.response.plugins.module_utils._core.communication import Mail
from ansible_collections.incident.response.plugins.module_utils._mail import Mailer, MailError
from ansible_collections.incident.response.plugins.module_utils._usecases import communication
from ansible_collections.incident.response.plugins.plugin_utils._wiring.templates import Templates


def send(config: Mapping[str, Any], mail: Mail) -> str:
    """Send the mail. Returns the text for the timeline. Raises communication.Undelivered."""
    words = config["communication"]
    given, to = words["mail"], words["recipients"][mail.audience]
    password = os.environ.get(given.get("password_env", ""), "").strip()
    if "user" in given and not password:
        raise communication.Undelivered(f"the environment has no {given['password_env']}")
    mailer = Mailer(given["host"], given["from"], given.get("port", 0), given.get("security", "starttls"), given.get("user", ""), password)
    templates = Templates.of(config)
    try:
        mailer.send(to, mail.subject, f"{mail.text}\n", templates.html(mail.subject, mail.text), hidden=True)
    except communication.TemplateError as error:
        raise communication.Undelivered(str(error)) from None
    except MailError as error:
        raise communication.Undelivered(str(error), partly=error.partly) from None
    return f"Wrote to {mail.audience}: {', '.join(to) if len(to) <= 5 else f'{len(to)} addresses'}"
