import pytest

from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.past import Position
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry

HOUR = 3_600_000
YEAR = 8760 * HOUR
START = UTC_2026 - UTC_2026 % HOUR
ALL = 10**9


def forward_all(journal: Journal) -> None:
    frames = journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=lambda _key, _up: True)
    journal.forwarded([frame.mark for frame in frames])


def between(journal: Journal, start: int, end: int) -> list[int]:
    return [entry.reading.seq for frame in journal.past.between(start, end) for entry in frame.entries]


def since(journal: Journal, position: Position | None) -> list[int]:
    return [entry.reading.seq for frame in journal.past.since(position) for entry in frame.entries]


def journal_of_hours(disk: RecordingDisk, hours: int, limit_bytes: int = ALL) -> Journal:
    """A reading an hour, each in a file of its own."""
    journal = Journal(disk, segment_bytes=1, limit_bytes=limit_bytes)
    for seq in range(hours):
        journal.commit([entry(seq, (START + HOUR * seq, "device"))])
    return journal


def test_readings_are_found_by_their_time_whether_the_database_has_them_or_not() -> None:
    disk = RecordingDisk()
    journal = journal_of_hours(disk, 6)
    assert between(journal, START + HOUR, START + 3 * HOUR) == [1, 2]
    forward_all(journal)
    assert len(disk.names()) == 8
    for again in (journal, Journal(disk)):
        assert between(again, START + HOUR, START + 3 * HOUR) == [1, 2]
        assert between(again, 0, START) == []


def test_a_reading_that_got_its_time_later_is_found_by_it() -> None:
    journal = Journal(RecordingDisk(), segment_bytes=1)
    journal.commit([entry(0, None), entry(5000, None)])
    journal.commit([entry(8000, None)])
    assert between(journal, START, ALL * ALL) == []
    journal.freeze_origin((UNIT, BOOT), Origin(START, "late", 10_000_000))
    forward_all(journal)
    assert between(journal, START + HOUR, START + 2 * HOUR) == [0, 5000]


def test_what_is_new_is_found_by_the_position_before_it() -> None:
    disk = RecordingDisk()
    journal = journal_of_hours(disk, 3)
    position = journal.past.position
    journal.commit([entry(3)])
    journal.commit([entry(4)])
    forward_all(journal)
    assert since(journal, position) == since(Journal(disk), position) == [3, 4]
    assert since(journal, journal.past.position) == []


def test_without_a_position_only_what_is_not_history_is_new() -> None:
    journal = journal_of_hours(RecordingDisk(), 3)
    forward_all(journal)
    journal.commit([entry(3)])
    assert since(journal, None) == [2, 3]


def test_a_file_that_becomes_history_while_it_is_looked_for_is_found_once() -> None:
    journal = journal_of_hours(RecordingDisk(), 3)
    frames = journal.past.between(0, ALL * ALL)
    found = [next(frames).entries[0].reading.seq]
    forward_all(journal)
    found += [frame.entries[0].reading.seq for frame in frames]
    assert found == [0, 1, 2]


def test_the_history_gives_way_first_and_says_which_hours_are_not_whole_any_more() -> None:
    disk = RecordingDisk()
    journal = journal_of_hours(disk, 20)
    assert journal.past.whole(0, ALL * ALL)
    forward_all(journal)
    small = Journal(disk, segment_bytes=1, limit_bytes=journal.bytes)
    small.commit([entry(20, (START + 20 * HOUR, "device"))])
    assert small.given_up == 0
    left = between(small, 0, ALL * ALL)
    assert left == list(range(left[0], 21))
    assert left[0] > 0
    for again in (small, Journal(disk)):
        assert not again.past.whole(START, START + 1)
        assert not again.past.whole(START + HOUR * (left[0] - 1), ALL * ALL)
        assert again.past.whole(START + HOUR * left[0], ALL * ALL)


def test_a_reading_of_a_clock_that_is_years_ahead_takes_no_hour_but_its_own_with_it() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    for hours in (0, 1, 2):
        ahead = entry(2 * hours + 1, (START + 10 * YEAR, "device"))
        journal.commit([entry(2 * hours, (START + HOUR * hours, "device")), ahead])
    forward_all(journal)
    assert between(journal, START + YEAR, START + 9 * YEAR) == []
    disk.room = 100 << 20  # all of the history has to go
    journal.commit([entry(6, (START + 2 * HOUR, "device"))])
    for again in (journal, Journal(disk)):
        assert not again.past.whole(START + HOUR, START + HOUR + 1)
        assert again.past.whole(START + 2 * HOUR, START + 9 * YEAR)
        assert not again.past.whole(START + 10 * YEAR, START + 10 * YEAR + 1)


def test_a_disk_that_others_have_filled_costs_the_history_before_a_reading() -> None:
    disk = RecordingDisk()
    journal = journal_of_hours(disk, 3)
    forward_all(journal)
    disk.room = 100 << 20
    journal.commit([entry(3)])
    assert [name for name in disk.names() if name.startswith("history")] == []
    assert since(journal, None) == [2, 3]


def test_a_disk_that_is_full_without_having_said_so_gets_room_for_the_next_try() -> None:
    disk = RecordingDisk()
    journal = journal_of_hours(disk, 3)
    forward_all(journal)
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        journal.commit([entry(3)])
    journal.commit([entry(3)])
    assert 3 in since(journal, None)


def test_what_a_failed_commit_left_in_a_file_that_became_history_is_no_reading() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    journal.commit([entry(0)])
    disk.unsynced = True
    with pytest.raises(OSError, match="Input/output"):
        journal.commit([entry(1)])
    left = next(operation[2] for operation in reversed(disk.operations) if operation[0] == "append")
    disk.unsynced = False
    journal.commit([entry(1, (START + 77, "gateway"))])
    disk.files["segment-00000001.frames"] += left
    again = Journal(disk, segment_bytes=1)
    forward_all(again)
    assert between(again, 0, ALL * ALL) == [0, 1]


def test_of_one_unit_only_its_own_readings_are_read() -> None:
    journal = Journal(RecordingDisk())
    decoy = f'["{UNIT}",1,false,null,'
    first, other = entry(0), entry(1, unit="raft-02", signals={"pack_voltage": 52.5, "stage": decoy})
    journal.commit([first, other, entry(2)])
    journal.commit([entry(3, None, unit="raft-02")])
    (frame, empty) = journal.past.between(0, START * 2, unit=UNIT)
    assert [one.reading.seq for one in frame.entries] == [0, 2]
    assert empty.entries == ()
    assert [one.reading for one in next(iter(journal.past.between(0, START * 2, unit="raft-02"))).entries] == [
        other.reading
    ]
