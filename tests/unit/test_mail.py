# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of a mail to a server that misbehaves: it ends in time, and what isn't known is not called sent, nor sent again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from ansible_collections.incident.response.plugins.module_utils import _mail
from ansible_collections.incident.response.plugins.module_utils._mail import Mailer, MailError


@contextmanager
def served(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for one connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


def polite(connection: socket.socket, end: Callable[[], None]) -> None:
    """Takes a mail as far as its last line, and then does what it is told to."""
    connection.sendall(b"220 here\r\n")
    data = False
    for line in connection.makefile("rb"):
        if data and line == b".\r\n":
            end()
            return
        if not data:
            data = line.upper().startswith(b"DATA")
            connection.sendall(b"354 go on\r\n" if data else b"250 fine\r\n")


def send(port: int) -> MailError:
    with pytest.raises(MailError) as error:
        Mailer("127.0.0.1", "bot@example.com", port, "none").send(["ada@example.com"], "Slow", "It is slow")
    return error.value


def test_a_server_that_takes_it_and_does_not_say_so_is_not_asked_again() -> None:
    with served(lambda connection: polite(connection, lambda: None)) as port:
        error = send(port)
    assert error.partly
    assert "it isn't known whether 127.0.0.1 has taken it" in str(error)


def test_a_server_that_refuses_it_at_the_end_has_not_taken_it() -> None:
    with served(lambda connection: polite(connection, lambda: connection.sendall(b"554 spam\r\n"))) as port:
        error = send(port)
    assert not error.partly
    assert "spam" in str(error)


@pytest.mark.parametrize("said", [b"220-a\r\n", b"2"])
def test_a_server_that_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(_mail, "_LONGEST", 0.5)

    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(said)
            time.sleep(0.05)

    with served(drip) as port:
        begun = time.monotonic()
        assert not send(port).partly
    assert time.monotonic() - begun < 10
