"""The kinds of panel that our dashboards are made of. Units, ranges and states come from the signal catalogue."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TableColorTextCellOptions,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.influxql import (
    DATASOURCE,
    LONG,
    InfluxQuery,
    alarms_per_unit,
    hours,
    increases,
    latest_over_time,
    newest,
    newest_of_gateway,
    newest_per_unit,
    newest_row,
    newest_rows,
    of_gateway,
    over_time,
    rows,
    seen_per_unit,
)
from ingest.signals import Signal

# Grafana's unit ids: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
GRAFANA_UNITS = {
    "": "none",
    "%": "percent",
    "A": "amp",
    "Ah": "amph",
    "B": "bytes",
    "V": "volt",
    "W": "watt",
    "Wh": "watth",
    "dBm": "dBm",
    "s": "s",
    "°C": "celsius",
    "Ω": "ohm",
}
STATE_COLORS = {
    "off": "gray",
    "night": "dark-blue",
    "bulk": "yellow",
    "absorption": "orange",
    "float": "green",
    "equalize": "purple",
    "current_limit": "super-light-yellow",
    "fault": "red",
    "device": "green",
    "gateway": "light-green",
    "late": "yellow",
    "estimated": "red",
}
SHOWN_AS_GAP_MS = 10 * 60 * 1000
MISSING_HOUR_MS = 150 * 60 * 1000
"""Roll-ups are an hour apart."""
_NUMBERED = DataTransformerConfig(
    "renameByRegex",
    options={"regex": r"^(?:(\S+) )?(?:[a-z]+_)?(cell|temperature)_(\d+).*$", "renamePattern": "$1 $2 $3"},
)
"""A query for many fields puts the aggregate before each name: `bms1 min_cell_07_voltage` is bms1 cell 07."""
OPEN_ALARMS, LAST_SEEN = "Open alarms", "Last seen"

Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


def now(title: str, healthy: str, signal: Signal) -> Panel:
    """The newest value as a number: yellow where it is not healthy, red where it is not plausible."""
    return _number(title, healthy, signal, newest(signal))


def gateway_now(title: str, healthy: str, signal: Signal) -> Panel:
    """The same of the gateway itself."""
    return _number(title, healthy, signal, newest_of_gateway(signal))


def lines(title: str, healthy: str, *signals: Signal, more: Iterable[InfluxQuery] = (), unit: str = "") -> Panel:
    """Curves of means, of readings or of hours. `more` adds queries that no one signal stands for; `unit` is theirs."""
    panel = timeseries.Panel().unit(GRAFANA_UNITS[unit]).fill_opacity(5).insert_nulls(SHOWN_AS_GAP_MS)
    panel.legend(_legend()).tooltip(_tooltip())
    for signal in signals:
        panel.override_by_regexp(_series_of(signal), _scale(signal))
    queries = [*over_time(signals, "MEAN"), *hours(signals), *more]
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        if LONG in query.query:
            panel.override_by_query(ref_id, [DynamicConfigValue("custom.insertNulls", MISSING_HOUR_MS)])
    return _titled(panel, title, f"{healthy} {_healthy(signals)} {_plausible(signals)}", queries)


def curves(
    title: str, healthy: str, shown: Signal, queries: Iterable[InfluxQuery], since: str = ""
) -> timeseries.Panel:
    """Curves of these queries, in the unit and with the limits of `shown`; of the time `since` where one is given."""
    panel = timeseries.Panel().unit(GRAFANA_UNITS[shown.unit]).insert_nulls(MISSING_HOUR_MS)
    panel.legend(_legend()).tooltip(_tooltip()).with_transformation(_NUMBERED)
    if since:
        panel.time_from(since).span_nulls(True)
    _titled(panel, title, f"{healthy} {_healthy([shown])} {_plausible([shown])}", queries)
    return panel


def ranking(
    title: str, healthy: str, shown: Signal, query: InfluxQuery, *figures: tuple[str, str], desc: bool, since: str = ""
) -> Panel:
    """A table, a row per numbered signal, sorted by the first of the figures: Grafana's reducer and its column."""
    panel = _table().unit(GRAFANA_UNITS[shown.unit]).decimals(3 if shown.unit == "V" else 1)
    panel.cell_options(TableColorTextCellOptions())
    if since:
        panel.time_from(since)
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(shown)))
    panel.with_transformation(_NUMBERED)
    for id_, options in (
        ("reduce", {"mode": "seriesToRows", "reducers": [reducer for reducer, _ in figures]}),
        ("sortBy", {"sort": [{"field": figures[0][1], "desc": desc}]}),
    ):
        panel.with_transformation(DataTransformerConfig(id_, options=options))
    return _titled(panel, title, f"{healthy} {_healthy([shown])} {_plausible([shown])}", [query])


