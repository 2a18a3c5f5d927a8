import json
import tracemalloc
from typing import Any

import pytest

from gateway.entry import Entry
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.rollup import SETTLED_MS, RollUps, Work
from gateway.summary import HOUR_MS, LONGEST_GAP_MS
from ingest.points import reading_line
from ingest.signals import OF_ONE_PACK
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, RecordingDisk, entry

DAY_BEGINS = 17
MIDNIGHT = 1_795_000_000_000 // (24 * HOUR_MS) * 24 * HOUR_MS + DAY_BEGINS * HOUR_MS
"""Where a day begins, UTC in ms."""

STEP = 120_000


class Bench:
    """A journal, what is summed up of it, and a clock that stands until it is set; `told` are the points by
    measurement and hour from MIDNIGHT, the latest of each.
    """

    def __init__(self) -> None:
        self.disk = RecordingDisk()
        self.journal = Journal(self.disk, segment_bytes=4000)
        self.roll_ups = RollUps(self.journal.past, self.journal.origin, KERNEL, DAY_BEGINS)
        self.boottime = 0
        self.utc = MIDNIGHT
        self.seq = 0
        self.made: list[Entry] = []

    def commit(self, *times: int | None, **changes: Any) -> None:
        """Readings at these ms from MIDNIGHT."""
        entries = []
        for time in times:
            signals = {"current": 3.6, "soc": 50, "pack_voltage": 50.0}
            said: dict[str, Any] = {"signals": signals, "up": STEP * self.seq, "sent": None} | changes
            entries.append(entry(self.seq, None if time is None else (MIDNIGHT + time, "device"), **said))
            self.seq += 1
        self.journal.commit(entries)
        self.roll_ups.heard(entries, self.boottime)

    def commit_hours(self, first: int, last: int, **changes: Any) -> None:
        for hour in range(first, last + 1):
            self.commit(*range(hour * HOUR_MS, (hour + 1) * HOUR_MS, STEP), **changes)

    def at(self, ms: int) -> list[Entry]:
        """What is made when the clock says so many ms from MIDNIGHT, and no reading has come for a while."""
        self.boottime += SETTLED_MS
        self.utc = MIDNIGHT + ms
        made: list[Entry] = []
        while (work := self.roll_ups.due(self.utc, self.boottime)) is not None:
            made += self.commit_work(work)
        self.made += made
        return made

    def commit_work(self, work: Work) -> list[Entry]:
        points = self.roll_ups.make(work, self.utc)
        self.journal.commit(points)
        self.roll_ups.made(work)
        return points


def told(points: list[Entry]) -> dict[tuple[str, str, float], Any]:
    return {
        (point.reading.measurement, point.reading.device, (point.dated[0] - MIDNIGHT) / HOUR_MS): point.reading.signals
        for point in points
        if point.dated
    }


def test_an_hour_is_made_when_it_is_over_and_once() -> None:
    bench = Bench()
    bench.commit_hours(0, 0)
    assert bench.at(HOUR_MS) == []
    bench.commit(HOUR_MS)
    assert bench.at(HOUR_MS + LONGEST_GAP_MS - 1) == []
    made = told(bench.at(HOUR_MS + LONGEST_GAP_MS))
    assert made.keys() == {("bms_1h", "bms1", 0.0)}
    fields = made["bms_1h", "bms1", 0.0]
    assert (fields["bms_readings"], fields["bms_covered"], fields["battery_charge_in"]) == (30, 3600.0, 3.6)
    assert bench.at(HOUR_MS + 2 * LONGEST_GAP_MS) == []


def test_the_point_is_one_of_the_catalogue_and_always_the_same() -> None:
    bench = Bench()
    bench.commit_hours(0, 0)
    (point,) = bench.at(2 * HOUR_MS)
    assert point.dated is not None
    line, set_aside = reading_line("bay", point.reading, *point.dated)
    assert set_aside == []
    assert line.startswith("bms_1h,device=bms1,model=jk_pb,site=bay,unit=raft-01 pack_voltage_min=50.0,")
    assert line.endswith(f" {MIDNIGHT}")
    assert "soc_count=30i" in line


