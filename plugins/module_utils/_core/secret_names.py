# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names are those of secrets: of variables, options, keys and headers."""

from __future__ import annotations

import re
from functools import lru_cache

_LONG = "password|passwort|passwd|passphrase|passcode|secret|token|credential|bearer|hmac"
"""Words that make a name that of a secret, wherever they stand in it."""
_SHORT = (
    "pass|pwd|pw|pin(?!s)|salt|otp|dsn|sig|signature|auth|authorization|cookie|session[_-]?id|conn(?:ection)?[_-]?str(?:ing)?"
    "|webhook(?:[_-]?url)?"
)
"""Words that do so where they stand alone: in `db_pin`, and not in `spin`."""
_KEYS = (
    "(?:api|access|private|secret|encryption|signing|master|account|shared|storage|subscription|license|ssh|gpg|deploy|client|consumer|routing"
    "|integration|admin|root|session|unseal|recovery)(?:[_-]?access)?[_-]?key"
)
WORDS = (
    rf"(?:{_LONG}|{_KEYS}|(?<![a-z0-9])(?:{_SHORT})|(?<=[a-z])(?-i:Pass|Pwd|Pin|Salt|Otp|Dsn|Sig|Auth|Cookie)"
    r"|(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!en)(?<=[a-z])pass)"
)
"""A part of a name that says that it is a secret's, for a pattern that ignores case."""
HINTS = (
    "pass", "secret", "token", "credential", "bearer", "hmac", "key", "pwd", "pw", "pin", "salt", "otp", "dsn", "sig", "auth", "cookie", "session",
    "str", "webhook",
)  # fmt: skip
"""The parts of names: each name of a secret has at least one of them, in lower case."""
HARMLESS = r"(?:file|path|dir|folder|env|type|length|len|count|ttl|age|policy|expir\w{0,10}|lifetime|max\w{0,10}|min\w{0,10})"
"""What `_…` behind such a word makes of it: the name of something that is none."""
_NAME = rf"(?i)(?:^|[_\-.\s])(?:\w{{0,100}}?){WORDS}s?(?:[_\-.\d](?!{HARMLESS}$)\w*)?$|(?-i:^[A-Z][A-Z0-9_]*_KEYS?$)"


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a variable or option of that name is taken for a secret."""
    return any(hint in name.lower() for hint in HINTS) and bool(re.search(_NAME, name))
