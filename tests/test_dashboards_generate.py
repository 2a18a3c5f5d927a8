"""What the committed dashboards must keep to; tests/test_dashboards_schema.py holds them against Grafana's types."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from dashboards.generate import GENERATED, generate
from dashboards.influxql import LATEST, LONG, SHORT
from dashboards.panels import GRAFANA_UNITS, STATE_COLORS
from ingest.signals import ROLLED_UP, catalogue

COMMITTED = sorted(GENERATED.glob("*.json"))
TAGS = {"site", "unit", "device", "model"}
OWN_COLUMNS = {"battery_power", "begun", "over", "bms", "charge_controller"}
OWN_COLUMNS |= {"capacity_low", "capacity_high", "capacity_trend", "resistance_trend", "cycles", "soh"}
AGGREGATES = {"MEAN", "MAX", "LAST", "MIN", "COUNT", "MOVING_AVERAGE", "NON_NEGATIVE_DIFFERENCE"}


@pytest.fixture(params=COMMITTED, ids=lambda path: path.name)
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return loaded


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: dict[str, Any]) -> list[str]:
    return [target["query"] for panel in panels(board) for target in panel["targets"]]


def test_what_is_committed_is_what_is_generated() -> None:
    committed = {path.name: path.read_text("utf-8") for path in COMMITTED}
    assert committed == generate(), "run python -m dashboards"


def test_every_name_in_a_query_is_in_the_catalogue(board: dict[str, Any]) -> None:
    for query in queries(board):
        [measurement] = re.findall(r'FROM "(\w+)"', query)
        known = catalogue()[measurement].keys()
        named = set(re.findall(r' AS "(\w+)"', query))
        names = set(re.findall(r'(?<!AS )"(\w+)"', query)) - {measurement}
        assert names - TAGS <= known, query
        assert named <= known | catalogue().get(ROLLED_UP.get(measurement, ""), {}).keys() | OWN_COLUMNS, query


def test_every_pattern_in_a_query_is_of_fields_in_the_catalogue(board: dict[str, Any]) -> None:
    for query in queries(board):
        [measurement] = re.findall(r'FROM "(\w+)"', query)
        for pattern in re.findall(r"/\^(.*?)/", query):
            assert any(re.fullmatch(pattern, name) for name in catalogue()[measurement]), query


def test_queries_stay_in_what_every_influxdb_answers(board: dict[str, Any]) -> None:
    for query in queries(board):
        assert set(re.findall(r"([A-Z_]{3,})\(", query)) <= AGGREGATES, query
        assert not re.search(r"\b(INTO|SLIMIT|SOFFSET|fill\((?!none))", query), query


def test_every_query_is_of_one_site_or_unit_and_of_a_time(board: dict[str, Any]) -> None:
    chosen = "\"site\" = '$site' AND "
    if any(variable["name"] == "unit" for variable in board["templating"]["list"]):
        chosen += "\"unit\" = '$unit' AND "
    for query in queries(board):
        here = chosen if 'FROM "gateway"' not in query else "\"site\" = '$site' AND "
        assert f"{here}$timeFilter" in query or f"{here}time >= ${{__to}}ms - 365d AND time <= ${{__to}}ms" in query


def test_readings_over_time_end_where_the_roll_ups_begin(board: dict[str, Any]) -> None:
    """A panel that shows readings of up to two days shows the same devices' hours of more."""
    for panel in panels(board):
        asked = [target["query"] for target in panel["targets"]]
        readings = [query for query in asked if "GROUP BY time(" in query]
        assert all(SHORT in query or LATEST in query for query in readings)
        short = {re.findall(r'FROM "(\w+)"', query)[0] for query in asked if SHORT in query}
        long = {ROLLED_UP[re.findall(r'FROM "(\w+)"', query)[0]] for query in asked if LONG in query}
        assert short == long, panel["title"]


def test_every_panel_says_what_is_healthy_and_has_queries_with_names_of_their_own(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert "ealthy" in panel["description"], panel["title"]
        names = [target["refId"] for target in panel["targets"]]
        assert names == sorted(set(names)) != [], panel["title"]


def test_ids_are_unique(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def test_panels_stay_on_the_grid_and_off_each_other(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart_sideways = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_in_height = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_sideways or apart_in_height, (one, other)


def test_each_row_fills_the_width(board: dict[str, Any]) -> None:
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {24}


def test_variables_lack_what_grafanas_schema_refuses(board: dict[str, Any]) -> None:
    variables = board["templating"]["list"]
    names = ["datasource", "site"] if board["uid"] == "powerunit-fleet" else ["datasource", "site", "unit"]
    assert [variable["name"] for variable in variables] == names
    assert not any(key.startswith("auto") for variable in variables for key in variable)


ASKED_FOR = {
    "cells.json": {
        "Every cell now",
        "Cells: lowest",
        "Spread",
        "From the weakest cell to the strongest",
        "Hottest sensor",
        "Capacity, its uncertainty and its trend",
        "Internal resistance",
    },
    "fleet.json": {"Backlog age", "Units"},
    "unit.json": {
        "State of charge",
        "Power balance",
        "Energy per day",
        "Pack voltage and current",
        "PV voltage, current and power",
        "Load power",
        "Charging stage",
        "MOSFETs, balancing, protections",
        "Alarms and protections by name",
    },
    "health.json": {
        "Completeness per day",
        "Losses",
        "Time quality",
        "Clock offset",
        "Bytes sent today",
        "Bytes sent this month",
        "Bus errors per device",
    },
}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_the_panels_that_were_asked_for_are_there(name: str) -> None:
    assert {panel["title"] for panel in panels(json.loads(generate()[name]))} >= ASKED_FOR[name]


def test_the_fleet_shows_who_needs_help_first() -> None:
    [units] = [panel for panel in panels(json.loads(generate()["fleet.json"])) if panel["title"] == "Units"]
    order = [(column["displayName"], column["desc"]) for column in units["options"]["sortBy"]]
    assert order == [("Open alarms", True), ("Last seen", False), ("State of charge", False)]
    organized = units["transformations"][-1]["options"]
    shown = {"unit", "Last seen", "State of charge", "PV now", "Backlog on the board", "Open alarms"}
    asked = {name for target in units["targets"] for name in re.findall(r'AS "(\w+)"', target["query"])}
    columns = {organized["renameByName"].get(name, name) for name in asked | {"Time 1", "unit", "Open alarms"}}
    assert columns - organized["excludeByName"].keys() == shown


def test_a_number_is_yellow_where_it_is_not_healthy_and_red_where_it_is_not_plausible() -> None:
    [soc] = [panel for panel in panels(json.loads(generate()["unit.json"])) if panel["type"] == "stat"][:1]
    steps = [(step["value"], step["color"]) for step in soc["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    told = catalogue()["bms"]["soc"]
    assert steps[:3] == [(None, "red"), (told.minimum, "yellow"), (told.healthy_min, "green")]
    assert steps[3][0] > told.maximum
    assert steps[3][1] == "red"


def test_every_unit_and_every_state_of_the_catalogue_can_be_shown() -> None:
    signals = [signal for table in catalogue().values() for signal in table.values()]
    assert {signal.unit for signal in signals} <= GRAFANA_UNITS.keys()
    shown = [catalogue()["charge_controller"]["stage"], catalogue()["bms"]["time_quality"]]
    assert {value for signal in shown for value in signal.values} == STATE_COLORS.keys()
