# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which version of a package was there before, by dpkg's log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.incident.response.plugins.module_utils import _command
from ansible_collections.incident.response.plugins.module_utils._backends.backend import Refused
from ansible_collections.incident.response.plugins.modules import service_package

INSTALLED = "2025-11-01 10:00:00 install api:amd64 <none> 1.9"
UPGRADED = "2025-11-02 10:00:00 upgrade api:amd64 1.9 1.10"
TAKEN_BACK = "2025-11-03 10:00:00 upgrade api:amd64 1.10 1.9"


def told(command: Sequence[str], _within: float, **_more: object) -> tuple[int, str, str]:
    """A host whose dpkg can compare versions, and whose apt can install any."""
    if command[:2] == ("dpkg", "--compare-versions"):
        old, new = ([int(each) for each in command[place].split(".")] for place in (2, 4))
        return int(not old < new), "", ""
    return 0, "", ""


def previous(monkeypatch: pytest.MonkeyPatch, current: str, *log: str) -> str:
    monkeypatch.setattr(service_package, "_history", lambda: list(log))
    monkeypatch.setattr(_command, "told", told)
    version: str = service_package.Package("api").resolve("previous", {"version": current})[0]["version"]
    return version


def test_previous_is_what_the_current_one_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert previous(monkeypatch, "1.10", INSTALLED, UPGRADED) == "1.9"


def test_previous_is_never_what_somebody_has_gone_back_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match=r"knows of no older version of api before 1\.9"):
        previous(monkeypatch, "1.9", INSTALLED, UPGRADED, TAKEN_BACK)
    older = INSTALLED.replace("1.9", "1.8"), "2025-11-01 11:00:00 upgrade api:amd64 1.8 1.9"
    assert previous(monkeypatch, "1.9", *older, UPGRADED, TAKEN_BACK) == "1.8"
