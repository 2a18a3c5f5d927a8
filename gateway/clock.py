"""Whether the gateway knows what time it is. Everything hangs on CLOCK_BOOTTIME, which never jumps.

Two bound UTC − boottime from both sides. NTP, while the kernel says that it steers the system clock. A database's
answer, whose `Date` header was made between the request's start and end and is cut to whole seconds; each further
answer narrows the bounds. While NTP steers, its word is all that counts; of the rest, the newest when they contradict.
The system clock is used as long as it lies within 2 s of the bounds; else boottime and their middle are.

Promised: `utc_ms` is None until NTP or a database's answer has told it in this run, and never follows a jump of the
system clock by more than 2 s, but where NTP makes it. Not promised: better than about 1 s without NTP, nor a correction
of a server's own clock.
"""

import time
from collections.abc import Callable
from pathlib import Path

from gateway.ntp import ntp_error_ms

TOLERANCE_MS = 2000
EARLIEST_UTC_MS = 1_704_067_200_000
LATEST_UTC_MS = 4_102_444_799_999
"""2024 to 2099, as in reading.schema.json: a server outside them has no clock either."""


def boottime_ms() -> int:
    """Milliseconds since the kernel started, suspend included; never set, never jumping: clock_gettime(2)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def system_ms() -> int:
    """What the system clock says, UTC in milliseconds, right or wrong."""
    return time.time_ns() // 1_000_000


def kernel_boot() -> str:
    """The random id of this start of the kernel, random(4): boottimes compare within one only."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


class Clock:
    """`boottime` and `system` return milliseconds; `ntp_error` those that the system clock is off at most, None while
    NTP does not steer it.
    """

    def __init__(
        self,
        boottime: Callable[[], int] = boottime_ms,
        system: Callable[[], int] = system_ms,
        ntp_error: Callable[[], int | None] = ntp_error_ms,
    ) -> None:
        self.boottime = boottime
        self._system = system
        self._ntp_error = ntp_error
        self._bounds: tuple[int, int] | None = None

    @property
    def trusted(self) -> bool:
        """Whether NTP or a server's answer has placed boottime in UTC."""
        return self.utc_offset() is not None

    @property
    def steered(self) -> bool:
        """Whether NTP steers the system clock now, and to a time that can be."""
        return self._steered_within() is not None

    def observe(self, server_utc_ms: int, start: int, end: int) -> None:
        """A server said `server_utc_ms`, cut to whole seconds, between the boottimes `start` and `end`."""
        if self.steered or not EARLIEST_UTC_MS <= server_utc_ms <= LATEST_UTC_MS:
            return
        lower, upper = server_utc_ms - end, server_utc_ms + 999 - start
        if self._bounds is not None and max(lower, self._bounds[0]) <= min(upper, self._bounds[1]):
            lower, upper = max(lower, self._bounds[0]), min(upper, self._bounds[1])
        # Bounds that contradict each other mean drift, or a server that was set: the newest word counts.
        self._bounds = lower, upper

    def utc_offset(self) -> int | None:
        """UTC minus boottime in ms, None while the clock is not trusted."""
        system_offset = self._system() - self.boottime()
        if (error := self._steered_within()) is not None:
            self._bounds = system_offset - error, system_offset + error  # they hold when NTP falls silent, too
        if self._bounds is None:
            return None
        lower, upper = self._bounds
        if lower - TOLERANCE_MS <= system_offset <= upper + TOLERANCE_MS:
            return system_offset
        return (lower + upper) // 2

    def utc_ms(self) -> int | None:
        """Now, None while the clock is not trusted."""
        offset = self.utc_offset()
        return None if offset is None else self.boottime() + offset

    def system_error(self) -> float | None:
        """Trusted UTC minus the system clock in seconds, None while the clock is not trusted."""
        utc = self.utc_ms()
        return None if utc is None else (utc - self._system()) / 1000

    def _steered_within(self) -> int | None:
        return self._ntp_error() if EARLIEST_UTC_MS <= self._system() <= LATEST_UTC_MS else None