def test_each_device_has_its_own_and_one_that_only_fails_has_none() -> None:
    bench = Bench()
    bench.commit_hours(0, 0)
    bench.commit(0, STEP, device="bms2")
    bench.commit(0, STEP, unit="raft-02", boot="00000000000000bb")
    bench.commit(0, device="pv1", model="epever_tracer", measurement="charge_controller", signals={"pv_power": 7})
    bench.commit(0, device="bms3", signals={}, error="bms3: no answer")
    bench.commit(0, device="bms1", measurement="unit", signals={"bus_requests": 7})
    points = {(point.reading.unit, point.reading.device) for point in bench.at(2 * HOUR_MS)}
    assert points == {("raft-01", "bms1"), ("raft-01", "bms2"), ("raft-01", "pv1"), ("raft-02", "bms1")}


def test_a_late_reading_makes_its_hour_and_day_again() -> None:
    bench = Bench()
    bench.commit_hours(0, 4)
    bench.commit_hours(6, 24)
    first = told(bench.at(26 * HOUR_MS))
    assert ("bms_1h", "bms1", 5.0) not in first or first["bms_1h", "bms1", 5.0]["bms_readings"] == 0
    assert first["unit_1d", "unit", 0.0]["battery_charge_in"] == pytest.approx(23 * 3.6, abs=0.3)
    bench.commit_hours(5, 5)
    again = told(bench.at(72 * HOUR_MS))
    assert again["bms_1h", "bms1", 5.0]["bms_covered"] == 3600.0
    assert again["unit_1d", "unit", 0.0]["battery_charge_in"] == pytest.approx(24 * 3.6, abs=0.001)
    assert again["unit_1d", "unit", 0.0]["bms_covered"] == pytest.approx(86_400.0)
    hours = {hour for measurement, _, hour in again if measurement == "bms_1h"}
    assert hours <= {4.0, 5.0, 6.0, 24.0}


def test_a_reading_beside_the_hours_end_makes_both_hours_again() -> None:
    bench = Bench()
    bench.commit_hours(0, 0)
    assert told(bench.at(2 * HOUR_MS))["bms_1h", "bms1", 0.0]["bms_covered"] == 3480.0
    bench.commit(HOUR_MS)
    again = told(bench.at(3 * HOUR_MS))
    assert again["bms_1h", "bms1", 0.0]["bms_covered"] == 3600.0
    assert again["bms_1h", "bms1", 1.0]["bms_readings"] == 1


def test_a_flood_of_late_readings_makes_each_hour_once() -> None:
    bench = Bench()
    for time in range(LONGEST_GAP_MS, HOUR_MS - LONGEST_GAP_MS, 2 * STEP):
        bench.commit(time)
        bench.boottime += SETTLED_MS // 2
        assert bench.roll_ups.due(MIDNIGHT + 10 * HOUR_MS, bench.boottime) is None
    assert len(bench.at(10 * HOUR_MS)) == 1


def test_a_day_waits_for_its_hours_and_begins_where_it_was_told_to() -> None:
    bench = Bench()
    bench.commit_hours(-2, 30)
    made = told(bench.at(25 * HOUR_MS))
    assert {key for key in made if key[0] == "unit_1d"} == {("unit_1d", "unit", -24.0), ("unit_1d", "unit", 0.0)}
    assert made["unit_1d", "unit", 0.0]["bms_readings"] == 24 * 30
    assert made["unit_1d", "unit", -24.0]["bms_readings"] == 2 * 30


