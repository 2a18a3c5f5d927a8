"""The thin link between village and database: a TCP proxy that can be cut, and that counts what it carries.

Promised: what is counted has been handed to the other side's socket. Not promised: anything about delay or rate.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self

from hil_tests.services import HOST, free_port

CHUNK = 65536
CALL_DEADLINE = 10.0


class VillageLink:
    """A proxy from a free loopback port, `port`, to `target_port`; it runs in a thread of its own.

    `bytes_up` counts from the gateway to the database, `bytes_down` back, over all connections.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.bytes_up = 0
        self.bytes_down = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="village-link")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

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
        self._call(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_DEADLINE)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_DEADLINE)

    async def _restore(self) -> None:
        self._open.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, HOST, self.port)

    async def _cut(self, how: Literal["reset", "silence"]) -> None:
        self._open.clear()
        if how == "reset" and self._server is not None:
            self._server.close()
            self._server = None
            for writer in self._writers:
                writer.transport.abort()

    async def _finish(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, village: asyncio.StreamReader, to_village: asyncio.StreamWriter) -> None:
        self._writers.add(to_village)
        try:
            database, to_database = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            self._drop(to_village)
            return
        self._writers.add(to_database)
        try:
            await asyncio.gather(self._copy(village, to_database, "up"), self._copy(database, to_village, "down"))
        finally:
            self._drop(to_village)
            self._drop(to_database)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Literal["up", "down"]) -> None:
        with suppress(ConnectionError):
            while data := await source.read(CHUNK):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
                if way == "up":
                    self.bytes_up += len(data)
                else:
                    self.bytes_down += len(data)
        # Either end that closes closes the connection: HTTP and MQTT know no half-open one.
        sink.close()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        self._writers.discard(writer)
