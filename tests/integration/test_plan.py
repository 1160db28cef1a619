# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An approved plan is what happens: it holds fast what is touched, who asked for it, and for how long, and is used once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from integration.test_behind_nginx import nginx
from sites import Site

RESTART = ("-e", "service=api host=prod-api-01")
Change = Callable[[dict[str, Any], dict[str, Any]], None]


class Planned(Site):
    """A site whose service is in the catalogue alone, and what a plan of its restart said."""

    def __init__(self, site: Site) -> None:
        self.__dict__.update(site.__dict__)
        self.without_variables()
        commands = {word: [str(self.script), word] for word in ("start", "stop", "status")}
        health = {"retries": 2, "delay": 0.1, "steady_for": 0.1}
        self.service: dict[str, Any] = {"hosts": "prod-api-*", "backend": "command", "commands": commands, "health": health, "owner": "shop"}
        self.safety: dict[str, Any] = {}
        self.host: dict[str, Any] = {"ansible_host": "127.0.0.1"}
        self.write()

    def write(self, second: dict[str, Any] | None = None) -> None:
        """The configuration, and the variables of the first host, and of the `second`."""
        config = self.folder / "config.json"
        config.write_text(json.dumps({"services": {"api": self.service}, "safety": self.safety}))
        self.environment["INCIDENT_CONFIG"] = str(config)
        inventory = json.loads(self.inventory.read_text())
        inventory["all"]["hosts"] |= {"prod-api-01": self.host, "prod-api-02": second or {}}
        self.inventory.write_text(json.dumps(inventory))

    def plan(self, *more: str) -> str:
        """What `approved_plan` takes then."""
        code, output = self.run(*RESTART, "-e", "plan=true", *more)
        assert code == 0, output
        self.said = output
        found = re.search(r"approved_plan=(\S+)", output)
        assert found, output
        return found[1]

    def carried_out(self, ticket: str, *more: str) -> tuple[bool, str]:
        """Whether it was done, and what it said, in one line."""
        (self.folder / "running").unlink(missing_ok=True)
        code, output = self.run(*RESTART, "-e", f"approved_plan={ticket}", *more)
        assert (code == 0) == (self.folder / "running").exists(), output
        return code == 0, " ".join(output.split())


@pytest.fixture
def planned(site: Site) -> Planned:
    return Planned(site)


CHANGES: dict[str, Change] = {
    "commands": lambda service, _host: service["commands"].update(start=[*service["commands"]["start"], "other"]),
    "health": lambda service, _host: service["health"].update(command=["true"]),
    "backend": lambda service, _host: service.update(backend="systemd", unit="other.service"),
    "address": lambda _service, host: host.update(ansible_host="127.0.0.2"),
    "port": lambda _service, host: host.update(ansible_port=2222),
    "user": lambda _service, host: host.update(ansible_user="deploy"),
    "become": lambda _service, host: host.update(ansible_become_user="deploy"),
    "variable": lambda _service, host: host.update(service_restart_commands={"start": ["true"], "stop": ["true"], "status": ["true"]}),
    "balancer": lambda service, _host: service.update(balancer={"hosts": "prod-db-01", "path": "/etc/nginx/api.conf"}),
}


def test_the_address_of_a_balancer_has_changed_since(planned: Planned) -> None:
    """An action works on it, too."""
    file = nginx(planned, "upstream api { server 127.0.0.1:8080; server 127.0.0.2:8080; }\n")
    planned.service["balancer"] = {"hosts": "prod-api-02", "path": str(file), "port": 8080}
    planned.write({"ansible_host": "127.0.0.2"})
    ticket = planned.plan()
    said = " ".join(planned.said.split())
    assert "behind nginx on prod-api-02" in said
    assert "prod-api-02 is 127.0.0.2" in said
    planned.write({"ansible_host": "127.0.0.2", "ansible_port": 2222})
    assert "no longer the approved one" in planned.carried_out(ticket)[1]


@pytest.mark.parametrize("what", CHANGES)
def test_what_decides_what_is_done_where_has_changed_since(planned: Planned, what: str) -> None:
    ticket = planned.plan()
    CHANGES[what](planned.service, planned.host)
    planned.write()
    done, said = planned.carried_out(ticket)
    assert not done
    assert what == "backend" or "no longer the approved one" in said  # other.service is refused before


def test_as_whom_it_is_done_is_typed_otherwise_than_for_the_plan(planned: Planned) -> None:
    done, said = planned.carried_out(planned.plan(), "-u", "deploy")
    assert not done
    assert "no longer the approved one" in said


