import pytest

from gateway.deadletters import DeadLetters
from gateway.journal import Journal
from gateway.portions import SET_ASIDE_MOST, SET_ASIDE_PERIOD_MS, TRIALS_BAD, Line, Portion, Portions
from tests.gateway_stand_ins import UTC_2026, RecordingDisk, ScriptedClocks, entry


class Bench:
    """Portions of a journal in memory with one reading in each frame, whose line is its seq, as two digits. `most` of
    them make a portion.
    """

    def __init__(self, readings: int, most: int) -> None:
        self.clocks = ScriptedClocks()
        disk = RecordingDisk()
        self.journal = Journal(disk)
        self.dead_letters = DeadLetters(disk)
        self.portions = Portions(self.journal, self.dead_letters, self.clocks.clock())
        for seq in range(readings):
            self.journal.commit([entry(seq, (UTC_2026 + seq, "device"))])
        self.load(most)

    def load(self, most: int) -> None:
        frames = self.journal.take(
            newest=False,
            below=self.journal.next_frame,
            readings=1000,
            busy=self.portions.frames,
            datable=lambda _key, _up: True,
        )
        for frame in frames:
            self.portions.open(frame.mark, 1)
        self.portions.add(
            [Line(f"{frame.entries[0].reading.seq:02}", frame.number) for frame in frames], 3 * most, first=False
        )

    def next(self) -> Portion:
        portion = self.portions.next()
        assert portion is not None
        return portion

    def suspect(self) -> None:
        """The only line left fails until it gives way."""
        while (portion := self.portions.next()) is not None:
            self.portions.doubted(portion, "HTTP 500")

    def health(self, *, written: bool) -> None:
        self.portions.add([Line("health", None)], 1, first=True)
        portion = self.next()
        if written:
            self.portions.written(portion)
        else:
            self.portions.doubted(portion, "HTTP 500")


@pytest.mark.parametrize(("before", "after", "given_up"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_only_a_failure_between_two_writes_is_evidence(before: bool, after: bool, given_up: int) -> None:
    bench = Bench(1, 1)
    bench.suspect()
    for _ in range(TRIALS_BAD):
        bench.health(written=before)
        if (suspect := bench.portions.next()) is not None:
            bench.portions.doubted(suspect, "HTTP 500")
        bench.health(written=after)
        bench.suspect()
        bench.health(written=False)
    assert bench.dead_letters.count == given_up


def test_busy_is_no_evidence() -> None:
    bench = Bench(1, 1)
    for _ in range(3 * TRIALS_BAD):
        bench.health(written=True)
        portion = bench.next()
        assert [line.text for line in portion.lines] == ["00"]
        bench.portions.busy(portion)
    bench.health(written=True)
    assert bench.dead_letters.count == 0


def test_a_suspect_that_is_written_after_all_is_forwarded() -> None:
    bench = Bench(1, 1)
    bench.suspect()
    bench.health(written=True)
    bench.portions.written(bench.next())
    assert bench.journal.pending_readings == 0


def test_a_refused_portion_is_halved_in_order() -> None:
    bench = Bench(4, 4)
    bench.portions.refused(bench.next(), "HTTP 400")
    assert [[line.text for line in bench.next().lines] for _ in range(2)] == [["00", "01"], ["02", "03"]]


def test_what_is_refused_beyond_the_few_is_kept_uncut_until_the_hour_is_over() -> None:
    bench = Bench(SET_ASIDE_MOST + 3, 1)
    for _ in range(SET_ASIDE_MOST + 1):
        bench.portions.refused(bench.next(), "HTTP 400")
    assert bench.portions.exhausted
    bench.portions.forget()
    bench.load(2)
    bench.portions.refused(bench.next(), "HTTP 400")
    assert bench.portions.next() is None
    assert (bench.dead_letters.count, bench.journal.pending_readings) == (SET_ASIDE_MOST, 3)

    bench.clocks.forward(SET_ASIDE_PERIOD_MS)
    assert not bench.portions.exhausted
    bench.portions.forget()
    bench.load(3)
    bench.portions.written(bench.next())
    assert bench.journal.pending_readings == 0
    assert bench.portions.setting_aside.trouble is None


def test_a_frame_is_forwarded_when_all_its_lines_are_settled() -> None:
    bench = Bench(0, 1)
    bench.journal.commit([entry(seq, (UTC_2026 + seq, "device")) for seq in range(2)])
    [frame] = bench.journal.take(
        newest=True, below=bench.journal.next_frame, readings=2, busy=(), datable=lambda _key, _up: True
    )
    bench.portions.open(frame.mark, 2)
    bench.portions.add([Line("0", frame.number), Line("1", frame.number)], 1, first=False)
    bench.portions.written(bench.next())
    assert bench.journal.pending_readings == 2
    bench.portions.refused(bench.next(), "HTTP 400")
    assert bench.journal.pending_readings == 0