def counts(title: str, healthy: str, *signals: Signal) -> Panel:
    """Bars: the readings in each interval that carry the signal."""
    return _bars(title, healthy, latest_over_time(signals, "COUNT"))


def rises(title: str, healthy: str, *signals: Signal) -> Panel:
    """Bars: by how much counters of one measurement rose."""
    return _bars(title, healthy, [increases(signals)])


def per_day(title: str, healthy: str, query: InfluxQuery, unit: str) -> Panel:
    """Bars of the last thirty days, however short the shown time is."""
    return _bars(title, healthy, [query]).unit(GRAFANA_UNITS[unit]).time_from("30d")


def gateway_lines(title: str, healthy: str, *signals: Signal) -> Panel:
    """Curves of the gateway's own health, all of one unit."""
    panel = timeseries.Panel().unit(GRAFANA_UNITS[signals[0].unit]).fill_opacity(5).insert_nulls(SHOWN_AS_GAP_MS * 2)
    panel.legend(_legend()).tooltip(_tooltip())
    return _titled(panel, title, f"{healthy} {_healthy(signals)}", [of_gateway(*signals)])


def states(title: str, healthy: str, *signals: Signal) -> Panel:
    """A band per signal and device with its state; of bits the highest value in an interval, so that none is missed."""
    panel = statetimeline.Panel().row_height(0.8).legend(_legend()).tooltip(_tooltip())
    for signal in signals:
        panel.override_by_regexp(_series_of(signal), [DynamicConfigValue("mappings", _mappings(signal))])
    bits = tuple(signal for signal in signals if signal.type == "int")
    rest = tuple(signal for signal in signals if signal.type != "int")
    return _titled(panel, title, healthy, [*latest_over_time(rest, "LAST"), *latest_over_time(bits, "MAX")])


def last_seen(title: str, healthy: str, *signals: Signal) -> Panel:
    """A table: each device, how long ago its last reading was, and the signal in it."""
    panel = _table().with_transformation(DataTransformerConfig("merge", options={}))
    panel.override_by_name("Time", [DynamicConfigValue("unit", "dateTimeFromNow")])
    return _titled(panel, title, healthy, [newest_row(signal) for signal in signals])


def log(title: str, healthy: str, *signals: Signal) -> Panel:
    """A table: the last texts, newest first."""
    panel = _table().with_transformation(DataTransformerConfig("merge", options={}))
    return _titled(panel, title, healthy, [newest_rows(signal, limit=50) for signal in signals])


def history(title: str, healthy: str, *signals: Signal) -> Panel:
    """A table of the last points of one measurement, of the last thirty days."""
    panel = _table().time_from("30d")
    for signal in signals:
        panel.override_by_name(signal.name, [DynamicConfigValue("unit", GRAFANA_UNITS[signal.unit])])
    return _titled(panel, title, healthy, [rows(signals, limit=200)])


def per_unit(
    title: str,
    healthy: str,
    columns: Mapping[str, Signal],
    *,
    seen: Signal,
    sort: Iterable[tuple[str, bool]],
) -> Panel:
    """A table: a row per unit with its newest values, its open alarms, and since when it is silent by `seen`.

    `sort` names columns and whether the highest comes first, the one that counts most in front.
    """
    panel = _table()
    queries = [seen_per_unit(seen), *(newest_per_unit(signal) for signal in columns.values())]
    queries += [alarms_per_unit("begun", begun=True), alarms_per_unit("over", begun=False)]
    named = {signal.name: column for column, signal in columns.items()}
    hidden = [seen.name, "begun", "over", *(f"Time {number}" for number in range(2, len(queries) + 1))]
    added = {"reducer": "sum", "include": ["begun", "over"]}
    for id_, options in (
        ("joinByField", {"byField": "unit", "mode": "outer"}),
        ("calculateField", {"mode": "reduceRow", "reduce": added, "alias": OPEN_ALARMS}),
        (
            "organize",
            {"excludeByName": dict.fromkeys(hidden, True), "renameByName": named | {"Time 1": LAST_SEEN}},
        ),
    ):
        panel.with_transformation(DataTransformerConfig(id_, options=options))
    panel.override_by_name(LAST_SEEN, [DynamicConfigValue("unit", "dateTimeFromNow")])
    colored = DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    for column, signal in columns.items():
        steps = DynamicConfigValue("thresholds", {"mode": "absolute", "steps": _steps(signal)})
        panel.override_by_name(column, [DynamicConfigValue("unit", GRAFANA_UNITS[signal.unit]), steps, colored])
    alarms = {"mode": "absolute", "steps": [Threshold(None, "green"), Threshold(1, "red")]}
    panel.override_by_name(OPEN_ALARMS, [DynamicConfigValue("thresholds", alarms), colored])
    panel.sort_by([common.TableSortByFieldState().display_name(column).desc(desc) for column, desc in sort])
    return _titled(panel, title, f"{healthy} {_healthy(columns.values())}", queries)


