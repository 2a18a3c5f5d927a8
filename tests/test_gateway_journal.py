import pytest

from gateway import framelog
from gateway.entry import FrameMark, StoredFrame
from gateway.journal import Journal
from gateway.ledger import Key, Origin
from gateway.telling import Telling
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, UTC_2026, RecordingDisk, entry

KEY = (UNIT, BOOT)
ALL = 10**9


def take(journal: Journal, *, newest: bool = False, readings: int = ALL, below: int = ALL) -> list[StoredFrame]:
    return journal.take(newest=newest, below=below, readings=readings, busy=(), datable=lambda _key, _up: True)


def marks(frames: list[StoredFrame]) -> list[FrameMark]:
    return [frame.mark for frame in frames]


def seqs(frames: list[StoredFrame]) -> list[int]:
    return [entry.reading.seq for frame in frames for entry in frame.entries]


def test_entries_come_back_as_they_went_in() -> None:
    disk = RecordingDisk()
    first = entry(0, received=77, error="address 2: no answer", signals={"soc": 99.5, "balancing": True})
    second = entry(1, (UTC_2026 + 5, "gateway"), unit="raft-02")
    undated = entry(2, None, kernel="kernel-0")
    Journal(disk).commit([first, second])
    Journal(disk).commit([undated])
    found = [entry for frame in take(Journal(disk)) for entry in frame.entries]
    assert [stored.reading for stored in found] == [given.reading for given in (first, second, undated)]
    assert [stored.dated for stored in found] == [(UTC_2026, "device"), (UTC_2026 + 5, "gateway"), None]
    assert [(stored.kernel, stored.received) for stored in found] == [(KERNEL, 77), (KERNEL, 0), ("kernel-0", 0)]
    assert [(stored.message.sent, stored.message.oldest) for stored in found] == [(100, 0), (1100, 0), (2100, 0)]


def test_nothing_is_returned_before_it_is_synced() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    disk.operations.clear()
    journal.commit([entry(0)])
    assert [operation[:2] for operation in disk.operations][:2] == [
        ("append", "segment-00000001.frames"),
        ("sync", "segment-00000001.frames"),
    ]


def test_newest_come_first_and_the_backlog_oldest_first() -> None:
    journal = Journal(RecordingDisk(), segment_bytes=400)
    for seq in range(20):
        journal.commit([entry(seq)])
    assert seqs(take(journal, newest=True, readings=3)) == [17, 18, 19]
    assert seqs(take(journal, readings=3)) == [0, 1, 2]
    assert seqs(take(journal, newest=True, readings=2, below=8)) == [5, 6]


def test_at_least_one_frame_is_taken_however_large() -> None:
    journal = Journal(RecordingDisk())
    journal.commit([entry(seq) for seq in range(5)])
    assert seqs(take(journal, readings=1)) == [0, 1, 2, 3, 4]


def test_forwarded_frames_are_taken_no_more_and_their_segments_go() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    for seq in range(3):
        journal.commit([entry(seq)])
    journal.forwarded(marks(take(journal, readings=2)))
    assert seqs(take(journal)) == [2]
    assert [name for name in disk.files if name.startswith("segment")] == ["segment-00000003.frames"]
    assert journal.pending_readings == 1
    again = Journal(disk)
    assert seqs(take(again)) == [2]
    assert again.pending_readings == 1


def test_a_reading_stays_known_after_its_segment_is_gone() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    journal.commit([entry(seq) for seq in range(5)])
    journal.commit([entry(9)])
    journal.forwarded(marks(take(journal)))
    assert Journal(disk).seen(KEY).ranges() == [(0, 4), (9, 9)]


def test_undated_readings_of_one_boot_wait_and_block_no_other() -> None:
    journal = Journal(RecordingDisk())
    journal.commit([entry(0, None), entry(1, None, unit="raft-02"), entry(0, boot="00000000000000bb")])

    def datable(key: Key, _up: int) -> bool:
        return key[0] == "raft-02"

    frames = journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=datable)
    assert {frame.undated for frame in frames} == {None, ("raft-02", BOOT)}
    assert seqs(frames) == [1, 0]
    journal.forwarded(marks(frames))
    assert journal.undated_readings() == {KEY: 1}


def test_an_undated_frame_waits_while_one_of_its_readings_is_beyond_what_can_be_dated() -> None:
    journal = Journal(RecordingDisk())
    journal.commit([entry(0, None), entry(5, None)])
    journal.commit([entry(3, None)])

    def datable(_key: Key, up: int) -> bool:
        return up <= 3000

    assert seqs(journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=datable)) == [3]


