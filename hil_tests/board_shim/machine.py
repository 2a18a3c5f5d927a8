"""Stands in for the ESP32's `machine`: the UART is a PTY, reset and watchdog are done by hil_tests/board.py, pins do
nothing. Signatures as in the ESP32's stubs (tests/test_chip_shim.py holds them together); what the firmware does not use
is left out.
"""

import io
import os
import select
import time

import termios
from umachine import *

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


def _tell(*words):
    with open("/.host" + os.getenv("BOARD_CONTROL"), "w") as control:
        control.write(" ".join(str(word) for word in words) + "\n")


def reset_cause():
    return int(os.getenv("BOARD_RESET_CAUSE"))


def reset():
    _tell("reset")
    while True:
        time.sleep_ms(1000)


class WDT:
    def __init__(self, *, id=0, timeout=5000):
        _tell("watchdog", timeout)

    def feed(self):
        _tell("feed")


class RTC:
    """The host's calendar counts here, whatever is set."""

    def __init__(self, id=0):
        pass

    def datetime(self, datetimetuple=None):
        return None if datetimetuple else tuple(time.gmtime())


class Pin(PinBase):
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None):
        self._value = value or 0

    def value(self, x=None):
        if x is None:
            return self._value
        self._value = x

    def __call__(self, x=None):
        return self.value(x)

    def on(self):
        self._value = 1

    def off(self):
        self._value = 0


_IOCTL_POLL, _IOCTL_CLOSE = 3, 4
_POLL_READ, _POLL_WRITE = 1, 4
_VTIME, _VMIN = 5, 6
# What termios calls the baud rates, as Linux' asm-generic/termbits.h numbers them.
_SPEEDS = ((1200, 9), (2400, 11), (4800, 12), (9600, 13), (19200, 14), (38400, 15), (57600, 4097), (115200, 4098))


class UART(io.IOBase):
    """The PTY of the rig's bus, whatever the id. It takes bytes at once, so `txdone` counts the time they need on the
    wire.
    """

    INV_TX, INV_RX = 32, 4
    RTS, CTS = 1, 2

    def __init__(
        self, id, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, rts=None, cts=None,
        txbuf=None, rxbuf=None, timeout=None, timeout_char=None, invert=None, flow=None,
    ):  # fmt: skip
        self._file = open("/.host" + os.getenv("BOARD_UART"), "r+b", 0)
        termios.setraw(self._file.fileno())
        attributes = termios.tcgetattr(self._file.fileno())
        attributes[6][_VMIN] = attributes[6][_VTIME] = 0  # a read returns what is there
        termios.tcsetattr(self._file.fileno(), termios.TCSANOW, attributes)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._sent_at = time.ticks_ms()
        self._longest, self._timeout = 256, 0
        self.init(baudrate, bits, parity, stop, rxbuf=rxbuf, timeout=timeout, timeout_char=timeout_char)

    def init(
        self, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, rts=None, cts=None,
        txbuf=None, rxbuf=None, timeout=None, timeout_char=None, invert=None, flow=None,
    ):  # fmt: skip
        self._received = b""
        if rxbuf is not None:
            self._longest = rxbuf
        if timeout is not None:
            self._timeout = timeout
        attributes = termios.tcgetattr(self._file.fileno())
        attributes[4] = attributes[5] = dict(_SPEEDS)[baudrate]
        termios.tcsetattr(self._file.fileno(), termios.TCSANOW, attributes)
        self._character_us = (1 + bits + (parity is not None) + stop) * 1000000 // baudrate
        self._timeout_char = max(timeout_char or 0, 13000 // baudrate + 1)

    def deinit(self):
        self._file.close()

    def any(self):
        while self._poll.poll(0):
            data = self._file.read(256)
            if not data:
                break
            self._received = (self._received + data)[: self._longest]  # an overrun costs the newest bytes
        return len(self._received)

    def read(self, nbytes=-1):
        data = b""
        wait = self._timeout
        while nbytes < 0 or len(data) < nbytes:
            if not self._arrives(wait):
                break
            count = len(self._received) if nbytes < 0 else nbytes - len(data)
            data += self._received[:count]
            self._received = self._received[count:]
            wait = self._timeout_char
        return data or None

    def _arrives(self, within_ms):
        started = time.ticks_ms()
        while not self.any():
            if time.ticks_diff(time.ticks_ms(), started) >= within_ms:
                return False
            time.sleep_ms(1)
        return True

    def readinto(self, buf, nbytes=-1):
        data = self.read(len(buf) if nbytes < 0 else nbytes)
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        now = time.ticks_ms()
        if time.ticks_diff(self._sent_at, now) < 0:
            self._sent_at = now
        self._sent_at = time.ticks_add(self._sent_at, (len(buf) * self._character_us + 999) // 1000)
        return self._file.write(buf)

    def txdone(self):
        return time.ticks_diff(time.ticks_ms(), self._sent_at) >= 0

    def flush(self):
        while not self.txdone():
            time.sleep_ms(1)

    def ioctl(self, request, argument):
        if request == _IOCTL_POLL:
            ready = argument & _POLL_WRITE
            if argument & _POLL_READ and self.any():
                ready |= _POLL_READ
            return ready
        if request == _IOCTL_CLOSE:
            self.deinit()
            return 0
        return -1  # no file descriptor either, or select would wait on that
