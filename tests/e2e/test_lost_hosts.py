# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that lose their power in the middle of an action, behind nginx, and the heal that the product prints then.

Three rounds at random moments; INCIDENT_CHAOS=10 makes ten, INCIDENT_CHAOS_SEED=… the same ones again.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deployments import ROLLBACK
from e2e.conftest import SLOW, Fleet
from e2e.test_rollback_fleet import NEW, OLD, SERVER, UPSTREAM, traffic
from e2e.test_scale import SCALE
from e2e.test_scale import SERVER as INSTANCE
from sites import A_RUN, RESTART, Site, eventually

FILE = "/etc/nginx/sites-enabled/default"
MARK = "taken out by incident.response"
ROUNDS = int(os.environ.get("INCIDENT_CHAOS", "3"))
SEED = int(os.environ.get("INCIDENT_CHAOS_SEED", random.SystemRandom().randrange(10_000)))
INSTALL = "[Install]\nWantedBy=multi-user.target\n"
CONFIG = """services:
  api:
    hosts: api
    health: {{http: 'http://127.0.0.1:8080/health', retries: 20}}
    balancer: {{hosts: balancer, path: {file}, port: 8080}}
  web:
    hosts: api
    unit: web.service
    replicas: {{template: web@.service, min: 1, max: 9, first_port: 8101, http: 'http://127.0.0.1:{{port}}/'}}
    balancer: {{hosts: balancer, path: {file}}}
"""
COMMANDS = {
    "rollback": (ROLLBACK, "app=api version=previous"),
    "restart": (RESTART, "service=api host=api max_hosts=3"),
    "scale-up": (SCALE, "service=web replicas=5"),
}


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet) -> Iterator[Fleet]:
    """Three hosts and nginx: one may be in its turn, another lose its power, and the third serves."""
    trio = Fleet(tmp_path_factory.mktemp("trio"), services=3)
    try:
        trio.up()
        for host in trio.hosts:
            for release in (OLD, NEW):
                folder = f"/srv/api/releases/{release}"
                trio.ssh(host, f"mkdir -p {folder} && cat > {folder}/server.py", SERVER.format(status=200, version=release))
            trio.ssh(host, "cat > /srv/api/revisions.log", f"Branch main (at 1a2b3c) deployed as release {OLD} by ada\n")
            trio.ssh(host, "mkdir -p /srv/web; cat > /srv/web/server.py", INSTANCE)
            trio.install(host, "api.service", f"[Service]\n{SLOW}ExecStart=/usr/bin/python3 /srv/api/current/server.py\n{INSTALL}")
            trio.install(host, "web@.service", f"[Service]\nExecStart=/usr/bin/python3 /srv/web/server.py %i\n{INSTALL}")
        trio.ssh(trio.front, "systemctl enable nginx")
        yield trio
    finally:
        trio.script("down")


@pytest.fixture
def site(tmp_path: Path, trio: Fleet) -> Site:
    """All three hosts run NEW of api, and one instance of web each."""
    site = Site(tmp_path)
    site.inventory = trio.inventory
    config = tmp_path / "config.yml"
    config.write_text(CONFIG.format(file=FILE))
    site.environment |= {"INCIDENT_CONFIG": str(config), "ANSIBLE_TIMEOUT": "5", "PYTHONUNBUFFERED": "1"}  # its tasks are counted as they begin
    for number, host in enumerate(trio.hosts, 1):
        trio.ssh(host, f"ln -sfn releases/{NEW} /srv/api/current; rm -f /run/slow; systemctl enable api 2>/dev/null; systemctl restart api")
        trio.ssh(host, "systemctl disable --now web@{1..9} 2>/dev/null; systemctl reset-failed")
        trio.ssh(host, f"systemctl enable --now web@{number} 2>/dev/null")
    api = " ".join(f"server {trio.address(host)}:8080;" for host in trio.hosts)
    web = " ".join(f"server {trio.address(host)}:{8100 + number};" for number, host in enumerate(trio.hosts, 1))
    other = f"upstream web {{ {web} }}\nserver {{ listen 81; location / {{ proxy_pass http://web; proxy_connect_timeout 3s; }} }}\n"
    trio.ssh(trio.front, f"cat > {FILE} && systemctl restart nginx", UPSTREAM.format(servers=api) + other)
    return site


