"""The thin link between village and database: a TCP proxy that can be cut or slowed, and that counts what it carries.

Promised: what is counted has been handed to the other side's socket; while `bytes_per_second` is set, each connection
carries no more than that each way. Not promised: anything about delay, or what two connections share.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

from hil_tests.services import HOST, free_port

CHUNK = 65536
SLICES_PER_SECOND = 10
CALL_DEADLINE = 10.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class VillageLink:
    """A proxy from a free loopback port, `port`, to `target_port`; it runs in a thread of its own, while in `with`.

    While `answer_bytes` is set, a connection breaks when that much of an answer has come back. `bytes_up` counts from
    the gateway to the database, `bytes_down` back, over all connections.
    """

    def __init__(self, target_port: int, host: str = HOST) -> None:
        """`host` is the address that it listens on."""
        self.host = host
        self.port = free_port()
        self.bytes_up = 0
        self.bytes_down = 0
        self.bytes_per_second: int | None = None
        self.answer_bytes: int | None = None
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="village-link")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._carries = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def cut(self, how: Literal["reset", "silence"] = "reset") -> None:
        """`reset` ends every connection and refuses new ones; `silence` keeps them, and carries nothing any more."""
        self._call(self._cut(how))

    def restore(self) -> None:
        """Carries again; connections that were silent go on where they stopped."""
        self._call(self._restore())

    def __enter__(self) -> Self:
        self._thread.start()
        self.restore()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_DEADLINE)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_DEADLINE)

    async def _restore(self) -> None:
        self._carries.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)

    async def _cut(self, how: Literal["reset", "silence"]) -> None:
        self._carries.clear()
        if how == "reset" and self._server is not None:
            self._server.close()
            self._server = None
            for end in self._ends:
                _reset(end)
            connections = list(self._connections)
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    def _accept(self, village: asyncio.StreamReader, to_village: asyncio.StreamWriter) -> None:
        connection = self._loop.create_task(self._carry(village, to_village))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _carry(self, village: asyncio.StreamReader, to_village: asyncio.StreamWriter) -> None:
        ends = {to_village}
        self._ends |= ends
        try:
            database, to_database = await asyncio.open_connection(HOST, self._target_port)
            ends.add(to_database)
            self._ends |= ends
            async with asyncio.TaskGroup() as both_ways:
                both_ways.create_task(self._copy(village, to_database, "up"))
                both_ways.create_task(self._copy(database, to_village, "down"))
        except* OSError:
            for end in ends:
                _reset(end)
        finally:
            self._ends -= ends
            for end in ends:
                end.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Literal["up", "down"]) -> None:
        while data := await source.read(self._chunk()):
            if (rate := self.bytes_per_second) is not None:
                await asyncio.sleep(len(data) / rate)
            await self._carries.wait()
            if way == "down" and self.answer_bytes is not None:
                sink.write(data[: self.answer_bytes])
                await sink.drain()
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()
            if way == "up":
                self.bytes_up += len(data)
            else:
                self.bytes_down += len(data)
        sink.write_eof()

    def _chunk(self) -> int:
        rate = self.bytes_per_second
        return CHUNK if rate is None else max(1, rate // SLICES_PER_SECOND)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection without a goodbye: what is still on its way is lost, as on a link that breaks."""
    with suppress(OSError):  # the other side may have been faster
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