def test_a_frozen_origin_is_for_ever_and_a_further_one_is_for_what_lies_beyond() -> None:
    disk = RecordingDisk()
    first, second = Origin(1000, "estimated", 500), Origin(900, "estimated", 700)
    Journal(disk).freeze_origin(KEY, first)
    again = Journal(disk)
    again.freeze_origin(KEY, Origin(2000, "late", 500))
    assert again.origins(KEY) == (first,)
    again.freeze_origin(KEY, second)
    assert [again.origin(KEY, up) for up in (0, 500, 501, 700, 701)] == [first, first, second, second, None]


def test_a_full_disk_stores_nothing_and_the_next_commit_does() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    journal.commit([entry(0)])
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        journal.commit([entry(1)])
    assert 1 not in journal.seen(KEY)
    disk.full = False
    journal.commit([entry(1)])
    assert seqs(take(Journal(disk))) == [0, 1]


def test_after_a_torn_write_that_cannot_be_cut_back_the_journal_goes_on_in_another_file() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    journal.commit([entry(0)])
    disk.torn = True
    with pytest.raises(OSError, match="Input/output"):
        journal.commit([entry(1)])
    disk.torn = False
    journal.commit([entry(1)])
    journal.commit([entry(2)])
    assert [name for name in disk.names() if name.startswith("segment")] == [
        "segment-00000001.frames",
        "segment-00000002.frames",
    ]
    assert seqs(take(Journal(disk))) == [0, 1, 2]


def test_a_full_disk_does_not_stop_the_clearing_up_and_every_seq_stays_known() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    journal.commit([entry(0)])
    journal.commit([entry(1)])
    disk.full = True
    journal.forwarded(marks(take(journal)))
    assert [name for name in disk.names() if name.startswith("segment")] == ["segment-00000002.frames"]
    assert Journal(disk).seen(KEY).ranges() == [(0, 1)]


def test_nothing_is_deleted_before_the_ledger_knows_it() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=1)
    for seq in range(3):
        journal.commit([entry(seq)])
    disk.remove("reserve")
    disk.full = True
    journal.forwarded(marks(take(journal, readings=2)))
    assert Journal(disk).seen(KEY).ranges() == [(0, 2)]
    disk.full = False
    journal.forwarded(marks(take(journal)))
    assert [name for name in disk.files if name.startswith("segment")] == ["segment-00000003.frames"]
    assert Journal(disk).seen(KEY).ranges() == [(0, 2)]


def test_what_a_failed_commit_left_behind_is_no_reading() -> None:
    """Its sync failed, it could not be cut back, and meanwhile the same readings came again and got other times."""
    disk = RecordingDisk()
    journal = Journal(disk)
    journal.commit([entry(0)])
    disk.unsynced = True
    with pytest.raises(OSError, match="Input/output"):
        journal.commit([entry(1), entry(2)])
    left = disk.operations[-2] if disk.operations[-1][0] == "truncate" else disk.operations[-1]
    disk.unsynced = False
    journal.commit([entry(1, (UTC_2026 + 77, "gateway"))])
    disk.files["segment-00000001.frames"] += left[2]
    again = Journal(disk)
    frames = take(again)
    assert [(stored.reading.seq, stored.dated) for frame in frames for stored in frame.entries] == [
        (0, (UTC_2026, "device")),
        (1, (UTC_2026 + 77, "gateway")),
    ]
    assert 2 not in again.seen(KEY)
    again.commit([entry(2)])
    numbers = [frame.number for frame in take(Journal(disk))]
    assert len(numbers) == len(set(numbers)) == 3


def test_a_failing_disk_is_not_strewn_with_files() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    disk.unsynced = True
    for _ in range(5):
        with pytest.raises(OSError, match="Input/output"):
            journal.commit([entry(0)])
    assert [name for name in disk.files if name.startswith("segment")] == []


def test_what_the_last_run_left_in_the_page_cache_is_synced_before_it_counts() -> None:
    disk = RecordingDisk()
    Journal(disk).commit([entry(0)])
    disk.operations.clear()
    assert 0 in Journal(disk).seen(KEY)
    assert ("sync", "segment-00000001.frames") in disk.operations


def test_a_segment_that_is_unreadable_at_one_start_loses_nothing() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    for seq in range(3):
        journal.commit([entry(seq)])
    late = Origin(1000, "late", 500)
    journal.freeze_origin(("raft-02", BOOT), late)
    disk.unreadable = {"segment-00000001.frames"}
    blind = Journal(disk, segment_bytes=1)
    assert blind.damages == 1
    for seq in range(10, 13):
        blind.commit([entry(seq)])
    blind.forwarded(marks(take(blind, readings=2)))
    disk.files["ledger.frames"] += b"torn"
    Journal(disk)
    disk.unreadable.clear()
    again = Journal(disk)
    assert seqs(take(again)) == [0, 1, 2, 12]
    assert again.origin(("raft-02", BOOT), up=500) == late


