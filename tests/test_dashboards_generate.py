"""What the committed dashboards must keep to; Grafana's own schema is not checked here."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from dashboards.generate import GENERATED, generate
from dashboards.panels import GRAFANA_UNITS, STATE_COLORS
from ingest.signals import catalogue

COMMITTED = sorted(GENERATED.glob("*.json"))
TAGS = {"site", "unit", "device", "model"}
OWN_COLUMNS = {"battery_power", "capacity_low", "capacity_high", "capacity_trend"}
OWN_COLUMNS |= {"hour", "day", "steps_an_hour", "mean", "highest", "cycles", "soh"}
AGGREGATES = {"MIN", "MEAN", "MAX", "LAST", "COUNT", "MOVING_AVERAGE"}


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
        names = set(re.findall(r'"(\w+)"', query)) - {measurement}
        assert names - TAGS - OWN_COLUMNS <= catalogue()[measurement].keys(), query


def test_every_pattern_in_a_query_is_of_fields_in_the_catalogue(board: dict[str, Any]) -> None:
    for query in queries(board):
        [measurement] = re.findall(r'FROM "(\w+)"', query)
        for pattern in re.findall(r"/\^(.*?)\$/", query):
            assert any(re.fullmatch(pattern, name) for name in catalogue()[measurement]), query


def test_queries_stay_in_what_every_influxdb_answers(board: dict[str, Any]) -> None:
    for query in queries(board):
        assert set(re.findall(r"([A-Z_]{3,})\(", query)) <= AGGREGATES, query
        assert not re.search(r"\b(INTO|SLIMIT|SOFFSET|fill\((?!none))", query), query


def test_every_query_is_of_one_unit_and_of_the_shown_time(board: dict[str, Any]) -> None:
    for query in queries(board):
        assert "\"site\" = '$site' AND \"unit\" = '$unit' AND $timeFilter" in query


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
    assert [variable["name"] for variable in variables] == ["datasource", "site", "unit"]
    assert not any(key.startswith("auto") for variable in variables for key in variable)


def test_the_panels_that_were_asked_for_are_there() -> None:
    titles = {panel["title"] for panel in panels(json.loads(generate()["unit.json"]))}
    assert titles >= {"State of charge", "Power balance", "Pack voltage and current", "Cells", "Charging stage"}
    assert titles >= {"PV voltage, current and power", "Temperatures", "MOSFETs, balancing, protections"}
    assert titles >= {"Time quality", "Bus errors", "Last seen"}


def test_every_unit_and_every_state_of_the_catalogue_can_be_shown() -> None:
    signals = [signal for table in catalogue().values() for signal in table.values()]
    assert {signal.unit for signal in signals} <= GRAFANA_UNITS.keys()
    shown = [catalogue()["charge_controller"]["stage"], catalogue()["bms"]["time_quality"]]
    assert {value for signal in shown for value in signal.values} == STATE_COLORS.keys()
