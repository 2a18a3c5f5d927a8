"""The serial port. Runs under MicroPython alone; see ../run.py. `Uart` and `Pin` stand in for the ESP32's, and put all
that happens to them into `events`.
"""

import asyncio
import io
import sys


class Uart(io.IOBase):
    """Its bus babbles: while somebody reads, more comes."""

    busy = 0  # how often `txdone` is asked in vain
    received = b""

    def __init__(self, *settings, **more):
        pass

    init = __init__

    def write(self, data):
        events.append(data)
        self.left = self.busy
        return len(data)

    def txdone(self):
        if self.left:
            self.left -= 1
            return False
        events.append("sent")
        return True

    def any(self):
        return len(self.received)

    def read(self, count=-1):
        if count < 0 or count > len(self.received):
            raise AssertionError("it waits for more than there is")
        data, self.received = self.received[:count], self.received[count:] + b"\x55" * count
        return data

    def ioctl(self, request, argument):
        return argument


class Pin:
    OUT = 3

    def __init__(self, number, mode, value):
        events.append((number, value))

    def __call__(self, value):
        events.append(value)


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    UART, Pin = Uart, Pin


events = []
sys.modules["machine"] = Machine
sys.modules["network"] = object()

from board import Serial


def written(de, busy):
    """What happens to UART and pins when 8 bytes are written while `txdone` says so many times that they are not."""
    events.clear()
    Uart.busy = busy
    serial = Serial(1, 17, 16, de)
    serial.configure(115200, "N", 1)
    serial.write(b"12345678")
    return events


def test_the_driver_is_on_until_the_last_byte_has_left_and_no_longer():
    assert written(4, 3) == [(4, 0), 1, b"12345678", "sent", 0]


def test_a_transceiver_that_turns_by_itself_is_given_no_pin():
    assert written(None, 3) == [b"12345678", "sent"]


def test_a_uart_that_never_gets_done_does_not_hold_the_driver():
    assert written(4, 1_000_000_000) == [(4, 0), 1, b"12345678", 0]


def babbling(received):
    serial = Serial(1, 17, 16)
    serial._uart.received = received
    return serial


def test_reading_takes_what_is_there_and_no_more_than_is_wanted():
    assert asyncio.run(babbling(b"1").read(512)) == b"1U"
    assert asyncio.run(babbling(b"12345678").read(512)) == b"12345678U"
    assert asyncio.run(babbling(b"12345678").read(4)) == b"1234"


def test_clearing_drops_what_was_there_and_ends_although_more_comes():
    serial = babbling(b"12345678")
    serial.clear()
    assert serial._uart.received == b"\x55" * 8
    babbling(b"").clear()
