"""The connection to a database: how long it is waited for, and what it costs on the wire, as the kernel counts it.

Counted: both directions, TLS and its handshakes, HTTP's heads, acknowledgements and what was sent again, with the
headers of TCP and IP. Not counted: name look-ups, what the link below IP adds, and what arrives after a connection was
closed, and attempts that led to none. tcp_info: https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git/tree/include/uapi/linux/tcp.h
"""

import socket
import struct
from dataclasses import dataclass
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool

CONNECT_TIMEOUT = 4.0
"""Seconds for each step of connecting, and for handing a request to the kernel. A packet that a dead link swallowed is
sent again after 1, 3 and 7 s, so whoever waits longer finds a link that is back late.
"""

TCP_HEADER = 20 + 12
"""With time stamps, which Linux and its peers use."""

IP_HEADER = {socket.AF_INET: 20, socket.AF_INET6: 40}

_TCP_INFO = struct.Struct("=128xQII56xQ")
"""bytes_received at 128, segs_out, segs_in, bytes_sent at 200: Linux 4.19 and later."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that TCP carried, both ways, with what it carried again, and in how many packets."""

    payload: int
    packets: int


def traffic(connection: socket.socket) -> Traffic:
    """What this connection has carried since it was opened."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    received, packets_out, packets_in, sent = _TCP_INFO.unpack(told)
    return Traffic(sent + received, packets_out + packets_in)


class Meter:
    """Counts the bytes of all connections of one pool. Only one of them may be open at a time."""

    def __init__(self, pool: HTTPConnectionPool) -> None:
        """Before the pool's first request."""
        self._ended = 0
        self._open: socket.socket | None = None
        pool.ConnectionCls = _metered(pool.ConnectionCls, self)

    @property
    def wire_bytes(self) -> int:
        """Of all packets until now."""
        return self._ended + (0 if self._open is None else _wire_bytes(self._open))

    def opened(self, connection: socket.socket) -> None:
        """A connection begins. It is watched through a socket of our own, for TLS takes the first one over."""
        self.closed()
        self._open = connection.dup()

    def closed(self) -> None:
        """The connection is over."""
        if self._open is not None:
            self._ended += _wire_bytes(self._open)
            self._open.close()
            self._open = None


def _wire_bytes(connection: socket.socket) -> int:
    counted = traffic(connection)
    return counted.payload + counted.packets * (TCP_HEADER + IP_HEADER[connection.family])


def _metered(base: Any, meter: Meter) -> Any:
    class Metered(base):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            meter.opened(connection)
            return connection

        def close(self) -> None:
            super().close()
            meter.closed()

    return Metered
