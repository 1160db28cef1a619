# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The person who started a run. `safety.approval.logins` maps the names on machines, in AWX and in chat to people."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping

from ansible_collections.incident.response.plugins.module_utils._core.approval import named
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin


def login(came: Origin, environ: Mapping[str, str] | None = None) -> str:
    """The login name of the person who started the run. On this machine it comes from the user id or from sudo, because anybody can set LOGNAME."""
    return _here(os.environ if environ is None else environ) if came.where == socket.gethostname() else came.user


def _here(environ: Mapping[str, str]) -> str:
    uid = os.getuid()
    if uid == 0 and environ.get("SUDO_USER"):
        return environ["SUDO_USER"]
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def asks(came: Origin, logins: Mapping[str, str]) -> str:
    """The main name of the person who asks for a plan; automation has its own name."""
    who = named(login(came), logins)
    return who if came.person else f"automation:{who}"


def is_mapped(name: str, logins: Mapping[str, str]) -> bool:
    """Whether the person is known."""
    return name.lower() in {each.lower() for each in logins}


def may_be(came: Origin, logins: Mapping[str, str]) -> set[str]:
    """The main names of all people that the requester may be. None of them counts as another person. AWX, CI and rulebooks name the person in
    variables that anybody can set, so the owner of the process is included, too, if known. Automation that maps to no person is nobody."""
    names = {came.user, login(came), _here({}), _here(os.environ)}
    return {named(each, logins) for each in names if is_mapped(each, logins)}