def test_readings_that_get_their_time_later_are_summed_up_then() -> None:
    bench = Bench()
    bench.commit(*[None] * 40)
    assert bench.at(HOUR_MS * 5) == []
    bench.journal.freeze_origin((UNIT, BOOT), Origin(MIDNIGHT + HOUR_MS // 2, "estimated", 39 * STEP))
    bench.at(HOUR_MS * 6)
    made = told(bench.at(HOUR_MS * 6)) | told(bench.made)
    assert [made["bms_1h", "bms1", hour]["bms_readings"] for hour in (0.0, 1.0)] == [15, 25]


def test_what_was_given_up_is_not_summed_up_anew() -> None:
    bench = Bench()
    bench.commit_hours(0, 1)
    bench.at(3 * HOUR_MS)
    bench.journal._ledger.gives_way(MIDNIGHT + HOUR_MS // 2)  # as the journal does when it is full
    bench.commit(10, HOUR_MS + 10, 2 * HOUR_MS + 10)
    assert {hour for _, _, hour in told(bench.at(4 * HOUR_MS))} == {1.0, 2.0}


def test_a_wrong_clock_in_what_was_given_up_stops_nothing() -> None:
    bench = Bench()
    bench.journal._ledger.gives_way(MIDNIGHT + 50 * 365 * 24 * HOUR_MS)  # a board said so
    bench.commit_hours(0, 0)
    assert len(bench.at(2 * HOUR_MS)) == 1


def test_a_time_of_a_wrong_clock_makes_no_hour() -> None:
    bench = Bench()
    bench.commit(-MIDNIGHT, 100 * 365 * 24 * HOUR_MS)
    assert bench.at(HOUR_MS) == []
    bench.commit(50 * 365 * 24 * HOUR_MS)
    assert bench.at(HOUR_MS) == []


def test_what_is_still_to_be_made_survives_as_a_document_whatever_is_in_work() -> None:
    bench = Bench()
    bench.commit_hours(0, 25)
    bench.commit(*[None] * 3, boot="00000000000000cc")
    bench.boottime += SETTLED_MS
    work = bench.roll_ups.due(MIDNIGHT + 30 * HOUR_MS, bench.boottime)
    assert work is not None
    again = RollUps(bench.journal.past, bench.journal.origin, KERNEL, DAY_BEGINS)
    again.restore(json.loads(json.dumps(bench.roll_ups.state())))
    assert again.due(MIDNIGHT + 30 * HOUR_MS, bench.boottime) == work
    bench.roll_ups.failed(work)
    assert bench.roll_ups.due(MIDNIGHT + 30 * HOUR_MS, bench.boottime) == work
    bench.roll_ups = again
    bench.commit_work(work)
    made = told(bench.at(30 * HOUR_MS))
    assert ("unit_1d", "unit", 0.0) in made


def test_making_an_hour_takes_no_more_memory_in_a_long_history() -> None:
    peaks = []
    for hours in (3, 60):
        bench = Bench()
        bench.commit_hours(0, hours)
        bench.at(hours * HOUR_MS)
        bench.commit(HOUR_MS + 1)
        bench.boottime += SETTLED_MS
        work = bench.roll_ups.due(bench.utc, bench.boottime)
        assert work is not None
        tracemalloc.start()
        assert bench.roll_ups.make(work, bench.utc)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_memory_of_what_is_to_be_made_does_not_grow_with_the_readings() -> None:
    bench = Bench()
    bench.commit_hours(0, 100)
    assert len(json.dumps(bench.roll_ups.state())) < 200


def discharged(hour: float, full: float = -30.0) -> dict[str, Any]:
    """A pack of 100 Ah that is full until that hour from MIDNIGHT, and gives 2 A from then on."""
    left = 100.0 - 2.0 * max(0.0, hour - full)
    return {
        "current": 1.0 if hour <= full else -2.0,
        "soc": left,
        "full_capacity": 100.0,
        "cell_voltage_max": 3.5 if hour <= full else 3.3,
    }


def discharging(bench: Bench, first: int, last: int) -> None:
    for time in range(first * HOUR_MS, (last + 1) * HOUR_MS, STEP):
        bench.commit(time, signals=discharged(time / HOUR_MS))


def test_a_day_has_the_capacity_of_a_discharge_that_began_the_day_before() -> None:
    bench = Bench()
    discharging(bench, -31, 1)
    bench.at(3 * HOUR_MS)
    assert "capacity_estimate" not in told(bench.made)["unit_1d", "unit", -48.0]
    assert told(bench.made)["unit_1d", "unit", -24.0]["capacity_depth"] == pytest.approx(60.0, abs=0.1)
    discharging(bench, 2, 23)
    bench.commit(24 * HOUR_MS, signals=discharged(24))
    day = told(bench.at(26 * HOUR_MS))["unit_1d", "unit", 0.0]
    assert day["capacity_estimate"] == pytest.approx(100.0, rel=0.01)
    assert day["capacity_depth"] == pytest.approx(100.0, abs=8)
    assert not day["capacity_to_empty"]
    assert not set(OF_ONE_PACK) & day.keys()


def test_a_late_reading_of_the_day_before_makes_the_capacity_again() -> None:
    bench = Bench()
    discharging(bench, -31, -21)
    discharging(bench, -19, 16)
    bench.commit(24 * HOUR_MS, signals=discharged(24))
    bench.at(27 * HOUR_MS)
    assert "capacity_estimate" not in told(bench.made)["unit_1d", "unit", 0.0]
    discharging(bench, -20, -20)
    again = told(bench.at(28 * HOUR_MS))
    assert again["unit_1d", "unit", 0.0]["capacity_estimate"] == pytest.approx(100.0, rel=0.01)
