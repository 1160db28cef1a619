# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds the secrets in a play's variables: variables with the name of a secret, private prompts, and everything from a vault. For a template, the
rendered value counts. The variables of other hosts count, too, because a task can read them with `hostvars`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.vault import AnsibleVaultError
from ansible_collections.incident.response.plugins.module_utils._core.secret_names import is_secret_name
from ansible_collections.incident.response.plugins.module_utils._gate import is_secret
from ansible_collections.incident.response.plugins.plugin_utils import _config

Fill = Callable[[Any], Any]
"""Renders a template with the variables of a host. May raise any exception, because the template may."""
_VAULT = b"$ANSIBLE_VAULT;"
_NOT_LOOKED_INTO = {"hostvars", "groups", "vars", "ansible_facts"}
_DEEPEST = 6
_REACHES_OUT = re.compile(r"\b(?:lookup|query|q)\s*\(")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OF_NO_HOST = {"lookup", "query", "q", "default", "d", "trim", "b64decode", "string", "true", "false", "True", "False", "none", "errors", "wantlist"}


def secret_values(variables: Any, fill: Fill | None = None, named: Collection[str] = ()) -> set[str]:
    """The secret values in `variables`: by their names, by the `named` variables, and by their origin. `fill` renders templates."""
    return _values(variables, fill, frozenset(named), 0, known=False)


def _values(variables: Any, fill: Fill | None, named: frozenset[str], depth: int, *, known: bool) -> set[str]:
    if isinstance(variables, dict) and depth < _DEEPEST:
        return set().union(
            *(_values(value, fill, frozenset(), depth + 1, known=known or name in named or is_secret_name(str(name)))
              for name, value in variables.items() if name not in _NOT_LOOKED_INTO)
        )  # fmt: skip
    if isinstance(variables, (list, tuple)) and depth < _DEEPEST:
        return set().union(*(_values(value, fill, named, depth + 1, known=known) for value in variables))
    vaulted = type(variables).__name__ in {"AnsibleVaultEncryptedUnicode", "EncryptedString", "_EncryptedString"}
    if not known and not vaulted and not _is_vaulted(variables):
        return set()
    try:
        value = str(variables)
    except AnsibleVaultError:
        return set()
    if "{{" in value or "{%" in value:
        return _filled(variables, fill, depth) if fill else set()
    return {value} if is_secret(variables) else set()


def _filled(template: Any, fill: Fill, depth: int) -> set[str]:
    """The rendered template; empty if it can't be rendered, because then the play can't use it either."""
    try:
        value = fill(template)
    except Exception:
        return set()
    return _values(value, None, frozenset(), depth + 1, known=True)


class Kept:
    """Renders each template with a lookup once in a run; once for all hosts if it uses nothing of a host."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Any] = {}

    def of(self, host: str, fill: Fill) -> Fill:
        """`fill`, for the templates of a host."""

        def filled(template: Any) -> Any:
            text = str(template)
            if not _REACHES_OUT.search(text):
                return fill(template)
            names = set(re.findall(r"[A-Za-z_]\w*", _QUOTED.sub("", text)))
            key = ("" if names <= _OF_NO_HOST else host, text)
            if key not in self._kept:
                self._kept[key] = None  # a template that fails once is not tried for each host
                self._kept[key] = fill(template)
            return self._kept[key]

        return filled


def secrets_of_hosts(hostvars: Any, fill: Callable[[str, Mapping[str, Any]], Fill] | None = None) -> set[str]:
    """The secrets of all hosts, from Ansible's `hostvars`. `fill` returns the function that renders a host's templates."""
    found = set[str]()
    for host in list(hostvars) if hasattr(hostvars, "raw_get") else ():
        try:
            variables = hostvars.raw_get(host)
        except AnsibleError:  # nobody can print a value that can't be read
            continue
        if isinstance(variables, dict):
            found |= secret_values(variables, fill(str(host), variables) if fill else None)
    return found


def in_vaults(loader: Any) -> set[str]:
    """All values of the files that Ansible has decrypted. Before ansible-core 2.19, values of JSON files have no origin."""
    files: dict[str, Any] = getattr(loader, "_FILE_CACHE", None) or {}
    return set().union(*(_values(found, None, frozenset(), 0, known=True) for path, found in list(files.items()) if _is_vault_file(str(path))))


def meet_configuration(path: str) -> None:
    """Teach the gate the secrets of the configuration, if it has no mistakes."""
    with suppress(_config.ConfigError):
        _config.load(_config.find(path))


def unseen(play: Any) -> set[str]:
    """The variables of private prompts."""
    asked: Iterable[Any] = getattr(play, "vars_prompt", None) or ()
    return {str(each["name"]) for each in asked if isinstance(each, Mapping) and "name" in each and each.get("private", True)}


def _is_vaulted(value: Any) -> bool:
    """Whether the value, or the file that it came from, was encrypted."""
    tags = getattr(value, "_ansible_tags_mapping", None)  # ansible-core 2.19 and newer
    if tags:
        if any(tag.__name__ == "VaultedValue" for tag in tags):
            return True
        path = next((tag.path for kind, tag in tags.items() if kind.__name__ == "Origin"), None)
    else:
        path = (getattr(value, "ansible_pos", None) or (None,))[0]
    return bool(path) and _is_vault_file(str(path))


@lru_cache
def _is_vault_file(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_VAULT)) == _VAULT
    except (OSError, ValueError):
        return False
