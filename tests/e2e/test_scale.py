# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's scale-up command on real systemd hosts: instances of a template unit, behind nginx."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployments import MIDDLE, NEW, RELEASES, ROLLBACK
from e2e.conftest import SLOW, Fleet
from e2e.test_rollback_fleet import UNDO, UPSTREAM, traffic
from sites import Site, eventually

SCALE = "playbooks/emergency/scale-up.yml"
SERVER = """import http.server, os, socketserver, sys
number = int(sys.argv[1])
if os.path.exists(f"/srv/api/broken.{number}"):
    sys.exit(f"instance {number} finds no database")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(number).encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("0.0.0.0", 8100 + number), Handler).serve_forever()
"""
UNIT = f"[Service]\n{SLOW}ExecStart=/usr/bin/python3 /srv/api/server.py %i\n[Install]\nWantedBy=multi-user.target\n"
CONFIG = """services:
  api:
    hosts: api
    replicas: {min: 1, max: 4, first_port: 8101, http: 'http://127.0.0.1:{port}/'}
    balancer: {hosts: balancer, path: /etc/nginx/sites-enabled/default}
    health: {retries: 10}
"""


@pytest.fixture
def scaled(tmp_path: Path, fleet: Fleet) -> Site:
    """One instance, on the first host."""
    site = Site(tmp_path)
    site.inventory = fleet.inventory
    config = tmp_path / "config.yml"
    config.write_text(CONFIG)
    site.environment["INCIDENT_CONFIG"] = str(config)
    for host in fleet.hosts:
        fleet.ssh(host, "systemctl stop api 'api@*' 2>/dev/null; systemctl disable api@{1..4} 2>/dev/null; systemctl reset-failed")
        fleet.ssh(host, "rm -rf /srv/api; mkdir -p /srv/api")
        fleet.ssh(host, "cat > /srv/api/server.py", SERVER)
        fleet.install(host, "api@.service", UNIT)
    fleet.ssh(fleet.hosts[0], "systemctl enable --now api@1 2>/dev/null")
    upstream = UPSTREAM.format(servers=f"\n  server {fleet.address(fleet.hosts[0])}:8101;\n")
    fleet.ssh(fleet.front, "cat > /etc/nginx/sites-enabled/default && systemctl restart nginx", upstream)
    assert eventually(lambda: bool(fleet.ssh(fleet.hosts[0], "ss -Hltn sport = :8101")))
    return site


def everything(fleet: Fleet) -> list[str]:
    """What an undo has to bring back: the units that run, those that are enabled, and nginx's file."""
    units = "systemctl list-units --plain --no-legend --state=active 'api@*' | cut -d' ' -f1; ls /etc/systemd/system/multi-user.target.wants"
    return [*(fleet.ssh(host, units) for host in fleet.hosts), fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")]


def test_the_handbooks_command_gives_three_that_all_answer_and_undo_takes_them_away(scaled: Site, fleet: Fleet) -> None:
    before = everything(fleet)
    failed: list[str] = []
    answers: list[str] = []
    with traffic(fleet.address(fleet.front), failed, answers):
        code, output = scaled.run("-e", "service=api replicas=3", playbook=SCALE)
        assert code == 0, output
        assert eventually(lambda: {"1", "2", "3"} <= set(answers[-50:]))
        assert "prod-api-02: 0 to 1 instances, of 1 to 3" in output
        code, output = scaled.run("-e", "service=api replicas=3", playbook=SCALE)
        assert code == 0, output
        assert "changed=0" in output
        run = scaled.incidents()[0]["runs"][0]["run"]
        code, output = scaled.run("-e", f"action={run}", playbook=UNDO)
        assert code == 0, output
    assert everything(fleet) == before
    assert failed == []


def test_partial_success_keeps_the_healthy_and_says_so(scaled: Site, fleet: Fleet) -> None:
    fleet.ssh(fleet.hosts[0], "touch /srv/api/broken.3")
    code, output = scaled.run("-e", "service=api replicas=4", playbook=SCALE)
    assert code != 0
    assert "1 of 2 instances run, did not get healthy and were stopped: 3" in output
    assert "instance 3 finds no database" in output
    assert fleet.ssh(fleet.hosts[0], "systemctl list-units --plain --no-legend --all 'api@*' | cut -d' ' -f1") == "api@1.service"
    assert "api@3" not in fleet.ssh(fleet.hosts[0], "ls /etc/systemd/system/multi-user.target.wants")
    assert scaled.incidents()[0]["runs"][0]["verdict"] == "no_effect"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("replicas=many", "replicas='many' is not a whole number above 0"),
        ("", "scale_up needs replicas: -e replicas=3"),
        ("replicas=-1", "is not a whole number above 0"),
        ("replicas=3.5", "is not a whole number above 0"),
        ("replicas=0", "is not a whole number above 0"),
        ("replicas=5", "more than the 4 that the service catalogue allows"),
        ("replicas=1 service=apo", "Did you mean api?"),
    ],
)
def test_what_may_not_be_is_refused(scaled: Site, fleet: Fleet, arguments: str, says: str) -> None:
    before = everything(fleet)
    code, output = scaled.run("-e", f"service=api {arguments}", playbook=SCALE)
    assert code != 0
    assert says in " ".join(output.split())
    assert "Nothing was touched" in " ".join(output.split())
    assert everything(fleet) == before


