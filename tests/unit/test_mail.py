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
        assert not send(port).partly


# Addresses

BAD = "jürgen@customer.example"


class Receiving:
    """A server that keeps what it gets; `features` are what it says that it can."""

    def __init__(self, *features: str) -> None:
        self.recipients, self.message, self._features = list[str](), b"", features

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        lines = connection.makefile("rb")
        for line in lines:
            word = line[:4].upper()
            if word == b"EHLO":
                names = ["here", *self._features]
                connection.sendall("".join(f"250{'-' if name != names[-1] else ' '}{name}\r\n" for name in names).encode())
            elif word == b"RCPT" and b"gone@" in line:
                connection.sendall(b"550 no such mailbox\r\n")
            elif word == b"QUIT":
                connection.sendall(b"221 bye\r\n")
            elif word == b"DATA":
                connection.sendall(b"354 go on\r\n")
                while not self.message.endswith(b"\r\n.\r\n"):
                    self.message += lines.readline()
                connection.sendall(b"250 taken\r\n")
            else:
                self.recipients += [line.decode().partition("<")[2].partition(">")[0]] if word == b"RCPT" else []
                connection.sendall(b"250 fine\r\n")


def send_to(server: Receiving, *to: str, hidden: bool = False) -> str:
    with served(server) as port:
        try:
            Mailer("127.0.0.1", "bot@example.com", port, "none").send(to, "Slow", "It is slow", hidden=hidden)
        except MailError as error:
            return f"{'partly: ' if error.partly else ''}{error}"
    return ""


@pytest.mark.parametrize("hidden", [True, False])
def test_one_address_that_the_server_can_not_take_costs_the_others_nothing(hidden: bool) -> None:
    server = Receiving("8BITMIME")
    said = send_to(server, "ada@customer.example", BAD, "gone@customer.example", "grace@customer.example", hidden=hidden)
    assert server.recipients == ["ada@customer.example", "grace@customer.example"]
    assert said.startswith("partly: 127.0.0.1 takes no mail for jürgen@customer.example (553 the server takes no address that isn't ASCII")
    assert "gone@customer.example (550 no such mailbox); the others have it" in said


def test_a_server_that_takes_any_address_gets_all() -> None:
    server = Receiving("8BITMIME", "SMTPUTF8")
    assert send_to(server, "ada@customer.example", BAD) == ""
    assert server.recipients == ["ada@customer.example", BAD]


def test_a_domain_has_a_form_that_each_server_takes() -> None:
    server = Receiving("8BITMIME")
    assert send_to(server, "ada@bücher.example") == ""
    assert server.recipients == ["ada@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "address", ["ada", "ada example.com", "@example.com", "ada@", "a,b@example.com", "ada@example.com\r\nRCPT TO:<x@example.com>"]
)
def test_what_is_no_address_is_named_and_costs_the_others_nothing(address: str) -> None:
    server = Receiving("SMTPUTF8")
    assert "this is no mail address" in send_to(server, address, "grace@customer.example")
    assert server.recipients == ["grace@customer.example"]


def test_where_nobody_can_be_written_to_nothing_is_sent() -> None:
    server = Receiving("8BITMIME")
    assert send_to(server, BAD).startswith("127.0.0.1 takes no mail for jürgen@")
    assert server.message == b""


def test_no_absent_persons_program_answers_it() -> None:
    server = Receiving()
    send_to(server, "ada@customer.example")
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in server.message


def taken(connection: socket.socket, got: list[bytes], goodbye: bytes = b"221 bye\r\n") -> None:
    """Takes a mail, keeps what it was told, and answers the end of the conversation with `goodbye`."""
    connection.sendall(b"220 here\r\n")
    data = False
    for line in connection.makefile("rb"):
        got.append(line)
        if line == b".\r\n":
            data = False
            connection.sendall(b"250 taken\r\n")
        elif not data:
            data = line.upper().startswith(b"DATA")
            connection.sendall(b"354 go on\r\n" if data else goodbye if line.upper().startswith(b"QUIT") else b"250 fine\r\n")


INJECTED = "\r\nBcc: eve@example.com\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\n"


@pytest.mark.parametrize("text", [f"Slow{INJECTED}", *(f"Slow{end}Bcc: eve@example.com" for end in "\r\n\v\f\x1c\x85\u2028\x00")])
def test_line_ends_in_a_title_make_no_header_and_no_command(text: str) -> None:
    got = list[bytes]()
    with served(lambda connection: taken(connection, got)) as port:
        Mailer("127.0.0.1", "bot@example.com", port, "none").send(["ada@example.com"], text, text)
    data = next(number for number, line in enumerate(got) if line.upper().startswith(b"DATA"))
    assert [line.upper()[:7] for line in got[:data] if line[:4].upper() != b"EHLO"] == [b"MAIL FR", b"RCPT TO"]
    assert got[data:].count(b".\r\n") == 1
    assert got[-2:][0] == b".\r\n"
    headers = got[data + 1 : got.index(b"\r\n")]
    assert not [line for line in headers if line.lower().startswith(b"bcc")]


@pytest.mark.parametrize("sender", [f"bot@example.com{INJECTED}", "bot@example.com>\r\nRCPT TO:<eve@example.com"])
def test_line_ends_in_the_sender_send_nothing(sender: str) -> None:
    got = list[bytes]()
    with served(lambda connection: taken(connection, got)) as port, pytest.raises(MailError):
        Mailer("127.0.0.1", sender, port, "none").send(["ada@example.com"], "Slow", "It is slow")
    assert not any(line.upper().startswith((b"MAIL", b"RCPT", b"DATA")) for line in got)


@pytest.mark.parametrize("address", [f"ada@example.com{INJECTED}", "ada@example.com,eve@x.example", '"a\r\nb"@example.com', "ada\u2028@example.com"])
def test_line_ends_in_an_address_make_it_none(address: str) -> None:
    got = list[bytes]()
    with served(lambda connection: taken(connection, got)) as port, pytest.raises(MailError, match="this is no mail address"):
        Mailer("127.0.0.1", "bot@example.com", port, "none").send([address], "Slow", "It is slow")
    assert not any(line.upper().startswith((b"RCPT", b"DATA")) for line in got)


def test_half_a_character_keeps_no_page_back() -> None:
    got = list[bytes]()
    with served(lambda connection: taken(connection, got)) as port:
        Mailer("127.0.0.1", "bot@example.com", port, "none").send(["ada@example.com"], "Slow \ud83d", "It is slow \ud83d", "<p>\ud83d</p>")
    assert b".\r\n" in got


def test_whatever_a_server_says_to_the_end_of_the_conversation_it_has_taken_the_mail() -> None:
    got = list[bytes]()
    with served(lambda connection: taken(connection, got, b"500 what?\r\n")) as port:
        Mailer("127.0.0.1", "bot@example.com", port, "none").send(["ada@example.com"], "Slow", "It is slow")
    assert b".\r\n" in got
