# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Explains the answer of a Kubernetes API after a module of kubernetes.core failed, and says what to check."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .._core.redact import cut

CONFLICT = 409
_CHECK = {
    400: "Check kubernetes in the service catalogue",
    401: "Check the user and its token or certificate in the kubeconfig",
    403: "Give that user the right, or name another context in the service catalogue (kubernetes.context)",
    404: "Check the namespace and the Deployment in the service catalogue",
    CONFLICT: "Somebody else changed it at the same moment. Look again",
    422: "Look at the Deployment with: kubectl get deployment -o yaml",
    429: "The cluster has too much to do. Try again",
}
_LIBRARY = "Failed to import the required Python library"
_NO_API = ("'str' object has no attribute", "string indices must be integers", "Expecting value", "JSONDecodeError")
_NO_LINK = re.compile(
    r"(Connection refused|timed out|Name or service not known|Temporary failure in name resolution|No route to host|Network is unreachable"
    r"|Connection reset by peer|Connection aborted|Remote end closed connection|certificate verify failed[^'\")]*|CERTIFICATE_VERIFY_FAILED)"
)


def code(answer: Mapping[str, Any]) -> int:
    """The HTTP status of the API's answer; 0 if there was none."""
    text, status = _text(answer), _status(_text(answer))
    found = re.search(r"(?:^|\W)\(?([45]\d\d)\)?\s*\n\s*Reason: ", text)
    return int(status.get("code") or (found[1] if found else 0))


def complaint(answer: Mapping[str, Any], host: str) -> str:
    """The reason why the module failed on `host`, and what to check there. It contains the cluster's message, and nothing of the request."""
    text, number = _text(answer), code(answer)
    if _LIBRARY in text:
        library = re.search(r"library \(([^)]+)\) on \S+ Python (\S+)", text)
        what, where = (library[1], f" for {library[2].rstrip('.')}") if library else ("kubernetes", "")
        return f"kubernetes.core needs the Python library {what} on {host}, and it is not there. Install it{where}: pip install {what}"
    if number:
        body = re.search(r"HTTP response body: (.*)", text)
        words = _status(text).get("message") or (cut(_plain(body[1]), 200) if body else "")
        check = _CHECK.get(number, "The cluster, or what is in front of it, is in trouble. Look with: kubectl get --raw /readyz")
        return f"The cluster answered {number}{f': {words}' if words else ''}. {check}"
    link = _NO_LINK.search(text)
    if link:
        address = re.search(r"host='([^']+)', port=(\d+)", text)
        where = f" at {address[1]}:{address[2]}" if address else ""
        return f"The cluster can't be reached{where} from {host}: {link[1]}. Check that it is up, the way to it, and the server in the kubeconfig"
    if any(each in text for each in _NO_API):
        return "What answers there is no Kubernetes API: it sends something else than one does. Check the server in the kubeconfig, and for a proxy"
    return f"kubernetes.core on {host}: {cut(_plain(str(answer.get('msg') or text)), 300)}. Check kubeconfig and context in the service catalogue"


def _text(answer: Mapping[str, Any]) -> str:
    return "\n".join(str(answer[key]) for key in ("msg", "module_stderr", "exception") if answer.get(key))


def _status(text: str) -> dict[str, Any]:
    """The Status object in the answer; empty if there is none."""
    for start in (found.start() for found in re.finditer(r"\{", text)):
        try:
            found, dummy = json.JSONDecoder().raw_decode(text[start:])
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("kind") == "Status":
            return found
    return {}


def _plain(text: str) -> str:
    """The text without HTML markup, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())
