# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of a play's variables are secrets: those whose name says so, and all that came out of a vault."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.parsing.vault import AnsibleVaultError
from ansible_collections.incident.response.plugins.module_utils._core.secret_names import is_secret_name

_VAULT = b"$ANSIBLE_VAULT;"


def secret_values(variables: Any, depth: int = 0, known: bool = False) -> set[str]:
    """The values in `variables` whose name says that they are secrets."""
    if isinstance(variables, dict) and depth < 6:
        return set().union(
            *(secret_values(value, depth + 1, known or is_secret_name(str(name))) for name, value in variables.items()
              if name not in {"hostvars", "groups", "vars", "ansible_facts"})
        )  # fmt: skip
    if isinstance(variables, (list, tuple)) and depth < 6:
        return set().union(*(secret_values(value, depth + 1, known) for value in variables))
    vaulted = type(variables).__name__ in {"AnsibleVaultEncryptedUnicode", "EncryptedString", "_EncryptedString"}
    if not known and not vaulted and not _is_vaulted(variables):
        return set()
    try:
        value = str(variables)
    except AnsibleVaultError:
        return set()
    return {value} if len(value) > 3 and "{{" not in value else set()


def _is_vaulted(value: Any) -> bool:
    """Whether the value was encrypted by itself, or the file that it came from was."""
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
