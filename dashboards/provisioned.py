"""The files of dashboards/provisioning/alerting/: the same text each time, so that a change shows as a difference."""

from pathlib import Path
from typing import Any

import yaml

from dashboards import alert_routes
from dashboards.alert_model import file_shape
from dashboards.alerts import alerts

ALERTING = Path(__file__).parent / "provisioning" / "alerting"

_HEAD = "# Made by `make dashboards` of dashboards/alerts.py and alert_routes.py: change it there.\n"


def provisioned() -> dict[str, str]:
    """File name → text."""
    return {
        "contact_points.yaml": _text(alert_routes.contact_points()),
        "mute_timings.yaml": _text(alert_routes.mute_timings()),
        "policies.yaml": _text(alert_routes.policies()),
        "rules.yaml": _text(file_shape(alerts())),
    }


def _text(content: dict[str, Any]) -> str:
    return _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=140)
