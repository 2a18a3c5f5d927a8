"""The alert rules: what a person far away has to be told.

The link comes and goes, so a missing point says nothing. A query fills each interval without a point with a value
between where the alert begins and where it ends: it neither fires nor resolves, what was known last stays. Only
`gateway_silent` takes silence for what it is. Intervals go by the readings' own time, so a backlog that arrives late
changes the past alone. Not promised: anything about what was silent for KNOWN seconds.
"""

import tomllib
from pathlib import Path
from typing import Any

from dashboards.alert_model import AlertRule, Group, Query, Threshold
from ingest.signals import Signal, signal

LIMITS_FILE = Path(__file__).parent.parent / "gateway" / "alarm_rules.toml"
"""Where the limits of battery and cells stand: the gateway's alarms and these alerts are to agree."""

INTERVAL = 300
"""Seconds between two evaluations."""

KNOWN = 7 * 86_400
"""Seconds. A series without a point for so long is no longer known to Grafana, which then ends its alert."""

NEWEST = 900
"""Seconds of an interval: long enough for several readings of a unit that saves power."""

SILENT = 6 * 3600
"""Seconds: longer than the outages that pass by themselves, and within a working day."""

BACKLOG_OLD, BACKLOG_DRAINED, BACKLOG_STUCK = 6 * 3600, 3600, 3 * 3600
"""Seconds: how old a backlog may be, how old an ordinary one is, how long a good link may take for a long outage."""

COMPLETE_AGAIN, INCOMPLETE = 0.95, 0.9
"""Shares of the last 24 hours that lie between readings."""

NO_HARVEST, HARVEST = 20, 100
"""Wh by noon: a controller's own hum, and the darkest day of a small array."""

MORNING_HOURS = 18
"""Hours before noon in which there is no sun of the day before."""

ROLLED_UP = 4200
"""Seconds after its beginning at which an hour's roll-up is in the database, if the link is there."""

UNKNOWN_BACKLOG = int(signal("gateway", "backlog_age").maximum or 0)

SITE = '"site"'
DEVICE = '"site", "unit", "device"'


def alerts() -> Group:
    """All of them."""
    limits = {limit["name"]: limit for limit in tomllib.loads(LIMITS_FILE.read_text("utf-8"))["limit"]}
    rules = (
        _gateway_silent(),
        _backlog_old(),
        _battery_low(limits["soc_low"]),
        _cell_spread(limits["cell_spread"]),
        _protection_active(),
        _no_sun_harvest(),
        _data_incomplete(),
    )
    return Group("powerunit", "Power units", "powerunit", INTERVAL, rules)


def _gateway_silent() -> AlertRule:
    heartbeats = signal("gateway", "backlog_age")
    return AlertRule(
        "gateway_silent",
        "Gateway silent",
        "critical",
        (_newest("COUNT", heartbeats, SITE, 0),),
        Threshold("lt", 0.5, 0.5),
        SILENT,
        "{{ .Labels.site }}: nothing heard of the gateway for six hours",
        "The link to the village is down, or the gateway is. Readings wait on its disk. Every other alert of the site "
        "stays as it was. Call the village: does the gateway's page answer?",
        error_state="Error",
    )


def _backlog_old() -> AlertRule:
    threshold = Threshold("gt", BACKLOG_OLD, BACKLOG_DRAINED)
    return AlertRule(
        "backlog_old",
        "Backlog old",
        "warning",
        (_newest("MIN", signal("gateway", "backlog_age"), SITE, threshold.unknown),),
        threshold,
        BACKLOG_STUCK,
        "{{ .Labels.site }}: the link is there, but readings older than six hours do not get through",
        "The byte budget may be spent, the link too thin, or the database refuses. The gateway's page says which.",
    )


def _battery_low(limit: dict[str, Any]) -> AlertRule:
    threshold = Threshold("lt", limit["below"], limit["clear"])
    return AlertRule(
        "battery_low",
        "Battery low",
        "critical",
        (_newest("MAX", signal("bms", "soc"), DEVICE, threshold.unknown),),
        threshold,
        max(limit["delay"], INTERVAL),
        f"{{{{ .Labels.unit }}}} {{{{ .Labels.device }}}}: state of charge below {limit['below']} %",
        f"Ends at {limit['clear']} %. Is the array clean, and does the controller charge?",
    )


