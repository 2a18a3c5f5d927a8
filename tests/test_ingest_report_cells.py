from ingest.report.cells import Cell, Resistance, cells, resistance, weakest
from tests.report_stand_ins import HOUR, hour


def test_each_cell_has_its_lowest_and_highest_of_all_hours() -> None:
    first = {
        "cell_01_voltage_min": 3.2,
        "cell_01_voltage_max": 3.4,
        "cell_02_voltage_min": 3.1,
        "cell_02_voltage_max": 3.5,
    }
    second = {"cell_01_voltage_min": 3.0, "cell_01_voltage_max": 3.3, "cell_voltage_min_min": 1.0}
    hours = [hour(0, "bms", "bms1", **first), hour(HOUR, "bms", "bms1", **second)]
    found = cells([*hours, hour(0, "bms", "bms2", cell_01_voltage_min=2.0, cell_01_voltage_max=2.0)], "bms1")
    assert found == [Cell(1, 3.0, 3.4), Cell(2, 3.1, 3.5)]
    assert weakest(found) == found[0]
    assert weakest([]) is None


def test_the_resistance_is_the_median_of_the_hours_that_have_one() -> None:
    values = (0.04, 0.05, 0.06, 0.07)
    hours = [
        hour(number * HOUR, "bms", "bms1", internal_resistance=value, internal_resistance_steps=5)
        for number, value in enumerate(values)
    ]
    assert resistance([*hours, hour(9 * HOUR, "bms", "bms1")], "bms1") == Resistance(0.055, 0.05, 0.06, 4, 20)
    assert resistance([hour(0, "bms", "bms1")], "bms1") is None
