# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What we say on the terminal, which a CI service may keep and show to many: through the gate, as everything."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.incident.response.plugins.module_utils import _gate


class Terminal:
    """Ansible's display, which shows what it is given without secrets."""

    def __init__(self, display: Any = None) -> None:
        self._ansible = display or Display()

    def display(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.display(_gate.clean(msg), *arguments, **more)

    def warning(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.warning(_gate.clean(msg), *arguments, **more)

    def error(self, msg: object, *arguments: Any, **more: Any) -> None:
        self._ansible.error(_gate.clean(msg), *arguments, **more)

    def __getattr__(self, name: str) -> Any:
        """What Ansible's own classes ask their display for."""
        return getattr(self._ansible, name)


def cleaned(error: AnsibleError) -> AnsibleError:
    """The same error, without secrets: Ansible shows it."""
    text = str(getattr(error, "message", None) or error)
    clean = _gate.clean(text)
    return error if clean == text else AnsibleError(clean)


def careful(run: Callable[..., Any]) -> Callable[..., Any]:
    """A lookup's `run` whose errors have no secrets."""

    @wraps(run)
    def careful_run(self: Any, terms: Any, variables: Any = None, **more: Any) -> Any:
        try:
            return run(self, terms, variables, **more)
        except AnsibleError as error:
            from ansible_collections.incident.response.plugins.plugin_utils._secrets import secret_values  # only where something is refused

            _gate.learn(secret_values(variables or {}))
            raise cleaned(error) from None

    return careful_run
