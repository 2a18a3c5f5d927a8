"""The devices' end of the bus: pymodbus answers the reads, and a gate before it does what pymodbus cannot.

The gate sees every whole frame first. It answers for a device that replies from another address than the one it was
asked at, or that has address 0, which pymodbus takes for everybody. It keeps silent for an address that nobody has
(pymodbus would send exception 4 from it), for a device that was made to vanish, and for one that is still turning
around after its last reply; it refuses what is not a read with exception 1, and keeps count.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hil_tests.frame import READS, WRITES, with_crc
from hil_tests.model import Moment

_LONGEST_READ = {1: 2000, 2: 2000, 3: 125, 4: 125}


class Device(Protocol):
    """What a stand-in of a device has to know of itself."""

    model: str
    address: int
    reply_address: int
    turnaround: float
    """Seconds after its reply in which it hears nothing."""
    now: Callable[[], Moment]
    resolution: ClassVar[dict[str, float]]
    """Every signal that the device tells → its smallest step, 0 where nothing is rounded."""
    words: ClassVar[dict[str, str]]
    """Stages of the model for which the device has another word."""

    def span(self, start: int, count: int) -> range: ...

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes: ...


@dataclass(slots=True)
class Slave:
    """A device on the bus, with what was asked of it and what a test did to it."""

    device: Device
    present: bool = True
    failing: dict[int, int] = field(default_factory=dict)
    """Address → exception code with which every read that covers it is refused."""
    deaf_until: float = 0.0
    counters: Counter[str] = field(default_factory=Counter)


class Slaves:
    """All devices of one bus. `clock` is in seconds and only goes forward."""

    def __init__(self, devices: Iterable[Device], clock: Callable[[], float]) -> None:
        self.by_address = {device.address: Slave(device) for device in devices}
        self.clock = clock

    def by_model(self, model: str) -> Slave:
        """Raises ValueError with a sentence for people when no device of that model is on the bus."""
        for slave in self.by_address.values():
            if slave.device.model == model:
                return slave
        present = ", ".join(slave.device.model for slave in self.by_address.values())
        raise ValueError(f"no device {model!r} on this bus; there is {present}")

    def gate(self, request: bytes) -> bytes | None:
        """What to answer without asking pymodbus; nothing at all is b"", and None lets the request through."""
        slave = self.by_address.get(request[0])
        if slave is None or not slave.present:
            return b""
        if self.clock() < slave.deaf_until:
            slave.counters["unheard"] += 1
            return b""
        slave.counters["requests"] += 1
        refusal = self._refusal(slave, request)
        if refusal is None and not _answers_by_gate(slave.device):
            return None
        answer = _answer(slave.device, request) if refusal is None else refusal
        if isinstance(answer, bytes):
            return with_crc(bytes((slave.device.reply_address, request[1], len(answer))) + answer)
        slave.counters["refused"] += 1
        return with_crc(bytes((slave.device.reply_address, request[1] | 0x80, answer)))

    def _refusal(self, slave: Slave, request: bytes) -> int | None:
        function = request[1]
        if function in WRITES:
            slave.counters["write_attempts"] += 1
            print(f"WRITE ATTEMPT on {slave.device.model}: {request.hex()}", file=sys.stderr, flush=True)
        if function not in READS:
            return ExcCodes.ILLEGAL_FUNCTION
        start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        if len(request) != 8 or not 1 <= count <= _LONGEST_READ[function]:
            return ExcCodes.ILLEGAL_VALUE
        span = slave.device.span(start, count)
        return next((code for address, code in slave.failing.items() if address in span), None)

    def reply_ended(self, address: int) -> None:
        """The last byte of this device's reply is on the wire: its turnaround begins."""
        slave = self.by_address[address]
        slave.deaf_until = self.clock() + slave.device.turnaround

    def server(self, port: str, baudrate: int) -> ModbusSerialServer:
        """pymodbus, serving these devices on a serial port. To be called inside a running event loop."""
        devices = [_simulated(slave.device) for slave in self.by_address.values() if not _answers_by_gate(slave.device)]
        return ModbusSerialServer(devices, port=port, baudrate=baudrate)


def _answers_by_gate(device: Device) -> bool:
    return device.address == 0 or device.reply_address != device.address


def _answer(device: Device, request: bytes) -> bytes | int:
    """The data bytes, or the code of an exception."""
    function = request[1]
    start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
    values = device.read(function, start, count)
    if isinstance(values, ExcCodes):
        return int(values)
    if function in (1, 2):
        return sum(bit << place for place, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
    return b"".join(value.to_bytes(2, "big") for value in values)


def _simulated(device: Device) -> SimDevice:
    # One block over the whole address space, filled just before it is read, lets the device decide about every address.
    async def read(
        function: int, block: int, start: int, count: int, registers: list[int], _written: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        if function in (1, 2):
            return _read_bits(device, function, start, count, registers)
        answer = device.read(function, start, count)
        if isinstance(answer, ExcCodes):
            return answer
        registers[start - block : start - block + count] = answer
        return None

    return SimDevice(device.address, [SimData(0, count=0x10000, datatype=DataType.REGISTERS)], action=read)


def _read_bits(device: Device, function: int, start: int, words: int, registers: list[int]) -> ExcCodes | None:
    # pymodbus takes bit n from bit n % 16 of the words that begin at the address of the request.
    bits = device.read(function, start - start % 16, 16 * words)
    if isinstance(bits, ExcCodes):
        return bits
    for word in range(words):
        registers[start + word] = sum(bit << place for place, bit in enumerate(bits[16 * word : 16 * word + 16]))
    return None
