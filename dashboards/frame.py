"""What every dashboard has around its panels: its name, what is chosen above it, and what is marked in its curves."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableRefresh,
    VariableSort,
)

from dashboards.influxql import DATASOURCE, marks, tag_values


def board(title: str, description: str, *, time: str, of_one_unit: bool = True) -> dashboard.Dashboard:
    """A dashboard without panels, with the variables `datasource`, `site` and, `of_one_unit`, `unit`."""
    made = dashboard.Dashboard(title).uid(f"powerunit-{title.lower().split()[-1]}").tags(["powerunit"])
    made.description(f"{description} Made by `make dashboards`: change it there.")
    made.time(time, "now").refresh("1m").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    made.with_variable(dashboard.DatasourceVariable("datasource").label("Database").type("influxdb"))
    made.with_variable(_variable("site", "Site", tag_values("bms", "site")))
    if of_one_unit:
        made.with_variable(_variable("unit", "Unit", tag_values("bms", "unit", "\"site\" = '$site'")))
    links = dashboard.DashboardLink("Other dashboards").type(DashboardLinkType.DASHBOARDS).tags(["powerunit"])
    return made.link(links.as_dropdown(True).include_vars(True).keep_time(True))


def annotations(*, of_one_unit: bool) -> list[dict[str, Any]]:
    """Events and losses as marks in every curve. The SDK's annotations have no room for a query of InfluxDB."""
    return [
        _annotation("Events", "red", marks("event", "text", of_one_unit=of_one_unit), "text"),
        _annotation("Losses", "orange", marks("loss", "reason", of_one_unit=of_one_unit), "reason"),
    ]


def _annotation(name: str, color: str, query: str, text: str) -> dict[str, Any]:
    target = {
        "refId": "Anno",
        "name": name,
        "query": query,
        "queryType": "tags",
        "fromAnnotations": True,
        "rawQuery": True,
        "textColumn": text,
        "tagsColumn": "unit,device",
    }
    source = {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid}
    return {"name": name, "datasource": source, "enable": True, "hide": False, "iconColor": color, "target": target}


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
