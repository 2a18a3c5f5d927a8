from datetime import UTC, datetime

import pytest

from gateway.budget import FILE, SAVE_MS, Budget, Limits
from tests.gateway_stand_ins import RecordingDisk, ScriptedClocks

DAY_MS = 86_400_000


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


class Bench:
    """A budget on a disk in memory, whose clock is right unless it is said to know no time."""

    def __init__(self, limits: Limits, now: str = "2026-11-15 12:00") -> None:
        self.clocks = ScriptedClocks(system=utc(now))
        self.knows_time = True
        self.disk = RecordingDisk()
        self.limits = limits
        self.budget = self.started()

    def started(self) -> Budget:
        return Budget(
            self.limits,
            self.disk,
            lambda: self.clocks.boot,
            lambda: self.clocks.system if self.knows_time else None,
        )


def test_without_limits_all_may_be_sent_and_what_it_costs_is_counted() -> None:
    bench = Bench(Limits())
    bench.budget.spend(10_000)
    assert bench.budget.left(backlog=False) is bench.budget.left(backlog=True) is None
    assert (bench.budget.day_bytes, bench.budget.month_bytes) == (10_000, 10_000)


def test_readings_may_have_what_is_left_of_day_and_month() -> None:
    bench = Bench(Limits(day=1000, month=1500))
    bench.budget.spend(400)
    assert bench.budget.left(backlog=False) == 600
    bench.clocks.forward(DAY_MS)
    assert (bench.budget.day_bytes, bench.budget.month_bytes) == (0, 400)
    assert bench.budget.left(backlog=False) == 1000
    bench.budget.spend(800)
    bench.clocks.forward(DAY_MS)
    assert bench.budget.left(backlog=False) == 300
    bench.budget.spend(301)
    assert bench.budget.left(backlog=False) == 0


@pytest.mark.parametrize(
    ("now", "left"),
    [("2026-11-15 00:00", 0), ("2026-11-15 06:00", 250), ("2026-11-15 12:00", 500), ("2026-11-15 18:00", 750)],
)
def test_the_backlog_may_have_what_the_day_has_left_so_far(now: str, left: int) -> None:
    bench = Bench(Limits(day=1000), now)
    assert bench.budget.left(backlog=True) == left
    bench.budget.spend(200)
    assert bench.budget.left(backlog=True) == max(0, left - 200)


def test_the_backlog_may_have_what_the_month_has_left_so_far() -> None:
    assert Bench(Limits(month=30_000), "2026-11-16 00:00").budget.left(backlog=True) == 15_000
    assert Bench(Limits(month=31_000), "2026-12-02 12:00").budget.left(backlog=True) == 1_500


def test_a_month_begins_anew_and_so_does_its_day() -> None:
    bench = Bench(Limits(day=1000, month=1000), "2026-11-30 23:59")
    bench.budget.spend(1000)
    bench.clocks.forward(120_000)
    assert (bench.budget.left(backlog=False), bench.budget.month_bytes) == (1000, 0)


def test_before_the_time_is_known_readings_wait_and_what_is_spent_counts_for_the_day_that_comes() -> None:
    bench = Bench(Limits(day=1000))
    bench.knows_time = False
    bench.budget.spend(100)
    assert bench.budget.left(backlog=False) == 0
    bench.knows_time = True
    bench.budget.spend(50)
    assert (bench.budget.day_bytes, bench.budget.left(backlog=False)) == (150, 850)


def test_a_restart_forgets_at_most_a_hundredth_of_the_budget() -> None:
    bench = Bench(Limits(day=1000, month=50_000))
    for _ in range(50):
        bench.budget.spend(7)
    assert bench.budget.day_bytes - 10 <= bench.started().day_bytes <= bench.budget.day_bytes


def test_where_nothing_is_limited_it_is_kept_once_a_minute() -> None:
    bench = Bench(Limits())
    for _ in range(10 * 60):
        bench.budget.spend(1_000_000)
        bench.clocks.forward(1000)
    written = [operation for operation in bench.disk.operations if operation[1] == FILE]
    assert len(written) in (9, 10)
    bench.clocks.forward(SAVE_MS)
    bench.budget.spend(0)
    assert bench.started().day_bytes == 600_000_000


@pytest.mark.parametrize("damaged", [b"", b"PUf1", bytes(100)])
def test_a_damaged_file_is_set_aside_and_counting_begins_anew(damaged: bytes) -> None:
    bench = Bench(Limits(day=1000))
    bench.disk.files[FILE] = damaged
    budget = bench.started()
    assert budget.left(backlog=False) == 1000
    assert bench.disk.files[f"{FILE}.damaged"] == damaged


def test_a_full_disk_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Limits(day=1000))
    bench.disk.full = True
    bench.budget.spend(500)
    bench.budget.spend(100)
    assert bench.budget.left(backlog=False) == 400
    assert len(caplog.records) == 1


def test_what_is_spent_of_the_tighter_budget() -> None:
    bench = Bench(Limits(day=1000, month=10_000))
    bench.budget.spend(500)
    assert bench.budget.spent_share() == 50.0
    bench.clocks.forward(DAY_MS)
    assert bench.budget.spent_share() == 5.0
    assert Bench(Limits()).budget.spent_share() is None


def test_a_clock_that_is_put_back_gives_no_budget_back() -> None:
    bench = Bench(Limits(day=1000, month=1000), "2026-12-01 00:00")
    bench.budget.spend(400)
    bench.clocks.system -= DAY_MS
    assert (bench.budget.day_bytes, bench.budget.month_bytes) == (400, 400)
    bench.budget.spend(100)
    assert (bench.budget.day_bytes, bench.budget.left(backlog=False)) == (500, 500)


def test_a_start_that_does_not_know_the_time_yet_forgets_nothing() -> None:
    bench = Bench(Limits(month=1000))
    bench.budget.spend(400)
    bench.knows_time = False
    assert bench.started().month_bytes == 400
