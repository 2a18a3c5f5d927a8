"""Stands in for the gateway in tests of the board: it shares no code with it.

It keeps readings in memory, checks them against the schemas, and acknowledges unless the test says otherwise.
"""

import json
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fastjsonschema
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

Reading = dict[str, Any]


class ScriptedGateway:
    """Hears one unit through the broker. Thread-safe; `readings` are in the order of their first arrival."""

    def __init__(self, port: int, password: str, unit: str, ca: Path | None = None) -> None:
        """`ca` is the file with the CA's certificate, for a broker that speaks TLS."""
        schemas = resources.files("gateway") / "schema"
        self._check = {
            name: fastjsonschema.compile(json.loads((schemas / f"{name}.schema.json").read_text("utf-8")))
            for name in ("reading", "status", "ack")
        }
        self._topic = f"powerunit/v1/{unit}/"
        self._change = threading.Condition()
        self._arrivals: list[Reading] = []
        self._stored: dict[tuple[str, int], Reading] = {}
        self._statuses: list[dict[str, Any]] = []
        self._invalid: list[str] = []
        self._acknowledges = True
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="scripted-gateway")
        self._client.username_pw_set("gateway", password)
        if ca:
            self._client.tls_set(str(ca))
            self._client.tls_insecure_set(True)  # its certificate is for a name, and the rig has addresses
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(self._topic + "reading", 1), (self._topic + "status", 1)]
        )
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        if kind is None:
            assert not self._invalid, self._invalid

    def set_acknowledges(self, *, acknowledges: bool) -> None:
        with self._change:
            self._acknowledges = acknowledges

    def forget(self) -> None:
        """A new disk: nothing that came so far is known any more."""
        with self._change:
            self._arrivals.clear()
            self._stored.clear()

    def arrivals(self) -> list[Reading]:
        with self._change:
            return list(self._arrivals)

    def stored(self) -> dict[tuple[str, int], Reading]:
        """Each reading once, by (boot, seq)."""
        with self._change:
            return dict(self._stored)

    def wait_for(self, met: Callable[[Self], bool], seconds: float, what: str) -> None:
        """Until `met`, which is asked again after every message. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        with self._change:
            while not met(self):
                if not self._change.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{what}: not within {seconds} s; {len(self._arrivals)} arrivals")

    def statuses(self) -> list[dict[str, Any]]:
        with self._change:
            return list(self._statuses)

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        kind = message.topic.removeprefix(self._topic)
        with self._change:
            try:
                content = self._check[kind](json.loads(message.payload))
            except (ValueError, fastjsonschema.JsonSchemaException) as error:
                self._invalid.append(f"{kind}: {error}: {message.payload[:400]!r}")
            else:
                if kind == "status":
                    self._statuses.append(content)
                else:
                    self._arrivals.append(content)
                    self._stored.setdefault((content["boot"], content["seq"]), content)
                    if self._acknowledges:
                        self._acknowledge(content["boot"], content["sent"], content["oldest"])
            self._change.notify_all()

    def _acknowledge(self, boot: str, sent: int | None, oldest: int) -> None:
        seqs = sorted(seq for stored_boot, seq in self._stored if stored_boot == boot)
        up_to, beyond = oldest - 1, list[list[int]]()
        for seq in seqs:
            if seq <= up_to + 1 and not beyond:
                up_to = max(up_to, seq)
            elif beyond and seq == beyond[-1][1] + 1:
                beyond[-1][1] = seq
            else:
                beyond.append([seq, seq])
        ack = {
            "boot": boot,
            "seq": up_to,
            "beyond": beyond[:32],
            "utc": time.time_ns() // 1_000_000,
            "sent": sent,
            "held": 0,
        }
        self._client.publish(self._topic + "ack", json.dumps(self._check["ack"](ack)), qos=1)
