"""The dashboard for judging a second-life pack: its cells over weeks, their heat, what it holds and resists."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from string import ascii_uppercase
from typing import Literal, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, table, timeseries
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    TableColorTextCellOptions,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from dashboards.influxql import DATASOURCE, ONE_UNIT, InfluxQuery, tag_values
from dashboards.layout import Row, place
from dashboards.panels import GRAFANA_UNITS, Panel
from ingest.signals import Signal, catalogue, signal

AnyPanel = TypeVar("AnyPanel", timeseries.Panel, table.Panel)
Aggregate = Literal["MIN", "MEAN", "MAX", "LAST"]

bms = partial(signal, "bms")
hour = partial(signal, "bms_1h")
day = partial(signal, "unit_1d")

_SHORT_NAMES = DataTransformerConfig(
    "renameByRegex", options={"regex": r"^(\S+) [a-z]+_(cell|temperature)_(\d+).*$", "renamePattern": "$1 $2 $3"}
)
"""A query for many fields puts the aggregate before each name: `bms1 min_cell_07_voltage_min` is bms1 cell 07."""

INTERVAL, DAYS = "$__interval", "1d"
TREND_DAYS = 5


@dataclass(frozen=True, slots=True)
class Family:
    """Signals that differ by a number alone, of which a device has as many as it has cells or sensors."""

    measurement: str
    pattern: str

    @property
    def members(self) -> list[Signal]:
        """Those of the catalogue."""
        return [one for name, one in catalogue()[self.measurement].items() if re.fullmatch(self.pattern, name)]

    def over_time(self, how: Aggregate, interval: str = INTERVAL) -> InfluxQuery:
        """A value of each per interval."""
        return _query(f"{how}(/^{self.pattern}$/)", self.measurement, interval)

    def newest(self) -> InfluxQuery:
        """The last value of each."""
        columns = f"LAST(/^{self.pattern}$/)"
        return InfluxQuery(f'SELECT {columns} FROM "{self.measurement}" WHERE {ONE_UNIT} GROUP BY "device"', ALIAS)


ALIAS = "$tag_device $col"
CELLS = Family("bms", r"cell_\d+_voltage")
CELL_LOWS = Family("bms_1h", r"cell_\d+_voltage_min")
CELL_HIGHS = Family("bms_1h", r"cell_\d+_voltage_max")
SENSORS = Family("bms_1h", r"temperature_\d+_max")


def cells_dashboard() -> dashboard.Dashboard:
    """The dashboard, ready to build."""
    cells = dashboard.Dashboard("Cells").uid("powerunit-cells").tags(["powerunit"])
    cells.description("The cells of one unit, for judging a second-life pack. Made by `python -m dashboards`.")
    cells.time("now-30d", "now").refresh("5m").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    cells.with_variable(dashboard.DatasourceVariable("datasource").label("Database").type("influxdb"))
    cells.with_variable(_variable("site", "Site", tag_values("bms", "site")))
    cells.with_variable(_variable("unit", "Unit", tag_values("bms", "unit", "\"site\" = '$site'")))
    place(cells, [_judgement(), _cells(), _over_weeks(), _heat()])
    return cells


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)


def _judgement() -> Row:
    mean, error = 'MEAN("capacity_estimate")', 'MEAN("capacity_uncertainty")'
    capacity = _curves(
        "Capacity, its uncertainty and its trend",
        "Healthy: within the band it stays where it was; a second-life LFP pack is worth its place above 60 % of what "
        "it was sold as. Method: what came out, counted in Ah, from a full charge (a cell at 3.45 V while less than "
        "C/20 flows) down to the day's deepest moment, over the depth. Only of 40 % of depth and more, without a gap, "
        "and no more than two days after the full charge. Where no cell came to 3.0 V the depth is the BMS's word, and "
        "the figure no better than its counting (capacity_to_empty). The band is 0.05 A of current offset per hour, 2 "
        f"% of what is full, 5 % of what is empty. The trend is the mean of {TREND_DAYS} such days.",
        day("capacity_estimate"),
        [
            _daily(f'{mean} AS "capacity_estimate"'),
            _daily(f'{mean} - {error} AS "capacity_low", {mean} + {error} AS "capacity_high"'),
            _daily(f'MOVING_AVERAGE({mean}, {TREND_DAYS}) AS "capacity_trend"'),
        ],
    ).span_nulls(True)
    capacity.override_by_regexp("/capacity_estimate$/", _dots())
    capacity.override_by_regexp("/capacity_high$/", _band(fill_below="unit capacity_low"))
    capacity.override_by_regexp("/capacity_low$/", _band())
    resistance = _curves(
        "Internal resistance",
        "Healthy: level over weeks at a like temperature; an LFP pack of 16 cells and 100 Ah has 10 to 40 mΩ, and one "
        "that doubles within a year is at its end. Method: in each hour the median of ΔV/ΔI over the steps of 1 A and "
        "more between readings at most 65 s apart, ΔV of the sum of the cells, while those are at 3.1 to 3.4 V. An "
        "hour has few steps and is good to 15 %; a day's mean to about 4 %. Some slow polarisation is in it: 2 % at a "
        "reading every 10 s, 7 % at one a minute.",
        hour("internal_resistance"),
        [
            _query('MEAN("internal_resistance") AS "hour"', "bms_1h", INTERVAL),
            _query('MEAN("internal_resistance") AS "day"', "bms_1h", DAYS),
        ],
    )
    resistance.override_by_regexp("/ hour$/", _dots())
    depth = _curves(
        "How deep, and of how many steps",
        "What stands behind both figures. Healthy: a discharge below half now and then, which shows the capacity "
        "better; three and more steps in most hours.",
        day("capacity_depth"),
        [
            _daily('MEAN("capacity_depth") AS "capacity_depth"'),
            _query('MEAN("internal_resistance_steps") AS "steps_an_hour"', "bms_1h", INTERVAL),
        ],
    )
    depth.override_by_regexp("/ steps_an_hour$/", [DynamicConfigValue("unit", "none")])
    bookkeeping = _curves(
        "Cycles and state of health, as the BMS tells them",
        "Healthy: cycles go up by less than one a day, state of health stays above 60 % and does not fall by more than "
        "a percent in a month. Method: the BMS's own; many never change what they were set to.",
        hour("soh_last"),
        [_query('LAST("cycles_last") AS "cycles", LAST("soh_last") AS "soh"', "bms_1h", INTERVAL)],
    )
    bookkeeping.override_by_regexp("/ cycles$/", [DynamicConfigValue("unit", "none")])
    return Row("What the pack is worth", 10, ((9, capacity), (6, resistance), (4, depth), (5, bookkeeping)))


def _cells() -> Row:
    now = _ranking(
        "Every cell now",
        "The newest reading, lowest first. Healthy: all within 0.05 V of each other while neither full nor empty.",
        CELLS.members[0],
        CELLS.newest(),
        (("lastNotNull", "Last *"),),
    )
    weakest = _ranking(
        "From the weakest cell to the strongest",
        "Healthy: the first and the last are within 0.1 V, and it is not the same cell for weeks. Method: the lowest "
        "voltage of each cell on each day, which it has at the end of the discharge; its mean over the days shown, "
        "then the lowest of all. The weakest cell, at the top, ends the discharge of the whole pack: replace it first.",
        CELL_LOWS.members[0],
        CELL_LOWS.over_time("MIN", DAYS),
        (("mean", "Mean"), ("min", "Min")),
    )
    daily = _curves(
        "Each cell's lowest of the day",
        "Healthy: the cells stay together, also on days of deep discharge. One that sinks away from the others from "
        "week to week has lost capacity, or its resistance rises. Method: the lowest of the gateway's hourly lows.",
        CELL_LOWS.members[0],
        [CELL_LOWS.over_time("MIN", DAYS)],
    )
    return Row("Cells", 12, ((5, now), (7, weakest), (12, daily)))


def _over_weeks() -> Row:
    lows = _curves(
        "Cells: lowest",
        "Method: each cell's lowest reading in each hour.",
        CELL_LOWS.members[0],
        [CELL_LOWS.over_time("MIN")],
    )
    highs = _curves(
        "Cells: highest",
        "A cell that is first at the top has the least capacity, or was never balanced. "
        "Method: each cell's highest reading in each hour.",
        CELL_HIGHS.members[0],
        [CELL_HIGHS.over_time("MAX")],
    )
    spread = _curves(
        "Spread",
        "Highest minus lowest cell. It grows towards full and empty; when it grows from week to week, the pack asks "
        "for balancing. Method: the firmware's, of each reading; of each hour the mean and the highest.",
        hour("cell_voltage_spread_mean"),
        [
            _query(
                'MEAN("cell_voltage_spread_mean") AS "mean", MAX("cell_voltage_spread_max") AS "highest"',
                "bms_1h",
                INTERVAL,
            )
        ],
    )
    return Row("Over weeks", 10, ((8, lows), (8, highs), (8, spread)))


def _heat() -> Row:
    hottest = _ranking(
        "Hottest sensor",
        "Highest first. Healthy: the sensors within 5 °C of each other; a cell that is warmer than its neighbours "
        "has the higher resistance. Method: each sensor's highest of a day; the mean of these, then the highest.",
        SENSORS.members[0],
        SENSORS.over_time("MAX", DAYS),
        (("mean", "Mean"), ("max", "Max")),
        lowest_first=False,
    )
    over_time = _curves(
        "Sensors: highest",
        "LFP must not be charged below 0 °C and ages fast in the heat. Method: each sensor's highest reading in "
        "each hour.",
        SENSORS.members[0],
        [SENSORS.over_time("MAX")],
    )
    return Row("Heat", 9, ((7, hottest), (17, over_time)))


def _query(columns: str, measurement: str, interval: str) -> InfluxQuery:
    grouped = f'GROUP BY time({interval}), "device" fill(none)'
    return InfluxQuery(f'SELECT {columns} FROM "{measurement}" WHERE {ONE_UNIT} {grouped}', ALIAS)


def _daily(columns: str) -> InfluxQuery:
    return _query(columns, "unit_1d", DAYS)


def _curves(title: str, about: str, shown: Signal, queries: Sequence[InfluxQuery]) -> timeseries.Panel:
    panel = timeseries.Panel().unit(GRAFANA_UNITS[shown.unit]).with_transformation(_SHORT_NAMES)
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    panel.legend(legend.placement(LegendPlacement.BOTTOM).calcs([]))
    if shown.healthy_min is not None or shown.healthy_max is not None:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    return _named(panel, title, about, shown, queries)


def _ranking(
    title: str,
    about: str,
    shown: Signal,
    query: InfluxQuery,
    figures: Sequence[tuple[str, str]],
    *,
    lowest_first: bool = True,
) -> Panel:
    """A table, a row per cell or sensor, sorted by the first of the figures: (Grafana's reducer, its column)."""
    panel = table.Panel().unit(GRAFANA_UNITS[shown.unit]).decimals(3 if shown.unit == "V" else 1)
    panel.cell_options(TableColorTextCellOptions())
    reduced = {"mode": "seriesToRows", "reducers": [reducer for reducer, _ in figures]}
    by = {"field": figures[0][1], "desc": not lowest_first}
    panel.with_transformation(_SHORT_NAMES)
    panel.with_transformation(DataTransformerConfig("reduce", options=reduced))
    panel.with_transformation(DataTransformerConfig("sortBy", options={"sort": [by]}))
    return _named(panel, title, about, shown, [query])


def _named(panel: AnyPanel, title: str, about: str, shown: Signal, queries: Sequence[InfluxQuery]) -> AnyPanel:
    """`about` is shown with what the catalogue holds for plausible; a cell or sensor is named by its number."""
    panel.title(title).description(f"{about} {_limits(shown)}").datasource(DATASOURCE)
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(shown)))
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(replace(query, ref_id=ref_id))
    return panel


