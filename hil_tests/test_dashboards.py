"""Every query of every dashboard on a real InfluxDB 1.6.7, filled in as Grafana fills it in, has to bring rows."""

import math
from collections.abc import Iterator
from contextlib import closing

import pytest

from hil_tests.grafana_stand_in import DASHBOARDS, QUERIES, Shown
from hil_tests.services import InfluxDB
from ingest.answer import Verdict
from ingest.database import Influxdb1Settings
from ingest.points import reading_line
from ingest.reading import Reading, Value
from ingest.writer import open_writer

SITE = "Lan Ha Bay"
START = 1_764_000_000_000
HOURS = 3
STEP_MS = 60_000
STEPS = HOURS * 3_600_000 // STEP_MS

OF_NOW = {name: query for name, query in QUERIES.items() if not name.startswith("cells.json")}
"""The cells are looked at over weeks, and by test_cells.py."""

END = START + STEPS * STEP_MS
SHOWN = Shown(SITE, "raft-01", START, END)


def bms_signals(share: float) -> dict[str, Value]:
    """A morning that goes from 0 to 1; sixteen cells, of which the last is the weak one."""
    cells = [3.25 + 0.1 * share - 0.02 * (cell == 16) for cell in range(1, 17)]
    return {
        "pack_voltage": sum(cells),
        "current": 30 * math.sin(math.pi * share) - 5,
        "soc": 40 + 50 * share,
        **{f"cell_{cell:02}_voltage": voltage for cell, voltage in enumerate(cells, 1)},
        "cell_voltage_min": min(cells),
        "cell_voltage_max": max(cells),
        "cell_voltage_spread": max(cells) - min(cells),
        **{f"temperature_{sensor}": 28.0 + sensor for sensor in range(1, 5)},
        "mosfet_temperature": 35.5,
        "environment_temperature": 30.0,
        "charge_mosfet": True,
        "discharge_mosfet": share < 0.9,
        "balancing": share > 0.8,
        "protections": 0 if share < 0.9 else 4,
        "warnings": 0,
    }


def controller_signals(share: float) -> dict[str, Value]:
    current = 10 * math.sin(math.pi * share)
    return {
        "pv_voltage": 90.0,
        "pv_current": current,
        "pv_power": 90.0 * current,
        "load_power": 120.0,
        "controller_temperature": 41.0,
        "battery_temperature": 29.0,
        "stage": "bulk" if share < 0.7 else "absorption",
        "faults": 0,
    }


def lines() -> Iterator[str]:
    """Every device once a minute; now and then the two on the bus do not answer."""
    for step in range(STEPS):
        share = step / STEPS
        board: dict[str, Value] = {"uptime": step * 60.0, "heap_free": 80_000}
        readings = [("board", "esp32", "unit", board)]
        silent = step % 40 == 7
        readings.append(("bms1", "jk_pb", "bms", {} if silent else bms_signals(share)))
        readings.append(("mppt1", "epever_tracer", "charge_controller", {} if silent else controller_signals(share)))
        for device, model, measurement, signals in readings:
            error = "no answer in 350 ms, 3 tries" if not signals else None
            reading = Reading("raft-01", "0a1b2c3d", step, device, model, measurement, 0, None, signals, error)
            yield reading_line(SITE, reading, START + step * STEP_MS, "device")[0]


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb")) as server:
        with closing(open_writer(Influxdb1Settings(server.url, server.database))) as writer:
            assert writer.write(list(lines())).verdict is Verdict.WRITTEN
        yield server


@pytest.mark.parametrize("query", OF_NOW.values(), ids=OF_NOW.keys())
def test_a_panels_query_brings_rows_of_the_devices_of_this_unit(influxdb: InfluxDB, query: str) -> None:
    query = SHOWN.filled_in(query)
    assert "$" not in query
    rows = influxdb.query(query)
    assert rows
    assert {row["device"] for row in rows} <= {"bms1", "mppt1", "board"}
    assert all(row["time"] >= START for row in rows)
    columns = {name for row in rows for name, value in row.items() if value is not None} - {"time", "device"}
    asked = query.partition(" FROM ")[0].count("AS ") or 1
    assert len(columns) == asked


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_variables_query_brings_its_values(influxdb: InfluxDB, name: str) -> None:
    found = {}
    for variable in DASHBOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            found[variable["name"]] = {row["value"] for row in influxdb.query(SHOWN.filled_in(variable["query"]))}
    assert found == {"site": {SITE}, "unit": {"raft-01"}}


def test_last_seen_is_the_time_of_the_last_reading_not_of_the_range(influxdb: InfluxDB) -> None:
    [panel] = [panel for panel in DASHBOARDS["unit.json"]["panels"] if panel["title"] == "Last seen"]
    for target in panel["targets"]:
        [row] = influxdb.query(SHOWN.filled_in(target["query"]))
        assert row["time"] == START + (STEPS - 1) * STEP_MS


def test_another_unit_and_another_time_bring_nothing(influxdb: InfluxDB) -> None:
    for query in map(SHOWN.filled_in, OF_NOW.values()):
        assert influxdb.query(query.replace("raft-01", "raft-02")) == []
        assert influxdb.query(query.replace(f"time >= {START}ms", f"time >= {START + HOURS * 3_600_000}ms")) == []
