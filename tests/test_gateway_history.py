import pytest

from gateway.history import History
from tests.gateway_stand_ins import RecordingDisk


def kept(disk: RecordingDisk, number: int, first: int, last: int) -> str:
    segment = f"segment-{number:08d}.frames"
    disk.append(segment, b"frames")
    disk.sync(segment)
    return History(disk).keep(segment, number, first, last, len(b"frames"))


def test_a_file_is_found_by_its_time_and_by_its_number_after_a_restart_too() -> None:
    disk = RecordingDisk()
    old, late, new = kept(disk, 1, 1000, 2000), kept(disk, 2, 500, 3000), kept(disk, 10, 3000, 4000)
    history = History(disk)
    assert history.between(2001, 3000) == [late]
    assert history.between(2000, 3001) == [old, late, new]
    assert history.between(0, 500) == []
    assert history.since(2) == [late, new]
    assert history.oldest is not None
    assert history.newest is not None
    assert (history.oldest.name, history.newest.number) == (old, 10)


def test_its_bytes_are_counted_until_they_are_gone() -> None:
    disk = RecordingDisk()
    kept(disk, 1, 0, 0)
    kept(disk, 2, 0, 0)
    history = History(disk)
    assert history.bytes == 12
    assert history.oldest is not None
    history.drop(history.oldest)
    assert history.bytes == History(disk).bytes == 6


def test_taking_over_writes_nothing() -> None:
    disk = RecordingDisk()
    kept(disk, 1, 0, 0)
    assert [operation[0] for operation in disk.operations] == ["append", "sync", "rename"]


def test_what_the_disk_does_not_take_over_is_no_history() -> None:
    history = History(RecordingDisk())
    with pytest.raises(KeyError):
        history.keep("segment-00000001.frames", 1, 0, 0, 6)
    assert history.bytes == 0
    assert history.between(0, 1) == []
