"""What goes first over the link, how much of it, and what waits while the byte budget is spent."""

import threading
from dataclasses import replace

import pytest

from gateway.budget import Limits
from gateway.deadletters import DeadLetters
from gateway.entry import Entry, StoredFrame
from gateway.forward import LOOK
from gateway.lines import LineMaker
from gateway.link import LARGEST, START
from ingest.answer import Answer, Verdict
from ingest.body import QUICK, TIGHT
from tests.gateway_forward_bench import HEALTH, INTERVAL, Bench
from tests.gateway_stand_ins import UTC_2026, RecordingDisk, entry

MIDNIGHT = 1_794_960_000_000
"""2026-11-18, 00:00 UTC."""

HOUR_MS = 3_600_000
DEADLINE = 10.0


class StandInLines(LineMaker):
    """Makes lines of any measurement, also of those whose rooms are not there yet: name and seq, 100 bytes long."""

    def __init__(self) -> None:
        super().__init__("rig", lambda _key, _up: None, DeadLetters(RecordingDisk()))

    def of(self, frame: StoredFrame) -> list[str]:
        return [f"{entry.reading.measurement} {entry.reading.seq}".ljust(100) for entry in frame.entries]


def make(utc_ms: int = UTC_2026, limits: Limits | None = None) -> Bench:
    """A bench whose clock is trusted and whose first health is sent."""
    bench = Bench(limits=limits, lines=StandInLines(), utc_ms=utc_ms)
    bench.step()
    bench.step()
    return bench


def of(measurement: str, seq: int) -> Entry:
    reading = entry(seq, (UTC_2026 + seq, "device"))
    message = replace(reading.message, reading=replace(reading.reading, measurement=measurement), document=b"")
    return replace(reading, message=message)


def commit(bench: Bench, *measurements: str, first: int = 0) -> None:
    bench.journal.commit([of(measurement, first + nth) for nth, measurement in enumerate(measurements)])


def sent(bench: Bench, request: int = -1) -> list[str]:
    return [line.split()[0].split(",")[0] for line in bench.database.requests[request]]


def written(bench: Bench, measurement: str) -> list[int]:
    return [int(line.split()[1]) for line in bench.database.written if line.split()[0] == measurement]


def test_events_go_first_then_summaries_then_readings() -> None:
    bench = make()
    commit(bench, "bms", "unit", "bms_1h", "event", "loss", "bms", "event")
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.step()
    assert sent(bench)[:2] == ["event", "event"]
    assert sorted(set(sent(bench)[2:5])) == ["bms_1h", "loss", "unit"]
    assert sent(bench)[-2:] == ["bms", "bms"]
    assert bench.journal.pending_readings == 0


def test_an_event_does_not_wait_for_the_interval_and_takes_nothing_else_along() -> None:
    bench = make()
    bench.look()
    commit(bench, "bms", "unit", "event")
    requests = len(bench.database.requests)
    start = bench.clocks.boot
    while len(bench.database.requests) == requests:
        bench.look()
    assert bench.clocks.boot - start <= LOOK * 1000
    assert sent(bench) == ["event"]


def test_an_event_passes_the_backlog() -> None:
    bench = make()
    for first in range(0, 2000, 20):
        commit(bench, *["bms"] * 20, first=first)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.look()
    commit(bench, "event", first=5000)
    bench.look()
    bench.look()
    assert 5000 in written(bench, "event")
    assert bench.journal.pending_readings > 0


def test_an_event_of_an_earlier_run_goes_first_too() -> None:
    bench = make()
    commit(bench, "event", first=1)
    for first in range(100, 1000, 20):
        commit(bench, *["bms"] * 20, first=first)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.step()
    assert sent(bench)[0] == "event"


def test_while_the_budget_is_spent_events_and_summaries_flow_and_readings_are_kept() -> None:
    bench = make(MIDNIGHT + 12 * HOUR_MS, Limits(day=10_000))
    bench.forwarder.budget.spend(10_000)
    commit(bench, "bms", "unit", "event", "bms_1h", "charge_controller")
    for _ in range(10):
        bench.step()
    assert (written(bench, "event"), written(bench, "unit"), written(bench, "bms_1h")) == ([2], [1], [3])
    assert any(HEALTH in line for line in bench.database.written)
    assert written(bench, "bms") == written(bench, "charge_controller") == []
    assert bench.journal.pending_readings == 2
    bench.clocks.forward(20 * HOUR_MS)
    bench.run()
    assert (written(bench, "bms"), written(bench, "charge_controller")) == ([0], [4])


def test_a_budget_is_kept_to_and_what_does_not_fit_is_kept() -> None:
    bench = make(MIDNIGHT + 23 * HOUR_MS, Limits(day=30_000))
    for first in range(0, 1000, 10):
        commit(bench, *["bms"] * 10, first=first)
    for _ in range(40):
        bench.step()
    assert 20_000 < bench.forwarder.budget.day_bytes <= 30_000 + 2_000
    assert bench.journal.pending_readings == 1000 - len(written(bench, "bms"))


