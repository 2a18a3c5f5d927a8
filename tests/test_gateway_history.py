import pytest

from gateway.history import MOST_STRETCHES, History
from gateway.intervals import IntervalSet
from tests.gateway_stand_ins import RecordingDisk


def kept(disk: RecordingDisk, number: int, *hours: tuple[int, int]) -> str:
    segment = f"segment-{number:08d}.frames"
    disk.append(segment, b"frames")
    disk.sync(segment)
    return History(disk).keep(segment, number, IntervalSet(hours), len(b"frames"))


def test_a_file_is_found_by_its_time_and_by_its_number_after_a_restart_too() -> None:
    disk = RecordingDisk()
    old, late, new = (
        kept(disk, 1, (10, 20)),
        kept(disk, 2, (5, 8), (15, 30)),
        kept(disk, 10, (30, 40), (90_000, 90_000)),
    )
    history = History(disk)
    assert history.between(21, 29) == [late]
    assert history.between(20, 30) == [old, late, new]
    assert history.between(9, 9) == history.between(41, 89_999) == []
    assert history.between(90_000, 90_001) == [new]
    assert history.since(2) == [late, new]
    assert history.oldest is not None
    assert history.newest is not None
    assert (history.oldest.name, history.newest.number) == (old, 10)


def test_its_bytes_are_counted_until_they_are_gone() -> None:
    disk = RecordingDisk()
    kept(disk, 1)
    kept(disk, 2, (0, 0))
    history = History(disk)
    assert history.bytes == 12
    assert history.oldest is not None
    history.drop(history.oldest)
    assert history.bytes == History(disk).bytes == 6


def test_taking_over_writes_nothing() -> None:
    disk = RecordingDisk()
    kept(disk, 1, (0, 0))
    assert [operation[0] for operation in disk.operations] == ["append", "sync", "rename"]


def test_what_the_disk_does_not_take_over_is_no_history() -> None:
    history = History(RecordingDisk())
    with pytest.raises(KeyError):
        history.keep("segment-00000001.frames", 1, IntervalSet(), 6)
    assert history.bytes == 0
    assert history.between(0, 1) == []


def test_a_name_holds_all_hours_though_boards_say_ever_so_many() -> None:
    disk = RecordingDisk()
    name = kept(disk, 1, *((10**9 + 1000 * hour, 10**9 + 1000 * hour) for hour in range(100)))
    assert name.count(".") == MOST_STRETCHES + 1
    assert len(name) < 255
    assert all(History(disk).between(10**9 + 1000 * hour, 10**9 + 1000 * hour) == [name] for hour in range(100))
