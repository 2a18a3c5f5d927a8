"""One serial port with a whole ESP32 behind it: its bootloader, and MicroPython after a reset.

Stand-ins: the bootloader is esp32-mock-bootloader, with the 4 MB of flash; what runs is the rig's board, whose flash
image is the upper half of them. A pseudo terminal has no DTR and RTS, so what esptool does with them is told from what
it says: its first sync packet is the reset into the bootloader; the reset out of it is the closing of the port, or the
first byte that is none of its packets. What was written as MicroPython's image is not run; a board whose image was
erased or never written stays silent.
"""

import os
import pty
import select
import socket
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Self

from esp32_mock_bootloader.server import BootloaderConnection, FlashImage, handle_client

from hil_tests.board import FLASH_BYTES, Board, flash_image

SYNC = b"\xc0\x00\x08\x24\x00"
"""How esptool's first packet begins: SLIP, request, SYNC, its length."""

SLIP_END = b"\xc0"

FILE_SYSTEM = 0x200000
MICROPYTHON = 0x1000


class Chip:
    """`board` is off when it is given, and in this object's hands from then on. `flash` is what the bootloader sees.

    `pull_the_plug_when`, asked after each piece that goes to the bootloader, cuts the power and the cable.
    """

    def __init__(self, folder: Path, board: Board, name: str = "esp32") -> None:
        self.flash = FlashImage()
        self.pull_the_plug_when: Callable[[], bool] = lambda: False
        self.port = folder / "usb"
        self._image = flash_image(folder / "board")
        self._board = board
        self._name = name
        self._stop = threading.Event()
        self._user = self._plug_in()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        os.close(self._user)

    def start(self) -> None:
        """A reset: what is in the flash runs."""
        self._image.write_bytes(self.flash.read(FILE_SYSTEM, FLASH_BYTES))
        if self.flash.read(MICROPYTHON, 1) == b"\xe9":
            self._board.power_on()

    def _plug_in(self) -> int:
        user, slave = pty.openpty()
        tty.setraw(slave)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(slave))
        os.close(slave)  # only whoever uses the port has it open, so that its closing is seen
        return user

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._is_open():
                time.sleep(0.02)
                continue
            self._talk()

    def _is_open(self) -> bool:
        poll = select.poll()
        poll.register(self._user, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def _talk(self) -> None:
        """With whoever has the port open now, until they close it."""
        console = os.open(self._board.port, os.O_RDWR | os.O_NOCTTY)
        try:
            while not self._stop.is_set() and self._is_open():
                ready, _, _ = select.select([self._user, console], [], [], 0.02)
                if console in ready:
                    os.write(self._user, os.read(console, 4096))
                if self._user in ready:
                    data = self._read()
                    if SYNC in data:
                        self._bootloader(data)
                        return
                    os.write(console, data)
        finally:
            os.close(console)

    def _bootloader(self, heard: bytes) -> None:
        self._board.power_cut()
        self.flash.data[FILE_SYSTEM:] = self._image.read_bytes()
        ours, theirs = socket.socketpair()
        descriptor = ours.fileno()
        over = threading.Event()
        serving = threading.Thread(
            target=handle_client,
            args=(BootloaderConnection(sock=theirs), over, self._name),
            kwargs={"exit_on_disconnect": True, "flash": self.flash},
        )
        serving.start()
        in_packet = _toggles(heard)
        try:
            ours.sendall(heard)
            while not self._stop.is_set() and self._is_open():
                ready = select.select([self._user, descriptor], [], [], 0.02)[0]
                if descriptor in ready:
                    os.write(self._user, ours.recv(4096))
                if self._user in ready:
                    data = self._read()
                    if data and not in_packet and not data.startswith(SLIP_END):
                        return
                    in_packet ^= _toggles(data)
                    ours.sendall(data)
                if self.pull_the_plug_when():
                    os.close(self._user)
                    self._user = self._plug_in()
                    return
        finally:
            over.set()
            ours.close()
            serving.join(10)
            theirs.close()
            self.start()

    def _read(self) -> bytes:
        try:
            return os.read(self._user, 4096)
        except OSError:  # the port was closed
            return b""


def _toggles(data: bytes) -> bool:
    """Whether these bytes lead from inside a SLIP packet to outside, or back."""
    return data.count(SLIP_END) % 2 == 1
