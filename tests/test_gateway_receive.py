"""What the watchdog hears of the MQTT client; how it takes messages is shown in hil_tests/test_gateway.py."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.receive import Receiver
from gateway.settings import BrokerSettings
from hil_tests.services import HOST, Mosquitto, free_port, wait_until

DEADLINE = 15


@contextmanager
def receiving(port: int, signs: "queue.Queue[None]") -> Iterator[Receiver]:
    settings = BrokerSettings(HOST, port, "gateway", "secret")
    receiver = Receiver(settings, lambda: 0, lambda _sentence: None, lambda: signs.put(None))
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop()
        thread.join()


def test_it_gets_on_while_nothing_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.receive.KEEPALIVE", 1)
    signs: queue.Queue[None] = queue.Queue()
    with Mosquitto(tmp_path, {"gateway": "secret"}) as broker, receiving(broker.port, signs) as receiver:
        wait_until(lambda: receiver.broker.trouble is None, DEADLINE, "a connection")
        for _ in range(8):  # more than connecting and subscribing make
            signs.get(timeout=DEADLINE)


def test_it_gets_on_while_the_broker_is_away() -> None:
    signs: queue.Queue[None] = queue.Queue()
    with receiving(free_port(), signs):
        for _ in range(2):
            signs.get(timeout=DEADLINE)
