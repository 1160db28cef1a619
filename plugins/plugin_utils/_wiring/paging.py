# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the notifiers, and finds the people whom they call, from the configuration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.incident.response.plugins.module_utils import _gate
from ansible_collections.incident.response.plugins.module_utils._core.oncall import Named, known
from ansible_collections.incident.response.plugins.module_utils._core.paging import Alert, Rules
from ansible_collections.incident.response.plugins.module_utils._http import HttpError
from ansible_collections.incident.response.plugins.module_utils._mail import Mailer
from ansible_collections.incident.response.plugins.module_utils._paging.mail import Mail
from ansible_collections.incident.response.plugins.module_utils._paging.pagerduty import PagerDuty
from ansible_collections.incident.response.plugins.module_utils._paging.webhook import Webhook
from ansible_collections.incident.response.plugins.module_utils._ports import Notifier, PageError
from ansible_collections.incident.response.plugins.module_utils._usecases.paging import Policy
from ansible_collections.incident.response.plugins.plugin_utils import _config
from ansible_collections.incident.response.plugins.plugin_utils._wiring import oncall

_FOLLOWING = {"pagerduty"}


@dataclass(frozen=True, slots=True)
class Unusable:
    """A notifier that can't be used. It raises the reason, so that the next notifier is tried."""

    why: str

    def page(self, alert: Alert) -> None:
        raise PageError(self.why)


class Command:
    """A custom program. It gets the page as JSON on standard input, and has `timeout` seconds. It must end with 0."""

    def __init__(self, command: Sequence[str], timeout: float = 30) -> None:
        self._command, self._timeout = list(command), timeout

    def page(self, alert: Alert) -> None:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(json.dumps(_gate.clean_data(alert.document())).encode())
            given.seek(0)
            try:
                process = subprocess.Popen(self._command, stdin=given, stdout=said, stderr=said, start_new_session=True)  # noqa: S603
            except (OSError, ValueError) as error:
                raise PageError(f"{self._command[0]} can't be started: {getattr(error, 'strerror', None) or error}") from None
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise PageError(f"{self._command[0]} did not end within {self._timeout:g} s") from None
            if code:
                said.seek(max(0, said.tell() - 2000))
                last = _gate.clean(" ".join(said.read().decode(errors="replace").split()), guess=True)[-200:]
                raise PageError(f"{self._command[0]} ended with {code}{f': {last}' if last else ''}")


def policy(config: Mapping[str, Any], folder: Path, options: Mapping[str, Any]) -> Policy | None:
    """Build the paging policy from a validated configuration; None without a notifier. `options` are the collection's settings."""
    section, duty = config["paging"], config["oncall"]
    if not section["notifiers"]:
        return None
    named = _named(section["notifiers"])
    rules = Rules(
        tuple(named), frozenset(section["severities"]), frozenset(name for name, each in named.items() if each["type"] in _FOLLOWING),
        _config.seconds(section["after"]), _config.seconds(section["wait"]),
    )  # fmt: skip

    def whom(names: Sequence[str]) -> list[Named]:
        if names:
            return [known(duty["people"], Named(username=name)) for name in names]
        answer = oncall.first_level(duty, folder, options)
        return [Named(each["name"], each["email"], each["username"], each["phone"]) for each in answer.oncall]

    return Policy(rules, {name: _notifier(each) for name, each in named.items()}, whom)


def _named(notifiers: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The notifiers by name. The default name is the type, with a number if that name is taken."""
    found: dict[str, dict[str, Any]] = {}
    for each in notifiers:
        name = wanted = each.get("name", each["type"])
        number = 1
        while name in found:
            number += 1
            name = f"{wanted} {number}"
        found[name] = each
    return found


def _notifier(given: dict[str, Any]) -> Notifier:
    try:
        return _usable(given)
    except KeyError as error:
        return Unusable(f"the environment has no {error.args[0]}")
    except HttpError as error:
        return Unusable(str(error))
    except ValueError:  # which may hold a secret
        return Unusable("its address is none: it must be like https://sms.example.com/send")


def _usable(given: dict[str, Any]) -> Notifier:
    match given["type"]:
        case "command":
            return Command(given["command"], given.get("timeout", 30))
        case "mail":
            password = _secret(given["password_env"]) if "user" in given else ""
            mailer = Mailer(given["host"], given["from"], given.get("port", 0), given.get("security", "starttls"), given.get("user", ""), password)
            return Mail(mailer, given.get("to", []))
        case "pagerduty":
            return PagerDuty(_secret(given.get("key_env", "PAGERDUTY_ROUTING_KEY")), given.get("url", ""))
        case _:
            return Webhook(given.get("url") or _secret(given["url_env"]), _secret(given["token_env"]) if "token_env" in given else "")


def _secret(variable: str) -> str:
    """Raises KeyError with the variable's name."""
    found = os.environ.get(variable, "").strip()
    if not found:
        raise KeyError(variable)
    return found