def _limits(shown: Signal) -> str:
    healthy = {
        (False, False): "",
        (True, False): f"From {shown.healthy_min} {shown.unit} on it is healthy.",
        (False, True): f"Up to {shown.healthy_max} {shown.unit} it is healthy.",
        (True, True): f"{shown.healthy_min} to {shown.healthy_max} {shown.unit} is healthy.",
    }[shown.healthy_min is not None, shown.healthy_max is not None]
    return f"{healthy} {shown.minimum:g} to {shown.maximum:g} {shown.unit} is plausible.".strip()


def _steps(shown: Signal) -> list[Threshold]:
    """Red outside of what is healthy; a threshold begins at its value, and the highest healthy one is healthy."""
    steps = [Threshold(None, "green")]
    if shown.healthy_min is not None:
        steps = [Threshold(None, "red"), Threshold(shown.healthy_min, "green")]
    if shown.healthy_max is not None:
        steps.append(Threshold(math.nextafter(shown.healthy_max, math.inf), "red"))
    return steps


def _dots() -> list[DynamicConfigValue]:
    return [DynamicConfigValue("custom.drawStyle", GraphDrawStyle.POINTS), DynamicConfigValue("custom.pointSize", 6)]


def _band(fill_below: str = "") -> list[DynamicConfigValue]:
    """The two edges of what lies between them; the upper one fills down to the lower."""
    edge = [DynamicConfigValue("custom.lineWidth", 0), DynamicConfigValue("custom.fillOpacity", 15)]
    return [*edge, DynamicConfigValue("custom.fillBelowTo", fill_below)] if fill_below else edge
