"""Stand-ins for the gateway's outside world, and readings to feed it. None is made from the code that it checks."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from gateway.clock import Clock
from gateway.journal import Entry
from gateway.message import ReadingMessage, parse
from ingest.answer import Answer, Verdict
from ingest.reading import TimeQuality

UNIT, BOOT, KERNEL = "raft-01", "00000000000000aa", "kernel-1"
UTC_2026 = 1_795_000_000_000

Operation = tuple[Any, ...]


class RecordingDisk:
    """Stands in for a folder: files in memory, every write and sync noted in `operations`.

    While `full`, nothing can be written; while `torn`, half of each write is, and nothing can be cut back.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files: dict[str, bytes] = dict(files or {})
        self.operations: list[Operation] = []
        self.full = False
        self.torn = False

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        return self.files[name]

    def append(self, name: str, data: bytes) -> None:
        self._refuse_when_full()
        if self.torn:
            self._do("append", name, data[: len(data) // 2])
            raise OSError(5, "Input/output error")
        self._do("append", name, data)

    def sync(self, name: str) -> None:
        self._refuse_when_full()
        self._do("sync", name)

    def truncate(self, name: str, size: int) -> None:
        if self.torn:
            raise OSError(5, "Input/output error")
        self._do("truncate", name, size)

    def replace(self, name: str, data: bytes) -> None:
        self._refuse_when_full()
        self._do("replace", name, data)

    def remove(self, name: str) -> None:
        self._do("remove", name)

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


def power_cuts(before: dict[str, bytes], operations: list[Operation]) -> Iterator[dict[str, bytes]]:
    """What the disk may hold when the power fails after `operations`: what was synced, and of the rest nothing, all,
    half of the last write, or its length in zeros.
    """
    durable = dict(before)
    page_cache = dict(before)
    for operation in operations:
        apply(page_cache, operation)
        kind, name = operation[:2]
        if kind in ("sync", "replace"):
            durable[name] = page_cache[name]
    yield dict(durable)
    yield dict(page_cache)
    # A removal that the disk did not keep, while the rest is there.
    yield durable | page_cache
    last = operations[-1] if operations else ("none", "")
    if last[0] == "append":
        _, name, data = last
        kept = page_cache[name][: -len(data)]
        yield page_cache | {name: kept + data[: len(data) // 2]}
        yield page_cache | {name: kept + bytes(len(data))}
    if last[0] == "replace":
        _, name, data = last
        yield power_cut_before(before, operations) | {f"{name}.new": data[: len(data) // 2]}


def power_cut_before(before: dict[str, bytes], operations: list[Operation]) -> dict[str, bytes]:
    files = dict(before)
    for operation in operations[:-1]:
        apply(files, operation)
    return files


class ScriptedClocks:
    """Stands in for the kernel's clocks: both stand still until they are set."""

    def __init__(self, boottime: int = 1_000_000, system: int = 0) -> None:
        self.boot = boottime
        self.system = system

    def clock(self, trusted_utc: int | None = None) -> Clock:
        clock = Clock(lambda: self.boot, lambda: self.system)
        if trusted_utc is not None:
            clock.observe(trusted_utc, self.boot, self.boot)
        return clock

    def forward(self, ms: int) -> None:
        self.boot += ms
        self.system += ms


class ScriptedDatabase:
    """Stands in for the database: `judge` says what becomes of the lines of one request."""

    def __init__(self, judge: Callable[[list[str]], Answer] | None = None) -> None:
        self.requests: list[list[str]] = []
        self.written: list[str] = []
        self.pings = 0
        self.there = True
        self.ping_verdict = Verdict.WRITTEN
        self.utc_ms: int | None = UTC_2026
        self.judge = judge or (lambda _lines: Answer(Verdict.WRITTEN))

    def write(self, lines: list[str]) -> Answer:
        self.requests.append(lines)
        answer = self.judge(lines) if self.there else Answer(Verdict.UNREACHABLE, "no connection")
        if answer.verdict is Verdict.WRITTEN:
            self.written += lines
        return answer

    def ping(self) -> Answer:
        self.pings += 1
        if not self.there:
            return Answer(Verdict.UNREACHABLE, "no connection")
        return Answer(self.ping_verdict, server_utc_ms=self.utc_ms)

    def close(self) -> None:
        pass


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


def entry(
    seq: int,
    dated: tuple[int, TimeQuality] | None = (UTC_2026, "device"),
    *,
    received: int = 0,
    kernel: str = KERNEL,
    **changes: Any,
) -> Entry:
    return Entry(message(seq, **changes), kernel, received, dated)
