"""Told to systemd: that the service is ready, and again and again that it gets on. Else systemd starts it anew.

A process that is there is no service that works. So each thread says by when it will be back, and the watchdog is fed
only while none of them is late: the receiver's loop, the committer that writes the journal, the forwarder's timer.
Not promised: that a thread which gets on does the right thing; what it cannot do it says itself, as a notice.
Protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import socket
import threading
from collections.abc import Callable, Mapping

LONGEST_FEED = 10.0


class ServiceManager:
    """Where nobody listens, nothing is sent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """As systemd gives it: NOTIFY_SOCKET, and WATCHDOG_USEC where it watches."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        watched_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
        self.feed_interval = min(LONGEST_FEED, watched_seconds / 2) if watched_seconds else LONGEST_FEED
        """Seconds between two signs of life, half of what systemd waits for."""

    def starting(self, seconds: float) -> None:
        """The start gets on, and says so again within that time, or is ready; `TimeoutStartSec=` counts no longer."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def ready(self) -> None:
        """The service does its work from now on."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The service ends, because it was told to or has to."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), address)


class Progress:
    """By when each thread will be back. Safe to use from several threads."""

    def __init__(self, boottime: Callable[[], int]) -> None:
        """`boottime` in ms, on a clock that never jumps."""
        self._boottime = boottime
        self._due: dict[str, int] = {}
        self._lock = threading.Lock()

    def back_within(self, thread: str, seconds: float) -> None:
        """It gets on, and says so again within that time."""
        with self._lock:
            self._due[thread] = self._boottime() + round(seconds * 1000)

    def late(self) -> list[str]:
        """The threads that are not back in time."""
        with self._lock:
            return sorted(thread for thread, due in self._due.items() if due < self._boottime())