def turns(output: str) -> list[str]:
    """The hosts in the order in which they were acted on."""
    return list(dict.fromkeys(re.findall(r"Change it while it has no requests: api on (\S+?)\]", output)))


def ending(site: Site) -> str:
    """What the timeline says at the end of the last run."""
    return str([entry["text"] for entry in site.entries() if entry["kind"] == "run_ended"][-1])


def healed(site: Site, output: str) -> list[tuple[int, str]]:
    """What comes of the commands that the run printed, as they stand there: the undo alone, where there is one."""
    printed = re.findall(r"ansible-playbook (incident\.response\.(?:undo|restart_service)) -e (.+)", output)
    undo = [each for each in printed if each[0].endswith("undo")][:1]
    return [site.run("-e", *shlex.split(arguments), playbook=playbook) for playbook, arguments in undo or printed]


@dataclass
class Round:
    """What is done, after how many tasks of its turns which host loses its power."""

    action: str
    tasks: int
    victim: str

    def __str__(self) -> str:
        return f"{self.action}: {self.victim} loses its power at task {self.tasks} of the turns (INCIDENT_CHAOS_SEED={SEED})"


def rounds(hosts: list[str]) -> list[Round]:
    chance = random.Random(SEED)  # noqa: S311 # what is drawn has to be the same again
    actions = [action for _each in range(ROUNDS) for action in chance.sample(list(COMMANDS), len(COMMANDS))][:ROUNDS]
    return [Round(action, chance.randrange(1, 30), chance.choice(hosts)) for action in actions]


def until_cut(process: subprocess.Popen[str], fleet: Fleet, now: Round) -> str:
    """The run's output; the power goes when so many tasks of the second play have begun."""
    assert process.stdout
    output, plays, tasks, cut = "", 0, 0, False
    for line in process.stdout:
        output += line
        plays += line.startswith("PLAY [")
        tasks += plays > 1 and line.startswith("TASK [")
        if tasks >= now.tasks and not cut:
            cut = True
            fleet.script("cut", now.victim)
    process.wait(timeout=A_RUN)
    if not cut:
        fleet.script("cut", now.victim)
    return output


def down_by_hand(fleet: Fleet, *hosts: str) -> None:
    for host in hosts:
        fleet.ssh(fleet.front, f"sed -i 's/{fleet.address(host)}:8080/& down/' {FILE}; systemctl reload nginx")


def cut_in_its_turn(site: Site, fleet: Fleet, host: str, arguments: str, playbook: str, *, victim: str = "") -> str:
    """The output of a run that was half-way on the host when it, or the `victim`, lost its power. It is up again."""
    fleet.slow(host)
    process = site.start("-e", arguments, playbook=playbook)
    try:
        assert eventually(lambda: "starting" in fleet.ssh(host, "ls /run"))
    except BaseException:
        process.kill()  # or it acts on the next test's hosts
        raise
    fleet.script("cut", victim or host)
    if victim:
        fleet.ssh(host, "rm -f /run/slow; pkill -KILL -x sleep || true")
    output, _nothing = process.communicate(timeout=A_RUN)
    assert process.returncode != 0, output
    fleet.script("start", victim or host)
    assert eventually(lambda: answers(fleet, "rollback"))
    return output


def test_the_undo_of_a_rollback_that_lost_its_second_host_takes_that_one_first(site: Site, trio: Fleet) -> None:
    """With its server line still out, the first host would be the only one that serves."""
    first, second, third = trio.hosts
    down_by_hand(trio, third)
    output = cut_in_its_turn(site, trio, second, f"app=api version=previous host={first},{second} max_hosts=2", ROLLBACK)
    assert f"{second} is still out of nginx on {trio.front}" in output
    assert f"{second} is still out of nginx on {trio.front}" in ending(site)
    failed: list[str] = []
    with traffic(trio.address(trio.front), failed, []):
        ((code, shown),) = healed(site, output)
    assert code == 0, shown
    assert f"{second} is out of nginx on {trio.front}, where an earlier run left it: it comes first" in shown
    assert turns(shown) == [second, first]
    assert failed == []
    assert MARK not in trio.ssh(trio.front, f"cat {FILE}")
    assert [trio.ssh(host, "readlink /srv/api/current") for host in (first, second)] == [f"releases/{NEW}"] * 2


