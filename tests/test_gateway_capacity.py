"""The truth that the estimates are held against is the model's own: what its weakest cell holds."""

import random
from collections.abc import Iterator
from functools import cache

import pytest

from gateway.capacity import LEAST_DEPTH, Estimate, PackHour, estimate, is_full, pack_hour, together
from gateway.summary import HOUR_MS, LONGEST_GAP_MS, Hour
from hil_tests.battery import Battery
from ingest.reading import Value

FIRST = 1_795_000_000_000 // HOUR_MS
"""In hours since 1970."""

STEP = 20.0
Readings = list[tuple[int, dict[str, Value]]]


def currents(battery: Battery, noise: random.Random, rest_at: float) -> Iterator[float]:
    """A charger that holds 56 V until nearly nothing flows; then a load, until the BMS ends it or that much is left."""
    while (amperes := min(12.0, (56.0 - battery.resting_voltage) / battery.resistance)) > 0.5:
        yield amperes
    while battery.discharge_mosfet and battery.remaining_capacity > rest_at * battery.full_capacity:
        yield -noise.uniform(3.0, 9.0)


@cache
def cycle(seed: int, rest_at: float = 0.0, offset: float = 0.0) -> tuple[float, Readings]:
    """What the weakest cell holds, and the readings of a cycle by a BMS whose current has that offset, in A."""
    battery, noise = Battery(seed, soc=0.7), random.Random(seed)
    truth = min(cell.capacity for cell in battery.cells)
    readings: Readings = []
    for number, amperes in enumerate(currents(battery, noise, rest_at)):
        battery.step(amperes, 26.0, STEP)
        bms = battery.read(noise)
        signals: dict[str, Value] = {
            "current": bms.current + offset,
            "soc": float(round(bms.soc * 100)),
            "full_capacity": bms.full_capacity,
            "cell_voltage_min": min(bms.cells),
            "cell_voltage_max": max(bms.cells),
        }
        readings.append((FIRST * HOUR_MS + round(number * STEP * 1000), signals))
    return truth, readings


def hours(readings: Readings) -> list[PackHour]:
    """All but the last, which is not over."""
    count = readings[-1][0] // HOUR_MS - FIRST
    made = [Hour("bms", (FIRST + number) * HOUR_MS) for number in range(count)]
    for time, signals in readings:
        for number in {(time + side) // HOUR_MS - FIRST for side in (-LONGEST_GAP_MS, LONGEST_GAP_MS)}:
            if 0 <= number < count:
                made[number].add(time, signals)
    return [pack_hour(FIRST + number, hour.fields()) for number, hour in enumerate(made)]


def known(found: Estimate | None) -> Estimate:
    assert found is not None
    return found


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_a_cycle_to_an_empty_cell_gives_the_capacity_that_the_weakest_cell_has(seed: int) -> None:
    truth, readings = cycle(seed)
    found = known(estimate(hours(readings), FIRST))
    assert found.to_empty
    assert found.capacity == pytest.approx(truth, rel=0.06)
    assert abs(found.capacity - truth) < found.uncertainty < 0.08 * truth


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_a_cycle_to_the_half_gives_it_as_well_as_the_bms_counts(seed: int) -> None:
    truth, readings = cycle(seed, rest_at=0.5)
    found = known(estimate(hours(readings), FIRST))
    assert not found.to_empty
    assert found.depth == pytest.approx(47, abs=5)
    assert abs(found.capacity - truth) < found.uncertainty < 0.2 * truth


def test_an_offset_of_the_current_stays_within_the_uncertainty() -> None:
    truth, readings = cycle(1, rest_at=0.3, offset=-0.05)
    found = known(estimate(hours(readings), FIRST))
    assert found.capacity > known(estimate(hours(cycle(1, rest_at=0.3)[1]), FIRST)).capacity
    assert abs(found.capacity - truth) < found.uncertainty


def test_a_shallow_discharge_gives_nothing() -> None:
    _, readings = cycle(1, rest_at=1 - LEAST_DEPTH / 100 + 0.05)
    assert estimate(hours(readings), FIRST) is None


def test_behind_a_gap_nothing_counts_and_a_bridged_one_changes_nothing() -> None:
    _, readings = cycle(1, rest_at=0.3)
    whole = known(estimate(hours(readings), FIRST))
    full = max(number for number, (_, signals) in enumerate(readings) if is_full(signals))
    bridged, longer = round(LONGEST_GAP_MS / 1000 / STEP) - 1, round(LONGEST_GAP_MS / 1000 / STEP)
    for gap in range(full + 1, len(readings) - 200, 211):
        found = estimate(hours(readings[:gap] + readings[gap + bridged :]), FIRST)
        assert known(found).capacity == pytest.approx(whole.capacity, rel=0.01)
        assert estimate(hours(readings[:gap] + readings[gap + longer :]), FIRST) == estimate(
            hours(readings[:gap]), FIRST
        )
    assert estimate(hours(readings[: full + 1] + readings[full + 1 + longer :]), FIRST) is None


def test_a_missing_hour_gives_nothing_behind_it() -> None:
    made = hours(cycle(1, rest_at=0.3)[1])
    full = max(number for number, hour in enumerate(made) if "charge_since_full" in hour.figures)
    assert estimate(made[: full + 1] + made[full + 2 :], FIRST) is None


def test_a_current_that_was_not_read_is_as_good_as_a_gap() -> None:
    _, readings = cycle(1, rest_at=0.3)
    dumb: Readings = [
        (time, signals if not len(readings) - 500 < number < len(readings) - 450 else {"soc": 40.0})
        for number, (time, signals) in enumerate(readings)
    ]
    before = hours(dumb[: len(readings) - 501])
    assert estimate(hours(dumb), FIRST) == estimate(before, FIRST)


def test_only_the_day_asked_for_gives_the_deepest_moment_and_a_full_charge_before_it_counts() -> None:
    made = hours(cycle(1, rest_at=0.3)[1])
    last = made[-1].hour
    assert estimate(made, last) == estimate(made, FIRST)
    assert estimate(made, last + 1) is None
    earlier = estimate(made[:-1], FIRST)
    assert earlier is None or earlier.depth < known(estimate(made, FIRST)).depth


def test_the_order_of_the_hours_changes_nothing() -> None:
    made = hours(cycle(1, rest_at=0.3)[1])
    assert estimate(reversed(made), FIRST) == estimate(made, FIRST)


@pytest.mark.parametrize(
    ("cell", "current", "full"),
    [(3.5, 1.0, True), (3.44, 1.0, False), (3.5, 5.1, False), (3.6, -2.0, True), (3.6, -8.0, False)],
)
def test_full_is_a_high_cell_while_little_flows(cell: float, current: float, full: bool) -> None:
    assert is_full({"cell_voltage_max": cell, "current": current, "full_capacity": 100.0}) is full


def test_full_is_not_what_the_bms_says() -> None:
    assert not is_full({"soc": 100.0, "cell_voltage_max": 3.4, "current": 0.0, "full_capacity": 100.0})
    assert not is_full({"cell_voltage_max": 3.5, "current": 0.0})


def test_packs_in_parallel_are_added_and_one_without_an_estimate_leaves_none() -> None:
    one, other = Estimate(90.0, 3.0, 95.0, to_empty=True), Estimate(80.0, 4.0, 60.0, to_empty=False)
    assert together([one, other]) == {
        "capacity_estimate": 170.0,
        "capacity_uncertainty": 5.0,
        "capacity_depth": 60.0,
        "capacity_to_empty": False,
    }
    assert together([one, None]) == together([]) == {}
