"""An RS-485 bus between two pseudo terminals: the master at one, the devices at the other, and faults in between.

Bytes travel at the baud rate, in slices by elapsed time, so that 115200 costs no busy loop. Only whole frames reach the
devices, as with real ones, which drop what is not one at the next silence. What the hub does not do: collisions bit
by bit; two frames on the wire at once come out one after the other.
"""

import asyncio
import os
import pty
import random
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hil_tests.frame import is_frame, with_crc
from hil_tests.ledger import Exchange

CHARACTER_BITS = 11
SLICE = 0.004
"""Seconds of line time that are handed over at once, at most."""
FRAME_GAP = 0.05
"""Silence after which an unfinished frame is given up. Far above 3.5 characters, because a PC may pause a writer."""
REPLY_DEADLINE = 10.0
"""The devices answer every request that the gate lets through, so a missing answer is a broken rig."""

FAULTS = ("crc", "drop", "truncate", "silence", "noise", "babble", "junk", "delay", "gap", "echo", "wrong_address")

Pieces = list[tuple[float, bytes]]
"""What reaches the master: each piece after a pause in seconds."""


@dataclass(slots=True)
class Fault:
    """What shall happen to the next replies.

    `times` replies are hit, or all until it is taken away when it is None; only those of slave `address` when that is
    given. `seconds` is the length of a delay or gap, `at` the byte where a reply is cut or loses one, `count` the
    number of noise bytes. Raises ValueError for a kind that the bus does not know.
    """

    kind: str
    times: int | None = 1
    address: int | None = None
    seconds: float = 0.1
    at: int = 3
    count: int = 5

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"fault {self.kind!r} is unknown; there is {', '.join(FAULTS)}")

    def apply(self, request: bytes, reply: bytes, chance: random.Random) -> Pieces:
        """What reaches the master instead of the reply alone."""
        match self.kind:
            case "crc":
                return [(0, reply[:-1] + bytes((reply[-1] ^ 0xFF,)))]
            case "drop":
                return [(0, reply[: self.at] + reply[self.at + 1 :])]
            case "truncate":
                return [(0, reply[: self.at])]
            case "noise":
                return [(0, chance.randbytes(self.count) + reply)]
            case "babble":
                return [(0, chance.randbytes(self.count))]
            case "junk":
                return [(0, b"\x00" + reply)]
            case "delay":
                return [(self.seconds, reply)]
            case "gap":
                return [(0, reply[: self.at]), (self.seconds, reply[self.at :])]
            case "echo":
                return [(0, request + reply)]
            case "wrong_address":
                return [(0, with_crc(bytes((reply[0] + 1,)) + reply[1:-2]))]
        return []  # silence


class Terminal:
    """One end of the bus. Its slave side stays open here, so that it survives a program that closes it."""

    def __init__(self) -> None:
        self.fd, self._kept_open = pty.openpty()
        tty.setraw(self._kept_open)
        os.set_blocking(self.fd, False)
        self.path = os.ttyname(self._kept_open)

    def send(self, octets: bytes) -> None:
        # Where nobody reads, the buffer fills and the rest is lost, as on a wire.
        with suppress(BlockingIOError):
            os.write(self.fd, octets)

    def is_set_to(self, baudrate: int) -> bool:
        """Whether the program at the other end has set the port to that rate."""
        return bool(termios.tcgetattr(self._kept_open)[5] == getattr(termios, f"B{baudrate}"))

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._kept_open)


class Hub:
    """Carries requests to the devices and replies to the master, and reports every exchange when it is over.

    `gate` may answer a request before the devices see it (b"" is silence, None lets it through); `utc` gives seconds.
    `link` becomes a symbolic link to the master's end. With `minds_baudrate` what a master says at another rate is no
    frame for the devices.
    """

    def __init__(
        self,
        link: Path,
        baudrate: int,
        *,
        gate: Callable[[bytes], bytes | None],
        report: Callable[[Exchange], None],
        utc: Callable[[], float],
        seed: int = 0,
        minds_baudrate: bool = False,
    ) -> None:
        self.faults: list[Fault] = []
        self.cut = False
        self._character = CHARACTER_BITS / baudrate
        self._needed = baudrate if minds_baudrate else None
        self._gate, self._report, self._utc = gate, report, utc
        self._chance = random.Random(seed)
        self._master, self._devices = Terminal(), Terminal()
        self._link = link
        link.symlink_to(self._master.path)
        self._heard, self._asked = b"", 0
        self._silence: asyncio.TimerHandle | None = None
        self._requests: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._answered = b""
        self._answer: asyncio.Future[bytes] | None = None
        self._wire = asyncio.Lock()

    @property
    def devices_port(self) -> str:
        """The serial port for the devices."""
        return self._devices.path

    async def run(self) -> None:
        """Carries until it is cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._master.fd, self._hear_master)
        loop.add_reader(self._devices.fd, self._hear_devices)
        try:
            async with asyncio.TaskGroup() as deliveries:
                while True:
                    asked, request = await self._requests.get()
                    reply = await self._ask(request)
                    deliveries.create_task(self._deliver(asked, request, reply, self._next_fault(reply)))
        finally:
            loop.remove_reader(self._master.fd)
            loop.remove_reader(self._devices.fd)

    def close(self) -> None:
        self._link.unlink(missing_ok=True)
        self._master.close()
        self._devices.close()

    def _hear_master(self) -> None:
        if not self._heard:
            self._asked = self._now()
        self._heard += os.read(self._master.fd, 4096)
        if self._silence is not None:
            self._silence.cancel()
        if is_frame(self._heard) and (self._needed is None or self._master.is_set_to(self._needed)):
            self._requests.put_nowait((self._asked, self._heard))
            self._heard = b""
        else:
            self._silence = asyncio.get_running_loop().call_later(FRAME_GAP, self._forget)

    def _forget(self) -> None:
        self._report(Exchange(self._asked, self._now(), self._heard, fault="not a frame"))
        self._heard = b""

    def _hear_devices(self) -> None:
        self._answered += os.read(self._devices.fd, 4096)
        if is_frame(self._answered):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(self._answered)
            self._answered = b""

    async def _ask(self, request: bytes) -> bytes:
        await asyncio.sleep(len(request) * self._character)
        if self.cut:
            return b""
        early = self._gate(request)
        if early is not None:
            return early
        self._answered, self._answer = b"", asyncio.get_running_loop().create_future()
        self._devices.send(request)
        return await asyncio.wait_for(self._answer, REPLY_DEADLINE)

    def _next_fault(self, reply: bytes) -> Fault | None:
        for fault in self.faults if reply else ():
            if fault.address in (None, reply[0]):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.faults.remove(fault)
                return fault
        return None

    async def _deliver(self, asked: int, request: bytes, reply: bytes, fault: Fault | None) -> None:
        pieces = fault.apply(request, reply, self._chance) if fault else [(0.0, reply)]
        for pause, octets in pieces:
            await asyncio.sleep(pause)
            async with self._wire:
                await self._send(octets)
        delivered = b"".join(octets for _, octets in pieces)
        name = fault.kind if fault else "cable cut" if self.cut and not reply else None
        self._report(Exchange(asked, self._now(), request, reply, delivered, name))

    async def _send(self, octets: bytes) -> None:
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0
        while sent < len(octets):
            await asyncio.sleep(min(SLICE, (len(octets) - sent) * self._character))
            due = int((loop.time() - begun) / self._character)
            self._master.send(octets[sent:due])
            sent = max(sent, due)

    def _now(self) -> int:
        return round(self._utc() * 1000)
