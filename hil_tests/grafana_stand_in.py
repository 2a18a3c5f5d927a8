"""No Grafana: fills a dashboard's queries in as Grafana 11 does before it sends them."""

import json
from dataclasses import dataclass, replace
from typing import Any

from dashboards.generate import GENERATED

DASHBOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text("utf-8")) for path in sorted(GENERATED.glob("*.json"))
}
DAY_MS = 86_400_000
PANELS: dict[str, dict[str, Any]] = {
    f"{name}: {panel['title']}": panel
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
}
QUERIES: dict[str, str] = {
    f"{name}: {panel['title']}, {target['refId']}": target["query"]
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel.get("targets", [])
}
"""Every query of every panel."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person has chosen: site, unit, and the time from `start` to `end` in UTC ms; a point per `interval`."""

    site: str
    unit: str
    start: int
    end: int
    interval: str = "1m"

    def of(self, panel: dict[str, Any]) -> "Shown":
        """The same with the time that the panel shows whatever is chosen, if it has one: so many days."""
        if "timeFrom" not in panel:
            return self
        days = int(panel["timeFrom"].removesuffix("d"))
        return replace(self, start=self.end - days * DAY_MS)

    def filled_in(self, query: str) -> str:
        for mark, value in (
            ("${__from}", f"{self.start}"),
            ("${__to}", f"{self.end}"),
            ("$timeFilter", f"time >= {self.start}ms and time <= {self.end}ms"),
            ("$__interval", self.interval),
            ("$site", self.site),
            ("$unit", self.unit),
        ):
            query = query.replace(mark, value)
        return query
