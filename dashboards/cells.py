"""The dashboard for judging a second-life pack: its cells over weeks, their heat, what it holds and resists."""

from functools import partial

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards import frame
from dashboards.influxql import battery_hours, days, numbered_now, numbered_over_time, numbered_per_day
from dashboards.layout import Row, place
from dashboards.panels import curves, lines, ranking
from ingest.signals import signal

bms = partial(signal, "bms")
hour = partial(signal, "bms_1h")
day = partial(signal, "unit_1d")

CELL, SENSOR = r"cell_\d+_voltage", r"temperature_\d+"
WEEKS = "30d"
"""What is made once an hour or a day is shown of the last weeks, however short the shown time is."""
TREND_DAYS = 5


def cells_dashboard() -> dashboard.Dashboard:
    """The dashboard, ready to build."""
    cells = frame.board("Cells", "The cells of one unit, for judging a second-life pack.", time="now-30d")
    place(cells, [_judgement(), _cells(), _over_weeks(), _heat()])
    return cells


def _judgement() -> Row:
    estimate, error = '"capacity_estimate"', '"capacity_uncertainty"'
    capacity = curves(
        "Capacity, its uncertainty and its trend",
        "Healthy: within the band it stays where it was; a second-life LFP pack is worth its place above 60 % of what "
        "it was sold as. Method: what came out, counted in Ah, from a full charge (a cell at 3.45 V while less than "
        "C/20 flows) down to the day's deepest moment, over the depth. Only of 40 % of depth and more, without a gap, "
        "and no more than two days after the full charge. Where no cell came to 3.0 V the depth is the BMS's word, and "
        "the figure no better than its counting (capacity_to_empty). The band is 0.05 A of current offset per hour, 2 "
        f"% of what is full, 5 % of what is empty. The trend is the mean of {TREND_DAYS} such days.",
        day("capacity_estimate"),
        [
            days(estimate),
            days(f'{estimate} - {error} AS "capacity_low"', f'{estimate} + {error} AS "capacity_high"'),
            days(f'MOVING_AVERAGE({estimate}, {TREND_DAYS}) AS "capacity_trend"'),
        ],
        WEEKS,
    )
    capacity.override_by_regexp("/capacity_estimate$/", _dots())
    capacity.override_by_regexp("/capacity_high$/", _band(fill_below="capacity_low"))
    capacity.override_by_regexp("/capacity_low$/", _band())
    resistance = curves(
        "Internal resistance",
        "Healthy: level over weeks at a like temperature; an LFP pack of 16 cells and 100 Ah has 10 to 40 mΩ, and one "
        "that doubles within a year is at its end. Method: in each hour the median of ΔV/ΔI over the steps of 1 A and "
        "more between readings at most 65 s apart, ΔV of the sum of the cells, while those are at 3.1 to 3.4 V. An "
        "hour has few steps and is good to 15 %; the trend, over 24 such hours, to about 4 %. Some slow polarisation "
        "is in it: 2 % at a reading every 10 s, 7 % at one a minute.",
        hour("internal_resistance"),
        [
            battery_hours('"internal_resistance"'),
            battery_hours('MOVING_AVERAGE("internal_resistance", 24) AS "resistance_trend"'),
        ],
        WEEKS,
    )
    resistance.override_by_regexp("/ internal_resistance$/", _dots())
    depth = curves(
        "How deep, and of how many steps",
        "What stands behind both figures. Healthy: a discharge below half now and then, which shows the capacity "
        "better; three and more steps in most hours.",
        day("capacity_depth"),
        [
            days('"capacity_depth"'),
            battery_hours('"internal_resistance_steps"'),
        ],
        WEEKS,
    )
    depth.override_by_regexp("/ internal_resistance_steps$/", [DynamicConfigValue("unit", "none")])
    bookkeeping = curves(
        "Cycles and state of health, as the BMS tells them",
        "Healthy: cycles go up by less than one a day, state of health stays above 60 % and does not fall by more than "
        "a percent in a month. Method: the BMS's own; many never change what they were set to.",
        hour("soh_last"),
        [battery_hours('"cycles_last" AS "cycles"', '"soh_last" AS "soh"')],
        WEEKS,
    )
    bookkeeping.override_by_regexp("/ cycles$/", [DynamicConfigValue("unit", "none")])
    return Row("What the pack is worth", 10, ((9, capacity), (6, resistance), (4, depth), (5, bookkeeping)))


