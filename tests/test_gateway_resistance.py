import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.resistance import FEWEST, LONGEST_STEP_MS, SMALLEST_STEP, LoadSteps
from hil_tests.model import PowerUnit
from ingest.reading import Value

START = 1_795_000_000 // 3600 * 3600
HOUR = 3600


def measured(readings: list[tuple[float, dict[str, Value]]]) -> tuple[float, int] | None:
    """Seconds of the hour, signals."""
    steps = LoadSteps()
    for second, signals in readings:
        steps.add(round((START + second) * 1000), signals)
    return steps.resistance(START * 1000, (START + HOUR) * 1000)


def reading(amperes: float, ohms: float = 0.03, cells: int = 16) -> dict[str, Value]:
    """Of a pack whose cells rest at 3.3 V."""
    volts = 3.3 + amperes * ohms / cells
    return {"current": amperes, **{f"cell_{cell:02}_voltage": volts for cell in range(1, cells + 1)}}


def switching(count: int = 10, every: float = 10.0, ohms: float = 0.03) -> list[tuple[float, dict[str, Value]]]:
    return [(every * number, reading(-4.0 * (number % 2), ohms)) for number in range(count)]


def test_a_step_of_the_load_shows_the_resistance() -> None:
    found = measured(switching(10))
    assert found is not None
    assert found[0] == pytest.approx(0.03)
    assert found[1] == 9


@pytest.mark.parametrize("seed", [1, 2, 7])
@pytest.mark.parametrize(("period", "close"), [(10, 0.06), (60, 0.1)])
def test_a_few_days_of_the_model_show_the_resistance_that_its_cells_have(seed: int, period: int, close: float) -> None:
    unit = PowerUnit(seed, START)
    truth = sum(cell.resistance for cell in unit.battery.cells)
    found = []
    for hour in range(48):
        steps = LoadSteps()
        for second in range(hour * HOUR, (hour + 1) * HOUR, period):
            bms = unit.at(START + second).bms
            cells = {f"cell_{number:02}_voltage": volts for number, volts in enumerate(bms.cells, 1)}
            steps.add((START + second) * 1000, {"current": bms.current, **cells})
        if made := steps.resistance((START + hour * HOUR) * 1000, (START + (hour + 1) * HOUR) * 1000):
            found.append(made[0])
    assert len(found) > 12
    assert statistics.median(found) == pytest.approx(truth, rel=close)


def test_too_few_steps_tell_nothing() -> None:
    assert measured(switching(FEWEST)) is None
    assert measured(switching(FEWEST + 1)) is not None


def test_a_small_step_and_one_across_a_gap_do_not_count() -> None:
    small = [(10.0 * number, reading(0.99 * SMALLEST_STEP * (number % 2))) for number in range(20)]
    assert measured(small) is None
    assert measured(switching(20, every=LONGEST_STEP_MS / 1000)) is not None
    assert measured(switching(20, every=LONGEST_STEP_MS / 1000 + 1)) is None


@pytest.mark.parametrize("rest", [3.05, 3.45])
def test_where_the_charge_itself_moves_the_voltage_no_step_counts(rest: float) -> None:
    steps = [(second, signals | {"cell_01_voltage": 16 * rest - 15 * 3.3}) for second, signals in switching(10)]
    assert measured(steps) is None


def test_a_cell_that_could_not_be_read_is_no_step_of_the_voltage() -> None:
    readings = switching(20)
    for missing in (4, 9):
        del readings[missing][1]["cell_07_voltage"]
    found = measured(readings)
    assert found is not None
    assert found[0] == pytest.approx(0.03)
    assert found[1] == 15


def test_a_load_that_was_switched_while_a_reading_was_taken_does_not_spoil_the_hour() -> None:
    readings = switching(21)
    readings[8][1]["current"] = -4.0
    found = measured(readings)
    assert found is not None
    assert found[0] == pytest.approx(0.03)


def test_a_step_belongs_to_the_hour_in_which_it_ends() -> None:
    before = [(second - 95, signals) for second, signals in switching(10)]
    assert measured(before) is None
    assert measured([(second + 5, signals) for second, signals in before]) is None
    assert measured([(second + 55, signals) for second, signals in before]) is not None


def test_readings_without_current_or_cells_are_stepped_over() -> None:
    nothing: list[tuple[float, dict[str, Value]]] = [(5.0, {}), (15.0, {"soc": 50}), (25.0, {"current": 9.0})]
    assert measured([*switching(10), *nothing]) == measured(switching(10))


@given(st.permutations(range(20)))
def test_the_order_in_which_readings_come_changes_nothing(order: list[int]) -> None:
    noise = random.Random(3)
    readings = [(10.0 * number, reading(noise.uniform(-6, 6), noise.uniform(0.02, 0.04))) for number in range(20)]
    assert measured([readings[number] for number in order]) == measured(readings)
