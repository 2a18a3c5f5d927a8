"""The link itself, against a plain echo server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from hil_tests.services import HOST, free_port, wait_until
from hil_tests.village_link import VillageLink

DEADLINE = 5.0


@pytest.fixture
def echo_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the server was shut down
                    return
                with connection:
                    try:
                        while data := connection.recv(65536):
                            connection.sendall(data)
                    except ConnectionError:
                        continue

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)


def connect(link: VillageLink) -> socket.socket:
    return socket.create_connection((HOST, link.port), timeout=DEADLINE)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += connection.recv(size - len(data)) or pytest.fail("the connection ended")
    return data


def test_it_carries_both_ways_and_counts(echo_port: int) -> None:
    with VillageLink(echo_port) as link:
        with closing(connect(link)) as connection:
            message = bytes(range(256)) * 1000
            connection.sendall(message)
            assert receive(connection, len(message)) == message
        wait_until(lambda: link.bytes_down == len(message), DEADLINE, "the count")
        assert link.bytes_up == len(message)


def test_the_end_of_one_side_reaches_the_other(echo_port: int) -> None:
    with VillageLink(echo_port) as link, closing(connect(link)) as connection:
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        assert receive(connection, 10) == b"last words"
        assert connection.recv(1) == b""


def test_a_cut_resets_what_is_open_and_refuses_what_is_new_until_restored(echo_port: int) -> None:
    with VillageLink(echo_port) as link:
        with closing(connect(link)) as connection:
            connection.sendall(b"x")
            receive(connection, 1)
            link.cut()
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(link)
        link.restore()
        with closing(connect(link)) as connection:
            connection.sendall(b"y")
            assert receive(connection, 1) == b"y"


def test_silence_keeps_the_connection_and_carries_nothing(echo_port: int) -> None:
    with VillageLink(echo_port) as link, closing(connect(link)) as connection:
        connection.sendall(b"x")
        receive(connection, 1)
        link.cut("silence")
        connection.sendall(b"late")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(DEADLINE)
        link.restore()
        assert receive(connection, 4) == b"late"


def test_a_database_that_is_not_there_ends_the_connection() -> None:
    # The reset may come before connect() returns.
    with VillageLink(free_port()) as link, pytest.raises(ConnectionResetError), closing(connect(link)) as connection:
        connection.recv(1)


def test_while_it_is_thin_it_still_carries_everything(echo_port: int) -> None:
    with VillageLink(echo_port) as link:
        link.bytes_per_second = 20_000
        with closing(connect(link)) as connection:
            message = bytes(range(250)) * 10
            connection.sendall(message)
            assert receive(connection, len(message)) == message
        wait_until(lambda: link.bytes_down == len(message), DEADLINE, "the count")


def test_an_answer_can_be_cut_in_the_middle(echo_port: int) -> None:
    with VillageLink(echo_port) as link:
        link.answer_bytes = 4
        with closing(connect(link)) as connection:
            connection.sendall(b"HTTP/1.1 204")
            with pytest.raises(ConnectionResetError):
                assert receive(connection, 12) == b"HTTP"
        link.answer_bytes = None
        with closing(connect(link)) as connection:
            connection.sendall(b"HTTP/1.1 204")
            assert receive(connection, 12) == b"HTTP/1.1 204"
