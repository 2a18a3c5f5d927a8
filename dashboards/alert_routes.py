"""Who is told of an alert, and when: contact points, notification policy and mute timing, as provisioning files.

Grafana fills in `$ALERT_EMAIL` and `$ALERT_WEBHOOK_URL` from its environment when it starts.
"""

from typing import Any

CONTACT = "powerunit"
BEFORE_NOON = "powerunit-before-local-noon"


def contact_points() -> dict[str, Any]:
    """By e-mail and by webhook. Grafana refuses one that is empty, so both variables have to be set."""
    mail = {"uid": "powerunit-email", "type": "email", "settings": {"addresses": "$ALERT_EMAIL"}}
    hook = {
        "uid": "powerunit-webhook",
        "type": "webhook",
        "settings": {"url": "$ALERT_WEBHOOK_URL", "httpMethod": "POST"},
    }
    return {"apiVersion": 1, "contactPoints": [{"orgId": 1, "name": CONTACT, "receivers": [mail, hook]}]}


def policies() -> dict[str, Any]:
    """One message per site and rule, whatever the number of units. A link that comes and goes within `group_interval`
    brings one message, not two; what lasts is told again once a day.
    """
    after_noon = {
        "receiver": CONTACT,
        "object_matchers": [["rule", "=", "no_sun_harvest"]],
        "mute_time_intervals": [BEFORE_NOON],
    }
    root = {
        "orgId": 1,
        "receiver": CONTACT,
        "group_by": ["alertname", "site"],
        "group_wait": "2m",
        "group_interval": "30m",
        "repeat_interval": "24h",
        "routes": [after_noon],
    }
    return {"apiVersion": 1, "policies": [root]}


def mute_timings() -> dict[str, Any]:
    """Before noon in the village nobody can say that there was no harvest by noon."""
    morning = {"times": [{"start_time": "00:00", "end_time": "12:00"}], "location": "Asia/Ho_Chi_Minh"}
    return {"apiVersion": 1, "muteTimes": [{"orgId": 1, "name": BEFORE_NOON, "time_intervals": [morning]}]}
