import tracemalloc
from contextlib import closing
from pathlib import Path

from gateway.disk import FolderDisk
from gateway.gaps import Gaps
from gateway.journal import Journal
from tests.gateway_stand_ins import UTC_2026, entry, heard_by

GROUP = 50


def memory_of_backlog(folder: Path, readings: int) -> int:
    """Bytes that a start with so many readings leaves taken, after the oldest and the newest were loaded."""
    with closing(FolderDisk(folder)) as disk:
        journal = Journal(disk, segment_bytes=100_000)
        for first in range(0, readings, GROUP):
            journal.commit([entry(seq, (UTC_2026 + seq, "device")) for seq in range(first, first + GROUP)])
    with closing(FolderDisk(folder)) as disk:
        tracemalloc.start()
        gaps = Gaps()
        journal = Journal(disk, on_segment=heard_by(gaps))
        for newest in (False, True):
            journal.take(newest=newest, below=10**9, readings=200, busy=(), datable=lambda _key, _up: False)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert journal.pending_readings == readings
    return taken


def test_memory_does_not_grow_with_the_backlog(tmp_path: Path) -> None:
    few, many = (memory_of_backlog(tmp_path / str(readings), readings) for readings in (500, 10_500))
    assert many - few < 50_000  # five bytes a reading; the interpreter keeps some freed tuples for itself
