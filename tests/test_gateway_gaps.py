"""What never came, by a committer with a journal of its own; a board is scripted by its messages."""

from gateway.entry import Entry
from gateway.gaps import MOST_AT_ONCE, PAUSE_MS, QUIET_MS, Gaps
from gateway.journal import Journal
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry, heard_by

KEY = (UNIT, BOOT)
NEXT_BOOT = "00000000000000bb"
NEXT = (UNIT, NEXT_BOOT)


class Bench:
    """A journal, and what is missing in it."""

    def __init__(self, disk: RecordingDisk | None = None) -> None:
        self.disk = disk or RecordingDisk()
        self.gaps = Gaps()
        self.journal = Journal(self.disk, on_segment=heard_by(self.gaps))

    def hear(
        self, *seqs: int, oldest: int = 0, boot: str = BOOT, at: int = 0, present: bool = True, undated: bool = False
    ) -> list[tuple[int, int, str]]:
        """Store these readings; the losses that are told then: first seq, how many, why."""
        for seq in seqs:
            self.gaps.heard((UNIT, boot), at, oldest, present=present)
            new = entry(seq, None if undated else (UTC_2026 + 1000 * seq, "device"), boot=boot)
            if seq not in self.journal.seen(new.key):
                self.journal.commit([new])
                self.gaps.stored(new)
        return [
            (loss.reading.seq, int(loss.reading.signals["readings"]), str(loss.reading.signals["reason"]))
            for loss in self.tell()
        ]

    def tell(self) -> list[Entry]:
        losses = self.gaps.found(self.journal)
        self.journal.commit(losses)
        return losses

    def board_loss(self, seq: int, last: int, oldest: int) -> None:
        signals = {"readings": last - seq + 1, "last_seq": last, "duration": 1.0, "reason": "spool_full"}
        self.gaps.heard(KEY, 0, oldest, present=True)
        self.journal.commit([entry(seq, device="board", model="esp32", measurement="loss", signals=signals)])


def test_what_the_board_still_holds_is_waited_for() -> None:
    assert Bench().hear(0, 1, 5, oldest=0) == []
    assert Bench().hear(0, 1, 5, oldest=2) == []


def test_a_gap_that_the_board_has_passed_is_told_once() -> None:
    bench = Bench()
    assert bench.hear(0, 1, 5, oldest=0) == []
    assert bench.hear(6, oldest=6) == [(2, 3, "never_received")]
    assert bench.hear(7, oldest=7) == []


def test_a_reading_that_comes_late_was_not_told_and_one_that_came_after_all_is_kept() -> None:
    bench = Bench()
    bench.hear(0, 5, oldest=1)
    assert bench.hear(1, 2, 3, 4, oldest=1) == []
    assert bench.hear(8, oldest=8) == [(6, 2, "never_received")]
    assert bench.hear(6, oldest=8) == []
    assert 6 in bench.journal.seen(KEY)


def test_it_is_not_told_again_after_a_restart_nor_when_the_segment_is_gone() -> None:
    bench = Bench()
    bench.hear(0, 1, 5, oldest=0)
    assert bench.hear(6, oldest=6) != []
    again = Bench(RecordingDisk(bench.disk.files))
    assert again.hear(7, oldest=7) == []
    again.journal.set_aside(KEY, [8])
    again.disk.files = {name: data for name, data in again.disk.files.items() if not name.startswith("segment")}
    assert Bench(again.disk).hear(9, oldest=9) == []


def test_a_gap_from_before_a_restart_is_told_after_it() -> None:
    bench = Bench()
    bench.hear(0, 1, 5, oldest=0)
    assert Bench(RecordingDisk(bench.disk.files)).hear(6, oldest=6) == [(2, 3, "never_received")]


def test_a_gateway_with_a_new_disk_tells_nothing_of_what_an_earlier_one_acknowledged() -> None:
    bench = Bench()
    assert bench.hear(500, 100, oldest=100) == []
    assert bench.hear(501, oldest=501) == []
    assert bench.hear(505, oldest=505) == [(502, 3, "never_received")]


def test_a_damaged_ledger_makes_no_loss_of_what_is_no_longer_known() -> None:
    bench = Bench()
    bench.hear(*range(20), oldest=0)
    disk = RecordingDisk({"ledger.frames": bench.disk.files["ledger.frames"][:-3] + b"???"})
    again = Bench(disk)
    assert again.hear(30, oldest=30) == []
    assert again.hear(33, oldest=33) == [(31, 2, "never_received")]