def _cells() -> Row:
    now = ranking(
        "Every cell now",
        "The newest reading, lowest first. Healthy: all within 0.05 V of each other while neither full nor empty.",
        bms("cell_01_voltage"),
        numbered_now(CELL),
        ("lastNotNull", "Last *"),
        desc=False,
    )
    weakest = ranking(
        "From the weakest cell to the strongest",
        "Healthy: the first and the last are within 0.1 V, and it is not the same cell for weeks. Method: the lowest "
        "voltage of each cell on each day, which it has at the end of the discharge; its mean over the days shown, "
        "then the lowest of all. The weakest cell, at the top, ends the discharge of the whole pack: replace it first.",
        bms("cell_01_voltage"),
        numbered_per_day(CELL, "min"),
        ("mean", "Mean"),
        ("min", "Min"),
        desc=False,
        since=WEEKS,
    )
    daily = curves(
        "Each cell's lowest of the day",
        "Healthy: the cells stay together, also on days of deep discharge. One that sinks away from the others from "
        "week to week has lost capacity, or its resistance rises. Method: the lowest of the gateway's hourly lows.",
        bms("cell_01_voltage"),
        [numbered_per_day(CELL, "min")],
        WEEKS,
    )
    return Row("Cells", 12, ((5, now), (7, weakest), (12, daily)))


def _over_weeks() -> Row:
    lows = curves(
        "Cells: lowest",
        "Method: each cell's lowest reading in each hour.",
        bms("cell_01_voltage"),
        numbered_over_time(CELL, "min"),
    )
    highs = curves(
        "Cells: highest",
        "A cell that is first at the top has the least capacity, or was never balanced. "
        "Method: each cell's highest reading in each hour.",
        bms("cell_01_voltage"),
        numbered_over_time(CELL, "max"),
    )
    spread = lines(
        "Spread",
        "Highest minus lowest cell. It grows towards full and empty; when it grows from week to week, the pack asks "
        "for balancing. Method: the firmware's, of each reading; the mean of each interval or hour.",
        bms("cell_voltage_spread"),
    )
    return Row("Over weeks", 10, ((8, lows), (8, highs), (8, spread)))


def _heat() -> Row:
    hottest = ranking(
        "Hottest sensor",
        "Highest first. Healthy: the sensors within 5 °C of each other; a cell that is warmer than its neighbours "
        "has the higher resistance. Method: each sensor's highest of a day; the mean of these, then the highest.",
        bms("temperature_1"),
        numbered_per_day(SENSOR, "max"),
        ("mean", "Mean"),
        ("max", "Max"),
        desc=True,
        since=WEEKS,
    )
    over_time = curves(
        "Sensors: highest",
        "LFP must not be charged below 0 °C and ages fast in the heat. Method: each sensor's highest reading in "
        "each hour.",
        bms("temperature_1"),
        numbered_over_time(SENSOR, "max"),
    )
    return Row("Heat", 9, ((7, hottest), (17, over_time)))


def _dots() -> list[DynamicConfigValue]:
    return [DynamicConfigValue("custom.drawStyle", GraphDrawStyle.POINTS), DynamicConfigValue("custom.pointSize", 6)]


def _band(fill_below: str = "") -> list[DynamicConfigValue]:
    """The two edges of what lies between them; the upper one fills down to the lower."""
    edge = [DynamicConfigValue("custom.lineWidth", 0), DynamicConfigValue("custom.fillOpacity", 15)]
    return [*edge, DynamicConfigValue("custom.fillBelowTo", fill_below)] if fill_below else edge
