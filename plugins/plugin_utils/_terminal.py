# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our output on the terminal, which a CI service may store and show to many people. It passes the gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.incident.response.plugins.module_utils import _gate


class Terminal:
    """Ansible's display, which masks secrets in its output."""

    def __init__(self, display: Any = None) -> None:
        self._ansible = display or Display()

    def display(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.display(_gate.clean(msg), *arguments, **more)

    def warning(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.warning(_gate.clean(msg), *arguments, **more)

    def error(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.error(_gate.clean(msg), *arguments, **more)

    def __getattr__(self, name: str) -> Any:
        """The attributes that Ansible's own classes read from their display."""
        return getattr(self._ansible, name)


def cleaned(error: AnsibleError) -> AnsibleError:
    """The same error without secrets, because Ansible shows it."""
    text = str(getattr(error, "message", None) or error)
    clean = _gate.clean(text)
    return error if clean == text else AnsibleError(clean)


def careful(run: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a lookup's `run`, so that its errors contain no secrets."""

    @wraps(run)
    def careful_run(self: Any, terms: Any, variables: Any = None, **more: Any) -> Any:
        try:
            return run(self, terms, variables, **more)
        except AnsibleError as error:
            from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values  # only after a refusal

            _gate.learn(secret_values(variables or {}))
            raise cleaned(error) from None

    return careful_run