def test_the_backlog_leaves_the_rest_of_the_day_to_what_is_to_come() -> None:
    bench = make(MIDNIGHT + 6 * HOUR_MS, Limits(day=100_000))
    for first in range(0, 2000, 10):
        commit(bench, *["bms"] * 10, first=first)
    for _ in range(60):
        bench.step()
    assert 15_000 < bench.forwarder.budget.day_bytes < 32_000
    commit(bench, "bms", first=9000)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.step()
    assert 9000 in written(bench, "bms")


@pytest.mark.parametrize("away_takes", [0, 4000])
@pytest.mark.parametrize("minutes", [1, 60, 8 * 60])
def test_however_long_the_link_was_away_the_newest_go_first_and_soon(minutes: int, away_takes: int) -> None:
    bench = make()
    bench.database.takes = lambda size: 600 + size // 20  # 600 ms there and back, 2 kB/s of lines packed to a tenth
    bench.database.away_takes = away_takes
    bench.database.there = False
    for first in range(0, 3000, 20):
        commit(bench, *["bms"] * 20, first=first)
    end = bench.clocks.boot + minutes * 60_000
    while bench.clocks.boot < end:
        bench.look()
    commit(bench, "bms", first=9000)
    wait = bench.forwarder.step()
    bench.database.there = True  # just after it was asked in vain
    returned = bench.clocks.boot
    bench.clocks.forward(round(wait * 1000))
    while 9000 not in written(bench, "bms"):
        bench.look()
    assert bench.clocks.boot - returned <= 5000
    assert len(written(bench, "bms")) <= 2 * START // 100
    assert bench.journal.pending_readings > 2500
    bench.run(1000)
    assert sorted(written(bench, "bms")) == [*range(3000), 9000]


def test_after_an_outage_the_time_until_the_backlog_is_gone_is_told_and_was_not_during_it() -> None:
    bench = make()
    bench.database.takes = lambda size: 600 + size // 20
    bench.database.there = False
    for first in range(0, 6000, 20):
        commit(bench, *["bms"] * 20, first=first)
    bench.clocks.forward(round(INTERVAL * 1000))
    for _ in range(10):
        bench.look()
    assert bench.forwarder.eta.seconds() is None
    bench.database.there = True
    for _ in range(30):
        bench.look()
    told, start = bench.forwarder.eta.seconds(), bench.clocks.boot
    bench.run(1000)
    assert told is not None
    assert told == pytest.approx((bench.clocks.boot - start) / 1000, rel=0.5)


def test_while_the_link_is_away_it_is_asked_with_few_bytes() -> None:
    bench = make()
    for first in range(0, 1000, 20):
        commit(bench, *["bms"] * 20, first=first)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.database.there = False
    bench.look()
    requests = len(bench.database.requests)
    for _ in range(50):
        bench.look()
    assert len(bench.database.requests) == requests


def test_the_next_portion_is_made_while_one_is_under_way() -> None:
    made = threading.Event()

    class WatchedLines(StandInLines):
        def of(self, frame: StoredFrame) -> list[str]:
            if bench.database.requests:
                made.set()
            return super().of(frame)

    def judge(_lines: list[str]) -> Answer:
        overlapped.append(made.wait(DEADLINE))
        return Answer(Verdict.WRITTEN)

    overlapped: list[bool] = []
    bench = Bench(judge, lines=WatchedLines())
    for first in range(0, 1000, 20):
        commit(bench, *["bms"] * 20, first=first)
    bench.step()
    bench.step()
    assert overlapped == [True]


def test_what_got_no_answer_is_sent_again_as_the_same_points() -> None:
    answers = [Answer(Verdict.UNREACHABLE, "reset", sent_bytes=300), Answer(Verdict.WRITTEN)]
    bench = Bench(lambda _lines: answers.pop(0) if answers else Answer(Verdict.WRITTEN))
    bench.commit(0, 9)
    bench.run()
    first, second = ([line for line in lines if HEALTH not in line] for lines in bench.database.requests[:2])
    assert first == second


def test_on_a_fast_link_packing_is_quick_and_with_a_budget_it_is_tight() -> None:
    for limits, last in ((Limits(), QUICK), (Limits(day=10**9), TIGHT)):
        bench = make(MIDNIGHT + 23 * HOUR_MS, limits)
        for first in range(0, 20_000, 100):
            commit(bench, *["bms"] * 100, first=first)
        bench.clocks.forward(round(INTERVAL * 1000))
        bench.run()
        assert bench.database.levels[0] == TIGHT
        assert bench.database.levels[-1] == last
        assert max(sum(map(len, lines)) for lines in bench.database.requests) <= LARGEST
