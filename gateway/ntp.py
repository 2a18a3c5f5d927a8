"""Whether NTP steers the system clock, asked of the kernel: chrony and systemd-timesyncd both tell it, adjtimex(2).

The kernel withdraws the word by itself: when somebody sets the clock, and when nobody has steered it for so long that
it may be off by more than 16 s. chrony gives it only with `rtcsync`, see deploy/chrony/powerunit.conf.
"""

import ctypes
from collections.abc import Callable

STA_UNSYNC = 0x0040
TIME_ERROR = 5

_libc = ctypes.CDLL(None)


class Timex(ctypes.Structure):
    """`struct timex` as far as it is read here. `maxerror` is in µs; the rest is room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_int),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def adjtimex(timex: Timex) -> int:
    """The kernel's answer, with `modes` 0: nothing is changed, so no right is needed for it."""
    return int(_libc.adjtimex(ctypes.byref(timex)))


def ntp_error_ms(ask: Callable[[Timex], int] = adjtimex) -> int | None:
    """By how many ms the system clock is off at most; None while NTP does not steer it."""
    timex = Timex()
    state = ask(timex)
    if state < 0 or state == TIME_ERROR or timex.status & STA_UNSYNC:
        return None
    error_us: int = timex.maxerror
    return -(-error_us // 1000)
