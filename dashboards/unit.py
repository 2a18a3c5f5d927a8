"""The dashboard of one unit: is it alive, is the battery well, does the sun come in, can the data be trusted."""

from functools import partial

from grafana_foundation_sdk.builders import dashboard

from dashboards import frame
from dashboards.influxql import battery_power, days
from dashboards.layout import Row, place
from dashboards.panels import counts, history, last_seen, lines, log, now, per_day, states
from ingest.signals import signal

bms = partial(signal, "bms")
controller = partial(signal, "charge_controller")
board = partial(signal, "unit")
event = partial(signal, "event")


def unit_dashboard() -> dashboard.Dashboard:
    """The dashboard, ready to build."""
    unit = frame.board("Unit", "One power unit.", time="now-24h")
    place(unit, [_now(), _energy(), _battery(), _sun(), _condition(), _data()])
    return unit


def _now() -> Row:
    soc = now("State of charge", "Healthy: lowest in the morning, near full on a sunny afternoon.", bms("soc"))
    voltage = now("Pack voltage", "Healthy for 16 LFP cells: 48 to 57.6 V.", bms("pack_voltage"))
    current = now("Battery current", "Positive into the battery. Healthy: positive in the sun.", bms("current"))
    pv = now("PV power", "Healthy: above zero in daylight.", controller("pv_power"))
    load = now(
        "Load power",
        "At the controller's load terminals. Healthy: within what the village agreed on.",
        controller("load_power"),
    )
    seen = last_seen(
        "Last seen",
        "Each device with its newest reading and who dated it. Healthy: less than two minutes while the link is up.",
        bms("time_quality"),
        controller("time_quality"),
        board("time_quality"),
    )
    return Row("Now", 5, ((3, soc), (3, voltage), (3, current), (3, pv), (3, load), (9, seen)))


def _energy() -> Row:
    balance = lines(
        "Power balance",
        "battery_power is the pack's mean voltage times its mean current, of long times the hours' energy, positive "
        "into the battery; load_power counts the controller's load terminals only. "
        "Healthy: the sun covers load and battery by day.",
        controller("pv_power"),
        controller("load_power"),
        more=battery_power(),
        unit="W",
    )
    soc = lines(
        "State of charge",
        "Healthy: nearly full on most days, and not below its limit at night.",
        bms("soc"),
    )
    daily = per_day(
        "Energy per day",
        "Of the days that are over. Healthy: PV brings what load and battery take, and as much leaves the battery as "
        "went in, less a few percent.",
        days('"pv_energy"', '"load_energy"', '"battery_energy_in"', '"battery_energy_out"'),
        "Wh",
    )
    return Row("Energy", 9, ((8, balance), (8, soc), (8, daily)))


def _battery() -> Row:
    pack = lines(
        "Pack voltage and current",
        "Healthy for 16 LFP cells: 48 to 57.6 V; the current is positive while it charges.",
        bms("pack_voltage"),
        bms("current"),
    )
    cells = lines(
        "Cells",
        "Lowest and highest cell and their spread. Healthy: close together while neither full nor empty.",
        bms("cell_voltage_min"),
        bms("cell_voltage_max"),
        bms("cell_voltage_spread"),
    )
    return Row("Battery", 9, ((12, pack), (12, cells)))


def _sun() -> Row:
    pv = lines(
        "PV voltage, current and power",
        "Healthy: in the sun the voltage stays near the array's maximum-power point, and the power follows the day.",
        controller("pv_voltage"),
        controller("pv_current"),
        controller("pv_power"),
    )
    stage = states(
        "Charging stage",
        "Healthy: bulk, absorption and float by day, night or off after dark, and no fault.",
        controller("stage"),
        controller("faults"),
    )
    return Row("PV", 9, ((12, pv), (12, stage)))


def _condition() -> Row:
    temperatures = lines(
        "Temperatures",
        "Healthy: cells well above 0 °C, below which LFP must not be charged, and nothing hotter than its limit.",
        *(bms(f"temperature_{sensor}") for sensor in range(1, 5)),
        bms("mosfet_temperature"),
        bms("environment_temperature"),
        controller("controller_temperature"),
        controller("battery_temperature"),
    )
    protections = states(
        "MOSFETs, balancing, protections",
        "Healthy: both MOSFETs on, no protection, no warning. A number is the device's bits; its profile names them.",
        bms("charge_mosfet"),
        bms("discharge_mosfet"),
        bms("balancing"),
        bms("protections"),
        bms("warnings"),
    )
    told = history(
        "Alarms and protections by name",
        "Of the last thirty days, newest first; state says whether it begins. Healthy: what began has ended.",
        event("name"),
        event("state"),
        event("value"),
        event("text"),
    )
    return Row("Condition", 9, ((8, temperatures), (8, protections), (8, told)))


def _data() -> Row:
    quality = states(
        "Time quality",
        "Who dated the readings. Healthy: device. After an outage gateway or late; estimated is the weakest of all.",
        bms("time_quality"),
        controller("time_quality"),
    )
    errors = counts(
        "Bus errors",
        "Readings with a register block that could not be read. Healthy: none, or one now and then.",
        bms("bus_error"),
        controller("bus_error"),
    )
    words = log(
        "Bus errors in words",
        "The last ones, newest first. Healthy: empty.",
        bms("bus_error"),
        controller("bus_error"),
    )
    return Row("Data", 9, ((8, quality), (8, errors), (8, words)))
