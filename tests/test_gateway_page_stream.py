import asyncio
import json
from collections.abc import Callable
from typing import Any

from gateway.page.stream import LISTENERS, Stream

PERIOD = 0.01


class Listener:
    """Stands in for the server's end of one connection: notes events; takes none while `stuck`."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.free.wait()
        if message["type"] == "http.response.body":
            text = message["body"].decode()
            assert text.startswith("data:")
            assert text.endswith("\n\n")
            assert text.count("\n") == 2
            self.events.put_nowait(json.loads(text.removeprefix("data:")))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), 10)


class Gateway:
    """Stands in for the gateway: a document that a test changes; `asked` counts how often it was made."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "now": 1,
            "units": [{"name": "raft-01", "seq": 1}, {"name": "raft-02", "seq": 1}],
        }
        self.asked = 0

    async def state(self) -> dict[str, Any]:
        self.asked += 1
        return self.document

    def change(self, seq: int) -> None:
        self.document = self.document | {"units": [{"name": "raft-01", "seq": seq}, self.document["units"][1]]}


def with_listener(test: Callable[[Gateway, Stream, Listener], Any], period: float = PERIOD) -> None:
    async def run() -> None:
        gateway = Gateway()
        stream, listener = Stream(gateway.state, period), Listener()
        listening = asyncio.create_task(stream.listen(listener.receive, listener.send))
        try:
            await test(gateway, stream, listener)
        finally:
            listener.gone.set()
            listener.free.set()
            await asyncio.wait_for(listening, 10)
        assert stream.listeners == 0

    asyncio.run(run())


def test_a_listener_hears_all_at_first_and_then_the_units_that_changed() -> None:
    async def test(gateway: Gateway, _stream: Stream, listener: Listener) -> None:
        assert [unit["name"] for unit in (await listener.next())["units"]] == ["raft-01", "raft-02"]
        assert (await listener.next())["units"] == []
        gateway.change(2)
        while not (event := await listener.next())["units"]:
            pass
        assert event["units"] == [{"name": "raft-01", "seq": 2}]
        assert event["now"] == 1

    with_listener(test)


def test_who_takes_events_slowly_hears_the_newest_next_and_nothing_is_queued() -> None:
    async def test(gateway: Gateway, _stream: Stream, listener: Listener) -> None:
        await listener.next()
        listener.free.clear()
        await asyncio.sleep(0)
        for seq in range(2, 100):
            gateway.change(seq)
        listener.free.set()
        while not (event := await listener.next())["units"]:
            pass
        assert event["units"] == [{"name": "raft-01", "seq": 99}]

    with_listener(test)


def test_the_document_is_made_once_for_all_that_listen() -> None:
    async def test(gateway: Gateway, stream: Stream, listener: Listener) -> None:
        await listener.next()
        others = [Listener() for _ in range(5)]
        tasks = [asyncio.create_task(stream.listen(other.receive, other.send)) for other in others]
        for other in others:
            await other.next()
            other.gone.set()
        await asyncio.gather(*tasks)
        assert gateway.asked == 1

    with_listener(test, period=100.0)


def test_one_listener_too_many_is_sent_to_the_document_instead() -> None:
    stream = Stream(Gateway().state)
    assert stream.response({}).status_code == 200
    stream.listeners = LISTENERS
    assert stream.response({}).status_code == 503
