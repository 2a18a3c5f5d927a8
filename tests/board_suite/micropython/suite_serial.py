"""The serial port. Runs under MicroPython alone; see ../run.py. `Uart` and `Pin` stand in for the ESP32's, and put all
that happens to them into `events`.
"""

import io
import sys


class Uart(io.IOBase):
    busy = 0  # how often `txdone` is asked in vain

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

    def ioctl(self, request, argument):
        return 0


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
