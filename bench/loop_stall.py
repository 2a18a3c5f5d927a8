"""`python -m bench.loop_stall`: the longest stall of the firmware's event loop while broker, connection and Wi-Fi fail.

The real firmware on the rig's board, with both devices polled every second. Its own heartbeat measures: a task that
wants to run every 10 ms here. What it saw comes with the readings of its health, one a second here. The idle baseline
is measured first, in the same run: what the computer itself adds is in it. The computing time of a chip is not.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hil_tests.raft import PATIENCE, Raft
from hil_tests.village_link import VillageLink

LIMIT = 0.2
"""Seconds: no stall may be longer."""
OFTEN = """
import poll, supervision
poll.HEALTH_PERIOD = 1
supervision.BEAT = 10
"""


def stalls(raft: Raft, since: int, until: int) -> list[float]:
    """Seconds, of each second whose health was read between the two moments, in UTC ms."""
    return [
        reading["signals"]["loop_stall"]
        for reading in raft.gateway.stored().values()
        if reading["device"] == "board" and reading["t"] and since <= reading["t"] <= until
    ]


@contextmanager
def measured(raft: Raft, what: str) -> Iterator[None]:
    """Prints the row of what happens meanwhile; the readings of an outage come when it is over."""
    print(f"measuring: {what} …", file=sys.stderr)
    began = time.time_ns() // 1_000_000
    yield
    ended = time.time_ns() // 1_000_000
    raft.gateway.wait_for(
        lambda gateway: any(
            reading["device"] == "board" and (reading["t"] or 0) > ended for reading in gateway.stored().values()
        ),
        PATIENCE,
        "a reading from after the outage",
    )
    time.sleep(2)  # the rest of the backlog
    seen = sorted(stalls(raft, began, ended))
    print(f"| {what} | {len(seen)} | {1000 * seen[len(seen) // 2]:.0f} | {1000 * seen[-1]:.0f} |", flush=True)


def measure(folder: Path, seconds: float) -> None:
    with Raft(folder) as raft, VillageLink(raft.broker.port) as link:
        raft.start(port=link.port, first=OFTEN)
        raft.wait_for_new()

        def outage(what: str, begin: Callable[[], object], end: Callable[[], object]) -> None:
            with measured(raft, what):
                begin()
                time.sleep(seconds)
                end()

        print("| what | seconds measured | stall, median, ms | stall, longest, ms |")
        print("| --- | ---: | ---: | ---: |", flush=True)
        outage("nothing, the baseline", lambda: None, lambda: None)
        outage("broker frozen (SIGSTOP)", raft.broker.freeze, raft.broker.thaw)
        outage("connection half open: nothing arrives any more", lambda: link.cut("silence"), link.restore)
        outage("broker gone: connections are reset and refused", link.cut, link.restore)
        outage(
            "Wi-Fi lost",
            lambda: raft.board.set_wifi(reachable=False),
            lambda: raft.board.set_wifi(reachable=True),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.loop_stall", description="How long the board's loop stalls.")
    parser.add_argument("--seconds", type=float, default=40, help="of each outage; default 40")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        measure(Path(folder), options.seconds)
    print(f"\nNo stall may be longer than {1000 * LIMIT:.0f} ms.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
