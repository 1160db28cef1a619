# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A unique spelling of each host address: an inventory may have the same host twice with different spellings."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress

_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")


def spelled(address: str) -> str:
    """The normalized address. Host names are not resolved, because the result can change and takes time."""
    text = address.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")
    if _NUMBERS.fullmatch(text):
        with suppress(OSError):  # spellings that the system accepts: 10.1, 0x0a000001, 010.0.0.1 in octal
            return socket.inet_ntoa(socket.inet_aton(text))
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        with suppress(UnicodeError):
            return text.encode("idna").decode()
        return text
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
