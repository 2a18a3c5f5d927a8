"""The dashboard of the data itself: how much of it is there, what is missing and why, and what it costs."""

from functools import partial

from grafana_foundation_sdk.builders import dashboard

from dashboards import frame
from dashboards.influxql import days
from dashboards.layout import Row, place
from dashboards.panels import counts, gateway_lines, history, per_day, rises, states
from ingest.signals import catalogue, signal

gateway = partial(signal, "gateway")
loss = partial(signal, "loss")


def health_dashboard() -> dashboard.Dashboard:
    """The dashboard, ready to build."""
    health = frame.board("Data health", "Whether the data of a unit can be trusted.", time="now-24h")
    place(health, [_complete(), _clock(), _link(), _bus()])
    return health


def _complete() -> Row:
    covered = per_day(
        "Completeness per day",
        "Share of each day that lies between readings at most five minutes apart, of the worst device of a kind. "
        "Healthy: 99 % and more; a day that is still going on is not shown.",
        days('"bms_covered" / 864.0 AS "bms"', '"charge_controller_covered" / 864.0 AS "charge_controller"'),
        "%",
    )
    lost = history(
        "Losses",
        "Readings that were taken and given up, of the last thirty days: how many, over which time, by whom and why. "
        "Healthy: empty.",
        loss("readings"),
        loss("duration"),
        loss("reason"),
    )
    return Row("Completeness", 9, ((12, covered), (12, lost)))


def _clock() -> Row:
    quality = states(
        "Time quality",
        "Who dated the readings. Healthy: device. After an outage gateway or late; estimated is the weakest of all.",
        signal("bms", "time_quality"),
        signal("charge_controller", "time_quality"),
    )
    offset = gateway_lines(
        "Clock offset", "Trusted time minus the gateway's own clock. Healthy: about zero.", gateway("clock_offset")
    )
    return Row("Clock", 8, ((12, quality), (12, offset)))


def _link() -> Row:
    today = gateway_lines(
        "Bytes sent today",
        "Against the day's budget, if there is one. Healthy: below it all day.",
        gateway("bytes_sent_today"),
        gateway("budget_day_bytes"),
    )
    month = gateway_lines(
        "Bytes sent this month",
        "Against the month's budget, if there is one. Healthy: a straight line that stays below it.",
        gateway("bytes_sent_month"),
        gateway("budget_month_bytes"),
    )
    backlog = gateway_lines("Backlog age", "Healthy: back to nothing after each outage.", gateway("backlog_age"))
    return Row("Link", 8, ((8, today), (8, month), (8, backlog)))


def _bus() -> Row:
    errors = [entry for name, entry in catalogue()["unit"].items() if name.startswith("bus_errors_")]
    per_device = rises(
        "Bus errors per device",
        "Failed requests by kind. Healthy: none, or one now and then; silence points at the wiring, noise at "
        "termination or a wrong speed.",
        *errors,
    )
    incomplete = counts(
        "Incomplete readings",
        "Readings with a register block that could not be read. Healthy: none, or one now and then.",
        signal("bms", "bus_error"),
        signal("charge_controller", "bus_error"),
    )
    return Row("Bus", 9, ((12, per_device), (12, incomplete)))
