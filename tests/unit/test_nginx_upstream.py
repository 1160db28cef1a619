# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `nginx_upstream` changes in a file, and what it leaves alone."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.modules.nginx_upstream import changed_text

FILE = """upstream api {
    least_conn;
    server 10.0.0.11:8080 weight=2;
    server 10.0.0.12:8080;  # the second
    server 10.0.0.13:8080 backup;
}
upstream web { server 10.0.0.11:80; server 10.0.0.12:80; }
server { listen 80; server_name api; location / { proxy_pass http://api; } }
"""


@pytest.mark.parametrize("server", ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080", "10.0.0.11:80"])
def test_a_server_that_is_put_back_leaves_the_file_as_it_was(server: str) -> None:
    drained, missing, alone = changed_text(FILE, [server], "drained")
    assert (missing, alone) == ([], [])
    assert drained.count(" down;") == 1
    assert changed_text(drained, [server], "drained")[0] == drained
    assert changed_text(drained, [server], "serving")[0] == FILE


def test_the_last_that_serves_is_not_taken_out() -> None:
    drained = changed_text(FILE, ["10.0.0.11:8080"], "drained")[0]
    assert changed_text(drained, ["10.0.0.12:8080"], "drained") == (drained, [], ["10.0.0.12:8080"])


@pytest.mark.parametrize("server", ["10.0.0.1:8080", "10.0.0.11", "api", "10.0.0.99:8080"])
def test_what_is_in_no_upstream_is_not_found(server: str) -> None:
    assert changed_text(FILE, [server], "drained") == (FILE, [server], [])


@pytest.mark.parametrize(("upstream", "line"), [("api", "\n    server 10.0.0.14:8080;"), ("web", " server 10.0.0.14:8080;")])
def test_servers_that_come_and_go_leave_the_file_as_it_was(upstream: str, line: str) -> None:
    more = changed_text(FILE, ["10.0.0.14:8080", "10.0.0.15:8080"], "present", upstream)[0]
    assert more.replace(line, "").replace(line.replace("14", "15"), "") == FILE
    assert changed_text(more, ["10.0.0.14:8080"], "present", upstream)[0] == more
    assert changed_text(more, ["10.0.0.15:8080", "10.0.0.14:8080"], "absent", upstream)[0] == FILE
    assert changed_text(FILE, ["10.0.0.14:8080"], "present", "other") == (FILE, ["10.0.0.14:8080"], [])


def test_what_a_person_has_set_down_stays_down() -> None:
    down = FILE.replace("10.0.0.12:8080;", "10.0.0.12:8080 down;")
    assert changed_text(down, ["10.0.0.12:8080"], "drained")[0] == down
    assert changed_text(down, ["10.0.0.12:8080"], "serving")[0] == down
    assert changed_text(down, ["10.0.0.12:8080"], "present", "api")[0] == down


def test_what_was_taken_out_is_put_back_when_it_is_to_be_there() -> None:
    drained = changed_text(FILE, ["10.0.0.11:80"], "drained")[0]
    assert changed_text(drained, ["10.0.0.11:80"], "present", "web")[0] == FILE
