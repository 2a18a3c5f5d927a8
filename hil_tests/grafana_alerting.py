"""No Grafana: a stand-in that evaluates alert rules as its documentation says, on answers of a real InfluxDB.

Made from https://grafana.com/docs/grafana/v11.6/, not from our rules: alerting/fundamentals/alert-rule-evaluation/ for
the pending period, no data, errors and stale instances; panels-visualizations/query-transform-data/expression-queries/
for reduce, math and threshold; alerting/fundamentals/notifications/ for policies and mute timings. A recovery threshold
holds for the instances that are pending or alerting, as in pkg/services/ngalert/schedule/loaded_metrics_reader.go.
What our rules do not use is not here, and raises.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

Labels = frozenset[tuple[str, str]]
Series = dict[Labels, list[float | None]]
Numbers = dict[Labels, float]
State = Literal["Normal", "Pending", "Alerting"]
Ask = Callable[[str], list[dict[str, Any]]]
"""InfluxQL → rows: the columns and the tags by name, `time` in ms. Raises OSError when the database is out of reach."""

TAGS = ("site", "unit", "device", "model")
STALE_AFTER = 2
"""Evaluations without a series after which its instance is resolved."""

_COMPARE = {"gt": operator.gt, "lt": operator.lt}
_MATH: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.GtE: lambda left, right: float(left >= right),
    ast.LtE: lambda left, right: float(left <= right),
    ast.Gt: lambda left, right: float(left > right),
    ast.Lt: lambda left, right: float(left < right),
}


@dataclass(slots=True)
class Instance:
    """One alert instance. `since` is when it became pending, UTC in s; `missing` counts evaluations without it."""

    state: State
    since: float
    missing: int = 0


@dataclass(slots=True)
class Rule:
    """One rule of a provisioning file, with its instances by their labels."""

    content: Mapping[str, Any]
    instances: dict[Labels, Instance] = field(default_factory=dict)
    is_in_error: bool = False

    @property
    def name(self) -> str:
        return str(self.content["labels"]["rule"])

    def firing(self) -> list[Labels]:
        """What Grafana would hand on to the policies."""
        alerting = [labels for labels, instance in self.instances.items() if instance.state == "Alerting"]
        return [labels | frozenset(self.content["labels"].items()) for labels in alerting]

    def evaluate(self, ask: Ask, now: float) -> None:
        """One evaluation at `now`, UTC in s."""
        try:
            breached = self._breached(ask, now)
        except OSError:
            self.is_in_error = self.content["execErrState"] == "Error"
            self._special(self.content["execErrState"], now)
            return
        self.is_in_error = False
        if not breached:
            self._special(self.content["noDataState"], now)
            return
        for labels, is_breached in breached.items():
            self._turn(labels, is_breached=is_breached, now=now)
        for labels in self.instances.keys() - breached.keys():
            self.instances[labels].missing += 1
            if self.instances[labels].missing >= STALE_AFTER:
                del self.instances[labels]

    def _special(self, state: str, now: float) -> None:
        match state:
            case "KeepLast":
                for labels, instance in self.instances.items():
                    self._turn(labels, is_breached=instance.state != "Normal", now=now)
            case "Error":  # another alert, DatasourceError, takes their place
                self.instances.clear()
            case "OK":
                for labels in self.instances:
                    self._turn(labels, is_breached=False, now=now)
            case _:
                raise NotImplementedError(state)

    def _turn(self, labels: Labels, *, is_breached: bool, now: float) -> None:
        known = self.instances.get(labels)
        if not is_breached:
            self.instances[labels] = Instance("Normal", now)
            return
        since = now if known is None or known.state == "Normal" else known.since
        held = int(re.fullmatch(r"(\d+)s", self.content["for"])[1])  # type: ignore[index]
        self.instances[labels] = Instance("Alerting" if now - since >= held else "Pending", since)

    def _breached(self, ask: Ask, now: float) -> dict[Labels, bool]:
        series: dict[str, Series] = {}
        numbers: dict[str, Numbers] = {}
        for step in self.content["data"]:
            name, model = step["refId"], step["model"]
            if step["datasourceUid"] != "__expr__":
                series[name] = _series(ask(_filled_in(model["query"], step["relativeTimeRange"], now)))
                continue
            match model["type"]:
                case "reduce" if model["reducer"] == "last":
                    numbers[name] = {labels: _last(values) for labels, values in series[model["expression"]].items()}
                case "math":
                    numbers[name] = _math(model["expression"], numbers)
                case "threshold":
                    numbers[name] = self._threshold(model["conditions"], numbers[model["expression"]])
                case other:
                    raise NotImplementedError(other)
        return {labels: value != 0 for labels, value in numbers[self.content["condition"]].items()}

    def _threshold(self, conditions: Sequence[Mapping[str, Any]], numbers: Numbers) -> Numbers:
        [condition] = conditions
        begins, ends = condition["evaluator"], condition.get("unloadEvaluator")
        found = {}
        for labels, value in numbers.items():
            known = self.instances.get(labels)
            if ends and known is not None and known.state != "Normal":
                found[labels] = float(not _COMPARE[ends["type"]](value, *ends["params"]))
            else:
                found[labels] = float(_COMPARE[begins["type"]](value, *begins["params"]))
        return found


def muted(labels: Labels, policy: Mapping[str, Any], timings: Sequence[Mapping[str, Any]], now: float) -> bool:
    """Whether the first policy that matches has a mute timing that holds now."""
    for route in policy.get("routes", []):
        if all(how == "=" and dict(labels).get(name) == value for name, how, value in route["object_matchers"]):
            named = [timing for timing in timings if timing["name"] in route.get("mute_time_intervals", [])]
            return any(_within(interval, now) for timing in named for interval in timing["time_intervals"])
    return False


def _within(interval: Mapping[str, Any], now: float) -> bool:
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(interval["location"])).time()
    return any(
        time.fromisoformat(span["start_time"]) <= local < time.fromisoformat(span["end_time"])
        for span in interval["times"]
    )


def _filled_in(query: str, span: Mapping[str, int], now: float) -> str:
    start, end = (round((now - span[edge]) * 1000) for edge in ("from", "to"))
    return query.replace("$timeFilter", f"time >= {start}ms and time <= {end}ms")


def _series(rows: Sequence[Mapping[str, Any]]) -> Series:
    found: Series = {}
    for row in rows:
        labels = frozenset((tag, row[tag]) for tag in TAGS if tag in row)
        [value] = [value for name, value in row.items() if name not in (*TAGS, "time")]
        found.setdefault(labels, []).append(value)
    return found


def _last(values: Sequence[float | None]) -> float:
    return math.nan if not values or values[-1] is None else values[-1]


def _math(expression: str, numbers: Mapping[str, Numbers]) -> Numbers:
    """Both sides are joined where their labels are equal, or those of one are among those of the other."""
    names = re.findall(r"\$(\w+)", expression)
    tree = ast.parse(expression.replace("$", ""), mode="eval").body
    joined = [{labels: {names[0]: value} for labels, value in numbers[names[0]].items()}]
    for name in dict.fromkeys(names[1:]):
        joined.append(
            {
                max(left, right, key=len): values | {name: value}
                for left, values in joined[-1].items()
                for right, value in numbers[name].items()
                if left <= right or right <= left
            }
        )
    return {labels: _evaluated(tree, values) for labels, values in joined[-1].items()}


def _evaluated(node: ast.AST, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=how, right=right) | ast.Compare(left=left, ops=[how], comparators=[right]):
            return _MATH[type(how)](_evaluated(left, values), _evaluated(right, values))
    raise NotImplementedError(ast.dump(node))