def test_what_a_loss_of_the_board_tells_is_not_told_again() -> None:
    bench = Bench()
    bench.hear(0, 1, oldest=0)
    bench.board_loss(2, 9, oldest=2)
    assert bench.hear(5, 10, oldest=5) == []
    assert bench.hear(14, oldest=14) == [(11, 3, "never_received")]


def test_damage_is_named_when_it_may_have_taken_the_readings() -> None:
    bench = Bench()
    bench.hear(*range(6), oldest=0)
    name = "segment-00000001.frames"
    data = bytearray(bench.disk.files[name])
    second = data.index(b"PUf1", data.index(b"PUf1") + 1)
    data[second + 30] ^= 0xFF
    again = Bench(RecordingDisk(bench.disk.files | {name: bytes(data)}))
    assert again.hear(8, oldest=8) == [(1, 1, "journal_damaged"), (6, 2, "journal_damaged")]
    assert again.hear(11, oldest=11) == [(9, 2, "never_received")]


def test_nothing_is_told_while_a_segment_cannot_be_read() -> None:
    bench = Bench()
    bench.hear(*range(6), oldest=0)
    bench.disk.unreadable = {"segment-00000001.frames"}
    assert Bench(bench.disk).hear(8, oldest=8) == []


def test_it_is_dated_and_placed_by_its_neighbours() -> None:
    bench = Bench()
    bench.hear(0, 1, 5, oldest=0)
    bench.gaps.heard(KEY, 0, 5, present=True)
    [loss] = bench.tell()
    assert (loss.reading.up, loss.dated) == (2000, (UTC_2026 + 2000, "estimated"))
    assert (loss.reading.signals["last_seq"], loss.reading.signals["duration"]) == (4, 2.0)


def test_without_a_time_it_waits_for_that_of_its_boot() -> None:
    bench = Bench()
    bench.hear(0, 1, 5, oldest=0, undated=True)
    bench.gaps.heard(KEY, 0, 5, present=True)
    [loss] = bench.tell()
    assert (loss.reading.up, loss.dated) == (2000, None)
    assert bench.journal.undated_readings() == {KEY: 4}


def test_after_a_restart_the_nearest_that_is_known_dates_it() -> None:
    bench = Bench()
    bench.hear(0, 1, oldest=0)
    bench.journal.set_aside(KEY, [2])
    bench.gaps = Gaps()
    assert bench.hear(6, oldest=6) == [(3, 3, "never_received")]


def test_a_boot_that_is_over_is_searched_when_the_unit_was_heard_long_enough_without_it() -> None:
    bench = Bench()
    bench.hear(0, 1, 4, oldest=0)
    assert bench.hear(0, boot=NEXT_BOOT, at=0) == []
    for at in range(60_000, QUIET_MS, 60_000):
        assert bench.hear(at // 60_000, boot=NEXT_BOOT, at=at) == []
    assert bench.hear(50, boot=NEXT_BOOT, at=QUIET_MS) == [(2, 2, "never_received")]
    assert bench.hear(51, boot=NEXT_BOOT, at=QUIET_MS + 1) == []


def test_a_boot_that_still_brings_something_is_not_over() -> None:
    bench = Bench()
    bench.hear(0, 1, 4, oldest=0)
    bench.hear(0, boot=NEXT_BOOT, at=0)
    bench.hear(5, at=QUIET_MS - 1, oldest=0, present=False)
    assert bench.hear(1, boot=NEXT_BOOT, at=QUIET_MS) == []


def test_after_a_silence_the_unit_gets_time_to_send_what_it_holds() -> None:
    bench = Bench()
    bench.hear(0, 1, 4, oldest=0)
    for at in range(0, QUIET_MS, 60_000):
        bench.hear(at // 60_000, boot=NEXT_BOOT, at=at)
    assert bench.hear(90, boot=NEXT_BOOT, at=QUIET_MS - 60_000 + PAUSE_MS + 1) == []


def test_what_lay_in_a_queue_says_nothing_about_the_present_boot() -> None:
    bench = Bench()
    bench.hear(0, 1, 4, oldest=0)
    for at in range(0, QUIET_MS + 1, 60_000):
        assert bench.hear(at // 60_000, boot=NEXT_BOOT, at=at, present=False) == []


def test_very_many_gaps_are_told_a_few_at_a_time() -> None:
    bench = Bench()
    bench.hear(*range(0, 2 * MOST_AT_ONCE + 3, 2), oldest=0)
    last = 2 * MOST_AT_ONCE + 10
    assert len(bench.hear(last, oldest=last)) == MOST_AT_ONCE
    assert len(bench.hear(last + 1, oldest=last + 1)) == 2
