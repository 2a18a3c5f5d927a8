"""The two ways from a laptop to the bus: through a board, and through a USB-RS485 adapter."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import serial

from firmware.board import rtu
from firmware.host import ports, repl
from ingest.settings_file import SettingsError

_BOARD_ANSWERS = 5
"""Seconds. What does not answer as a board by then is taken for an adapter."""

_ON_THE_BOARD = """
import asyncio, binascii, json
import board, rtu
with open("unit.json") as file:
    bus = json.load(file)["bus"]
serial = board.Serial(bus["uart"], bus["tx"], bus["rx"], bus.get("de"))
watchdog = board.Watchdog(120000)

async def listen(expected, heard):
    while not rtu.find_reply(expected, bytes(heard)):
        heard.extend(await serial.read(256))

def ask(baudrate, parity, stop_bits, question, expected, wait):
    watchdog.feed()
    heard = bytearray()
    serial.configure(baudrate, parity, stop_bits)
    serial.clear()
    serial.write(question)
    try:
        asyncio.run(asyncio.wait_for_ms(listen(expected, heard), wait))
    except asyncio.TimeoutError:
        pass
    asyncio.new_event_loop()
    print(str(binascii.hexlify(heard), "ascii"))
"""


@dataclass(frozen=True, slots=True)
class Format:
    """How bytes travel on the bus, with 8 data bits."""

    baudrate: int
    parity: str
    stop_bits: int

    def __str__(self) -> str:
        return f"{self.baudrate} baud 8{self.parity}{self.stop_bits}"


class Bridge(Protocol):
    """Carries one question at a time."""

    name: str

    def ask(self, line: Format, question: bytes, expected: bytes, wait_ms: int) -> bytes:
        """What is heard until the reply to `expected` is whole, or `wait_ms` are over.

        `expected` is the question with the slave address that its reply carries.
        """


class Board:
    """The bus of a board whose firmware is stopped."""

    name = "the board"

    def __init__(self, board: repl.Repl) -> None:
        self._board = board

    def ask(self, line: Format, question: bytes, expected: bytes, wait_ms: int) -> bytes:
        """As in Bridge. Raises NoBoardError when the board is gone."""
        program = f"ask({line.baudrate}, {line.parity!r}, {line.stop_bits}, {question!r}, {expected!r}, {wait_ms})"
        return bytes.fromhex(self._board.run(program))


class Adapter:
    """An RS-485 adapter at the laptop."""

    name = "an adapter (no board answers there)"

    def __init__(self, port: serial.Serial, now: Callable[[], float] = time.monotonic) -> None:
        self._port = port
        self._now = now

    def ask(self, line: Format, question: bytes, expected: bytes, wait_ms: int) -> bytes:
        """As in Bridge. Raises OSError when the adapter is gone."""
        self._port.baudrate, self._port.parity, self._port.stopbits = line.baudrate, line.parity, line.stop_bits
        self._port.reset_input_buffer()
        self._port.write(question)
        until = self._now() + wait_ms / 1000
        heard = b""
        while self._now() < until and not rtu.find_reply(expected, heard):
            heard += self._port.read(max(1, self._port.in_waiting))
        return heard


@contextlib.contextmanager
def opened(port: str) -> Iterator[Bridge]:
    """What hangs on the port. A board starts its firmware anew afterwards, however this ends. Raises SettingsError."""
    with contextlib.ExitStack() as held:
        try:
            board = held.enter_context(repl.opened(port, _BOARD_ANSWERS))
        except repl.NoBoardError:
            yield held.enter_context(adapter(port))
            return

        def restart(_: object, error: BaseException | None, __: object) -> None:
            if not isinstance(error, repl.NoBoardError):  # nothing is left to restart then
                board.reset()

        held.push(restart)
        try:
            board.run(_ON_THE_BOARD)
        except repl.FailedError as error:
            raise SettingsError(f"{error}; make the board a unit first, with make flash") from None
        yield Board(board)


@contextlib.contextmanager
def adapter(port: str) -> Iterator[Bridge]:
    """The adapter at the port. Raises SettingsError."""
    try:
        with serial.Serial(port, timeout=0.01, exclusive=True) as opened:
            yield Adapter(opened)
    except OSError as error:
        raise ports.unusable(port, error) from None