def test_down_is_never_silent(scaled: Site, fleet: Fleet) -> None:
    assert scaled.run("-e", "service=api replicas=2", playbook=SCALE)[0] == 0
    code, output = scaled.run("-e", "service=api replicas=1", playbook=SCALE)
    assert code != 0
    assert "allow_scale_down=true" in output
    code, output = scaled.run("-e", "service=api replicas=1 allow_scale_down=true", playbook=SCALE)
    assert code == 0, output
    assert fleet.ssh(fleet.hosts[1], "systemctl list-units --plain --no-legend 'api@*'") == ""


def test_what_a_host_has_no_memory_for_is_refused(scaled: Site, fleet: Fleet) -> None:
    config = Path(scaled.environment["INCIDENT_CONFIG"])
    config.write_text(CONFIG.replace("max: 4", "max: 4, memory_mb: 99999999"))
    code, output = scaled.run("-e", "service=api replicas=2", playbook=SCALE)
    assert code != 0
    assert "prod-api-02 has" in output
    assert "MiB left, and 1 more instances take 99999999. Nothing was touched" in " ".join(output.split())


def test_it_scales_without_a_load_balancer(scaled: Site, fleet: Fleet) -> None:
    config = Path(scaled.environment["INCIDENT_CONFIG"])
    config.write_text("".join(line for line in CONFIG.splitlines(keepends=True) if "balancer" not in line))
    code, output = scaled.run("-e", "service=api replicas=2", playbook=SCALE)
    assert code == 0, output
    assert fleet.ssh(fleet.hosts[1], "systemctl is-active api@2") == "active"


def test_what_a_lost_scale_up_left_is_told_and_the_next_run_finishes_it(scaled: Site, fleet: Fleet, lost: str) -> None:
    fleet.slow(fleet.hosts[1])
    fleet.interrupt(scaled, scaled.start("-e", "service=api replicas=2", playbook=SCALE), fleet.hosts[1], lost)
    assert fleet.told(scaled, fleet.hosts[1], lost)
    code, output = scaled.run("-e", "service=api replicas=2", playbook=SCALE)
    assert code == 0, output
    assert f"{fleet.address(fleet.hosts[1])}:8102" in fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")
    assert fleet.ssh(fleet.hosts[1], "systemctl is-active api@2; systemctl is-enabled api@2") == "active\nenabled"