def _number(title: str, healthy: str, signal: Signal, query: InfluxQuery) -> Panel:
    panel = stat.Panel().unit(GRAFANA_UNITS[signal.unit]).graph_mode(BigValueGraphMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(signal)))
    return _titled(panel, title, f"{healthy} {_healthy([signal])} {_plausible([signal])}", [query])


def _table() -> table.Panel:
    return table.Panel().show_header(True)


def _steps(signal: Signal) -> list[Threshold]:
    """Colours from below: a threshold begins at its value, and the catalogue's limits are still good."""
    steps = [Threshold(None, "green" if signal.minimum is None else "red")]
    if signal.minimum is not None:
        healthy_below = signal.healthy_min is None or signal.healthy_min <= signal.minimum
        steps.append(Threshold(signal.minimum, "green" if healthy_below else "yellow"))
        if not healthy_below:
            steps.append(Threshold(signal.healthy_min, "green"))
    if signal.healthy_max is not None:
        steps.append(Threshold(math.nextafter(signal.healthy_max, math.inf), "yellow"))
    if signal.maximum is not None:
        steps.append(Threshold(math.nextafter(signal.maximum, math.inf), "red"))
    return steps


def _bars(title: str, healthy: str, queries: Iterable[InfluxQuery]) -> timeseries.Panel:
    panel = timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(80).legend(_legend()).tooltip(_tooltip())
    panel.min(0)
    _titled(panel, title, healthy, queries)
    return panel


def _titled(panel: Panel, title: str, description: str, queries: Iterable[InfluxQuery]) -> Panel:
    panel.title(title).description(" ".join(description.split())).datasource(DATASOURCE)
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(replace(query, ref_id=ref_id))
    return panel


def _healthy(signals: Iterable[Signal]) -> str:
    told = []
    for signal in signals:
        limits = (("at least", signal.healthy_min), ("at most", signal.healthy_max))
        words = " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
        if words:
            told.append(f"{signal.name}: {words} {signal.unit} is healthy.".replace("  ", " "))
    return " ".join(told)


def _plausible(signals: Iterable[Signal]) -> str:
    return " ".join(
        f"{signal.name}: {signal.minimum:g} to {signal.maximum:g} {signal.unit} is plausible."
        for signal in signals
        if signal.minimum is not None and signal.maximum is not None
    )


def _series_of(signal: Signal) -> str:
    return f"/ {signal.name}$/"


def _scale(signal: Signal) -> list[DynamicConfigValue]:
    scale = [DynamicConfigValue("unit", GRAFANA_UNITS[signal.unit])]
    if signal.unit == "%":
        scale += [DynamicConfigValue("min", signal.minimum), DynamicConfigValue("max", signal.maximum)]
    return scale


def _mappings(signal: Signal) -> list[ValueMapping]:
    match signal.type:
        case "bool":
            on, off = ValueMappingResult("on", "green"), ValueMappingResult("off", "gray")
            return [ValueMap({"true": on, "false": off})]
        case "int":
            active = RangeMap(DashboardRangeMapOptions(1, signal.maximum, ValueMappingResult(color="red")))
            return [ValueMap({"0": ValueMappingResult("none", "green")}), active]
    return [ValueMap({value: ValueMappingResult(value, STATE_COLORS[value]) for value in signal.values})]


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    return legend.placement(LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE)
