"""The real gateway under a system clock that can be set: its `time.time_ns` is shifted by what a file says.

A stand-in for the machine's clock only, because the rig may not set that of the machine under it. It stands for
`settimeofday`: CLOCK_BOOTTIME and CLOCK_MONOTONIC do not move, as they do not on a Pi. Not shifted is what the
interpreter's C code asks by itself, as for the validity of certificates.

    python -m hil_tests.shifted_gateway SHIFT_FILE --settings FILE
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.__main__ import main
from hil_tests.gateway_process import Gateway


class ShiftedGateway(Gateway):
    """Its clock is shifted by `shift` seconds, over every restart, until it is shifted again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._shift_file = self.folder / "clock.shift"
        self.shift(0)

    def shift(self, seconds: float) -> None:
        """As somebody would who sets the clock that far ahead of the true time; 0 sets it right."""
        written = self._shift_file.with_suffix(".new")
        written.write_text(str(round(seconds * 1e9)), "ascii")
        written.replace(self._shift_file)

    def arguments(self) -> Sequence[str]:
        return ["-m", "hil_tests.shifted_gateway", str(self._shift_file), "--settings", str(self.settings)]


def run() -> int:
    shift_file = Path(sys.argv.pop(1))
    true = time.time_ns
    time.time_ns = lambda: true() + int(shift_file.read_text("ascii"))
    return main()


if __name__ == "__main__":
    sys.exit(run())
