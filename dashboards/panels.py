"""The kinds of panel that our dashboards are made of. Units, ranges and states come from the signal catalogue."""

import math
from collections.abc import Iterable
from dataclasses import replace
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
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

from dashboards.influxql import DATASOURCE, InfluxQuery, newest, newest_row, newest_rows, over_time
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

Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


def now(title: str, healthy: str, signal: Signal) -> Panel:
    """The newest value as a number: red outside the catalogue's range."""
    steps = [Threshold(None, "red"), Threshold(signal.minimum, "green")]
    if signal.maximum is not None:
        # A threshold begins at its value, and the catalogue's maximum is still plausible.
        steps.append(Threshold(math.nextafter(signal.maximum, math.inf), "red"))
    panel = stat.Panel().unit(GRAFANA_UNITS[signal.unit]).graph_mode(BigValueGraphMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return _titled(panel, title, f"{healthy} {_plausible([signal])}", [newest(signal)])


def lines(title: str, healthy: str, *signals: Signal, more: Iterable[InfluxQuery] = (), unit: str = "") -> Panel:
    """Curves of means. `more` adds queries that no one signal stands for; `unit` is theirs."""
    panel = timeseries.Panel().unit(GRAFANA_UNITS[unit]).fill_opacity(5).insert_nulls(SHOWN_AS_GAP_MS)
    panel.legend(_legend()).tooltip(_tooltip())
    for signal in signals:
        panel.override_by_regexp(_series_of(signal), _scale(signal))
    return _titled(panel, title, f"{healthy} {_plausible(signals)}", [*over_time(signals, "MEAN"), *more])


def counts(title: str, healthy: str, *signals: Signal) -> Panel:
    """Bars: the readings in each interval that carry the signal."""
    panel = timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(80).legend(_legend()).tooltip(_tooltip())
    return _titled(panel.min(0).decimals(0), title, healthy, over_time(signals, "COUNT"))


def states(title: str, healthy: str, *signals: Signal) -> Panel:
    """A band per signal and device with its state; of bits the highest value in an interval, so that none is missed."""
    panel = statetimeline.Panel().row_height(0.8).legend(_legend()).tooltip(_tooltip())
    for signal in signals:
        panel.override_by_regexp(_series_of(signal), [DynamicConfigValue("mappings", _mappings(signal))])
    bits = tuple(signal for signal in signals if signal.type == "int")
    rest = tuple(signal for signal in signals if signal.type != "int")
    return _titled(panel, title, healthy, [*over_time(rest, "LAST"), *over_time(bits, "MAX")])


def last_seen(title: str, healthy: str, *signals: Signal) -> Panel:
    """A table: each device, how long ago its last reading was, and the signal in it."""
    panel = table.Panel().with_transformation(DataTransformerConfig("merge", options={}))
    panel.override_by_name("Time", [DynamicConfigValue("unit", "dateTimeFromNow")])
    return _titled(panel, title, healthy, [newest_row(signal) for signal in signals])


def log(title: str, healthy: str, *signals: Signal) -> Panel:
    """A table: the last texts, newest first."""
    panel = table.Panel().with_transformation(DataTransformerConfig("merge", options={}))
    return _titled(panel, title, healthy, [newest_rows(signal, limit=50) for signal in signals])


def _titled(panel: Panel, title: str, description: str, queries: Iterable[InfluxQuery]) -> Panel:
    panel.title(title).description(description.strip()).datasource(DATASOURCE)
    for ref_id, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(replace(query, ref_id=ref_id))
    return panel


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
