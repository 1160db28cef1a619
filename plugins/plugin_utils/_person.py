# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which person a run is of, whatever that person is called on a machine, in AWX, or in chat: `safety.approval.logins` says who is who."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping

from ansible_collections.incident.response.plugins.module_utils._core.approval import named
from ansible_collections.incident.response.plugins.plugin_utils._origin import Origin


def login(came: Origin, environ: Mapping[str, str] | None = None) -> str:
    """The name that whoever started the run has logged in by. On this machine it is the user id's, or sudo's: anybody can set LOGNAME."""
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
    """Who asks for a plan, by the one name; automation by its own."""
    who = named(login(came), logins)
    return who if came.person else f"automation:{who}"


def is_mapped(name: str, logins: Mapping[str, str]) -> bool:
    """Whether it is known who that is."""
    return name.lower() in {each.lower() for each in logins}


def may_be(came: Origin, logins: Mapping[str, str]) -> set[str]:
    """All people, by their one names, that the one who asks may be: none of them is somebody else.

    What AWX, CI and rulebooks say of who it is comes from variables that anybody can give: so whose process it is counts, too, where that is
    known. Automation that nobody is known by is none.
    """
    names = {came.user, login(came), _here({}), _here(os.environ)}
    return {named(each, logins) for each in names if is_mapped(each, logins)}
