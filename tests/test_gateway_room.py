import pytest

from gateway.entry import Entry, FrameMark, StoredFrame
from gateway.event import event
from gateway.journal import Journal
from gateway.ledger import RESERVE
from gateway.room import FREE_KEPT
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry

KEY = (UNIT, BOOT)
ALL = 10**9
LIMIT, SEGMENT = 40_000, 4000
GROUP = 6
START = UTC_2026 // 900_000 * 900_000


def small(disk: RecordingDisk) -> Journal:
    return Journal(disk, limit_bytes=LIMIT, segment_bytes=SEGMENT)


def commit(journal: Journal, groups: range, poll_ms: int = 10_000) -> None:
    """A minute's readings in a group, if `poll_ms` is not given."""
    for group in groups:
        seqs = range(GROUP * group, GROUP * (group + 1))
        journal.commit([entry(seq, (START + poll_ms * seq, "device"), up=poll_ms * seq, sent=None) for seq in seqs])


def take(journal: Journal) -> list[StoredFrame]:
    return journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=lambda _key, _up: True)


def entries(journal: Journal) -> list[Entry]:
    return [entry for frame in take(journal) for entry in frame.entries]


def readings(journal: Journal) -> set[int]:
    return {entry.reading.seq for entry in entries(journal) if not entry.made_here}


def told(journal: Journal, reason: str) -> int:
    return sum(
        int(e.reading.signals["readings"]) for e in entries(journal) if e.reading.signals.get("reason") == reason
    )


def fill(journal: Journal) -> int:
    """Until the journal has to give way for the first time; the number of groups."""
    for group in range(1000):
        if journal.given_up:
            return group
        commit(journal, range(group, group + 1))
    raise AssertionError("it never had to")


def test_old_readings_are_thinned_first_and_the_newest_are_whole() -> None:
    journal = small(RecordingDisk())
    groups = fill(journal)
    assert 0.7 * LIMIT < journal.bytes < 0.85 * LIMIT
    assert told(journal, "journal_thinned") == journal.given_up
    assert told(journal, "journal_full") == 0
    assert {GROUP * group for group in range(groups)} <= readings(journal)
    assert set(range(GROUP * (groups // 2), GROUP * groups)) <= readings(journal)


def test_whatever_comes_the_limit_holds_and_each_reading_is_there_or_told_as_lost() -> None:
    journal = small(RecordingDisk())
    for group in range(1500):
        commit(journal, range(group, group + 1), poll_ms=300_000)
        assert journal.bytes <= LIMIT
    thinned, dropped = told(journal, "journal_thinned"), told(journal, "journal_full")
    assert len(readings(journal)) + thinned + dropped == 1500 * GROUP
    assert thinned > dropped > 0
    old = sorted(readings(journal))[:50]
    assert all(seq % 3 == 0 for seq in old)
    assert old[0] > 3000


def test_the_next_start_finds_the_same() -> None:
    disk = RecordingDisk()
    journal = small(disk)
    commit(journal, range(700))
    again = small(disk)
    assert readings(again) == readings(journal)
    assert (again.pending_readings, again.bytes) == (journal.pending_readings, journal.bytes)
    assert again.seen(KEY).ranges() == [(0, 700 * GROUP - 1)]
    before = again.bytes
    commit(again, range(700, 701))
    assert again.given_up < 100 * GROUP
    assert again.bytes < before + SEGMENT


def test_what_was_sent_goes_before_anything_is_thinned() -> None:
    journal = small(RecordingDisk())
    groups = fill(journal) - 4
    journal = small(RecordingDisk())
    commit(journal, range(groups))
    every_other = [frame.mark for frame in take(journal)[::2]]
    journal.forwarded(every_other)
    commit(journal, range(groups, groups + 20))
    assert journal.given_up == 0
    assert len(readings(journal)) == GROUP * (groups + 20 - len(every_other))


def test_a_loss_is_sent_like_any_reading_and_is_not_told_again() -> None:
    disk = RecordingDisk()
    journal = small(disk)
    commit(journal, range(300))
    journal.forwarded([frame.mark for frame in take(journal)])
    assert journal.pending_readings == 0
    assert entries(small(disk)) == []


def test_a_frame_that_was_thinned_while_it_was_under_way_is_not_counted_twice() -> None:
    journal = small(RecordingDisk())
    commit(journal, range(10))
    under_way: list[FrameMark] = [frame.mark for frame in take(journal)]
    commit(journal, range(10, 300))
    waiting = journal.pending_readings
    journal.forwarded(under_way)
    assert journal.pending_readings == waiting == len(entries(journal))


def test_a_disk_that_others_have_filled_takes_nothing_in() -> None:
    disk = RecordingDisk()
    journal = small(disk)
    disk.room = FREE_KEPT - 1
    with pytest.raises(OSError, match="64 MiB"):
        commit(journal, range(1))
    assert not journal.seen(KEY)
    disk.room = FREE_KEPT
    commit(journal, range(1))
    assert len(readings(journal)) == GROUP


def test_a_disk_that_takes_no_step_lets_the_journal_grow_to_its_limit_and_no_further() -> None:
    disk = RecordingDisk()
    journal = small(disk)
    groups = fill(journal)
    disk.remove(RESERVE)
    disk.replace = _refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(OSError, match="Input/output"):
        commit(journal, range(groups, groups + 1000))
    assert 0.9 * LIMIT < journal.bytes <= LIMIT
    del disk.replace
    commit(journal, range(groups + 1000, groups + 1001))
    assert journal.bytes <= LIMIT


def _refuse(_name: str, _data: bytes) -> None:
    raise OSError(5, "Input/output error")


def test_a_segment_of_which_nothing_is_left_is_not_written_anew_for_ever() -> None:
    """Events alone, which leave no loss behind: what they were made of is told as lost."""
    journal = Journal(RecordingDisk(), limit_bytes=1500, segment_bytes=1)
    for seq in range(30):
        journal.commit([event(entry(seq, (START + seq, "device")), "soc_low", 19.0, "19 %", is_on=bool(seq % 2))])
    assert journal.bytes <= 1500
    assert journal.pending_events < 30
