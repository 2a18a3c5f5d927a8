"""The real gateway as a process of its own, with a clock that a test can set forward; its time alone is a stand-in.

Both of the kernel's clocks go on and are ahead by what was skipped, and NTP is said to steer them: to the gateway it is
as if so much time had passed. What waits for a time of its own, like MQTT's keep-alive, does not notice.
"""

import mmap
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.__main__ import serve
from gateway.clock import Clock, boottime_ms, system_ms
from gateway.settings import load
from hil_tests.gateway_process import Gateway

NTP_ERROR_MS = 10

_FORMAT = struct.Struct("<q")


class SkippingGateway(Gateway):
    """`skipped` are the ms that its clocks are ahead."""

    skipped = 0

    def arguments(self) -> Sequence[str]:
        self._write()
        return ["-m", "hil_tests.skipping_gateway", str(self.settings), str(self._file)]

    def skip(self, ms: int) -> None:
        """So much time has passed, also for a gateway that is not running."""
        self.skipped += ms
        self._write()

    def utc_ms(self) -> int:
        """What the gateway's clock says."""
        return system_ms() + self.skipped

    @property
    def _file(self) -> Path:
        return self.folder / "skipped"

    def _write(self) -> None:
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(_FORMAT.pack(self.skipped))


def main(settings: str, skipped: str) -> int:
    with (
        Path(skipped).open("rb") as file,
        mmap.mmap(file.fileno(), _FORMAT.size, access=mmap.ACCESS_READ) as ahead,
    ):

        def ahead_ms() -> int:
            ms: int = _FORMAT.unpack(ahead)[0]
            return ms

        clock = Clock(lambda: boottime_ms() + ahead_ms(), lambda: system_ms() + ahead_ms(), lambda: NTP_ERROR_MS)
        return serve(load(Path(settings)), clock)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