def test_what_a_host_has_no_processors_for_is_refused(scaled: Site, fleet: Fleet) -> None:
    config = Path(scaled.environment["INCIDENT_CONFIG"])
    config.write_text(CONFIG.replace("max: 4", "max: 4, cpus: 99"))
    code, output = scaled.run("-e", "service=api replicas=2", playbook=SCALE)
    assert code != 0
    assert "processors left, and 1 more instances take 99. Nothing was touched" in " ".join(output.split())


INSTANCES = CONFIG.replace("hosts: api\n", "hosts: api\n    backend: instances\n    versions: {backend: release}\n", 1)


@pytest.fixture
def three(scaled: Site, fleet: Fleet) -> Site:
    """Three instances, which the service is made of."""
    Path(scaled.environment["INCIDENT_CONFIG"]).write_text(INSTANCES)
    code, output = scaled.run("-e", "service=api replicas=3", playbook=SCALE)
    assert code == 0, output
    return scaled


def runs_of(fleet: Fleet) -> set[str]:
    """What is another one after each start, of all instances."""
    show = "systemctl show --property=InvocationID --value 'api@*'"
    return {line for host in fleet.hosts for line in fleet.ssh(host, show).split()}


def test_a_service_of_instances_is_restarted_one_by_one_and_no_request_is_lost(three: Site, fleet: Fleet) -> None:
    before, failed = runs_of(fleet), list[str]()
    fleet.ssh(fleet.hosts[0], "systemctl kill --signal=KILL api@3")
    assert eventually(lambda: fleet.ssh(fleet.hosts[0], "systemctl is-failed api@3 || true") == "failed")
    with traffic(fleet.address(fleet.front), failed, []):
        code, output = three.run("-e", "service=api max_hosts=2")
        assert code == 0, output
    after = runs_of(fleet)
    assert (len(before), len(after), before & after) == (3, 3, set())
    assert failed == []
    assert "down" not in fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")
    assert three.incidents()[0]["runs"][-1]["verdict"] == "worked"


def test_an_instance_that_does_not_come_back_stops_the_restart_and_gets_no_requests(three: Site, fleet: Fleet) -> None:
    fleet.ssh(fleet.hosts[0], "touch /srv/api/broken.1")
    before, failed = runs_of(fleet), list[str]()
    with traffic(fleet.address(fleet.front), failed, []):
        code, output = three.run("-e", "service=api max_hosts=2")
    assert code != 0
    assert "api@1.service did not get healthy after its restart" in output
    assert "instance 1 finds no database" in output
    assert three.incidents()[0]["runs"][-1]["verdict"] == "made_worse"
    assert len(before & runs_of(fleet)) == 2
    assert failed == []
    fleet.ssh(fleet.hosts[0], "rm /srv/api/broken.1")
    code, output = three.run("-e", "service=api max_hosts=2")
    assert code == 0, output
    assert "down" not in fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")


def test_a_rollback_restarts_the_instances_one_by_one_and_no_request_is_lost(three: Site, fleet: Fleet) -> None:
    for host in fleet.hosts:
        for release in RELEASES[1:]:
            fleet.ssh(host, f"mkdir -p /srv/api/releases/{release}; cp /srv/api/server.py /srv/api/releases/{release}")
        fleet.ssh(host, f"ln -s releases/{NEW} /srv/api/current")
        fleet.install(host, "api@.service", UNIT.replace("/srv/api/server.py", "/srv/api/current/server.py"))
    before, failed = runs_of(fleet), list[str]()
    with traffic(fleet.address(fleet.front), failed, []):
        code, output = three.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code == 0, output
    assert [fleet.ssh(host, "readlink /srv/api/current") for host in fleet.hosts] == [f"releases/{MIDDLE}"] * 2
    after = runs_of(fleet)
    assert (len(after), before & after, failed) == (3, set(), [])
    code, output = three.run("-e", f"action={three.incidents()[0]['runs'][-1]['run']}", playbook=UNDO)
    assert code == 0, output
    assert [fleet.ssh(host, "readlink /srv/api/current") for host in fleet.hosts] == [f"releases/{NEW}"] * 2
    assert len(runs_of(fleet) - after) == 3
