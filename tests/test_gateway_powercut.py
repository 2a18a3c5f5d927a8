"""The power fails after every write, sync and cut of the journal, those of its segments' footers included, whether they
worked or not, and while it starts; it is of any size, or so small that it has to thin its readings and to give them up
all the time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.entry import Entry, FrameMark, StoredFrame
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.outline import read_footer
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry, power_cuts, power_cuts_within

KEY = (UNIT, BOOT)
ORIGIN = Origin(UTC_2026 + 123, "late", 10**9)
ALL = 10**9

LARGE = 10**9
SMALL = 2500
"""Bytes; a few commits, with the losses that they leave."""

Step = int | str
"""A commit of so many readings; or `forward`, `restart`, or a commit of three that fails: `torn` or `unsynced`."""


@dataclass
class Promise:
    """From `since`, a number of operations, on: what is `acknowledged` (a seq, and which commit of the life stored it)
    must be known, and what is not `forwarded` must be there as that commit stored it, or be told as lost if the journal
    was small.
    """

    since: int
    acknowledged: dict[int, int]
    forwarded: frozenset[int]
    origin: bool


def take(journal: Journal, readings: int = ALL) -> list[StoredFrame]:
    return journal.take(newest=False, below=ALL, readings=readings, busy=(), datable=lambda _key, _up: True)


def marks(frames: list[StoredFrame]) -> list[FrameMark]:
    return [frame.mark for frame in frames]


def readings(frames: list[StoredFrame]) -> list[Entry]:
    return [entry for frame in frames for entry in frame.entries if entry.reading.measurement != "loss"]


def seqs(frames: list[StoredFrame]) -> list[int]:
    return [entry.reading.seq for entry in readings(frames)]


def told_lost(frames: list[StoredFrame]) -> set[int]:
    stretches = [
        range(entry.reading.seq, int(entry.reading.signals["last_seq"]) + 1)
        for frame in frames
        for entry in frame.entries
        if entry.reading.measurement == "loss"
    ]
    return {seq for stretch in stretches for seq in stretch}


def live(disk: RecordingDisk, steps: list[Step], segment_bytes: int, limit_bytes: int) -> list[Promise]:
    """A journal's life. Readings whose commit failed come again with the next one, dated anew, as boards send them."""
    journal = Journal(disk, segment_bytes=segment_bytes, limit_bytes=limit_bytes)
    promises = [Promise(len(disk.operations), {}, frozenset(), origin=False)]
    seq = 0
    for attempt, step in enumerate(steps):
        last = promises[-1]
        acknowledged, forwarded, origin = last.acknowledged, last.forwarded, last.origin
        match step:
            case "restart":
                journal = Journal(disk, segment_bytes=segment_bytes, limit_bytes=limit_bytes)
            case "forward":
                if acknowledged:
                    journal.freeze_origin(KEY, ORIGIN)
                    origin = True
                frames = take(journal, 3)
                # From its first write on a forwarded frame may be gone, so the promise weakens before the call.
                forwarded = forwarded | set(seqs(frames)) | told_lost(frames)
                promises.append(Promise(len(disk.operations), acknowledged, forwarded, origin))
                journal.forwarded(marks(frames))
            case "torn" | "unsynced":
                setattr(disk, step, True)
                with pytest.raises(OSError, match="Input/output"):
                    journal.commit(entries(range(seq, seq + 3), attempt))
                setattr(disk, step, False)
            case int(count):
                # After a failure and a restart some of them may be known already; they are not committed twice.
                fresh = [n for n in range(seq, seq + count) if n not in journal.seen(KEY)]
                known = {entry.reading.seq: entry.received for entry in readings(take(journal))}
                journal.commit(entries(fresh, attempt))
                acknowledged = acknowledged | {n: known.get(n, attempt) for n in range(seq, seq + count)}
                seq += count
        promises.append(Promise(len(disk.operations), acknowledged, forwarded, origin))
    return promises


def entries(seqs: Iterable[int], attempt: int) -> list[Entry]:
    return [entry(seq, None if seq % 2 else (UTC_2026 + attempt, "gateway"), received=attempt) for seq in seqs]


def check(files: dict[str, bytes], promise: Promise, *, small: bool) -> RecordingDisk:
    disk = RecordingDisk(files)
    journal = Journal(disk, segment_bytes=300)
    frames = take(journal)
    pending = {entry.reading.seq: entry.received for entry in readings(frames)}
    lost = told_lost(frames)
    assert small or not lost
    assert len(pending) == len(seqs(frames))
    assert len({frame.number for frame in frames}) == len(frames)
    assert promise.acknowledged.keys() - promise.forwarded <= pending.keys() | lost
    assert all(received == promise.acknowledged.get(seq, received) for seq, received in pending.items())
    assert all(seq in journal.seen(KEY) for seq in promise.acknowledged)
    if promise.origin:
        assert journal.origin(KEY, 10**9) == ORIGIN
    started = RecordingDisk(files)
    started.operations = list(disk.operations)
    journal.commit([entry(1_000_000)])
    assert 1_000_000 in seqs(take(journal))
    return started


def states(before: dict[str, bytes], disk: RecordingDisk, since: int) -> Iterator[tuple[int, dict[str, bytes]]]:
    for cut in range(since, len(disk.operations) + 1):
        for files in power_cuts(before, disk.operations[:cut]):
            yield cut, files
        for files in power_cuts_within(before, disk.operations[:cut]):
            yield cut - 1, files


@settings(max_examples=25)
@given(
    st.lists(st.one_of(st.integers(1, 4), st.sampled_from(["restart", "forward", "torn", "unsynced"])), max_size=8),
    st.sampled_from([(1, LARGE), (300, LARGE), (10_000, LARGE), (300, SMALL)]),
)
@example([1, "unsynced", 3, "forward", 1], (10_000, LARGE))
@example([1, "torn", 3, "forward", "forward", 1], (10_000, LARGE))
@example(["unsynced", "restart", 3, "unsynced", "torn", 1], (300, LARGE))
@example([4, 4, "forward", 4, "restart", 4, 4, "unsynced", 4, "forward"], (300, SMALL))
def test_a_power_cut_at_any_moment_costs_no_acknowledged_reading(steps: list[Step], sizes: tuple[int, int]) -> None:
    segment_bytes, limit_bytes = sizes
    disk = RecordingDisk()
    promises = live(disk, steps, segment_bytes, limit_bytes)
    for cut, files in states({}, disk, 0):
        promise = [promise for promise in promises if promise.since <= max(cut, promises[0].since)][-1]
        started = check(files, promise, small=limit_bytes == SMALL)
        for _, again in states(files, started, 1):
            check(again, promise, small=limit_bytes == SMALL)


def test_the_life_that_is_cut_does_all_that_a_journal_does() -> None:
    disk = RecordingDisk()
    live(disk, [3, 2, "forward", "forward", "restart", 1, "unsynced", 4, "forward"], 300, LARGE)
    assert any(read_footer(disk, name) for name in disk.names())
    live(disk, [4] * 20, 300, SMALL)
    done = {(operation[0], operation[1].split("-")[0]) for operation in disk.operations}
    assert {
        ("append", "segment"),
        ("sync", "segment"),
        ("remove", "segment"),
        ("sync", "ledger.frames"),
        ("truncate", "segment"),
        ("replace", "segment"),
    } <= done
