"""The dashboard of the cells in a real InfluxDB: a month of a worn pack, against what the model's cells have."""

import statistics

import pytest

from hil_tests.grafana_stand_in import QUERIES, Shown
from hil_tests.model import PowerUnit
from hil_tests.month import WORN, Month

OURS = {name: query for name, query in QUERIES.items() if name.startswith("cells.json")}
CELLS = 16


def shown(month: Month, days: int = 30) -> Shown:
    return Shown(month.site, month.units[-1], month.end - days * 86_400_000, month.end, "1h" if days > 2 else "1m")


@pytest.mark.parametrize("query", OURS.values(), ids=OURS.keys())
def test_a_panels_query_brings_rows_over_weeks(month: Month, query: str) -> None:
    filled_in = shown(month).filled_in(query)
    assert "$" not in filled_in.replace("$/", "")
    rows = month.database.query(filled_in)
    assert rows
    assert {row["device"] for row in rows} <= {"bms1", "unit"}
    columns = {name for row in rows for name, value in row.items() if value is not None} - {"time", "device"}
    asked = query.partition(" FROM ")[0].count(" AS ") or (4 if "temperature" in query else CELLS)
    assert len(columns) == asked


def test_the_cell_that_is_shown_as_the_weakest_is_the_one_with_the_least_in_it(month: Month) -> None:
    [query] = [query for name, query in OURS.items() if "weakest" in name]
    daily = month.database.query(shown(month).filled_in(query))
    lowest = {name: statistics.mean(row[name] for row in daily) for name in daily[0] if name.startswith("min_cell_")}
    shown_first = min(lowest, key=lambda name: lowest[name])
    cells = PowerUnit(len(month.units), month.start / 1000).battery.cells
    by_what_is_left = sorted(range(CELLS), key=lambda number: cells[number].charge / cells[number].capacity)
    assert int(shown_first.split("_")[2]) - 1 in by_what_is_left[:4]


def test_the_capacity_of_the_month_is_that_of_the_weakest_cell(month: Month) -> None:
    truth = WORN * min(cell.capacity for cell in PowerUnit(len(month.units), month.start / 1000).battery.cells)
    found = month.database.query(f"SELECT * FROM unit_1d WHERE capacity_estimate > 0 AND unit = '{month.units[-1]}'")
    assert len(found) >= 5
    for row in found:
        assert abs(row["capacity_estimate"] - truth) < row["capacity_uncertainty"]
    assert statistics.mean(row["capacity_estimate"] for row in found) == pytest.approx(truth, rel=0.03)


def test_a_pack_that_is_never_run_down_has_no_capacity(month: Month) -> None:
    shallow = f"unit = '{month.units[0]}'"
    assert all(row["capacity_depth"] >= 40 for row in month.database.query("SELECT capacity_depth FROM unit_1d"))
    [lowest] = month.database.query(f"SELECT MIN(soc_min) AS low FROM unit_1d WHERE {shallow}")
    estimates = month.database.query(f"SELECT capacity_estimate FROM unit_1d WHERE {shallow}")
    assert estimates == [] or lowest["low"] <= 60


def test_the_resistance_of_the_month_is_that_of_its_cells(month: Month) -> None:
    for number, unit in enumerate(month.units, 1):
        truth = PowerUnit(number, month.start / 1000).battery.resistance
        found = month.database.query(f"SELECT internal_resistance AS r FROM bms_1h WHERE unit = '{unit}'")
        assert statistics.mean(row["r"] for row in found) == pytest.approx(truth, rel=0.1)
