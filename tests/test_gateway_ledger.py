import pytest

from gateway import framelog
from gateway.intervals import IntervalSet
from gateway.ledger import BOOTS_KEPT, COMPACT_BYTES, FILE, RESERVE, RESERVE_BYTES, Ledger, Origin
from tests.gateway_stand_ins import RecordingDisk

KEY = ("raft-01", "00000000000000aa")
ORIGINS = [Origin(1234, "estimated", 500), Origin(1200, "estimated", 900)]


def test_changes_come_back_at_the_next_start() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.seen[KEY] = IntervalSet([(0, 7), (9, 9)])
    ledger.mark_forwarded([1, 2, 5])
    ledger.keep_seen([KEY])
    for origin in ORIGINS:
        ledger.freeze_origin(KEY, origin)
    again = Ledger(disk)
    assert again.forwarded.ranges() == [(1, 2), (5, 5)]
    assert again.seen[KEY].ranges() == [(0, 7), (9, 9)]
    assert again.origins == {KEY: ORIGINS}
    assert again.next_frame == 6


def test_compaction_keeps_what_still_matters() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.seen[KEY] = IntervalSet([(0, 7)])
    ledger.mark_forwarded([1, 2, 5])
    for origin in ORIGINS:
        ledger.freeze_origin(KEY, origin)
    ledger.compact(first_frame=5, live=set())
    again = Ledger(disk)
    assert again.forwarded.ranges() == [(5, 5)]
    assert (again.seen[KEY].ranges(), again.origins, again.next_frame) == ([(0, 7)], {KEY: ORIGINS}, 6)


def test_the_latest_boots_of_each_unit_and_the_live_ones_stay_known() -> None:
    ledger = Ledger(RecordingDisk())
    boots = [("raft-01", f"{number:08x}") for number in range(BOOTS_KEPT + 3)]
    for key in [*boots, ("raft-02", "00000001")]:
        ledger.seen[key] = IntervalSet([(0, 0)])
    ledger.compact(first_frame=1, live={boots[0]})
    assert set(ledger.seen) == {boots[0], *boots[3:], ("raft-02", "00000001")}


def test_it_asks_for_compaction_when_it_has_grown_or_is_damaged() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    number = 1
    while len(disk.files.get(FILE, b"")) <= COMPACT_BYTES:
        assert not ledger.wants_compaction()
        ledger.mark_forwarded(range(number, number + 4000, 2))
        number += 4000
    assert ledger.wants_compaction()
    ledger.compact(first_frame=number, live=set())
    assert not ledger.wants_compaction()
    disk.files[FILE] += b"torn"
    assert Ledger(disk).wants_compaction()


def test_damage_costs_only_the_change_that_it_hits() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.mark_forwarded([1])
    first = len(disk.files[FILE])
    ledger.mark_forwarded([2])
    ledger.mark_forwarded([3])
    data = bytearray(disk.files[FILE])
    data[first + 25] ^= 0xFF
    disk.files[FILE] = bytes(data)
    assert Ledger(disk).forwarded.ranges() == [(1, 1), (3, 3)]


def test_a_full_disk_freezes_no_origin() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    disk.full = True
    try:
        ledger.freeze_origin(KEY, ORIGINS[0])
    except OSError:
        assert ledger.origins == {}
    else:
        raise AssertionError("the origin was frozen on a full disk")


def test_what_a_full_disk_did_not_take_is_written_anew() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    disk.full = True
    ledger.mark_forwarded([4])
    ledger.compact(first_frame=1, live=set())
    assert ledger.wants_compaction()
    disk.full = False
    ledger.compact(first_frame=1, live=set())
    assert Ledger(disk).forwarded.ranges() == [(4, 4)]


def test_what_is_not_taken_at_the_end_of_the_file_is_written_anew() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.mark_forwarded([1])
    disk.torn = True
    ledger.mark_forwarded([2])
    ledger.mark_void([3])
    again = Ledger(disk)
    assert again.forwarded.ranges() == [(1, 2)]
    assert again.void.ranges() == [(3, 3)]


def test_a_void_frame_is_void_for_ever_and_its_number_is_not_used_again() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.mark_void([4, 5])
    assert Ledger(disk).next_frame == 6
    ledger.compact(first_frame=9, live=set())
    again = Ledger(disk)
    assert (again.void.ranges(), again.next_frame) == ([(4, 5)], 6)


def test_the_reserve_lets_a_full_disk_keep_what_was_seen_and_is_taken_again() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.seen[KEY] = IntervalSet([(0, 7)])
    disk.full = True
    ledger.keep_seen([KEY])
    assert Ledger(disk).seen[KEY].ranges() == [(0, 7)]
    disk.remove(RESERVE)
    ledger.take_reserve()
    assert len(disk.files[RESERVE]) == RESERVE_BYTES
    disk.remove(RESERVE)
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        ledger.keep_seen([KEY])


def test_damage_is_counted_and_copied_aside() -> None:
    disk = RecordingDisk({FILE: b"torn" + framelog.encode(0, b'{"forwarded":[[1,1]]}') + framelog.encode(0, b"[7]")})
    ledger = Ledger(disk)
    assert ledger.damages == 2
    assert ledger.forwarded.ranges() == [(1, 1)]
    assert disk.files[f"{FILE}.damaged"] == b"torn" + framelog.encode(0, b"[7]")


def test_an_unreadable_ledger_that_cannot_be_moved_does_not_stop_the_start() -> None:
    disk = RecordingDisk({FILE: b"?", f"{FILE}.damaged": b"an earlier one"})
    disk.unreadable = {FILE}
    assert Ledger(disk).wants_compaction()
    assert disk.files[f"{FILE}.damaged"] == b"an earlier one"


def test_what_came_before_the_first_that_was_heard_is_not_missing() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    assert ledger.missing(KEY, 99) == []
    ledger.begin(KEY, 10)
    ledger.begin(KEY, 50)
    ledger.seen[KEY] = IntervalSet([(10, 12), (20, 20)])
    ledger.account(KEY, 13, 15)
    ledger.keep_seen([KEY])
    for known in (ledger, Ledger(disk)):
        assert known.missing(KEY, 20) == [(16, 19)]
        assert known.missing(KEY, 25) == [(16, 19), (21, 24)]


def test_a_ledger_that_does_not_know_where_a_boot_began_waits_for_less() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    disk.full = True
    ledger.begin(KEY, 0)
    again = Ledger(disk)
    again.seen[KEY] = IntervalSet([(0, 3), (8, 9)])
    again.begin(KEY, 12)
    assert again.missing(KEY, 15) == [(12, 14)]


def test_after_damage_nothing_that_came_before_is_missing() -> None:
    disk = RecordingDisk()
    ledger = Ledger(disk)
    ledger.begin(KEY, 0)
    ledger.seen[KEY] = IntervalSet([(0, 9)])
    ledger.keep_seen([KEY])
    disk.files[FILE] = disk.files[FILE][:-4]
    again = Ledger(disk)
    assert again.missing(KEY, 99) == []
    again.begin(KEY, 40)
    assert again.missing(KEY, 45) == [(40, 44)]
