# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handbook's rollback command on real systemd hosts behind nginx: release folders, and Debian packages."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.conftest import SLOW, Fleet
from sites import Site, eventually

ROLLBACK = "playbooks/emergency/rollback.yml"
UNDO = "playbooks/emergency/undo.yml"
OLD, NEW = "20251101100000", "20251102100000"

SERVER = """import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status} if self.path == "/health" else 200)
        self.end_headers()
        self.wfile.write(b"{version}")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("0.0.0.0", 8080), Handler).serve_forever()
"""
UNIT = "[Service]\n" + SLOW.replace("{", "{{").replace("}", "}}") + "ExecStart=/usr/bin/python3 {}/server.py\n"
UPSTREAM = """upstream api {{ {servers} }}
server {{ listen 80 default_server; location / {{ proxy_pass http://api; proxy_connect_timeout 3s; }} }}
"""
PACKAGE = """set -e
mkdir -p /srv/repo /tmp/api/DEBIAN /tmp/api/usr/lib/api
cat > /tmp/api/usr/lib/api/server.py
printf 'Package: api\\nVersion: {version}\\nArchitecture: all\\nMaintainer: tests <tests@localhost>\\nDescription: test\\n' > /tmp/api/DEBIAN/control
dpkg-deb --build /tmp/api /srv/repo/api_{version}.deb >/dev/null
cd /srv/repo
{{ dpkg-deb --field api_{version}.deb; echo "Filename: ./api_{version}.deb"; echo "Size: $(stat -c %s api_{version}.deb)"
  echo "SHA256: $(sha256sum api_{version}.deb | cut -d' ' -f1)"; echo; }} >> Packages
echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list
apt-get update >/dev/null
apt-get install --yes api={version} >/dev/null
"""


