"""`python -m bench.journal`: what the journal costs the card, and how fast it is, against the gateway of an afternoon.

The baseline does what an engineer would write first: SQLite as it comes (journal and `synchronous` at their defaults),
one INSERT and commit per message, one DELETE and commit per batch that was forwarded. Bytes are `write_bytes` of
/proc/self/io: pages that the process made dirty, without the file system's own journal and without the card's own
amplification. Both lie on the disk that holds `--folder`; on a RAM disk no bytes are counted.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

from gateway.disk import FolderDisk
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.message import ReadingMessage, parse

UNIT, BOOT = "raft-01", "0123456789ab"
BATCH = 120
"""Readings that are forwarded, and deleted, together: a minute of two readings a second."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one reading, stored and later deleted: bytes written; and how many a second were durable."""

    bytes: float
    per_second: float


def payloads(count: int) -> Iterator[bytes]:
    """BMS readings of 16 cells whose last digits move as noise does."""
    noise = random.Random(1)
    for seq in range(count):
        cells = {f"cell_{cell:02}_voltage": round(3.29 + noise.gauss(0, 0.0007), 3) for cell in range(1, 17)}
        signals = {"pack_voltage": round(sum(cells.values()), 3), "current": round(noise.gauss(4, 1), 3), "soc": 64}
        now = 10_000 * seq
        reading = {"boot": BOOT, "seq": seq, "device": "bms1", "model": "jk_pb", "measurement": "bms", "up": now}
        reading |= {"t": 1_795_000_000_000 + now, "sent": now + 40, "oldest": seq, "signals": signals | cells}
        yield json.dumps(reading).encode()


def groups(items: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    remaining = iter(items)
    while group := list(islice(remaining, size)):
        yield group


@contextmanager
def counted_bytes() -> Iterator[list[int]]:
    """The list gets one number: the bytes that this process wrote meanwhile."""
    counted: list[int] = []
    before = _written()
    yield counted
    counted.append(_written() - before)


def _written() -> int:
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def measure_journal(folder: Path, readings: int, group_size: int) -> Cost:
    with closing(FolderDisk(folder)) as disk:
        journal = Journal(disk)
        seconds = 0.0
        with counted_bytes() as counted:
            for group in groups(payloads(readings), group_size):
                started = time.perf_counter()
                entries = [Entry(_message(payload), "kernel", 0, (1_795_000_000_000, "device")) for payload in group]
                journal.commit(entries)
                seconds += time.perf_counter() - started
                if journal.pending_readings >= BATCH:
                    _forward(journal)
            _forward(journal)
    return Cost(counted[0] / readings, readings / seconds)


def _message(payload: bytes) -> ReadingMessage:
    message = parse(f"powerunit/v1/{UNIT}/reading", payload)
    if not isinstance(message, ReadingMessage):
        raise TypeError("the topic of a reading gave no reading")
    return message


def _forward(journal: Journal) -> None:
    frames = journal.take(
        newest=False, below=journal.next_frame, readings=2 * BATCH, busy=(), datable=lambda _key, _up: False
    )
    journal.forwarded([frame.mark for frame in frames])


def measure_baseline(folder: Path, readings: int) -> Cost:
    with closing(sqlite3.connect(folder / "plain.sqlite")) as database:
        database.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, payload BLOB)")
        seconds = 0.0
        with counted_bytes() as counted:
            for number, payload in enumerate(payloads(readings), 1):
                started = time.perf_counter()
                with database:
                    json.loads(payload)
                    database.execute("INSERT INTO reading (payload) VALUES (?)", (payload,))
                seconds += time.perf_counter() - started
                if number % BATCH == 0 or number == readings:
                    with database:
                        database.execute("DELETE FROM reading WHERE id <= ?", (number,))
    return Cost(counted[0] / readings, readings / seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.journal", description="What the journal costs the card.")
    parser.add_argument("--readings", type=int, default=12_000, help="of each measurement; default 12000")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="on the disk to measure; default build")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="bench-", dir=options.folder))
    try:
        print("measuring the plain gateway …", file=sys.stderr)
        baseline = measure_baseline(folder, options.readings)
        print("| what | bytes written a reading | durable readings a second | of the plain gateway's |")
        print("| --- | ---: | ---: | --- |")
        print(f"| plain gateway, SQLite | {baseline.bytes:,.0f} | {baseline.per_second:,.0f} | |")
        for group_size, when in ((10, "5 s at 2 readings/s"), (20, "10 s at 2 readings/s"), (100, "a full group")):
            print(f"measuring the journal, commits of {group_size} …", file=sys.stderr)
            subfolder = folder / f"journal-{group_size}"
            subfolder.mkdir()
            cost = measure_journal(subfolder, options.readings, group_size)
            ratios = (
                f"{cost.bytes / baseline.bytes:.1%} of the bytes, {cost.per_second / baseline.per_second:.1f} × speed"
            )
            print(
                f"| journal, commits of {group_size} ({when}) | {cost.bytes:,.0f} | {cost.per_second:,.0f} | {ratios} |"
            )
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
