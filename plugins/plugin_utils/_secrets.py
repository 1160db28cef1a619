# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of a play's variables are secrets: those whose name says so, and all that came out of a vault."""

from __future__ import annotations

from typing import Any

from ansible.parsing.vault import AnsibleVaultError
from ansible_collections.incident.response.plugins.module_utils._core.redact import SECRET_NAME


def secret_values(variables: Any, depth: int = 0, known: bool = False) -> set[str]:
    """The values in `variables` whose name says that they are secrets."""
    if isinstance(variables, dict) and depth < 6:
        return set().union(
            *(secret_values(value, depth + 1, known or bool(SECRET_NAME.search(str(name)))) for name, value in variables.items()
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
    tags = getattr(value, "_ansible_tags_mapping", None) or {}
    return any(tag.__name__ == "VaultedValue" for tag in tags)
