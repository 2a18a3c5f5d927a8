"""The dashboard of a whole site: which unit needs help first."""

from grafana_foundation_sdk.builders import dashboard

from dashboards import frame
from dashboards.layout import Row, place
from dashboards.panels import LAST_SEEN, OPEN_ALARMS, gateway_lines, gateway_now, per_unit
from ingest.signals import signal


def fleet_dashboard() -> dashboard.Dashboard:
    """The dashboard, ready to build."""
    fleet = frame.board("Fleet", "Every unit of a site.", time="now-7d", of_one_unit=False)
    place(fleet, [_gateway(), _units()])
    return fleet


def _gateway() -> Row:
    age = gateway_now(
        "Backlog age",
        "Of the oldest reading that waits for the link. Healthy: a few minutes; hours after an outage, then falling.",
        signal("gateway", "backlog_age"),
    )
    waiting = gateway_now(
        "Backlog", "Readings that wait for the link. Healthy: few.", signal("gateway", "backlog_readings")
    )
    alarms = gateway_now(
        "Open alarms of all", "As the gateway counts them. Healthy: none.", signal("gateway", "alarms_open")
    )
    over_time = gateway_lines(
        "Backlog age over time",
        "The last two days. Healthy: it falls back to nothing after each outage.",
        signal("gateway", "backlog_age"),
    )
    return Row("Gateway", 6, ((4, age), (4, waiting), (4, alarms), (12, over_time)))


def _units() -> Row:
    soc, spool = "State of charge", "Backlog on the board"
    units = per_unit(
        "Units",
        "Who needs help stands first: open alarms, then the longest silence, then the emptiest battery. Healthy: no "
        "alarm, seen within two minutes while the link is up.",
        {
            soc: signal("bms", "soc"),
            "PV now": signal("charge_controller", "pv_power"),
            spool: signal("unit", "spool_readings"),
        },
        seen=signal("bms", "time_quality"),
        sort=((OPEN_ALARMS, True), (LAST_SEEN, False), (soc, False)),
    )
    return Row("Units", 16, ((24, units),))