def test_an_unreadable_ledger_is_moved_aside_and_counted() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    journal.commit([entry(0)])
    journal.forwarded(marks(take(journal)))
    ledger = disk.files["ledger.frames"]
    disk.unreadable = {"ledger.frames"}
    again = Journal(disk)
    assert again.damages == 1
    assert seqs(take(again)) == [0]
    assert disk.files["ledger.frames.damaged"] == ledger


def test_a_tail_that_cannot_be_cut_off_does_not_stop_the_start() -> None:
    disk = RecordingDisk()
    Journal(disk).commit([entry(0)])
    disk.files["segment-00000001.frames"] += b"half"
    disk.torn = True
    journal = Journal(disk)
    disk.torn = False
    journal.commit([entry(1)])
    assert "segment-00000002.frames" in disk.files
    assert seqs(take(Journal(disk))) == [0, 1]


@pytest.mark.parametrize(
    "document",
    [
        b'{"v":2,"rows":["newer"]}',
        b"[]",
        b'[{"kernel":"k","undated":[],"level":0,"replaces":null},[]]',
        b'[{"kernel":"k","undated":null,"level":0,"replaces":null},[[]]]',
        b'[{"kernel":"k","undated":null,"level":0,"replaces":null},[["raft-01",1,false,[],{}]]]',
        b'[{"kernel":"k","undated":null,"level":0,"replaces":null},[["raft-01","x",false,null,{"boot":1}]]]',
    ],
)
def test_a_segment_with_a_frame_of_another_make_stays_where_it_is(document: bytes) -> None:
    disk = RecordingDisk()
    Journal(disk).commit([entry(0)])
    disk.files["segment-00000001.frames"] += framelog.encode(2, document)
    journal = Journal(disk, segment_bytes=1)
    assert journal.damages == 1
    for seq in range(5, 7):
        journal.commit([entry(seq)])
    frames = take(journal)
    assert [frame.number for frame in frames] == [1, 3, 4]
    journal.forwarded(marks(frames))
    assert [name for name in disk.files if name.startswith("segment")] == [
        "segment-00000001.frames",
        "segment-00000003.frames",
    ]
    assert Journal(disk).pending_readings == 0


def test_only_what_is_written_is_kept_open() -> None:
    disk = RecordingDisk({"segment-00000001.frames": b"damaged"})
    journal = Journal(disk, segment_bytes=1)
    for seq in range(5):
        journal.commit([entry(seq)])
    assert disk.held == {"segment-00000005.frames", "ledger.frames"}


def test_a_damaged_tail_is_copied_aside_and_cut_off() -> None:
    disk = RecordingDisk()
    Journal(disk).commit([entry(0)])
    good = disk.files["segment-00000001.frames"]
    disk.files["segment-00000001.frames"] = good + b"PUf1 half a frame"
    journal = Journal(disk)
    assert journal.damages == 1
    assert disk.files["segment-00000001.frames"] == good
    assert disk.files["segment-00000001.frames.damaged"] == b"PUf1 half a frame"
    journal.commit([entry(1)])
    assert seqs(take(Journal(disk))) == [0, 1]


def test_damage_in_the_middle_costs_one_frame_and_no_number_is_used_twice() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    for seq in range(3):
        journal.commit([entry(seq)])
    journal.forwarded(marks(take(journal)))
    data = bytearray(disk.files["segment-00000001.frames"])
    data[-1] ^= 0xFF
    disk.files["segment-00000001.frames"] = bytes(data)
    again = Journal(disk)
    again.commit([entry(7)])
    assert seqs(take(again)) == [7]


def test_a_lost_ledger_only_means_sending_again() -> None:
    disk = RecordingDisk()
    journal = Journal(disk)
    journal.commit([entry(0)])
    journal.forwarded(marks(take(journal)))
    disk.files["ledger.frames"] = b"\x00" * 100
    assert seqs(take(Journal(disk))) == [0]


def test_foreign_files_are_left_alone() -> None:
    disk = RecordingDisk({"segment-x.frames": b"?", "notes.txt": b"mine", "segment-00000004.frames.damaged": b"!"})
    Journal(disk).commit([entry(0)])
    assert disk.files["segment-x.frames"] == b"?"
    assert disk.files["notes.txt"] == b"mine"


def test_every_stored_entry_is_told_at_the_start() -> None:
    disk = RecordingDisk()
    Journal(disk).commit([entry(0), entry(1, None)])
    told: list[Telling] = []
    Journal(disk, on_segment=told.append)
    assert [stored.reading.seq for telling in told for stored in telling.bare] == [0, 1]


def test_the_oldest_time_is_that_of_what_is_not_forwarded() -> None:
    journal = Journal(RecordingDisk())
    assert journal.oldest_time() is None
    journal.commit([entry(0, (UTC_2026, "device"))])
    journal.commit([entry(1, (UTC_2026 + 1000, "device"))])
    assert journal.oldest_time() == UTC_2026
    journal.forwarded(marks(take(journal, readings=1)))
    assert journal.oldest_time() == UTC_2026 + 1000