def test_after_a_restart_that_lost_a_host_the_only_one_that_serves_is_not_restarted_but_the_lost_one_is(site: Site, trio: Fleet) -> None:
    first, second, third = trio.hosts
    down_by_hand(trio, third)
    output = cut_in_its_turn(site, trio, second, f"service=api host={first},{second} max_hosts=2", RESTART)
    before, failed = trio.ssh(first, "systemctl show --property=InvocationID api"), list[str]()
    with traffic(trio.address(trio.front), failed, []):
        code, shown = site.run("-e", f"service=api host={first}")
        assert code != 0
        alone = f"{first} is the only server of upstream api on {trio.front} that serves"
        assert f"{alone}, since an earlier run left out {second}" in " ".join(shown.split())
        assert trio.ssh(first, "systemctl show --property=InvocationID api") == before
        assert [code for code, _shown in healed(site, output)] == [0]
        assert site.run("-e", f"service=api host={first}")[0] == 0
    assert failed == []
    assert MARK not in trio.ssh(trio.front, f"cat {FILE}")


def test_nginxs_host_is_named_where_it_is_the_one_that_was_lost(site: Site, trio: Fleet) -> None:
    first = trio.hosts[0]
    output = cut_in_its_turn(site, trio, first, "app=api version=previous", ROLLBACK, victim=trio.front)
    assert f"nginx on {trio.front} can't be reached" in output
    assert f"it is STILL OUT of nginx: nginx on {trio.front} can't be reached" in output
    assert "unreachable=0" in output
    assert f"{first} is still out of nginx on {trio.front}" in ending(site)
    failed: list[str] = []
    with traffic(trio.address(trio.front), failed, []):
        assert [code for code, _shown in healed(site, output)] == [0]
    assert failed == []
    assert MARK not in trio.ssh(trio.front, f"cat {FILE}")
    assert {trio.ssh(host, "readlink /srv/api/current") for host in trio.hosts} == {f"releases/{NEW}"}


def test_the_only_server_is_restarted_in_its_place_and_the_plan_says_what_that_costs(site: Site, trio: Fleet) -> None:
    first, second, third = trio.hosts
    down_by_hand(trio, second, third)
    text = trio.ssh(trio.front, f"cat {FILE}")
    code, output = site.run("-e", f"service=api host={first}")
    assert code == 0, output
    assert f"{first} is the only server of upstream api on {trio.front} that serves ({second} is down by somebody's hand" in output
    assert "risk high: nobody is answered meanwhile" in output
    assert re.search(rf"Take out of the load balancer: api on {first}\] \*+\nskipping", output)
    assert trio.ssh(trio.front, f"cat {FILE}") == text


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whoever_loses_its_power_at_any_moment_is_named_and_the_printed_heal_loses_no_request(site: Site, trio: Fleet, number: int) -> None:
    now = rounds([*trio.hosts, trio.front])[number]
    print(now)
    playbook, arguments = COMMANDS[now.action]
    failed: list[str] = []
    address = f"{trio.address(trio.front)}{':81' if now.action == 'scale-up' else ''}"
    with traffic(address, failed, []):
        process = site.start("-e", arguments, playbook=playbook)
        output = until_cut(process, trio, now)
        trio.script("start", now.victim)
        assert eventually(lambda: answers(trio, now.action))
        in_flight = len(failed) if now.victim == trio.front else 1
        if process.returncode:
            assert now.victim in ending(site), output
            for code, shown in healed(site, output) or [site.run("-e", arguments, playbook=playbook)]:
                assert code == 0, output + shown
    assert len(failed) <= in_flight, (failed, output, trio.ssh(trio.front, "tail -n 20 /var/log/nginx/error.log"))
    assert MARK not in trio.ssh(trio.front, f"cat {FILE}"), output
    assert len({trio.ssh(host, "readlink /srv/api/current; curl -s 127.0.0.1:8080 || true") for host in trio.hosts}) == 1


def answers(fleet: Fleet, action: str) -> bool:
    """Whether each host of the service is up again, and nginx."""
    port = "810[0-9]" if action == "scale-up" else "8080"
    return all(re.search(f":{port} ", fleet.ssh(host, "ss -Hltn")) for host in fleet.hosts) and ":80 " in fleet.ssh(fleet.front, "ss -Hltn")
