# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `nginx_upstream` changes in a file, and what it leaves alone."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends import nginx

FILE = """upstream api {
    least_conn;
    server 10.0.0.11:8080 weight=2;
    server 10.0.0.12:8080;  # the second
    server 10.0.0.13:8080 backup;
}
upstream web { server 10.0.0.11:80; server 10.0.0.12:80; }
server { listen 80; server_name api; location / { proxy_pass http://api; } }
"""


def changed_text(text: str, servers: list[str], state: str, upstream: str = "", answer: set[str] | None = None) -> tuple[str, list[str], list[str]]:
    """The new text, the missing servers, and those that are alone. Without `answer` all servers answer."""
    changed = nginx.changed(text, servers, state, upstream, lambda server: answer is None or server in answer)
    return changed.text, changed.missing, [server for server, _upstream in changed.alone]


@pytest.mark.parametrize("server", ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080", "10.0.0.11:80"])
def test_a_server_that_is_put_back_leaves_the_file_as_it_was(server: str) -> None:
    drained, missing, alone = changed_text(FILE, [server], "drained")
    assert (missing, alone) == ([], [])
    assert drained.count(" down;") == 1
    assert changed_text(drained, [server], "drained")[0] == drained
    assert changed_text(drained, [server], "serving")[0] == FILE


def test_the_last_that_serves_is_not_taken_out() -> None:
    drained = changed_text(FILE, ["10.0.0.11:80"], "drained")[0]
    assert changed_text(drained, ["10.0.0.12:80"], "drained") == (drained, [], ["10.0.0.12:80"])
    assert changed_text(drained, ["10.0.0.11:80"], "drained") == (drained, [], [])


def test_a_backup_serves_where_nothing_else_does() -> None:
    drained = changed_text(FILE, ["10.0.0.11:8080", "10.0.0.12:8080"], "drained")
    assert drained[1:] == ([], [])
    assert changed_text(drained[0], ["10.0.0.13:8080"], "drained")[2] == ["10.0.0.13:8080"]


@pytest.mark.parametrize("state", ["drained", "absent"])
def test_a_server_is_alone_where_the_others_are_out_or_do_not_answer(state: str) -> None:
    one = "upstream api { server 10.0.0.11:8080; }"
    down = "upstream api { server 10.0.0.11:8080; server 10.0.0.12:8080 down; }"
    dead = "upstream api { server 10.0.0.11:8080; server 10.0.0.12:8080; }"
    for text in (one, down, dead):
        assert changed_text(text, ["10.0.0.11:8080"], state, answer={"10.0.0.11:8080"}) == (text, [], ["10.0.0.11:8080"])


def test_a_server_of_several_upstreams_stays_where_it_is_alone_only() -> None:
    text = "upstream api { server a:8080; server b:8080; }\nupstream web { server a:8080; }\n"
    assert changed_text(text, ["a:8080"], "drained") == (text.replace("a:8080", f"a:8080{nginx.OURS}", 1), [], ["a:8080"])


@pytest.mark.parametrize("server", ["10.0.0.1:8080", "10.0.0.12:81", "api", "10.0.0.99:8080"])
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


A, B = "10.0.0.11:8080", "10.0.0.12:8080"
HARD = {
    "a server in a comment": f"upstream api {{\n  # server {B};\n  server {A};\n  server {B};\n}}\n",
    "a server in a comment after another": f"upstream api {{\n  server {A}; # server {B} is gone; use this\n  server {B};\n}}\n",
    "a brace in a comment": f"upstream api {{ # the }} of nothing\n  server {A};\n  # }}\n  server {B};\n}}\n",
    "a comment within a directive": f"upstream api {{\n  server {A} # as long as it lasts; }}\n    weight=2 # half\n  ;\n  server {B};\n}}\n",
    "quotes": f'upstream "api" {{\n  server \'{A}\' weight=1;\n  server "{B}";\n}}\n',
    "a brace in quotes": f'upstream api {{\n  hash "${{request_uri}}}}" consistent;\n  server {A};\n  server {B};\n}}\n',
    "variables": f'map $uri $upstream {{ default ""; ~^/(?<a>[a-z]+)$ x${{a}}y; }}\nupstream api {{ hash $uri; server {A}; server {B}; }}\n',
    "the middle of a line": f"map $a $b {{ default 1; }} upstream api {{ server {A}; server {B}; }} server {{ listen 80; }}\n",
    "no space at all": f"upstream api{{server {A};server {B};}}",
    "a name over two lines": f"upstream\n  api # the name\n{{\nserver\n  {A}\n;\nserver {B};\n}}\n",
    "within http": f"http {{\n  include mime.types;\n  upstream api {{\n    server {A};\n    server {B};\n  }}\n}}\n",
    "http and stream": f"http {{ upstream api {{ server {A}; server {B}; }} }}\nstream {{ upstream api {{ server {A}; server {B}; }} }}\n",
    "another upstream's comment": f"# upstream old {{ server {A}; }}\nupstream api {{ server {A}; server {B}; }}\n",
    "an escaped quote": f"log_format x '\\'upstream api {{';\nupstream api {{ server {A}; server {B}; }}\n",
    "a hash in a word": f"map $uri $x {{ default /a#server; }}\nupstream api {{ server {A}; server {B}; }}\n",
    "lines that end as in DOS": f"upstream api {{\r\n  server {A};\r\n  server {B};\r\n}}\r\n",
    "a comment that is no UTF-8": f"# caf\xe9\nupstream api {{ server {A}; server {B}; }}\n",
    "parameters": f"upstream api {{\n  zone api 64k;\n  server {A} max_fails=3 slow_start=5s;\n  server {B} weight=5 route=down;\n}}\n",
    "a file that is included": f"server {A};\nserver {B}; # the second\n",
    "a server that listens": f"upstream api {{ server {A}; server {B}; }}\nserver {{ listen 80; server_name {A}; }}\n",
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_whatever_nginx_understands_is_drained_where_it_serves_and_put_back_to_the_byte(text: str) -> None:
    (*_others, upstream) = nginx.upstreams(text)
    assert [(each.address, each.state) for each in upstream.servers] == [(A, "serving"), (B, "serving")]
    for server in (A, B):
        drained, missing, alone = changed_text(text, [server], "drained")
        assert (missing, alone) == ([], [])
        assert [{each.address: each.state for each in found.servers} for found in nginx.upstreams(drained)] == [
            {A: "serving", B: "serving"} | {server: "drained"} for _found in nginx.upstreams(text)
        ]
        assert changed_text(drained, [server], "serving") == (text, [], [])
        assert changed_text(drained, [B if server == A else A], "drained")[2][:1] == [B if server == A else A]


@pytest.mark.parametrize("text", [text for name, text in HARD.items() if name not in {"http and stream", "a file that is included"}])
def test_whatever_nginx_understands_gets_a_server_and_loses_it_to_the_byte(text: str) -> None:
    more = changed_text(text, ["10.0.0.13:8080"], "present", "api")[0]
    assert [each.address for each in nginx.upstreams(more)[-1].servers] == [A, B, "10.0.0.13:8080"]
    assert changed_text(more, ["10.0.0.13:8080"], "absent", "api")[0] == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"upstream api {{\n  include servers.conf;\n  server {A};\n}}\n", "takes servers from another file (line 2: include servers.conf)"),
        ("upstream api {\n  include servers.conf;\n}\n", "takes servers from another file (line 2"),
        (f"upstream api {{\n  server {A};\n  balancer_by_lua_block {{ x = '}}' }}\n}}\n", "line 3 begins Lua (balancer_by_lua_block)"),
        (f"upstream api {{\n  server {A};\n", "a } is missing"),
        (f"upstream api {{\n  server {A}\n}}\n", "line 3 has a } where a ; should be"),
        (f"upstream api {{ server {A}; }}\n}}\n", "line 2 has a } that closes nothing"),
        (f'upstream api {{ server "{A}; }}\n', "line 1 has a quote that is never closed"),
        (f"upstream api {{ server {A}; }}\nserver", "line 2 begins a directive that never ends"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(nginx.Unclear) as refused:
        changed_text(text, [A], "drained")
    assert says in str(refused.value)


def test_a_server_is_put_back_although_the_upstream_includes_others() -> None:
    """Else what was taken out before an include came in would stay out."""
    text = f"upstream api {{\n  server {A};\n  include servers.conf;\n}}\n"
    drained = text.replace(A, A + nginx.OURS)
    assert changed_text(drained, [A], "serving")[0] == text


def test_which_of_two_upstreams_of_one_name_gets_a_server_is_not_guessed() -> None:
    with pytest.raises(nginx.Unclear, match=r"2 upstreams have the name api \(lines 1 and 2\)"):
        changed_text(HARD["http and stream"], ["10.0.0.13:8080"], "present", "api")


def test_the_first_server_of_an_empty_upstream() -> None:
    assert changed_text("upstream api {\n    zone api 64k;\n}\n", [A], "present", "api")[0].count(f"    server {A};\n") == 1
    assert changed_text("upstream api { }", [A], "present", "api")[0] == f"upstream api {{ server {A}; }}"


@pytest.mark.parametrize(
    ("stands", "asked"),
    [
        ("10.0.0.11", "10.0.0.11:80"),
        ("[fd00::11]:8080", "fd00::11:8080"),
        ("[FD00:0:0::11]:8080", "[fd00::11]:8080"),
        ("API-1.example.com:8080", "api-1.example.com:8080"),
        ("unix:/run/api.sock", "unix:/run/api.sock"),
    ],
)
def test_an_address_is_known_in_each_of_its_spellings(stands: str, asked: str) -> None:
    text = f"upstream api {{ server {stands} weight=2; server b:1; }}\n"
    drained, missing, _alone = changed_text(text, [asked], "drained")
    assert (missing, drained) == ([], text.replace("weight=2", f"weight=2{nginx.OURS}"))
    assert changed_text(drained, [asked], "serving")[0] == text


def test_a_person_who_adds_a_down_to_ours_keeps_it() -> None:
    text = f"upstream api {{ server {A}; server {B}; }}\n"
    drained = changed_text(text, [A], "drained")[0]
    theirs = drained.replace(A, f"{A} down")
    assert changed_text(theirs, [A], "serving")[0] == text.replace(A, f"{A} down")


def test_any_bytes_come_back_as_they_were() -> None:
    every = bytes(number for number in range(256) if number not in b"\n")
    text = (b"#" + every + f"\nupstream api {{ server {A}; server {B}; }}\n".encode()).decode("latin-1")
    assert changed_text(changed_text(text, [A], "drained")[0], [A], "serving")[0].encode("latin-1") == text.encode("latin-1")
