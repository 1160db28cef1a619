# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recognizes names of secrets: variables, options, keys and headers."""

from __future__ import annotations

import re
from functools import lru_cache

_LONG = "password|passwort|passwd|passphrase|passcode|secret|token|credential|bearer|hmac"
"""Words that mark the name of a secret anywhere in it."""
_SHORT = (
    "pass|pwd|pw|pin(?!s)|salt|otp|dsn|sig|signature|auth|authorization|cookie|session[_-]?id|conn(?:ection)?[_-]?str(?:ing)?|webhook(?:[_-]?url)?"
)
"""Words that mark the name of a secret only as a separate part: in `db_pin`, but not in `spin`."""
_KEYS = (
    "(?:api|access|private|secret|encryption|signing|master|account|shared|storage|subscription|license|ssh|gpg|deploy|client|consumer|routing"
    "|integration|admin|root|session|unseal|recovery)(?:[_-]?access)?[_-]?key"
)
WORDS = (
    rf"(?:{_LONG}|{_KEYS}|(?<![a-z0-9])(?:{_SHORT})|(?<=[a-z])(?-i:Pass|Pwd|Pin|Salt|Otp|Dsn|Sig|Auth|Cookie)"
    r"|(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!en)(?<=[a-z])pass)"
)
"""A pattern for the part of a name that marks a secret; the pattern must ignore case."""
HINTS = (
    "pass", "secret", "token", "credential", "bearer", "hmac", "key", "pwd", "pw", "pin", "salt", "otp", "dsn", "sig", "auth", "cookie", "session",
    "str", "webhook",
)  # fmt: skip
"""The parts of names in lower case. Each name of a secret contains at least one."""
HARMLESS = r"(?:file|path|dir|folder|env|type|length|len|count|ttl|age|policy|expir\w{0,10}|lifetime|max\w{0,10}|min\w{0,10})"
"""Suffixes `_…` after such a word that make it the name of something else."""
_NAME = rf"(?i)(?:^|[_\-.\s])(?:\w{{0,100}}?){WORDS}s?(?:[_\-.\d](?!{HARMLESS}$)\w*)?$|(?-i:^[A-Z][A-Z0-9_]*_KEYS?$)"


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a variable or option with that name counts as a secret."""
    return any(hint in name.lower() for hint in HINTS) and bool(re.search(_NAME, name))
