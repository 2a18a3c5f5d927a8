import pytest

from gateway import framelog
from gateway.entry import Entry, StoredFrame
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.outline import FOOTER, LARGEST, Outline, footer, footer_of, read_footer
from gateway.priority import Priority
from gateway.telling import Telling
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, UTC_2026, RecordingDisk, entry

KEY = (UNIT, BOOT)
ALL = 10**9
SEGMENT = 2000
GROUP = 5


def lost(seq: int, last: int) -> Entry:
    signals = {"readings": last - seq + 1, "last_seq": last, "duration": 1.0, "reason": "spool_full"}
    return entry(seq, device="board", model="esp32", measurement="loss", signals=signals)


def outline() -> Outline:
    return Outline.of(
        [
            StoredFrame(7, (entry(0), entry(1)), None, level=1, replaces=3),
            StoredFrame(8, (entry(2), lost(5, 9)), None, level=2),
            StoredFrame(11, (entry(4, None), entry(3, None)), KEY, level=1),
        ]
    )


def filled(disk: RecordingDisk, groups: int = 40) -> Journal:
    journal = Journal(disk, segment_bytes=SEGMENT)
    for group in range(groups):
        seqs = range(GROUP * group, GROUP * (group + 1))
        journal.commit([entry(seq, None if group % 4 == 3 else (UTC_2026 + seq, "device")) for seq in seqs])
    return journal


def segments(disk: RecordingDisk) -> list[str]:
    return [name for name in disk.names() if name.startswith("segment-")]


def take(journal: Journal) -> list[StoredFrame]:
    return journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=lambda _key, _up: True)


def known(journal: Journal) -> object:
    """All that a start finds out of its segments."""
    return (
        [
            (one.name, one.frames.ranges(), dict(one.pending), one.keys, one.level, one.hours.ranges(), one.ups)
            for one in journal._segments
        ],
        (journal.pending_readings, journal.pending_events, journal.undated_readings()),
        (journal.seen(KEY).ranges(), journal.missing(KEY, ALL), journal.next_frame, journal.damages),
    )


