"""The page's document, live: server-sent events.

Each listener hears every few seconds how the gateway is, and of the units those that have changed since.
Promised: at most `LISTENERS` at once, the next one is told to ask `/state.json` instead; whoever takes events slowly
misses some and hears the newest next; nothing is queued for anyone.
Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

LISTENERS = 24
PERIOD = 2.0

Document = dict[str, Any]


class Stream:
    """Its document is made once for all that listen, and by nobody when none does."""

    def __init__(self, state: Callable[[], Awaitable[Document]], period: float = PERIOD) -> None:
        """`period` in seconds."""
        self.listeners = 0
        self._state = state
        self._period = period
        self._made: Document = {}
        self._made_at: float | None = None
        self._making = asyncio.Lock()

    def response(self, headers: Mapping[str, str]) -> Response:
        """For one listener, as long as it listens."""
        if self.listeners >= LISTENERS:
            return Response(status_code=503, headers=headers)
        return _Events(self, headers)

    async def listen(self, receive: Receive, send: Send) -> None:
        """Until the other end is gone."""
        gone = asyncio.ensure_future(_gone(receive))
        told: dict[str, Document] = {}
        self.listeners += 1
        try:
            while not gone.done():
                document = await self._newest()
                units = [unit for unit in document["units"] if told.get(unit["name"]) != unit]
                told.update({unit["name"]: unit for unit in units})
                event = json.dumps(document | {"units": units}, ensure_ascii=False, separators=(",", ":"))
                await send({"type": "http.response.body", "body": f"data:{event}\n\n".encode(), "more_body": True})
                await asyncio.wait([gone], timeout=self._period)
        finally:
            self.listeners -= 1
            gone.cancel()

    async def _newest(self) -> Document:
        loop = asyncio.get_running_loop()
        async with self._making:
            if self._made_at is None or loop.time() - self._made_at >= self._period / 2:
                self._made = await self._state()
                self._made_at = loop.time()
            return self._made


class _Events(Response):
    media_type = "text/event-stream"

    def __init__(self, stream: Stream, headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._stream.listen(receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
