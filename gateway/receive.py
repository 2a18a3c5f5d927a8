"""MQTT in: what the broker delivers goes parsed into a queue; acknowledgements go out when the journal has it.

The broker keeps our session, so what boards publish while we are away waits there. To tell it from what is fresh, each
connection begins with a marker that comes back to ourselves behind all that waited.
Promised: the broker gets its PUBACK, and the board its `ack`, only when the committer says so; a delivery that is not
`queued` was published while we were connected, so its age is what TCP and the broker's window made it.
Not promised: that every message gets through; one that is lost here the board still holds, and it publishes it again.
"""

import json
import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.deadletters import PAYLOAD_KEPT
from gateway.message import Identity, MessageError, ReadingMessage, StatusMessage, parse
from gateway.notice import Notice
from gateway.settings import BrokerSettings

CLIENT_ID = "powerunit-gateway"
"""Fixed, so that the broker ends the connection of a gateway that died when the next one comes."""

MARKER = "powerunit/gateway/marker"
TOPICS = [("powerunit/v1/+/reading", 1), ("powerunit/v1/+/status", 1), (MARKER, 1)]
KEEPALIVE = 30
"""Seconds between two packets, at most."""

QUEUED = 1000
REFUSALS = {"Bad user name or password", "Not authorized"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that fits no schema, cut to what a dead letter keeps; `reading` is whose it is, if it says so."""

    reason: str
    topic: str
    payload: bytes
    reading: Identity | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the broker delivered it; `received` is in boottime ms; `queued`: it may have waited for us."""

    content: ReadingMessage | StatusMessage | Rejected
    received: int
    mid: int
    connection: int
    queued: bool = False


class Receiver:
    """The gateway's MQTT client. `deliveries` is what it heard; `dropped` counts what found the queue full."""

    def __init__(
        self,
        settings: BrokerSettings,
        boottime: Callable[[], int],
        on_refused: Callable[[str], None],
        gets_on: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_refused` is called with a sentence when the broker refuses us before it ever took us, `gets_on` with each
        packet either way, KEEPALIVE apart at most, and with each try to connect.
        """
        self.deliveries: queue.Queue[Delivery] = queue.Queue(QUEUED)
        self.dropped = 0
        self.broker = Notice(log, f"broker {settings.host}:{settings.port}", "not connected yet")
        self._settings = settings
        self._boottime = boottime
        self._on_refused = on_refused
        self._gets_on = gets_on
        self._connection = 0
        self._marker: bytes | None = None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, CLIENT_ID, clean_session=False, manual_ack=True)
        self._client.username_pw_set(settings.user, settings.password)
        self._client.reconnect_delay_set(1, 10)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._not_connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._heard
        self._client.on_log = lambda *_arguments: gets_on()  # paho logs each packet, pings too

    def run(self) -> None:
        """Connect and stay connected, until `stop`."""
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=KEEPALIVE)
        self._client.loop_forever(retry_first_connection=True)

    def stop(self) -> None:
        """Leave the broker."""
        self._client.disconnect()

    def done(self, delivery: Delivery) -> None:
        """Let the broker forget the message. On a later connection its number may mean another one."""
        if delivery.connection == self._connection:
            self._client.ack(delivery.mid, qos=1)

    def acknowledge(self, unit: str, document: dict[str, Any]) -> bool:
        """Tell the board. False while there is no connection: a stale `ack` is of no use, the next one says it all."""
        if not self._client.is_connected():
            return False
        self._client.publish(f"powerunit/v1/{unit}/ack", json.dumps(document), qos=1)
        return True

    def _connected(
        self, client: mqtt.Client, _data: Any, _flags: mqtt.ConnectFlags, reason: ReasonCode, _p: Properties | None
    ) -> None:
        if reason.is_failure:
            sentence = f"refused user {self._settings.user!r} ({reason}); check [broker] user and password_file"
            if str(reason) in REFUSALS and not self._connection:
                self._on_refused(f"broker {self._settings.host}:{self._settings.port} {sentence}")
            self.broker.away(sentence)
            return
        self._connection += 1
        self._marker = uuid4().bytes
        client.subscribe(TOPICS)

    def _subscribed(
        self, _client: mqtt.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        refused = [topic for (topic, _), reason in zip(TOPICS, reasons, strict=True) if reason.is_failure]
        if refused:
            self.broker.away(f"does not let us hear {', '.join(refused)}; check its ACL")
            return
        self.broker.back()
        self._client.publish(MARKER, self._marker, qos=1)

    def _not_connected(self, _client: mqtt.Client, _data: Any) -> None:
        self._gets_on()
        self.broker.away("no connection; trying again")

    def _disconnected(
        self,
        _client: mqtt.Client,
        _data: Any,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.broker.away(f"connection lost ({reason}); trying again")

    def _heard(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        received = self._boottime()
        payload = bytes(message.payload)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic that is not UTF-8)"
        if topic == MARKER:
            if payload == self._marker:
                self._marker = None
            self._client.ack(message.mid, qos=1)
            return
        content: ReadingMessage | StatusMessage | Rejected
        try:
            content = parse(topic, payload)
        except MessageError as error:
            content = Rejected(str(error), topic, payload[:PAYLOAD_KEPT], error.reading)
        delivery = Delivery(content, received, message.mid, self._connection, queued=self._marker is not None)
        try:
            self.deliveries.put_nowait(delivery)
        except queue.Full:
            self.dropped += 1
            self.done(delivery)
