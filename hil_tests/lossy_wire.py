"""A slow wire that loses packets, below the kernel's own TCP: what `tc netem` does, for kernels that have none.

A TUN device whose far end hands every packet back with source and destination changed over, so that who connects to
FAR arrives at NEAR. The checksums of IP and TCP are sums over both addresses, and stay right. Needs to be root of a
network namespace.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

NEAR, FAR = "10.9.0.1", "10.9.0.2"
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
"""From <linux/if_tun.h>."""
LONGEST_PACKET = 1500
QUEUE = 100
"""Packets each way; what comes when it is full is lost, as in a modem."""


class LossyWire:
    """Each way `bits_per_second`, `delay` in seconds, and the share `loss` of all packets lost; while in `with`."""

    def __init__(self, bits_per_second: float, delay: float, loss: float, seed: int) -> None:
        self.lost = 0
        self._seconds_per_byte = 8 / bits_per_second
        self._delay, self._loss = delay, loss
        self._chance = random.Random(seed)
        self._tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._tun, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN_NO_PI))
        self._on_the_way: list[tuple[float, int, bytes]] = []
        self._free = {True: 0.0, False: 0.0}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="lossy-wire")

    def __enter__(self) -> Self:
        for command in (
            f"ip address add {NEAR} peer {FAR} dev wire",
            f"ip link set wire mtu {LONGEST_PACKET} up",
        ):
            subprocess.run(command.split(), check=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        os.close(self._tun)

    def _carry(self) -> None:
        number = 0
        while not self._ended.is_set():
            due = self._on_the_way[0][0] - time.monotonic() if self._on_the_way else 0.1
            if select.select([self._tun], [], [], min(0.1, max(0.0, due)))[0]:
                self._take(number, os.read(self._tun, 65536))
                number += 1
            while self._on_the_way and self._on_the_way[0][0] <= time.monotonic():
                os.write(self._tun, heapq.heappop(self._on_the_way)[2])

    def _take(self, number: int, packet: bytes) -> None:
        if packet[0] >> 4 != 4:  # the kernel also says hello in IPv6
            return
        header = 4 * (packet[0] & 15)
        # Both ways leave from NEAR; the client's port is the higher one of the two.
        upwards = packet[header : header + 2] > packet[header + 2 : header + 4]
        if len(self._on_the_way) >= 2 * QUEUE or self._chance.random() < self._loss:
            self.lost += 1
            return
        begins = max(time.monotonic(), self._free[upwards])
        self._free[upwards] = begins + len(packet) * self._seconds_per_byte
        back = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        heapq.heappush(self._on_the_way, (self._free[upwards] + self._delay, number, back))
