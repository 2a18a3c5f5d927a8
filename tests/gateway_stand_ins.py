"""Stand-ins for the gateway's outside world, and readings to feed it. None is made from the code that it checks."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from gateway.clock import Clock
from gateway.entry import Entry
from gateway.gaps import Gaps
from gateway.message import ReadingMessage, parse
from gateway.telling import Telling
from ingest.answer import Answer, Verdict
from ingest.reading import TimeQuality

UNIT, BOOT, KERNEL = "raft-01", "00000000000000aa", "kernel-1"
UTC_2026 = 1_795_000_000_000

Operation = tuple[Any, ...]


class RecordingDisk:
    """Stands in for a folder: files in memory, every write and sync noted in `operations`.

    While `full`, nothing can be written, until something is removed; while `torn`, half of each write is, and nothing
    can be cut back; while `unsynced`, what is written stays in the page cache; `unreadable` files cannot be read.
    `held` are the files that are kept open; `room` is what the disk says is free.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files: dict[str, bytes] = dict(files or {})
        self.operations: list[Operation] = []
        self.full = False
        self.torn = False
        self.unsynced = False
        self.unreadable: set[str] = set()
        self.held: set[str] = set()
        self.room = 1 << 40

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        if name in self.unreadable:
            raise OSError(5, "Input/output error")
        return self.files[name]

    def read_end(self, name: str, size: int) -> bytes:
        return self.read(name)[-size:]

    def size(self, name: str) -> int:
        return len(self.files[name])

    def append(self, name: str, data: bytes) -> None:
        self.held.add(name)
        self._refuse_when_full()
        if self.torn:
            self._do("append", name, data[: len(data) // 2])
            raise OSError(5, "Input/output error")
        self._do("append", name, data)

    def sync(self, name: str) -> None:
        self.held.add(name)
        if self.unsynced:
            raise OSError(5, "Input/output error")
        self._do("sync", name)

    def truncate(self, name: str, size: int) -> None:
        self.held.add(name)
        if self.torn:
            raise OSError(5, "Input/output error")
        self._do("truncate", name, size)

    def replace(self, name: str, data: bytes) -> None:
        self._refuse_when_full()
        self._do("replace", name, data)
        self.held.discard(name)

    def rename(self, name: str, new: str) -> None:
        self._do("rename", name, new)
        self.held.discard(name)

    def remove(self, name: str) -> None:
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        self.full = self.full and not self.files[name]
        self._do("remove", name)
        self.held.discard(name)

    def reserve(self, name: str, size: int) -> None:
        self._refuse_when_full()
        if len(self.files.get(name, b"")) < size:
            self._do("reserve", name, size)

    def release(self, name: str) -> None:
        self.held.discard(name)

    def free(self) -> int:
        return self.room

    def _do(self, *operation: Any) -> None:
        self.operations.append(operation)
        apply(self.files, operation)

    def _refuse_when_full(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


def apply(files: dict[str, bytes], operation: Operation) -> None:
    match operation:
        case ("append", name, data):
            files[name] = files.get(name, b"") + data
        case ("truncate", name, size):
            files[name] = files.get(name, b"")[:size]
        case ("replace", name, data):
            files[name] = data
        case ("remove", name):
            del files[name]
        case ("rename", name, new):
            files[new] = files.pop(name)
        case ("reserve", name, size):
            files[name] = bytes(size)


def power_cuts(before: dict[str, bytes], operations: list[Operation]) -> Iterator[dict[str, bytes]]:
    """What the disk may hold when the power fails after `operations`: what was synced, and of the rest nothing, all,
    all but the removals, or all but the cuts.
    """
    durable = dict(before)
    page_cache = dict(before)
    uncut: dict[str, bytes] = {}
    for operation in operations:
        kind, name = operation[:2]
        if kind == "truncate":
            uncut.setdefault(name, page_cache[name])
        apply(page_cache, operation)
        if kind in ("sync", "replace"):
            durable[name] = page_cache[name]
            uncut.pop(name, None)
        if kind == "rename":
            durable[operation[2]] = durable.pop(name)
        if kind in ("replace", "rename"):
            durable = {name: data for name, data in durable.items() if name in page_cache}
    yield dict(durable)
    yield dict(page_cache)
    yield durable | page_cache
    yield durable | page_cache | uncut


def power_cuts_within(before: dict[str, bytes], operations: list[Operation]) -> Iterator[dict[str, bytes]]:
    """What the disk may hold when the power fails within the last of `operations`: half of the write, or its length in
    zeros.
    """
    files = dict(before)
    for operation in operations[:-1]:
        apply(files, operation)
    match operations[-1:]:
        case [("append", name, data)]:
            yield files | {name: files.get(name, b"") + data[: len(data) // 2]}
            yield files | {name: files.get(name, b"") + bytes(len(data))}
        case [("replace", name, data)]:
            yield files | {f"{name}.new": data[: len(data) // 2]}


class ScriptedClocks:
    """Stands in for the kernel's clocks: both stand still until they are set. `ntp_error` is what the kernel says of
    NTP, ms or None.
    """

    def __init__(self, boottime: int = 1_000_000, system: int = 0) -> None:
        self.boot = boottime
        self.system = system
        self.ntp_error: int | None = None

    def clock(self, trusted_utc: int | None = None) -> Clock:
        clock = Clock(lambda: self.boot, lambda: self.system, lambda: self.ntp_error)
        if trusted_utc is not None:
            clock.observe(trusted_utc, self.boot, self.boot)
        return clock

    def forward(self, ms: int) -> None:
        self.boot += ms
        self.system += ms


class ScriptedDatabase:
    """Stands in for the database: `judge` says what becomes of the lines of one request. Each byte of a line costs one
    on the wire, and each ping 100. `takes` ms go by on the clocks, if they are given, until a request of so many bytes
    is answered, and `away_takes` until one fails.
    """

    def __init__(
        self, judge: Callable[[list[str]], Answer] | None = None, clocks: ScriptedClocks | None = None
    ) -> None:
        self.clocks = clocks
        self.takes: Callable[[int], int] = lambda _size: 0
        self.away_takes = 0
        self.timeouts: list[float] = []
        self.levels: list[int] = []
        self.wire_bytes = 0
        self.requests: list[list[str]] = []
        self.written: list[str] = []
        self.pings = 0
        self.there = True
        self.ping_verdict = Verdict.WRITTEN
        self.utc_ms: int | None = UTC_2026
        self.judge = judge or (lambda _lines: Answer(Verdict.WRITTEN))

    def write(self, lines: list[str], timeout: float = 30.0, level: int = 9) -> Answer:
        self.levels.append(level)
        self.requests.append(lines)
        self.timeouts.append(timeout)
        size = sum(map(len, lines))
        self._pass(self.takes(size) if self.there else self.away_takes)
        self.wire_bytes += size if self.there else 0
        answer = self.judge(lines) if self.there else Answer(Verdict.UNREACHABLE, "no connection")
        if answer.verdict is Verdict.WRITTEN:
            self.written += lines
        return answer

    def ping(self, timeout: float = 30.0) -> Answer:
        self.pings += 1
        self.timeouts.append(timeout)
        self.wire_bytes += 100
        if not self.there:
            self._pass(self.away_takes)
            return Answer(Verdict.UNREACHABLE, "no connection")
        return Answer(self.ping_verdict, server_utc_ms=self.utc_ms)

    def close(self) -> None:
        pass

    def _pass(self, ms: int) -> None:
        if self.clocks is not None:
            self.clocks.forward(ms)


def document(seq: int, **changes: Any) -> dict[str, Any]:
    """A BMS reading as a board publishes it; its `cycles` is its seq."""
    return {
        "boot": BOOT,
        "seq": seq,
        "device": "bms1",
        "model": "jk_pb",
        "measurement": "bms",
        "up": 1000 * seq,
        "t": None,
        "sent": 1000 * seq + 100,
        "oldest": 0,
        "signals": {"pack_voltage": 52.5, "cycles": seq},
    } | changes


def message(seq: int, unit: str = UNIT, **changes: Any) -> ReadingMessage:
    parsed = parse(f"powerunit/v1/{unit}/reading", json.dumps(document(seq, **changes)).encode())
    assert isinstance(parsed, ReadingMessage)
    return parsed


def heard_by(gaps: Gaps) -> Callable[[Telling], None]:
    """As the service does at the start."""

    def heard(telling: Telling) -> None:
        gaps.known(telling.seqs)
        for one in telling.bare:
            gaps.stored(one)

    return heard


def entry(
    seq: int,
    dated: tuple[int, TimeQuality] | None = (UTC_2026, "device"),
    *,
    received: int = 0,
    kernel: str = KERNEL,
    queued: bool = False,
    **changes: Any,
) -> Entry:
    return Entry(message(seq, **changes), kernel, received, dated, queued)