@contextmanager
def traffic(address: str, failed: list[str], versions: list[str]) -> Iterator[None]:
    """Requests through nginx, one after the other, for ten minutes at most."""
    over = threading.Event()

    def ask() -> None:
        until = time.monotonic() + 600
        while not over.is_set() and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
                    versions.append(answer.read().decode())
            except OSError as error:
                failed.append(str(error))
            over.wait(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


@pytest.fixture
def site(tmp_path: Path, fleet: Fleet) -> Site:
    site = Site(tmp_path)
    site.inventory = fleet.inventory
    config = tmp_path / "config.yml"
    balancer = "{hosts: balancer, path: /etc/nginx/sites-enabled/default, port: 8080}"
    config.write_text(f"services: {{api: {{hosts: api, health: {{http: 'http://127.0.0.1:8080/health', retries: 8}}, balancer: {balancer}}}}}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    servers = " ".join(f"server {fleet.address(host)}:8080;" for host in fleet.hosts)
    fleet.ssh(fleet.front, "cat > /etc/nginx/sites-enabled/default && systemctl restart nginx", UPSTREAM.format(servers=servers))
    return site


@pytest.fixture
def released(site: Site, fleet: Fleet) -> Site:
    """Both hosts run NEW, and have OLD."""
    for host in fleet.hosts:
        fleet.ssh(host, "systemctl stop api 2>/dev/null; rm -rf /srv/api")
        for release in (OLD, NEW):
            folder = f"/srv/api/releases/{release}"
            fleet.ssh(host, f"mkdir -p {folder} && cat > {folder}/server.py", SERVER.format(status=200, version=release))
        fleet.ssh(host, f"ln -s releases/{NEW} /srv/api/current")
        fleet.ssh(host, "cat > /srv/api/revisions.log", f"Branch main (at 1a2b3c) deployed as release {OLD} by ada\n")
        fleet.install(host, "api.service", UNIT.format("/srv/api/current"))
        fleet.ssh(host, "systemctl restart api")
    return site


def links(fleet: Fleet) -> list[str]:
    return [fleet.ssh(host, "readlink /srv/api/current; curl -s 127.0.0.1:8080 || python3 -c \"import urllib.request as u; "
                      "print(u.urlopen('http://127.0.0.1:8080').read().decode())\"") for host in fleet.hosts]  # fmt: skip


def test_the_handbooks_command_loses_no_request_and_undo_brings_all_back(released: Site, fleet: Fleet) -> None:
    before = links(fleet), fleet.ssh(fleet.front, "sha256sum /etc/nginx/sites-enabled/default")
    failed: list[str] = []
    versions: list[str] = []
    with traffic(fleet.address(fleet.front), failed, versions):
        code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code == 0, output
        assert links(fleet) == [f"releases/{OLD}\n{OLD}"] * 2
        assert "by ada" in output
        run = released.incidents()[0]["runs"][0]["run"]
        code, output = released.run("-e", f"action={run}", playbook=UNDO)
        assert code == 0, output
    assert (links(fleet), fleet.ssh(fleet.front, "sha256sum /etc/nginx/sites-enabled/default")) == before
    assert failed == [], fleet.ssh(fleet.front, "tail -n 40 /var/log/nginx/error.log")
    assert set(versions) == {OLD, NEW}
    assert [each["verdict"] for each in released.incidents()[0]["runs"]] == ["worked", "worked"]


def test_what_nginx_does_not_take_over_is_put_back_before_the_service_is_touched(released: Site, fleet: Fleet) -> None:
    """`nginx -t` and `nginx -s reload` both end well where another program has the port of a new `listen`."""
    file = "/etc/nginx/sites-enabled/default"
    before = links(fleet)
    fleet.ssh(fleet.front, "systemd-run --quiet --collect --unit=taken python3 -m http.server 81")
    assert eventually(lambda: ":81 " in fleet.ssh(fleet.front, "ss -tln"))
    try:
        fleet.ssh(fleet.front, f"sed -i 's/listen 80 default_server;/& listen 81;/' {file}")
        text = fleet.ssh(fleet.front, f"cat {file}")
        code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code != 0
        assert "was put back, since nginx goes on without it" in output
        assert fleet.ssh(fleet.front, f"cat {file}") == text
        assert links(fleet) == before
    finally:
        fleet.ssh(fleet.front, "systemctl stop taken")


def test_what_a_killed_run_wrote_and_nginx_never_read_is_taken_over_by_the_next(released: Site, fleet: Fleet) -> None:
    file = "/etc/nginx/sites-enabled/default"
    text = fleet.ssh(fleet.front, f"cat {file}")
    fleet.ssh(fleet.front, f"sed -i 's/{fleet.address(fleet.hosts[0])}:8080/& down/' {file} && systemctl reload nginx")
    assert eventually(lambda: "shutting down" not in fleet.ssh(fleet.front, "pgrep --full --list-full 'nginx: worker'"))
    fleet.ssh(fleet.front, f"cat > {file}", text + "\n")
    workers = fleet.ssh(fleet.front, "pgrep --full 'nginx: worker'")
    code, output = released.run("-e", f"app=api version={NEW}", "--check", playbook=ROLLBACK)
    assert code == 0, output
    assert fleet.ssh(fleet.front, "pgrep --full 'nginx: worker'") == workers
    code, output = released.run("-e", f"app=api version={NEW}", playbook=ROLLBACK)
    assert code == 0, output
    assert not set(fleet.ssh(fleet.front, "pgrep --full 'nginx: worker'").split()) & set(workers.split())
    assert "changed=1" in output
    code, output = released.run("-e", f"app=api version={NEW}", playbook=ROLLBACK)
    assert (code, output.count("changed=0")) == (0, len(fleet.hosts)), output


def test_a_version_that_is_there_already_changes_nothing(released: Site, fleet: Fleet) -> None:
    before = [fleet.ssh(host, "systemctl show --property=InvocationID api nginx") for host in [*fleet.hosts, fleet.front]]
    written = fleet.ssh(fleet.front, "stat --format=%y /etc/nginx/sites-enabled/default")
    code, output = released.run("-e", f"app=api version={NEW}", playbook=ROLLBACK)
    assert code == 0, output
    assert output.count("changed=0") == len(fleet.hosts)
    assert [fleet.ssh(host, "systemctl show --property=InvocationID api nginx") for host in [*fleet.hosts, fleet.front]] == before
    assert fleet.ssh(fleet.front, "stat --format=%y /etc/nginx/sites-enabled/default") == written


def test_a_bad_release_is_left_at_once_and_no_other_host_sees_it(released: Site, fleet: Fleet) -> None:
    for host in fleet.hosts:
        fleet.ssh(host, f"cat > /srv/api/releases/{OLD}/server.py", SERVER.format(status=500, version="bad"))
    untouched = fleet.ssh(fleet.hosts[1], "systemctl show --property=InvocationID api")
    code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code != 0
    assert "verdict made_worse" in output
    assert "put back as it was before, and is healthy" in " ".join(output.split())
    assert links(fleet) == [f"releases/{NEW}\n{NEW}"] * 2
    assert " down" not in fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")
    assert fleet.ssh(fleet.hosts[1], "systemctl show --property=InvocationID api") == untouched


def test_a_host_that_dies_stops_the_rollback_before_anything_is_touched(released: Site, fleet: Fleet) -> None:
    fleet.script("stop", fleet.hosts[1])
    try:
        released.environment["ANSIBLE_TIMEOUT"] = "3"
        code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
    finally:
        fleet.script("start", fleet.hosts[1])
        fleet.ssh(fleet.hosts[1], "systemctl restart api")
    assert code != 0
    assert fleet.ssh(fleet.hosts[0], "readlink /srv/api/current") == f"releases/{NEW}"


def test_a_full_disk_at_the_switch_leaves_the_release_as_it_was(released: Site, fleet: Fleet) -> None:
    host = fleet.hosts[0]
    fleet.ssh(host, "cp -a /srv/api /tmp/api.kept && mount -t tmpfs -o size=1m,nr_inodes=12 tmpfs /srv/api && cp -a /tmp/api.kept/. /srv/api/ "
              "&& while touch /srv/api/fill.$((n += 1)) 2>/dev/null; do :; done")  # fmt: skip
    try:
        code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code != 0
        assert "No space left on device" in output
        assert fleet.ssh(host, "ls /srv/api | grep -c '^current'; readlink /srv/api/current; systemctl is-active api") == f"1\nreleases/{NEW}\nactive"
    finally:
        fleet.ssh(host, "umount --lazy /srv/api; rm -rf /tmp/api.kept; systemctl restart api")


def packaged(fleet: Fleet, statuses: dict[str, int]) -> None:
    """The service is a package on both hosts, of which each version was installed in turn; its health answers with that status."""
    for host in fleet.hosts:
        fleet.ssh(host, "systemctl stop api 2>/dev/null; apt-get purge --yes api >/dev/null 2>&1; rm -rf /srv/repo /tmp/api; : > /var/log/dpkg.log")
        for version, status in statuses.items():
            fleet.ssh(host, PACKAGE.format(version=version), SERVER.format(status=status, version=version))
        fleet.install(host, "api.service", UNIT.format("/usr/lib/api"))
        fleet.ssh(host, "systemctl restart api")


def test_a_package_goes_back_to_what_dpkg_knows_and_undo_comes_back(site: Site, fleet: Fleet) -> None:
    config = Path(site.environment["INCIDENT_CONFIG"])
    config.write_text("services: {api: {hosts: api, health: {http: 'http://127.0.0.1:8080/health'}, versions: {backend: package}}}\n")
    packaged(fleet, {"1.0": 200, "1.1": 200})

    def versions() -> list[str]:
        return [fleet.ssh(host, "dpkg-query --show --showformat='${Version}' api") for host in fleet.hosts]

    code, output = site.run("-e", "app=api version=9.9", playbook=ROLLBACK)
    assert code != 0
    assert "apt can't install api 9.9" in output
    assert "To be had are 1.1, 1.0" in " ".join(output.split())
    fleet.ssh(fleet.hosts[1], "apt-mark hold api")
    code, output = site.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code != 0
    assert "apt-mark unhold api" in output
    assert versions() == ["1.1", "1.1"]
    fleet.ssh(fleet.hosts[1], "apt-mark unhold api")

    code, output = site.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code == 0, output
    assert "api 1.1 to api 1.0" in output
    assert versions() == ["1.0", "1.0"]
    run = site.incidents()[0]["runs"][-1]["run"]
    code, output = site.run("-e", f"action={run}", playbook=UNDO)
    assert code == 0, output
    assert versions() == ["1.1", "1.1"]
    for host in fleet.hosts:
        fleet.ssh(host, "systemctl stop api; apt-get purge --yes api >/dev/null")


@pytest.mark.parametrize("heal", ["undo", "version"])
def test_what_a_lost_rollback_left_is_told_previous_is_refused_and_it_heals(released: Site, fleet: Fleet, lost: str, heal: str) -> None:
    first = fleet.hosts[0]
    upstream = fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default")
    fleet.slow(first)
    fleet.interrupt(released, released.start("-e", "app=api version=previous", playbook=ROLLBACK), first, lost)
    assert fleet.told(released, first, lost)
    assert fleet.ssh(fleet.hosts[1], "readlink /srv/api/current") == f"releases/{NEW}"
    code, output = released.run("-e", "app=api version=previous", playbook=ROLLBACK)
    assert code != 0
    assert f"{first} was going from {NEW} to {OLD}" in " ".join(output.split())
    killed = released.incidents()[0]["runs"][0]["run"]
    how = {"undo": (f"action={killed}", UNDO), "version": (f"app=api version={OLD}", ROLLBACK)}[heal]
    code, output = released.run("-e", how[0], playbook=how[1])
    assert code == 0, output
    then = NEW if heal == "undo" else OLD
    assert links(fleet) == [f"releases/{then}\n{then}"] * 2
    assert fleet.ssh(fleet.front, "cat /etc/nginx/sites-enabled/default") == upstream


def test_a_pinned_package_is_refused(site: Site, fleet: Fleet) -> None:
    config = Path(site.environment["INCIDENT_CONFIG"])
    config.write_text("services: {api: {hosts: api, versions: {backend: package}}}\n")
    packaged(fleet, {"1.0": 200, "1.1": 200})
    pin = "Package: api\nPin: version 1.1\nPin-Priority: 1001\n"
    fleet.ssh(fleet.hosts[1], "cat > /etc/apt/preferences.d/api", pin)
    try:
        code, output = site.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code != 0
        assert "api is pinned to 1.1" in " ".join(output.split())
        assert "Nothing was touched" in output
        assert fleet.ssh(fleet.hosts[0], "dpkg-query --show --showformat='${Version}' api") == "1.1"
    finally:
        for host in fleet.hosts:
            fleet.ssh(host, "rm -f /etc/apt/preferences.d/api; systemctl stop api; apt-get purge --yes api >/dev/null; rm -rf /srv/repo /tmp/api")


def test_a_package_that_does_not_get_healthy_goes_back_to_the_one_that_was(site: Site, fleet: Fleet) -> None:
    config = Path(site.environment["INCIDENT_CONFIG"])
    health = "{http: 'http://127.0.0.1:8080/health', retries: 8}"
    config.write_text(f"services: {{api: {{hosts: api, health: {health}, versions: {{backend: package}}}}}}\n")
    packaged(fleet, {"1.0": 500, "1.1": 200})
    try:
        code, output = site.run("-e", "app=api version=previous", playbook=ROLLBACK)
        assert code != 0
        assert "verdict made_worse" in output
        assert "put back as it was before, and is healthy" in " ".join(output.split())
        assert [fleet.ssh(host, "dpkg-query --show --showformat='${Version}' api") for host in fleet.hosts] == ["1.1", "1.1"]
    finally:
        for host in fleet.hosts:
            fleet.ssh(host, "systemctl stop api; apt-get purge --yes api >/dev/null; rm -rf /srv/repo /tmp/api")
