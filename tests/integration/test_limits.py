# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What never ends, and what answers nonsense: the action is judged, the lock is free, and everything else goes on."""

from __future__ import annotations

import json

import pytest
from servers.running import RocketChat
from sites import DELIVER, Site, eventually

API = ("-e", "service=api host=prod-api-01")
DEEP = "[" * 100_000 + "]" * 100_000
ODD = {
    "a user who was deleted": {"teams.members": json.dumps({"success": True, "members": [{"user": None}]})},
    "json that is nested too deeply": {"teams.members": DEEP, "channels.info": '{"success": true, "channel": ' + DEEP + "}"},
    "nothing of what was asked for": {"channels.info": '{"success": true}', "teams.members": '{"success": true}'},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_answer_of_chat_darkens_nothing(site: Site, chat: RocketChat, odd: dict[str, str]) -> None:
    """It killed the courier's thread for chat, which went on to hold the lock: every later run's chat stayed dark."""
    site.environment |= chat.environment()
    chat.control(odd=odd)
    code, output = site.run(*API, "-e", "severity=P1")
    assert code == 0, output
    chat.control(odd={})
    code, output = site.run("-e", "service=db host=prod-db-01")
    assert code == 0, output
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    assert eventually(lambda: all(each["pending"] == 0 for each in site.incidents())), site.courier_log()
    assert eventually(lambda: not site.couriers()), site.courier_log()


def test_a_chat_that_drips_keeps_no_plan_and_no_run(site: Site, chat: RocketChat) -> None:
    """Each byte comes in time, and the answer never."""
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "1"}
    chat.control(drip=0.2)
    for more in ("plan=true", "severity=P1"):
        code, output = site.run(*API, "-e", more)
        assert code == 0, output
    chat.control(drip=0)
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()
