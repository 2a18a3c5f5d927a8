"""Dashboards as the JSON that Grafana imports: the same text each time, so that a change shows as a difference."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.cells import cells_dashboard
from dashboards.fleet import fleet_dashboard
from dashboards.frame import annotations
from dashboards.health import health_dashboard
from dashboards.unit import unit_dashboard

GENERATED = Path(__file__).parent / "generated"


def generate() -> dict[str, str]:
    """File name → text."""
    return {
        "cells.json": _text(cells_dashboard()),
        "fleet.json": _text(fleet_dashboard(), of_one_unit=False),
        "health.json": _text(health_dashboard()),
        "unit.json": _text(unit_dashboard()),
    }


def _text(builder: Dashboard, *, of_one_unit: bool = True) -> str:
    board = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    board["annotations"] = {"list": annotations(of_one_unit=of_one_unit)}
    for variable in board["templating"]["list"]:
        # The SDK gives every variable what belongs to intervals only, and Grafana's schema refuses it.
        for key in ("auto", "auto_min", "auto_count"):
            variable.pop(key, None)
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