def test_a_plan_shows_what_is_touched_and_where(planned: Planned) -> None:
    planned.service["health"] |= {"tcp": "127.0.0.1:9", "command": ["true"]}
    planned.service["commands"]["start"] = [str(planned.script), "start", "--password=Zs3cret99"]
    planned.write()
    planned.plan()
    said = " ".join(planned.said.split())
    assert "touches: commands start=" in said
    assert "health by command true; health by tcp 127.0.0.1:9" in said
    assert "addresses: prod-api-01 is 127.0.0.1" in said
    assert "Zs3cret99" not in said


def test_what_decides_nothing_may_change_and_a_plan_is_used_once(planned: Planned) -> None:
    ticket = planned.plan()
    planned.service["owner"] = "payments"
    planned.write()
    assert planned.carried_out(ticket)[0]
    done, said = planned.carried_out(ticket)
    assert not done
    assert "was carried out already, by run " in said
    assert "a plan is used once. Nothing was touched. Make a plan anew, with plan=true." in said


def test_a_check_does_not_use_it_up(planned: Planned) -> None:
    ticket = planned.plan()
    code, output = planned.run(*RESTART, "-e", f"approved_plan={ticket}", "--check")
    assert code == 0, output
    assert planned.carried_out(ticket)[0]


def test_a_plan_expires(planned: Planned) -> None:
    planned.safety["plan_expires"] = "5m"
    planned.write()
    ticket = planned.plan()
    later = f"{ticket.split('-')[0]}-{int(ticket.split('-')[1], 16) - 400:x}-{ticket.split('-')[2]}"
    assert "or its ticket is mistyped" in planned.carried_out(later)[1]  # nobody makes it younger, or older
    planned.off(400)
    assert "has expired at" in planned.carried_out(ticket)[1]


def test_a_clock_that_goes_back_while_a_plan_waits_makes_no_plan_younger(planned: Planned) -> None:
    ticket = planned.plan()
    planned.off(-3600)
    done, said = planned.carried_out(ticket)
    assert not done
    assert "which is still to come: the clock went back" in said
    assert planned.run("-e", "service=api title=slow", playbook="playbooks/incident/open.yml")[0] == 0  # the record knows of a time
    planned.off(-300)
    older = planned.plan()
    planned.off(-280)
    said = planned.carried_out(older)[1]
    assert "is still good can't be told: " in said
    assert "Nothing was touched. Set the clock right, such as with: timedatectl set-ntp true, or leave approved_plan out." in said


def test_who_carries_out_a_plan_is_who_asked_for_it(planned: Planned) -> None:
    grace = ("-e", '{"awx_job_id": 7, "awx_user_name": "grace.h"}')
    ticket = planned.plan(*grace)
    assert "once, by grace.h" in planned.said
    done, said = planned.carried_out(ticket)
    assert not done
    assert "was not asked for by root" in said or "was not asked for by" in said
    planned.safety["approval"] = {"logins": {"grace.h": "grace", "grace": "grace"}}
    planned.write()
    ticket = planned.plan(*grace)
    assert planned.carried_out(ticket, "-e", '{"awx_job_id": 8, "awx_user_name": "Grace"}')[0]


def test_another_name_in_the_environment_makes_nobody_somebody_else(planned: Planned) -> None:
    ticket = planned.plan()
    planned.environment["LOGNAME"] = "ceo"
    assert planned.carried_out(ticket)[0]


@pytest.mark.parametrize("given", ["1a2b3c4d5e6f", "true", "1a2b3c4d5e6f-zz-00000000", "{{ 7 }}"])
def test_what_is_no_ticket_is_refused_with_how_to_get_one(planned: Planned, given: str) -> None:
    done, said = planned.carried_out(given)
    assert not done
    assert "plan=true prints one" in said or "approved_plan" in said


def test_a_plan_of_a_drill_is_none_of_the_real_thing(planned: Planned) -> None:
    ticket = planned.plan("-e", "drill=dry")
    assert "no longer the approved one" in planned.carried_out(ticket)[1]


def test_a_configuration_that_changes_while_a_run_waits_changes_nothing_of_it(planned: Planned, tmp_path: Any) -> None:
    """What was planned, and approved, is done."""
    other = tmp_path / "other"
    swap = f"cp {tmp_path}/next.json {tmp_path}/config.json"
    planned.service["commands"]["status"] = ["sh", "-c", f"{planned.script} status; code=$?; {swap}; exit $code"]
    planned.write()
    changed = json.loads((tmp_path / "config.json").read_text())
    changed["services"]["api"]["commands"]["start"] = ["touch", str(other)]
    (tmp_path / "next.json").write_text(json.dumps(changed))
    code, output = planned.run(*RESTART)
    assert not other.exists(), output
    assert code == 0, output
    assert (planned.folder / "running").exists()
