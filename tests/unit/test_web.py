# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of the question how an address is."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.incident.response.plugins.module_utils._backends import web


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, _mark, query = self.path.partition("?")
        if path == "/garbage":
            self.wfile.write(b"\x00\x01 nothing of the kind\r\n\r\n")
            return
        if path == "/secret":
            wanted = "Basic " + base64.b64encode(b"ada:s3cret/1").decode()
            self.send_response(200 if self.headers.get("Authorization") == wanted else 401)
        elif path.startswith("/to"):
            self.send_response(302)
            self.send_header("Location", {"/to": "/200", "/to-relative": "500?x=1", "/to-self": "/to-self", "/to-file": "file:///etc/passwd"}[path])
        else:
            self.send_response(int(path[1:] or 200) if not query or path != "/200" else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 200), ("/", 200), ("/200?x=1", 204), ("/404", 404), ("/500", 500), ("/503", 503), ("/to", 200), ("/to-relative", 500), ("/304", 304)],
)
def test_the_status_is_that_of_the_page_in_the_end(server: str, path: str, status: int) -> None:
    assert web.status(f"http://{server}{path}") == status


def test_a_name_and_a_password_in_the_address_are_given(server: str) -> None:
    assert web.status(f"http://ada:s3cret%2F1@{server}/secret") == 200
    assert web.status(f"http://{server}/secret") == 401


@pytest.mark.parametrize("path", ["/to-self", "/to-file", "/garbage"])
def test_what_makes_no_sense_is_trouble(server: str, path: str) -> None:
    with pytest.raises(web.TROUBLE):
        web.status(f"http://{server}{path}")


@pytest.mark.parametrize("address", ["http://", "http:///x", "ftp://127.0.0.1/", "http://127.0.0.1:port/", "http://127.0.0.1:9/", "http://a b/"])
def test_an_address_that_nobody_answers_on_is_trouble(address: str) -> None:
    with pytest.raises(web.TROUBLE):
        web.status(address)


def test_a_server_that_takes_the_question_and_says_nothing_is_trouble() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(TimeoutError):
            web.status(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.2)


def test_a_certificate_that_nobody_vouches_for_is_trouble(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        with pytest.raises(web.TROUBLE, match="CERTIFICATE_VERIFY_FAILED"):
            web.status(f"https://127.0.0.1:{running.server_address[1]}/")
        running.shutdown()


@pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 302 Found\r\nLocation: "])
def test_a_server_that_drips_has_no_status_when_the_time_is_up(begins: bytes) -> None:
    """Each byte comes in time, and the answer never."""
    over = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.request.sendall(begins)
            with suppress(OSError):
                while not over.wait(0.05):
                    self.request.sendall(b"H")

    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        with pytest.raises(TimeoutError, match="no answer within 1 s"):
            web.status(f"http://127.0.0.1:{running.server_address[1]}/", timeout=1)
        over.set()
        running.shutdown()