def _cell_spread(limit: dict[str, Any]) -> AlertRule:
    threshold = Threshold("gt", limit["above"], limit["clear"])
    return AlertRule(
        "cell_spread",
        "Cell spread",
        "warning",
        (_newest("MIN", signal("bms", "cell_voltage_spread"), DEVICE, threshold.unknown),),
        threshold,
        max(limit["delay"], INTERVAL),
        f"{{{{ .Labels.unit }}}} {{{{ .Labels.device }}}}: cells are more than {limit['above']} V apart",
        f"Ends at {limit['clear']} V. The dashboard Cells shows which one is weak.",
    )


def _protection_active() -> AlertRule:
    # A mean, because InfluxDB fills a whole number with whole numbers only; one bit in one of 900 readings counts.
    threshold = Threshold("gt", 0.001, 0.0005)
    return AlertRule(
        "protection_active",
        "Protection active",
        "critical",
        (_newest("MEAN", signal("bms", "protections"), DEVICE, threshold.unknown),),
        threshold,
        0,
        "{{ .Labels.unit }} {{ .Labels.device }}: the BMS protects the battery",
        "The unit's dashboard names the protection among its events.",
    )


def _no_sun_harvest() -> AlertRule:
    threshold = Threshold("lt", NO_HARVEST, HARVEST)
    known = f"($B >= {0.8 * 3600:g})"
    return AlertRule(
        "no_sun_harvest",
        "No sun harvest by noon",
        "warning",
        (
            _mean_of_hours(signal("charge_controller_1h", "pv_energy"), MORNING_HOURS),
            _mean_of_hours(signal("charge_controller_1h", "charge_controller_covered"), MORNING_HOURS),
        ),
        threshold,
        0,
        f"{{{{ .Labels.unit }}}} {{{{ .Labels.device }}}}: less than {NO_HARVEST} Wh from the sun by noon",
        "Told from noon in the village on, and only where the morning's readings are known. Panels shaded, a "
        "connector open, or the controller in fault?",
        formula=f"{known} * $A * {MORNING_HOURS} + (1 - {known}) * {threshold.unknown:g}",
    )


def _data_incomplete() -> AlertRule:
    threshold = Threshold("lt", INCOMPLETE, COMPLETE_AGAIN)
    known = f"($B <= {BACKLOG_DRAINED})"
    return AlertRule(
        "data_incomplete",
        "Data incomplete",
        "warning",
        (
            _mean_of_hours(signal("bms_1h", "bms_covered"), 24),
            _newest("MAX", signal("gateway", "backlog_age"), SITE, UNKNOWN_BACKLOG),
        ),
        threshold,
        3600,
        f"{{{{ .Labels.unit }}}} {{{{ .Labels.device }}}}: less than {INCOMPLETE * 100:g} % of the last day is known",
        "The gateway is heard and has no old backlog, so it does not have what is missing: the unit is off, out of the "
        "Wi-Fi's reach, or the device does not answer.",
        formula=f"{known} * $A / 3600 + (1 - {known}) * {threshold.unknown:g}",
    )


def _newest(how: str, of: Signal, by: str, unknown: float) -> Query:
    """The figure of each interval; `unknown` where there is no point."""
    return Query(
        f'SELECT {how}("{of.name}") FROM "{of.measurement}" WHERE $timeFilter '
        f"GROUP BY time({NEWEST}s), {by} fill({unknown:.12g})",
        KNOWN,
    )


def _mean_of_hours(of: Signal, hours: int) -> Query:
    """At each hour whose roll-up is due, the mean of the last ones; an hour without a roll-up counts as 0."""
    return Query(
        f'SELECT MOVING_AVERAGE(SUM("{of.name}"), {hours}) FROM "{of.measurement}" WHERE $timeFilter '
        f"GROUP BY time(1h), {DEVICE} fill(0)",
        KNOWN,
        ROLLED_UP,
    )
