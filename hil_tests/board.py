"""The rig's board: an ESP32 as far as it can be had without the chip.

Real: the MicroPython interpreter, LittleFS, asyncio, sockets, the console (raw REPL, Ctrl-C, soft reset), so that the
firmware and mpremote run unchanged. Stand-ins, in board_shim/: flash (a file), UART (a PTY), Wi-Fi (the host's
loopback), pins. Supervised from here: reset, reset cause, watchdog, power.

What the chip has and this does not: single-precision floats, ticks that wrap at 2**30, a heap that grows, lwIP.
Objects take twice the room here (64 bit), so `heap` is about twice what the chip would need for the same data.

As a program: `python -m hil_tests.board FOLDER UART` gives the board the power and reads `on`, `off` and `stop` from
its input; FOLDER holds the flash image and the console's PTY. The end of the input is the end of the board.
"""

import argparse
import contextlib
import enum
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from pathlib import Path
from typing import BinaryIO, Literal, Self

SHIM = Path(__file__).parent / "board_shim"
MICROPYTHON = Path(sys.executable).parent / "micropython"
FLASH_BYTES = 2 << 20
"""The file system of a 4 MB ESP32."""


class ResetCause(enum.IntEnum):
    """As `machine.reset_cause()` numbers them on the ESP32."""

    POWER_ON = 1
    HARD = 2
    WATCHDOG = 3
    SOFT = 5


class Board:
    """A board in `folder` whose RS-485 transceiver hangs on the PTY `uart`.

    The flash image and `console.log` in the folder outlive the object, as the flash of a board outlives a power cut.
    """

    def __init__(self, folder: Path, uart: Path, heap: str = "160k") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._flash = flash_image(folder)
        self._wifi_fault = folder / "wifi_fault"
        self.port = folder / "console"
        """What mpremote opens."""
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "hil_tests.board", str(folder), str(uart), "--heap", heap, "--off"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            process_group=0,  # a Ctrl-C in the terminal is for whoever runs the board, who then ends it in order
        )
        self._await("off")
        self.console = Console(folder / "console.log")

    def install(self, bundle: Path) -> None:
        """Copy what is in the folder `bundle` into the flash, past the console. The board must be off."""
        subprocess.run([MICROPYTHON, SHIM / "install.py", self._flash, bundle.resolve()], check=True, timeout=60)

    def power_on(self) -> None:
        self._command("on")

    def power_cut(self) -> None:
        """Without any warning, wherever the firmware is; returns when nothing of it runs any more."""
        self._command("off")

    def set_wifi(self, *, reachable: bool) -> None:
        if reachable:
            self._wifi_fault.unlink(missing_ok=True)
        else:
            self.break_wifi("gone")

    def break_wifi(self, fault: Literal["gone", "stuck", "dead", "refuses"]) -> None:
        """Until `set_wifi`, or what mends it: see board_shim/network.py."""
        written = self._wifi_fault.with_suffix(".new")
        written.write_text(fault)
        written.replace(self._wifi_fault)

    def stop(self) -> None:
        """Power cut, and the end of every process that this object started."""
        if self._supervisor.stdin and not self._supervisor.stdin.closed:
            self._supervisor.stdin.close()
        self._supervisor.wait(10)
        if self._supervisor.stdout:
            self._supervisor.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self, word: str) -> None:
        assert self._supervisor.stdin
        self._supervisor.stdin.write(word + "\n")
        self._await(word)

    def _await(self, word: str) -> None:
        assert self._supervisor.stdout
        answer = self._supervisor.stdout.readline().strip()
        if answer != word:
            raise RuntimeError(f"the board's supervisor answered {answer!r} instead of {word!r}")


