"""The page's socket and server, and what they grant a stranger on the village's Wi-Fi.

Promised: a connection that brings no whole request within 10 s is closed, a listener that takes nothing for 15 s too;
one address gets at most 12 connections, all together 64; headers that go on for more than 16 KiB are refused. So memory
stays flat, and one neighbour alone cannot keep the others out. Not promised: anything against many who do so together.
"""

import asyncio
import errno
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ingest.settings_file import SettingsError

CONNECTIONS = 64
CONNECTIONS_OF_ONE = 12
REQUEST_SECONDS = 10.0
UNREAD_MS = 15_000
HEADER_BYTES = 16_384


def bind(host: str, port: int, unread_ms: int = UNREAD_MS) -> socket.socket:
    """The page's socket, taken before anything else starts. A connection whose other end takes nothing for `unread_ms`
    ends: tcp(7), TCP_USER_TIMEOUT. Raises SettingsError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread_ms)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        way_out = "choose another page.port or end what holds it" if error.errno == errno.EADDRINUSE else "mend [page]"
        raise SettingsError(f"page {host}:{port}: {error.strerror}; {way_out}") from None
    return listener


class BoundedProtocol(H11Protocol):
    """One connection. The page answers each with `Connection: close`, so its first request is its last."""

    request_seconds = REQUEST_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuses one too many of the same address."""
        super().connection_made(transport)  # type: ignore[arg-type]
        address = self.client and self.client[0]
        peers = [other.client for other in self.connections if isinstance(other, BoundedProtocol)]
        if sum(peer is not None and peer[0] == address for peer in peers) > CONNECTIONS_OF_ONE:
            self.transport.abort()
        self.loop.call_later(self.request_seconds, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        if self.cycle is None:
            self.transport.abort()


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A server to `run(sockets=[…])` in a thread; setting its `should_exit` ends it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_graceful_shutdown=1,
        )
    )
