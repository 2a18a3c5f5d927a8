"""The power fails after every write and every sync that the journal makes, and again while it starts."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import Journal, StoredFrame
from gateway.ledger import Origin
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry, power_cuts

KEY = (UNIT, BOOT)
ORIGIN = Origin(UTC_2026 + 123, "late", 10**9)
ALL = 10**9


@dataclass
class Promise:
    """From `since`, a number of operations, on: `acknowledged` must be known, those not `forwarded` must be there."""

    since: int
    acknowledged: frozenset[int]
    forwarded: frozenset[int]
    origin: bool


def take(journal: Journal, readings: int = ALL) -> list[StoredFrame]:
    return journal.take(newest=False, below=ALL, readings=readings, busy=(), datable=lambda _key, _up: True)


def seqs(frames: list[StoredFrame]) -> list[int]:
    return [stored.reading.seq for frame in frames for stored in frame.entries]


def live(disk: RecordingDisk, commits: list[int], segment_bytes: int) -> list[Promise]:
    """A journal's life: commits of so many readings (0: forward something; negative: the service starts again)."""
    journal = Journal(disk, segment_bytes=segment_bytes)
    promises = [Promise(0, frozenset(), frozenset(), origin=False)]
    seq = 0
    for count in commits:
        last = promises[-1]
        acknowledged, forwarded, origin = last.acknowledged, last.forwarded, last.origin
        if count < 0:
            journal = Journal(disk, segment_bytes=segment_bytes)
        elif count == 0:
            if acknowledged:
                journal.freeze_origin(KEY, ORIGIN)
                origin = True
            frames = take(journal, 3)
            # From its first write on a forwarded frame may be gone, so the promise weakens before the call.
            forwarded = forwarded | set(seqs(frames))
            promises.append(Promise(len(disk.operations), acknowledged, forwarded, origin))
            journal.forwarded(frames)
        else:
            dated = [(UTC_2026, "device"), None]
            journal.commit([entry(seq + n, dated[(seq + n) % 2]) for n in range(count)])  # type: ignore[arg-type]
            acknowledged = acknowledged | set(range(seq, seq + count))
            seq += count
        promises.append(Promise(len(disk.operations), acknowledged, forwarded, origin))
    return promises


def check(files: dict[str, bytes], promise: Promise) -> RecordingDisk:
    disk = RecordingDisk(files)
    journal = Journal(disk, segment_bytes=300)
    pending = seqs(take(journal))
    assert len(pending) == len(set(pending))
    assert promise.acknowledged - promise.forwarded <= set(pending)
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


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-1, 4), max_size=8), st.sampled_from([1, 300, 10_000]))
def test_a_power_cut_at_any_moment_costs_no_acknowledged_reading(commits: list[int], segment_bytes: int) -> None:
    disk = RecordingDisk()
    promises = live(disk, commits, segment_bytes)
    for cut, files in states({}, disk, 0):
        promise = [promise for promise in promises if promise.since <= cut][-1]
        started = check(files, promise)
        for _, again in states(files, started, 1):
            check(again, promise)


def test_the_life_that_is_cut_does_all_that_a_journal_does() -> None:
    disk = RecordingDisk()
    live(disk, [3, 2, 0, 0, -1, 4, 0, 0, 1], 300)
    done = {(operation[0], operation[1].split("-")[0]) for operation in disk.operations}
    assert {("append", "segment"), ("sync", "segment"), ("remove", "segment"), ("sync", "ledger.frames")} <= done
