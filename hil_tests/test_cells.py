"""The dashboard of the cells in a real InfluxDB: a month of a worn pack, against what the model's cells have."""

import statistics

import pytest

from hil_tests.grafana_stand_in import DAY_MS, PANELS, Shown
from hil_tests.model import PowerUnit
from hil_tests.month import WORN, Month


def pack(month: Month, unit: str) -> PowerUnit:
    return PowerUnit(month.units.index(unit) + 1, month.start / 1000, step=60.0)


def test_the_capacity_of_the_month_is_that_of_the_weakest_cell(month: Month) -> None:
    worn, _ = month.units
    truth = WORN * min(cell.capacity for cell in pack(month, worn).battery.cells)
    found = month.database.query(f"SELECT * FROM unit_1d WHERE capacity_estimate > 0 AND unit = '{worn}'")
    assert len(found) >= 5
    for row in found:
        assert abs(row["capacity_estimate"] - truth) < row["capacity_uncertainty"]
        assert row["capacity_depth"] >= 40
    assert statistics.mean(row["capacity_estimate"] for row in found) == pytest.approx(truth, rel=0.03)


def test_the_resistance_of_the_month_is_that_of_its_cells(month: Month) -> None:
    for unit in month.units:
        found = month.database.query(f"SELECT internal_resistance AS r FROM bms_1h WHERE unit = '{unit}'")
        assert statistics.mean(row["r"] for row in found) == pytest.approx(
            pack(month, unit).battery.resistance, rel=0.1
        )


def test_the_cell_that_is_shown_as_the_weakest_has_the_least_left(month: Month) -> None:
    """Least left of what it holds: that is what a discharge shows, and not the capacity alone."""
    worn, _ = month.units
    [target] = PANELS["cells.json: From the weakest cell to the strongest"]["targets"]
    chosen = Shown(month.site, worn, month.end - 30 * DAY_MS, month.end)
    daily = month.database.query(chosen.filled_in(target["query"]))
    lowest = {name: statistics.mean(row[name] for row in daily) for name in daily[0] if name.startswith("cell_")}
    assert len(lowest) == 16
    weakest = int(min(lowest, key=lambda name: lowest[name]).split("_")[1]) - 1
    cells = pack(month, worn).battery.cells
    by_what_is_left = sorted(range(16), key=lambda number: cells[number].charge / cells[number].capacity)
    assert weakest in by_what_is_left[:5]
