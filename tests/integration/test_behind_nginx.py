# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action sees in nginx before it begins, and does then. nginx is a script here; tests/e2e/test_lost_hosts.py has the real one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sites import Site

ONE, TWO, FRONT = "prod-api-01", "prod-api-02", "prod-db-01"
MARK = " # taken out by incident.response\n    down"
FILE = "upstream api { server 10.0.0.11:8080; server 10.0.0.12:8080; }\n"
NGINX = """#!/bin/sh
case $1 in
  -T) [ ! -e {folder}/broken ] || {{ echo 'nginx: [emerg] unknown directive "upstraem"' >&2; exit 1; }}
      echo '# configuration file {file}:'; cat {folder}/api.conf ;;
  -V) echo --pid-path={folder}/none >&2 ;;
  -s) [ ! -e {folder}/deaf ] || {{ echo 'nginx: [error] invalid PID number' >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return behind(Site(tmp_path))


def behind(site: Site) -> Site:
    """Two hosts behind an nginx on a third."""
    (site.folder / "running").touch()
    inventory = json.loads(site.inventory.read_text())
    inventory["all"]["hosts"] = {ONE: {"ansible_host": "10.0.0.11"}, TWO: {"ansible_host": "10.0.0.12"}, FRONT: {}}
    site.inventory.write_text(json.dumps(inventory))
    config = site.folder / "config.yml"
    balancer = f"{{hosts: {FRONT}, path: {site.folder}/api.conf, port: 8080}}"
    config.write_text(f"services: {{api: {{hosts: '{ONE},{TWO}', balancer: {balancer}}}}}\n")
    site.environment["INCIDENT_CONFIG"] = str(config)
    nginx(site, FILE)
    return site


def nginx(site: Site, text: str, *, reads: str = "") -> Path:
    """nginx's file."""
    programs = site.folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "nginx").write_text(NGINX.format(folder=site.folder, file=reads or site.folder / "api.conf"))
    (programs / "nginx").chmod(0o755)
    site.environment["PATH"] = f"{programs}:{site.environment['PATH'].removeprefix(f'{programs}:')}"
    (site.folder / "api.conf").write_text(text)
    return site.folder / "api.conf"


def restart(site: Site, arguments: str = f"host={ONE},{TWO} max_hosts=2") -> tuple[int, str, list[str]]:
    """The return code, the output in one line, and the hosts that were stopped, in that order."""
    code, output = site.run("-e", f"service=api {arguments}")
    return code, " ".join(output.split()), re.findall(r"Stop api on (\S+)\]", output)


def test_what_an_earlier_run_left_out_is_taken_first(site: Site) -> None:
    file = nginx(site, FILE.replace("12:8080", f"12:8080{MARK}"))
    code, output, order = restart(site)
    assert (code, order) == (0, [TWO, ONE]), output
    assert f"{TWO} is out of nginx on {FRONT}, where an earlier run left it: it comes first" in output
    assert file.read_text() == FILE


def test_the_only_one_that_serves_waits_for_the_one_that_was_left_out(site: Site) -> None:
    text = FILE.replace("12:8080", f"12:8080{MARK}")
    file = nginx(site, text)
    code, output, order = restart(site, f"host={ONE}")
    assert (code != 0, order) == (True, []), output
    assert f"{ONE} is the only server of upstream api on {FRONT} that serves, since an earlier run left out {TWO} (10.0.0.12:8080)" in output
    assert "Nothing was touched" in output
    (heal,) = set(re.findall(r"ansible-playbook incident\.response\.restart_service -e 'service=api ([^']+)'", output))
    assert restart(site, heal)[::2] == (0, [TWO])
    assert file.read_text() == FILE
    file.write_text(text)
    code, output, order = restart(site, f"host={ONE} break_glass=disk")
    assert (code, order, file.read_text()) == (0, [ONE], text), output


@pytest.mark.parametrize("text", [FILE.replace(" server 10.0.0.12:8080;", ""), FILE.replace("12:8080", "12:8080 down")])
def test_the_only_server_stays_in_and_the_plan_says_so(site: Site, text: str) -> None:
    file = nginx(site, text)
    code, output, order = restart(site, f"host={ONE}")
    assert (code, order, file.read_text()) == (0, [ONE], text), output
    assert f"{ONE} is the only server of upstream api on {FRONT} that serves" in output
    assert "100 % of the service is out meanwhile" in output
    assert re.search(rf"Take out of the load balancer: api on {ONE}\] \*+ skipping", output)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FILE.replace("server 10.0.0.12:8080;", "# server 10.0.0.12:8080;\n"), f"has no upstream with the server 10.0.0.12:8080, which is {TWO}"),
        ("server { listen 80; }\n", "It has no upstream with a server"),
        ("upstream api {\n  include servers.conf;\n}\n", "takes servers from another file (line 2: include servers.conf)"),
        ("upstream api {\n  server 10.0.0.11:8080\n}\n", "is not understood: line 3 has a } where a ; should be"),
    ],
)
def test_what_nginx_lacks_is_refused_before_anything_is_touched(site: Site, text: str, says: str) -> None:
    file = nginx(site, text)
    code, output, order = restart(site)
    assert (code != 0, order, file.read_text()) == (True, [], text)
    assert says in output
    assert "Nothing was touched" in output


def test_a_file_that_nginx_does_not_read_is_refused(site: Site) -> None:
    nginx(site, FILE, reads="/etc/nginx/nginx.conf")
    code, output, order = restart(site)
    assert (code != 0, order) == (True, [])
    assert f"nginx on {FRONT} is left as it was: {site.folder}/api.conf is not read by nginx" in output


def test_a_configuration_that_nginx_refuses_already_is_told_before_anything_is_touched(site: Site) -> None:
    (site.folder / "broken").touch()
    code, output, order = restart(site)
    assert (code != 0, order) == (True, [])
    assert 'nginx refuses the configuration that it has: nginx: [emerg] unknown directive "upstraem"' in output


def test_a_host_that_can_not_be_taken_out_is_left_alone_with_the_reason(site: Site) -> None:
    (site.folder / "deaf").touch()
    code, output, order = restart(site)
    assert (code != 0, order) == (True, [])
    assert f"{ONE} could not be taken out of the load balancer, so nothing else was touched there: nginx on {FRONT} is left as it was" in output
    assert "invalid PID number" in output
    assert (site.folder / "api.conf").read_text() == FILE


def test_a_host_that_does_not_come_back_is_told_as_out_with_what_puts_it_back(site: Site) -> None:
    (site.folder / "cannot-start").touch()
    code, output, order = restart(site)
    assert (code != 0, order) == (True, [ONE])
    assert f"{ONE} is still out of nginx on {FRONT}, and gets no requests. Once it is up, a restart with the same inventory puts it back:" in output
    assert f"{ONE} is still out of nginx on {FRONT}" in site.ending()["text"]
    (heal,) = re.findall(r"ansible-playbook incident\.response\.restart_service -e 'service=api ([^']+)'", output)
    (site.folder / "cannot-start").unlink()
    code, output, order = restart(site, heal)
    assert (code, order, (site.folder / "api.conf").read_text()) == (0, [ONE], FILE), output
