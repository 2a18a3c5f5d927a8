"""`python -m bench.spool`: what an outage of the gateway costs the board's flash, on the real MicroPython and LittleFS.

Two devices are polled every 10 s, the board every minute.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hil_tests.spool_cost import spool_cost


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.spool", description="What an outage costs the flash.")
    parser.add_argument("--hours", type=float, default=48, help="of two devices; default 48")
    options = parser.parse_args(arguments)
    print(f"measuring {options.hours:g} h without a gateway …", file=sys.stderr)
    with TemporaryDirectory(prefix="bench-") as folder:
        cost = spool_cost(Path(folder), options.hours)
    print("| without a gateway | |")
    print("| --- | ---: |")
    print(f"| readings | {cost.readings:,} |")
    print(f"| given up | {cost.taken.get('loss', 0):,} |")
    print(f"| flash that they take, bytes | {cost.held:,} |")
    print(f"| a reading | {cost.held / cost.readings:.1f} |")
    print(f"| written to flash, bytes a reading, LittleFS's own included | {cost.written / cost.readings:.0f} |")
    print(f"| blocks erased a reading | {cost.erased_blocks / cost.readings:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