class CountingDisk(RecordingDisk):
    """Stands in for a folder likewise, and notes which files are read to the beginning."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.read_whole: list[str] = []

    def read(self, name: str) -> bytes:
        self.read_whole.append(name)
        return super().read(name)

    def read_end(self, name: str, size: int) -> bytes:
        return self.files[name][-size:]


def test_a_footer_says_what_the_outline_does() -> None:
    before = b"x" * 1000
    data = before + footer(outline(), len(before))
    found = footer_of(data[-LARGEST:], len(data))
    assert found is not None
    assert found.size == len(data) - 1000
    said, expected = found.outline, outline()
    assert said.marks == expected.marks
    assert [mark.priority for mark in said.marks] == [Priority.READING] * 3
    assert (said.level, said.replaces, said.keys) == (1, {3}, {KEY})
    assert said.hours.ranges() == expected.hours.ranges()
    assert (said.ups, said.lost) == ({KEY: (3000, 4000)}, [(KEY, 5, 9)])
    assert said.telling.seqs[KEY].ranges() == [(0, 5)]


@pytest.mark.parametrize("change", ["shorter", "longer", "moved", "torn", "flipped", "none", "another make"])
def test_a_footer_that_is_not_whole_or_not_of_these_bytes_is_none(change: str) -> None:
    before = framelog.encode(7, b"[]") * 20
    end = footer(outline(), len(before))
    data = {
        "shorter": before[10:] + end,
        "longer": before + framelog.encode(9, b"[]") + end,
        "moved": before + end + framelog.encode(9, b"[]"),
        "torn": before + end[:-1],
        "flipped": before + end[:-9] + bytes([end[-9] ^ 1]) + end[-8:],
        "none": before,
        "another make": before + framelog.encode(FOOTER, b'[{"size": %d}, []]' % len(before)),
    }[change]
    assert footer_of(data, len(data)) is None


def test_a_footer_that_would_be_too_large_to_be_of_use_is_not_made() -> None:
    boots = [StoredFrame(1, (entry(seq, boot=f"{seq:032x}"),), None) for seq in range(3000)]
    assert footer(Outline.of(boots), 0) == b""


def test_a_start_reads_the_footers_and_the_last_segment_and_no_more() -> None:
    disk = RecordingDisk()
    filled(disk)
    counting = CountingDisk(disk.files)
    Journal(counting, segment_bytes=SEGMENT)
    assert len(segments(disk)) > 5
    assert [name for name in counting.read_whole if name.startswith("segment-")] == segments(disk)[-1:]


def test_a_start_with_footers_knows_what_one_without_them_does() -> None:
    disk = RecordingDisk()
    journal = filled(disk)
    journal.freeze_origin(KEY, Origin(UTC_2026, "late", 10**9))
    journal.forwarded([frame.mark for frame in take(journal)[3:9]])
    without = RecordingDisk(disk.files)
    for name in segments(disk):
        found = read_footer(disk, name)
        assert (found is None) == (name == segments(disk)[-1])
        if found is not None:
            without.files[name] = disk.files[name][: -found.size]
    starts: list[tuple[Journal, list[Telling]]] = []
    for files in (disk.files, without.files):
        told: list[Telling] = []
        starts.append((Journal(RecordingDisk(files), segment_bytes=SEGMENT, on_segment=told.append), told))
    (one, told_one), (other, told_other) = starts
    assert known(one) == known(other)
    assert [telling.bare for telling in told_one] == [telling.bare for telling in told_other]
    assert [telling.latest for telling in told_one] == [telling.latest for telling in told_other]
    assert take(one) == take(other) == take(journal)


def test_a_segment_that_was_thinned_has_a_footer_too() -> None:
    disk = RecordingDisk()
    journal = Journal(disk, segment_bytes=SEGMENT, limit_bytes=20_000)
    seq = 0
    while not journal.given_up:
        journal.commit([entry(seq + nth, (UTC_2026 + 1000 * (seq + nth), "device")) for nth in range(GROUP)])
        seq += GROUP
    found = [footer is not None for name in segments(disk) for footer in [read_footer(disk, name)]]
    assert found == [True] * (len(found) - 1) + [False]
    assert known(Journal(RecordingDisk(disk.files))) == known(journal)


def test_damage_under_a_footer_is_found_when_it_is_read_and_told_by_the_next_start() -> None:
    disk = RecordingDisk()
    filled(disk)
    name = segments(disk)[0]
    disk.files[name] = bytes([disk.files[name][0] ^ 1]) + disk.files[name][1:]
    journal = Journal(disk, segment_bytes=SEGMENT)
    assert journal.damages == 0
    first, *_ = take(journal)
    assert first.number == 2
    assert read_footer(disk, name) is None
    again = Journal(disk, segment_bytes=SEGMENT)
    assert again.damages == 1
    assert again.damaged_upto(KEY) >= GROUP
    assert again.pending_readings == journal.pending_readings - GROUP


def test_a_disk_that_takes_no_footer_costs_a_start_time_and_no_reading() -> None:
    disk = RecordingDisk()
    journal = filled(disk, groups=1)
    while journal._segments[-1].size < SEGMENT:
        seq = journal.seen(KEY).last() + 1
        journal.commit([entry(seq)])
    disk.unsynced = True
    with pytest.raises(OSError, match="Input/output"):
        journal.commit([entry(seq + 1)])
    disk.unsynced = False
    journal.commit([entry(seq + 1)])
    again = Journal(RecordingDisk(disk.files))
    assert again.damages == 0
    assert [one.reading.seq for frame in take(again) for one in frame.entries] == list(range(seq + 2))


def test_a_start_of_the_machine_is_told_from_an_earlier_one() -> None:
    telling = Outline.of([StoredFrame(1, (entry(0, kernel="kernel-0"), entry(1)), None)]).telling
    assert [one.kernel for one in telling.bare] == ["kernel-0", KERNEL]
