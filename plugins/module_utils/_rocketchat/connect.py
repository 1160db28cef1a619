# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection options, from the environment or from a task."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from .._core import argument

VARIABLES = {
    "url": "ROCKETCHAT_URL",
    "user_id": "ROCKETCHAT_USER_ID",
    "token": "ROCKETCHAT_TOKEN",
    "validate_certs": "ROCKETCHAT_VALIDATE_CERTS",
    "ca_path": "ROCKETCHAT_CA_PATH",
}
SPEC: dict[str, dict[str, Any]] = {
    "url": {"type": "str"},
    "user_id": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "float", "default": 10.0},
}
_ALSO = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"}
"""Other environment variables that affect the connection, in lower case."""


class Misconfigured(ValueError):
    """The connection options are incomplete."""


def options(given: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The connection options: the given ones, otherwise those of the environment. Empty if chat is not configured. Raises Misconfigured if only a
    part is configured."""
    environ = os.environ if environ is None else environ
    found = {name: (given or {}).get(name) or environ.get(variable, "") for name, variable in VARIABLES.items()}
    if not any(found[name] for name in ("url", "user_id", "token")):
        return {}
    missing = [VARIABLES[name] for name in ("url", "user_id", "token") if not found[name]]
    if missing:
        raise Misconfigured(f"Rocket.Chat is configured in part: {', '.join(missing)} missing. Set all three, or none.")
    if not str(found["url"]).startswith(("http://", "https://")):
        raise Misconfigured(f"ROCKETCHAT_URL must begin with http:// or https://, not {str(found['url'])[:80]!r}")
    return found | {"verify": _verify((given or {}).get("validate_certs"), environ, found)}


def mark(connection: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    """A mark that identifies this connection without revealing it; empty without a connection."""
    if not connection:
        return ""
    also = {name: value for name, value in (os.environ if environ is None else environ).items() if name.lower() in _ALSO}
    ways = [str(connection.get(name)) for name in ("url", "user_id", "token", "verify")] + sorted(f"{name}={value}" for name, value in also.items())
    return hashlib.sha256(repr(ways).encode("utf-8", "replace")).hexdigest()[:16]


def _verify(wanted: Any, environ: Mapping[str, str], found: Mapping[str, Any]) -> bool | str:
    """The value for a task. Text comes from ansible.cfg or the environment. If a task sets nothing, or the default, the environment counts."""
    said = (wanted if isinstance(wanted, str) else environ.get(VARIABLES["validate_certs"], "")).strip()
    try:
        from_environment = not said or argument.switch(said)
    except argument.Wrong as wrong:
        raise Misconfigured(f"ROCKETCHAT_VALIDATE_CERTS {wrong}, not {said[:40]!r}") from None
    checked = wanted is not False and from_environment
    return (str(found["ca_path"]) or True) if checked and found["ca_path"] else checked
