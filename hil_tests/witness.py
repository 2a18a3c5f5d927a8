"""A witness on the broker: hears what a unit publishes and what the gateway acknowledges, and keeps its own count.

It takes nothing from the gateway's code. It hears readings with the gateway's user name and acknowledgements with the
unit's, because no one may hear both.
"""

import json
import threading
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hil_tests.services import HOST, Mosquitto


class Witness:
    """Of one unit, while in `with`."""

    def __init__(self, broker: Mosquitto, unit: str, passwords: dict[str, str]) -> None:
        """`passwords` of the users `gateway` and `unit`."""
        self._lock = threading.Lock()
        self._answered: dict[str, set[int]] = defaultdict(set)  # seqs by boot
        self._acknowledged: dict[str, list[tuple[int, int]]] = defaultdict(list)  # ranges of seqs by boot
        self._clients = [
            self._client(broker, "gateway", passwords["gateway"], f"powerunit/v1/{unit}/reading", self._heard_reading),
            self._client(broker, unit, passwords[unit], f"powerunit/v1/{unit}/ack", self._heard_ack),
        ]

    @property
    def answered_readings(self) -> int:
        """Readings of a device that answered."""
        with self._lock:
            return sum(len(seqs) for seqs in self._answered.values())

    @property
    def acknowledged_readings(self) -> int:
        """Those of them that the gateway said are on its disk."""
        with self._lock:
            return sum(
                any(first <= seq <= last for first, last in self._acknowledged[boot])
                for boot, seqs in self._answered.items()
                for seq in seqs
            )

    def __enter__(self) -> Self:
        for client in self._clients:
            client.loop_start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    def _client(self, broker: Mosquitto, user: str, password: str, topic: str, hear: Any) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"witness-{user}")
        client.username_pw_set(user, password)
        client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        client.on_message = lambda _client, _data, message: hear(json.loads(message.payload))
        client.connect(HOST, broker.port)
        return client

    def _heard_reading(self, reading: dict[str, Any]) -> None:
        if reading["measurement"] not in ("unit", "loss") and reading["signals"]:
            with self._lock:
                self._answered[reading["boot"]].add(reading["seq"])

    def _heard_ack(self, ack: dict[str, Any]) -> None:
        with self._lock:
            self._acknowledged[ack["boot"]] = [(0, ack["seq"]), *ack["beyond"]]
