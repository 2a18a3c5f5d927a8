"""Alert rules in the two shapes that Grafana takes: a provisioning file, and its HTTP API.

A rule is a line of steps: queries, each reduced to its newest value, perhaps a formula over them, and a threshold.
Shapes: https://grafana.com/docs/grafana/v11.6/alerting/set-up/provision-alerting-resources/file-provisioning/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

DATASOURCE_UID = "powerunit-influxdb"
"""The data source that dashboards/provisioning/ makes. An alert rule has no variable to choose one with."""

EXPRESSION_UID = "__expr__"

Comparison = Literal["gt", "lt"]


@dataclass(frozen=True, slots=True)
class Query:
    """InfluxQL with `$timeFilter`, over the time from `since` to `until` seconds ago."""

    text: str
    since: int
    until: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where an alert begins and where it ends. What lies between both changes nothing, so it stands for "not known"."""

    begins: Comparison
    at: float
    ends_at: float

    @property
    def unknown(self) -> float:
        """A value that neither begins nor ends an alert."""
        return (self.at + self.ends_at) / 2


@dataclass(frozen=True, slots=True)
class AlertRule:
    """`held` is for how many seconds the condition must hold. `formula` is a Grafana math expression over `$A`, `$B`,
    the newest values of the queries in their order; without one there is one query.
    """

    name: str
    title: str
    severity: Literal["critical", "warning"]
    queries: tuple[Query, ...]
    threshold: Threshold
    held: int
    summary: str
    description: str
    formula: str = ""
    error_state: Literal["KeepLast", "Error"] = "KeepLast"

    @property
    def uid(self) -> str:
        """Fixed, so that a rule that changes stays the same rule."""
        return f"powerunit-{self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, every `interval` seconds."""

    name: str
    folder: str
    folder_uid: str
    interval: int
    rules: tuple[AlertRule, ...]


def file_shape(group: Group) -> dict[str, Any]:
    """What a file in provisioning/alerting/ holds. Grafana fills no environment variable into queries and annotations
    (`escapeRuleGroup` in pkg/services/ngalert/api/api_provisioning.go lists what it leaves alone), so `$` stays `$`.
    """
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name,
                "folder": group.folder,
                "interval": f"{group.interval}s",
                "rules": [_rule(rule) for rule in group.rules],
            }
        ],
    }


def api_shape(group: Group) -> dict[str, Any]:
    """The body of PUT /api/v1/provisioning/folder/{folder}/rule-groups/{group}."""
    placed = {"orgID": 1, "folderUID": group.folder_uid, "ruleGroup": group.name}
    return {
        "title": group.name,
        "folderUid": group.folder_uid,
        "interval": group.interval,
        "rules": [_rule(rule) | placed for rule in group.rules],
    }


def _rule(rule: AlertRule) -> dict[str, Any]:
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "threshold",
        "data": _steps(rule),
        "noDataState": "KeepLast",
        "execErrState": rule.error_state,
        "for": f"{rule.held}s",
        "annotations": {"summary": rule.summary, "description": rule.description},
        "labels": {"project": "powerunit", "rule": rule.name, "severity": rule.severity},
        "isPaused": False,
    }


def _steps(rule: AlertRule) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    newest = [chr(ord("A") + number) for number in range(len(rule.queries))]
    for name, query in zip(newest, rule.queries, strict=True):
        steps += [_query(f"query{name}", query), _expression(name, "reduce", f"query{name}", {"reducer": "last"})]
    if rule.formula:
        steps.append(_expression("value", "math", rule.formula, {}))
    begins, threshold = rule.threshold.begins, rule.threshold
    ends: Comparison = "lt" if begins == "gt" else "gt"
    condition = {
        "evaluator": {"type": begins, "params": [threshold.at]},
        "unloadEvaluator": {"type": ends, "params": [threshold.ends_at]},
    }
    judged = "value" if rule.formula else newest[0]
    return [*steps, _expression("threshold", "threshold", judged, {"conditions": [condition]})]


def _query(name: str, query: Query) -> dict[str, Any]:
    return {
        "refId": name,
        "relativeTimeRange": {"from": query.since, "to": query.until},
        "datasourceUid": DATASOURCE_UID,
        "model": {"refId": name, "query": query.text, "rawQuery": True, "resultFormat": "time_series"},
    }


def _expression(name: str, kind: str, expression: str, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "refId": name,
        "relativeTimeRange": {"from": 0, "to": 0},
        "datasourceUid": EXPRESSION_UID,
        "model": {"refId": name, "type": kind, "expression": expression, **more},
    }
