"""The committed dashboards against Grafana's own types, as a JSON Schema that tools/grafana-schema made of them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dashboards.generate import GENERATED
from tools.grafana_schema import opened

SCHEMA: dict[str, Any] = json.loads(Path("tests/grafana_schema/schema.json").read_text("utf-8"))
BOARDS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(GENERATED.glob("*.json"))}

Change = Callable[[dict[str, Any]], object]


def errors(part: dict[str, Any], document: Any) -> list[str]:
    validator = Draft7Validator(part | {"definitions": SCHEMA["definitions"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def refused(board: dict[str, Any]) -> list[str]:
    """All that Grafana's types have against the dashboard, its panels' options and how they draw."""
    parts = SCHEMA["properties"]
    found = errors(parts["dashboard"], board)
    if found:
        return found
    options, custom = (parts[name]["properties"] for name in ("options", "custom"))
    for panel in board["panels"]:
        kind = panel["type"]
        if kind != "row":
            found += errors(options[kind], panel["options"])
            found += errors(custom.get(kind, {}), panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}))
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_grafanas_types_take_the_dashboard(name: str) -> None:
    assert refused(BOARDS[name]) == []


def panel(board: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in board["panels"] if panel["type"] == kind)


@pytest.mark.parametrize(
    "change",
    [
        lambda board: board.update(schemaVersion="41"),
        lambda board: board.pop("schemaVersion"),
        lambda board: panel(board, "timeseries").update(gridPosition={}),
        lambda board: panel(board, "timeseries")["gridPos"].update(w="12"),
        lambda board: panel(board, "stat").pop("type"),
        lambda board: panel(board, "stat")["options"].update(graphMode="bars"),
        lambda board: panel(board, "table")["options"].update(sortby=[]),
        lambda board: panel(board, "timeseries")["options"]["legend"].update(placement="below"),
        lambda board: panel(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(drawStyle="bar"),
        lambda board: panel(board, "stat")["fieldConfig"]["defaults"]["thresholds"].update(mode="abs"),
        lambda board: board["templating"]["list"][0].update(type="database"),
        lambda board: board["templating"]["list"][1].update(auto=False),
        lambda board: board["annotations"]["list"][0].pop("iconColor"),
        lambda board: board["annotations"]["list"][0].update(query="SELECT"),
        lambda board: board["links"][0].update(type="dashboard"),
    ],
)
def test_what_grafanas_types_lack_is_refused(change: Change) -> None:
    board = copy.deepcopy(BOARDS["fleet.json"])
    change(board)
    assert refused(board)


def test_opening_the_schema_leaves_named_properties_closed() -> None:
    named = {"type": "object", "properties": {"a": {"type": "object"}}, "additionalProperties": False}
    assert opened(named) == named | {"properties": {"a": {"type": "object", "additionalProperties": True}}}
