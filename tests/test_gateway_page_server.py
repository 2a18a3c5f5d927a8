import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from gateway.page.app import make_app
from gateway.page.server import CONNECTIONS_OF_ONE, HEADER_BYTES, BoundedProtocol, bind, make_server
from hil_tests.services import wait_until
from ingest.settings_file import SettingsError
from tests.test_gateway_page import doors

HOST = "127.0.0.1"
DEADLINE = 10


@contextmanager
def serving(unread_ms: int = 15_000, **changes: Any) -> Iterator[tuple[uvicorn.Server, int]]:
    """The page on a free port."""
    with bind(HOST, 0, unread_ms) as listener:
        server = make_server(make_app(doors(**changes)))
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        wait_until(lambda: server.started, DEADLINE, "the page's server")
        try:
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connection(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=DEADLINE) as one:
        one.sendall(sent)
        yield one


def everything(one: socket.socket) -> bytes:
    """Until the other end closes."""
    got = b""
    try:
        while part := one.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def get(port: int, path: str) -> bytes:
    with connection(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as one:
        return everything(one)


def test_an_address_that_is_none_of_ours_is_named() -> None:
    with pytest.raises(SettingsError, match=r"page 203\.0\.113\.1:8080: .*mend \[page\]"):
        bind("203.0.113.1", 8080)


def test_each_connection_carries_one_request_and_does_not_tell_who_serves() -> None:
    with serving() as (_, port):
        answer = get(port, "/healthz")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert b"uvicorn" not in answer.lower()


def test_headers_without_an_end_are_refused() -> None:
    endless = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 2 * HEADER_BYTES
    with serving() as (_, port), connection(port, endless) as one:
        assert everything(one).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"], ids=["nothing", "half a request"])
def test_a_connection_that_brings_no_request_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(BoundedProtocol, "request_seconds", 0.05)
    with serving() as (_, port), connection(port, sent) as one:
        assert everything(one) == b""


def test_one_neighbour_cannot_take_all_connections() -> None:
    with serving() as (server, port):
        held = [socket.create_connection((HOST, port), timeout=DEADLINE) for _ in range(CONNECTIONS_OF_ONE)]
        wait_until(lambda: len(server.server_state.connections) == CONNECTIONS_OF_ONE, DEADLINE, "the connections")
        assert get(port, "/healthz") == b""
        for one in held:
            one.close()
        wait_until(lambda: not server.server_state.connections, DEADLINE, "their end")
        assert get(port, "/healthz").startswith(b"HTTP/1.1 200")


def test_a_listener_that_takes_nothing_is_dropped() -> None:
    units = [{"name": "raft-01", "text": "x" * 4_000_000}]
    state = {"units": units}
    with serving(unread_ms=300, state=lambda: state) as (server, port), socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(DEADLINE)
        one.connect((HOST, port))
        one.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: bool(server.server_state.tasks), DEADLINE, "the listener")
        wait_until(lambda: not server.server_state.connections, DEADLINE, "its end")
