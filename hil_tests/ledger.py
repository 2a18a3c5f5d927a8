"""The rig's own log of what the emulated devices answered: the ground truth that a database is compared with.

The bus appends one JSON line per request. The values in a reply are decoded here by hand from the devices' published
register maps, with nothing of the firmware.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hil_tests.frame import WRITES

LATE = 300
"""Milliseconds after which a master may have given up waiting for a reply."""
RETRY_GAP = 1500
"""Milliseconds between two questions of one poll to one device, at most."""
POLL_SPAN = 5000
"""Milliseconds that one poll of one device takes with all its tries, at most."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it. Times are UTC milliseconds.

    `reply` is what the device answered, `delivered` what came out at the master's end, both empty when there was
    nothing; `ended` is when its last byte went by, or silence was certain. `fault` names what the bus did to it, None
    if nothing.
    """

    asked: int
    ended: int
    request: bytes
    reply: bytes = b""
    delivered: bytes = b""
    fault: str | None = None
    device: str | None = None

    @property
    def address(self) -> int:
        return self.request[0]

    @property
    def function(self) -> int:
        """Function code, 0 for a fragment that has none."""
        return self.request[1] if len(self.request) > 1 else 0

    @property
    def start(self) -> int:
        return int.from_bytes(self.request[2:4], "big")

    @property
    def count(self) -> int:
        return int.from_bytes(self.request[4:6], "big")

    @property
    def is_write(self) -> bool:
        return self.function in WRITES

    @property
    def intact(self) -> bool:
        """The device's reply, and nothing else, reached the master in time."""
        return self.fault is None and bool(self.reply) and self.ended - self.asked <= LATE

    @property
    def recoverable(self) -> bool:
        """The whole reply reached the master, but late, in pieces or behind something else: it may use it or not."""
        return bool(self.reply) and self.reply in self.delivered

    def to_line(self) -> str:
        return json.dumps(
            {
                "asked": self.asked,
                "ended": self.ended,
                "device": self.device,
                "address": self.address,
                "function": self.function,
                "start": self.start,
                "count": self.count,
                "write_attempt": self.is_write,
                "fault": self.fault,
                "request": self.request.hex(),
                "reply": self.reply.hex(),
                "delivered": self.delivered.hex(),
            }
        )

    @classmethod
    def from_line(cls, line: str) -> Self:
        entry = json.loads(line)
        return cls(
            asked=entry["asked"],
            ended=entry["ended"],
            request=bytes.fromhex(entry["request"]),
            reply=bytes.fromhex(entry["reply"]),
            delivered=bytes.fromhex(entry["delivered"]),
            fault=entry["fault"],
            device=entry["device"],
        )


class Ledger:
    """The log file. One process appends, others may read meanwhile; a line is there when it ends with a newline."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, exchange: Exchange) -> None:
        with self.path.open("a", encoding="ascii") as file:
            file.write(exchange.to_line() + "\n")

    def exchanges(self) -> Iterator[Exchange]:
        """All exchanges so far, in the order in which they ended; none while the file is not there yet."""
        if not self.path.exists():
            return
        with self.path.open(encoding="ascii") as file:
            for line in file:
                if line.endswith("\n"):
                    yield Exchange.from_line(line)

    def write_attempts(self) -> list[Exchange]:
        """Requests that would have changed a device. There must never be one."""
        return [exchange for exchange in self.exchanges() if exchange.is_write]


@dataclass(frozen=True, slots=True)
class PolledDevice:
    """A device as the unit's settings name it, for example bms1, jk_pb, 2."""

    name: str
    model: str
    address: int


@dataclass(frozen=True, slots=True)
class ExpectedReading:
    """A reading that must be stored, or may be when it is not `certain`.

    `began` is the earliest UTC ms at which its poll can have begun, `ended` when its values had reached the master.
    `values` are in the units of ingest/signals.toml, the anchor first.
    """

    device: str
    began: int
    ended: int
    values: dict[str, float]
    certain: bool = True


def expected_readings(exchanges: Iterable[Exchange], devices: Iterable[PolledDevice]) -> list[ExpectedReading]:
    """One reading for each reply with the device's anchor register that reached the master; in order of time.

    A damaged reply counts for nothing, so a question that was repeated after one counts once. A reply that the master
    may have used or given up is not certain. Raises KeyError for a model whose anchor is not known here.
    """
    decoders = {device.address: (device.name, _ANCHORS[device.model]) for device in devices}
    asked: dict[int, list[int]] = {address: [] for address in decoders}
    readings = []
    for exchange in sorted(exchanges, key=lambda exchange: exchange.asked):
        if exchange.fault == "not a frame" or exchange.address not in decoders:
            continue
        name, decode = decoders[exchange.address]
        poll = asked[exchange.address]
        poll.append(exchange.asked)
        values = decode(exchange)
        if values is None or not (exchange.intact or exchange.recoverable):
            continue
        readings.append(ExpectedReading(name, _poll_began(poll), exchange.ended, values, exchange.intact))
        if exchange.intact:
            poll.clear()
    return readings


def _poll_began(asked: list[int]) -> int:
    # Back through the questions since the last reading, as long as they are close enough to be tries of one poll.
    began = asked[-1]
    for earlier in reversed(asked):
        if began - earlier > RETRY_GAP or asked[-1] - earlier > POLL_SPAN:
            break
        began = earlier
    return began


def _payload(exchange: Exchange, function: int) -> bytes:
    # Empty for an exception: its function code has the high bit set.
    return exchange.reply[3:-2] if exchange.reply[1:2] == bytes((function,)) else b""


def _jk_pb(exchange: Exchange) -> dict[str, float] | None:
    # Addresses are byte offsets; pack voltage u32 mV at 0x1290, current s32 mA at 0x1298, positive into the battery.
    payload, offset = _payload(exchange, 3), 0x1290 - exchange.start
    if offset < 0 or offset + 4 > len(payload):
        return None
    values = {"pack_voltage": struct.unpack_from(">I", payload, offset)[0] / 1000}
    if offset + 12 <= len(payload):
        values["current"] = struct.unpack_from(">i", payload, offset + 8)[0] / 1000
    return values


def _epever_tracer(exchange: Exchange) -> dict[str, float] | None:
    # Hundredths from 0x3100: PV voltage, PV current, PV power (low word first), battery voltage.
    payload, offset = _payload(exchange, 4), 2 * (0x3100 - exchange.start)
    if offset < 0 or offset + 8 > len(payload):
        return None
    voltage, current, power_low, power_high = struct.unpack_from(">4H", payload, offset)
    values = {
        "pv_voltage": voltage / 100,
        "pv_current": current / 100,
        "pv_power": (power_high << 16 | power_low) / 100,
    }
    if offset + 10 <= len(payload):
        values["battery_voltage"] = struct.unpack_from(">H", payload, offset + 8)[0] / 100
    return values


_ANCHORS: dict[str, Callable[[Exchange], dict[str, float] | None]] = {"jk_pb": _jk_pb, "epever_tracer": _epever_tracer}
