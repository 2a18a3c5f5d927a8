"""Every query of every dashboard on a real InfluxDB 1.6.7, filled in as Grafana fills it in, with a month of data."""

import re
from typing import Any

import pytest

from dashboards.influxql import LONG, SHORT
from hil_tests.grafana_stand_in import DASHBOARDS, DAY_MS, PANELS, Shown
from hil_tests.month import Month

RANGES = {"one day": 1, "thirty days": 30}
UNIT = "raft-01"


def shown(month: Month, days: int) -> Shown:
    return Shown(month.site, UNIT, month.end - days * DAY_MS, month.end, "1m" if days == 1 else "30m")


def filled_in(month: Month, panel: dict[str, Any], days: int) -> dict[str, str]:
    """Panel's queries by refId."""
    chosen = shown(month, days).of(panel)
    return {target["refId"]: chosen.filled_in(target["query"]) for target in panel["targets"]}


@pytest.mark.parametrize("days", RANGES.values(), ids=RANGES.keys())
@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_every_query_that_is_meant_for_the_range_brings_rows_and_no_other(
    month: Month, panel: dict[str, Any], days: int
) -> None:
    other = SHORT if days > 2 else LONG
    queries = filled_in(month, panel, days)
    for target in panel["targets"]:
        query = queries[target["refId"]]
        assert "$" not in query
        rows = month.database.query(query)
        assert bool(rows) == (other not in target["query"]), query
        assert {row["device"] for row in rows if "device" in row} <= {"bms1", "mppt1", "board", "gateway"}


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_every_column_that_a_panel_asks_for_is_there(month: Month, panel: dict[str, Any]) -> None:
    for query in filled_in(month, panel, 1).values():
        rows = month.database.query(query)
        if rows:
            found = {name for row in rows for name, value in row.items() if value is not None}
            assert set(re.findall(r'AS "(\w+)"', query)) <= found


@pytest.mark.parametrize("name", DASHBOARDS)
def test_annotations_and_variables_bring_rows(month: Month, name: str) -> None:
    chosen = shown(month, 30)
    for annotation in DASHBOARDS[name]["annotations"]["list"]:
        target = annotation["target"]
        rows = month.database.query(chosen.filled_in(target["query"]))
        assert rows
        assert all(row[target["textColumn"]] for row in rows)
    found = {
        variable["name"]: {row["value"] for row in month.database.query(chosen.filled_in(variable["query"]))}
        for variable in DASHBOARDS[name]["templating"]["list"]
        if variable["type"] == "query"
    }
    assert found.pop("site") == {month.site}
    assert found in ({}, {"unit": set(month.units)})


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_thirty_days_are_made_of_at_most_twice_the_points_of_one_day(month: Month, panel: dict[str, Any]) -> None:
    """What a query takes grows with the points that it reads; the time itself is measured by `make bench`."""
    day, thirty = (
        sum(points_read(month, query) for query in filled_in(month, panel, days).values()) for days in (1, 30)
    )
    assert thirty <= 2 * max(day, 1440)


def points_read(month: Month, query: str) -> int:
    """How many points lie in what the query reads: as many as it would bring without its GROUP BY and LIMIT."""
    where = query.partition(" WHERE ")[2].partition(" GROUP BY ")[0].partition(" ORDER BY ")[0]
    measurement = query.partition(" FROM ")[2].partition(" WHERE ")[0]
    if re.match(r'SELECT LAST\("\w+"\) AS "\w+" FROM', query) and "GROUP BY time" not in query:
        return 1  # a LAST alone reads backwards, and stops at the first point that it finds
    counted = month.database.query(f"SELECT COUNT(*) FROM {measurement} WHERE {where}")
    return max((value for row in counted for name, value in row.items() if name != "time"), default=0)


def test_last_seen_is_the_time_of_the_last_reading_not_of_the_range(month: Month) -> None:
    for target in PANELS["unit.json: Last seen"]["targets"][:2]:
        [row] = month.database.query(shown(month, 1).filled_in(target["query"]))
        assert row["time"] == month.end - 60_000


def test_the_alarm_that_still_stands_is_counted_for_its_unit(month: Month) -> None:
    """As Grafana adds up the two columns of the fleet's table."""
    *_, begun, over = PANELS["fleet.json: Units"]["targets"]
    chosen, open_alarms = shown(month, 7), dict.fromkeys(month.units, 0)
    for target in (begun, over):
        for row in month.database.query(chosen.filled_in(target["query"])):
            open_alarms[row["unit"]] += row["begun"] if target is begun else row["over"]
    assert open_alarms == {"raft-01": 0, "raft-02": 1}


def test_another_unit_brings_nothing(month: Month) -> None:
    chosen = Shown(month.site, "raft-09", month.end - DAY_MS, month.end)
    for panel in PANELS.values():
        for target in panel["targets"]:
            if "$unit" in target["query"]:
                assert month.database.query(chosen.of(panel).filled_in(target["query"])) == []