class Console:
    """What the board has printed since its object was made, over all its starts."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._from = log.stat().st_size if log.exists() else 0
        self._found = self._from

    def text(self) -> str:
        return _readable(self._read(self._from))

    def wait_for(self, text: str, seconds: float) -> None:
        """Until `text` stands behind what the last call found. Raises TimeoutError with what came instead."""
        deadline = time.monotonic() + seconds
        while True:
            news = self._read(self._found)
            if text.encode() in news:
                self._found += news.index(text.encode()) + len(text.encode())
                return
            if time.monotonic() >= deadline:
                raise TimeoutError(f"the console did not say {text!r} in {seconds} s, but:\n{_readable(news)}")
            time.sleep(0.02)

    def _read(self, offset: int) -> bytes:
        with self._log.open("rb") as file:
            file.seek(offset)
            return file.read()


def _readable(printed: bytes) -> str:
    return printed.decode(errors="replace").replace("\r\n", "\n")


def flash_image(folder: Path) -> Path:
    """The image in `folder`; an erased one if there is none yet."""
    image = folder.resolve() / "flash.img"
    if not image.exists():
        image.write_bytes(b"\xff" * FLASH_BYTES)
    return image


class Supervisor:
    """Runs the interpreter as the chip runs the firmware, until its input ends."""

    def __init__(self, folder: Path, uart: Path, heap: str) -> None:
        self._folder = folder.resolve()
        self._uart = uart.absolute()
        self._heap = heap
        self._flash = flash_image(folder)
        self._console, self._console_slave = pty.openpty()  # the slave stays open: users come and go
        tty.setraw(self._console_slave)
        os.set_blocking(self._console, False)
        link = self._folder / "console"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._console_slave))
        self._terminal, self._child_terminal = pty.openpty()
        self._control, self._child_control = os.pipe()
        self._child: subprocess.Popen[bytes] | None = None
        self._cause = ResetCause.SOFT
        self._watchdog_s = 0.0
        self._bites_at: float | None = None
        self._at_raw_prompt = False
        self._printed = b""

    def run(self, *, powered: bool) -> None:
        with (self._folder / "console.log").open("ab", buffering=0) as log:
            try:
                self._switch(powered)
                while self._turn(log):
                    pass
            finally:
                self._kill()

    def _turn(self, log: BinaryIO) -> bool:
        sources = [sys.stdin.fileno(), self._console, self._control, *([self._terminal] if self._child else [])]
        ready, _, _ = select.select(sources, [], [], 0.02)
        if self._control in ready:
            for line in os.read(self._control, 4096).decode().splitlines():
                self._told(*line.split())
        if self._console in ready:
            self._typed(os.read(self._console, 4096))
        if self._terminal in ready:
            self._print(os.read(self._terminal, 4096), log)
        if self._bites_at and time.monotonic() >= self._bites_at:
            self._restart(ResetCause.WATCHDOG)
        if self._child and self._child.poll() is not None:
            self._begin_again(log)
        if sys.stdin.fileno() in ready:
            words = os.read(sys.stdin.fileno(), 4096).decode().split()
            for word in words:
                if word in ("on", "off"):
                    self._switch(word == "on")
            return bool(words) and "stop" not in words
        return True

    def _switch(self, powered: bool) -> None:
        self._kill()
        self._bites_at = None
        if powered:
            self._start(ResetCause.POWER_ON)
        print("on" if powered else "off", flush=True)

    def _told(self, word: str, argument: str = "") -> None:
        """By the shim's `machine`."""
        if word == "reset":
            self._restart(ResetCause.HARD)
        elif word == "watchdog":
            self._watchdog_s = int(argument) / 1000
        if word in ("watchdog", "feed"):
            self._bites_at = time.monotonic() + self._watchdog_s

    def _restart(self, cause: ResetCause) -> None:
        self._bites_at = None
        self._cause = cause
        if self._child:
            self._child.kill()

    def _typed(self, data: bytes) -> None:
        """By whoever holds the console.

        Ctrl-C has to stop a program also where the interpreter turned the terminal's own signals off, which it does
        while it runs what came through the raw REPL.
        """
        while self._child and b"\x03" in data:
            before, _, data = data.partition(b"\x03")
            os.write(self._terminal, before + b"\x03")
            time.sleep(0.05)
            unread = fcntl.ioctl(self._child_terminal, termios.FIONREAD, bytes(4))
            if int.from_bytes(unread, sys.byteorder):
                termios.tcflush(self._child_terminal, termios.TCIFLUSH)
                self._child.send_signal(signal.SIGINT)
        if self._child and data:
            os.write(self._terminal, data)

    def _print(self, data: bytes, log: BinaryIO) -> None:
        log.write(data)
        with contextlib.suppress(BlockingIOError):  # nobody reads: a serial line does not wait either
            os.write(self._console, data)
        self._printed = (self._printed + data)[-400:]
        self._at_raw_prompt = self._printed.rfind(b"raw REPL; CTRL-B") > self._printed.rfind(b"\n>>> ")

    def _begin_again(self, log: BinaryIO) -> None:
        """The interpreter ended: by Ctrl-D, which is a soft reset on a board, or because we killed it for a reset."""
        self._child = None
        while select.select([self._terminal], [], [], 0.02)[0]:
            self._print(os.read(self._terminal, 4096), log)
        cause, self._cause = self._cause, ResetCause.SOFT
        stays_raw = self._at_raw_prompt and cause == ResetCause.SOFT
        if cause == ResetCause.SOFT:
            self._print(b"MPY: soft reboot\r\n", log)
        self._start(cause, stays_raw=stays_raw)
        if stays_raw:
            banner = b""
            while b">>> " not in banner:
                banner += os.read(self._terminal, 4096)
            os.write(self._terminal, b"\x01")

    def _start(self, cause: ResetCause, *, stays_raw: bool = False) -> None:
        self._printed = b""
        self._at_raw_prompt = False
        tty.setraw(self._child_terminal)
        attributes = termios.tcgetattr(self._child_terminal)
        attributes[3] |= termios.ISIG
        attributes[6][termios.VINTR] = b"\x03"
        attributes[6][termios.VQUIT] = attributes[6][termios.VSUSP] = b"\x00"
        termios.tcsetattr(self._child_terminal, termios.TCSANOW, attributes)
        termios.tcflush(self._child_terminal, termios.TCIOFLUSH)
        self._child = subprocess.Popen(
            ["setsid", "--ctty", MICROPYTHON, "-X", f"heapsize={self._heap}", "-i", SHIM / "start.py"],
            stdin=self._child_terminal,
            stdout=self._child_terminal,
            stderr=self._child_terminal,
            env={
                **os.environ,
                "BOARD_FLASH": str(self._flash),
                "BOARD_UART": str(self._uart),
                "BOARD_CONTROL": f"/dev/fd/{self._child_control}",
                "BOARD_WIFI_FAULT": str(self._folder / "wifi_fault"),
                "BOARD_RESET_CAUSE": str(int(cause)),
                "BOARD_MODE": "prompt" if stays_raw else "main",
            },
            pass_fds=[self._child_control],
        )

    def _kill(self) -> None:
        if self._child:
            self._child.kill()
            self._child.wait()
            self._child = None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hil_tests.board", description="An ESP32 board without the chip.")
    parser.add_argument("folder", type=Path, help="where flash image, console and console.log are")
    parser.add_argument("uart", type=Path, help="the PTY of the bus")
    parser.add_argument("--heap", default="160k", help="bytes of heap, about twice the ESP32's for the same data")
    parser.add_argument("--off", action="store_true", help="wait for `on` before giving it the power")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    Supervisor(arguments.folder, arguments.uart, arguments.heap).run(powered=not arguments.off)


if __name__ == "__main__":
    main()
