"""Stands in for a board in tests of the gateway: it shares no code with one."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hil_tests.services import HOST, Mosquitto, wait_until

UNIT, BOOT = "raft-01", "0123456789abcdef"
PASSWORD = "unit-secret"
RESEND_SECONDS = 1.0
DEADLINE = 30.0
POLL_MS = 10_000
POLLS_BEFORE = 720


class ScriptedBoard:
    """No board: it publishes readings with a given identity and keeps each until an `ack` names it.

    It has run for two hours and polled every 10 s, so that reading `seq` was taken at the `up` of `seq` polls.
    """

    def __init__(
        self, broker: Mosquitto, *, knows_utc: bool, measure: Callable[[int], dict[str, Any]] = lambda _seq: {}
    ) -> None:
        """`measure` gives what is different in the reading of that seq."""
        self.acknowledged: set[int] = set()
        self.acks: list[dict[str, Any]] = []
        self._held: dict[int, dict[str, Any]] = {}
        self._knows_utc = knows_utc
        self._measure = measure
        self._utc_at_boot = utc_ms() - POLL_MS * POLLS_BEFORE
        self._lock = threading.Lock()
        self._broker = broker
        self.back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.away()

    def away(self) -> None:
        """Out of the Wi-Fi's reach."""
        self._client.disconnect()
        self._client.loop_stop()

    def back(self) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=UNIT)
        self._client.username_pw_set(UNIT, PASSWORD)
        self._client.on_connect = lambda client, *_: client.subscribe(f"powerunit/v1/{UNIT}/ack", 1)
        self._client.on_message = self._heard
        self._client.connect(HOST, self._broker.port)
        self._client.loop_start()

    def up(self) -> int:
        return utc_ms() - self._utc_at_boot

    def taken(self, seq: int) -> int:
        """The true UTC in ms of that reading."""
        return self._utc_at_boot + POLL_MS * seq

    def let_pass(self, ms: int) -> None:
        """As if so much time had passed since all that it did: nobody has to wait for it."""
        self._utc_at_boot -= ms

    def take(self, seqs: range) -> list[mqtt.MQTTMessageInfo]:
        """One reading per seq; its `cycles` is its seq, so that the database can tell them apart."""
        self.keep(seqs)
        return self.publish()

    def keep(self, seqs: range) -> None:
        """Likewise, and none of them is published yet."""
        with self._lock:
            for seq in seqs:
                self._held[seq] = {
                    "boot": BOOT,
                    "seq": seq,
                    "device": "bms1",
                    "model": "jk_pb",
                    "measurement": "bms",
                    "up": POLL_MS * seq,
                    "t": self.taken(seq) if self._knows_utc else None,
                    "signals": {"pack_voltage": 52.5, "cycles": seq},
                } | self._measure(seq)

    def held(self, seq: int) -> dict[str, Any]:
        with self._lock:
            return dict(self._held[seq])

    def publish(self, only: range | None = None) -> list[mqtt.MQTTMessageInfo]:
        """What it holds, or what it holds `only` of these."""
        with self._lock:
            oldest = min(self._held, default=0)
            documents = [
                reading | {"sent": self.up(), "oldest": oldest}
                for seq, reading in self._held.items()
                if only is None or seq in only
            ]
        topic = f"powerunit/v1/{UNIT}/reading"
        return [self._client.publish(topic, json.dumps(document), qos=1) for document in documents]

    def publish_raw(self, payload: bytes, unit: str = UNIT) -> mqtt.MQTTMessageInfo:
        return self._client.publish(f"powerunit/v1/{unit}/reading", payload, qos=1)

    def wait_acknowledged(self, seqs: range) -> None:
        """Publishes again what stays without an `ack`, as a board does."""
        end = time.monotonic() + DEADLINE
        while not set(seqs) <= self.acknowledged:
            assert time.monotonic() < end, f"{len(set(seqs) - self.acknowledged)} readings were not acknowledged"
            try:
                wait_until(lambda: set(seqs) <= self.acknowledged, RESEND_SECONDS, "ack")
            except RuntimeError:
                self.publish()

    def _heard(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        ack = json.loads(message.payload)
        with self._lock:
            self.acks.append(ack)
            ranges = [(0, ack["seq"]), *ack["beyond"]]
            named = {seq for seq in self._held if any(first <= seq <= last for first, last in ranges)}
            self.acknowledged |= named
            for seq in named:
                del self._held[seq]


def utc_ms() -> int:
    return time.time_ns() // 1_000_000
