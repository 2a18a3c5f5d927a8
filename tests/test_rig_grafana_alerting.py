"""The stand-in for Grafana's alerting, held against the examples of Grafana's own documentation."""

from typing import Any

import pytest

from hil_tests.grafana_alerting import Rule, muted

NOON = 1_772_341_200.0
"""2026-03-01, noon in Vietnam."""


def rule(held: int, recovery: float | None = None, **more: str) -> Rule:
    condition: dict[str, Any] = {"evaluator": {"type": "gt", "params": [10]}}
    if recovery is not None:
        condition["unloadEvaluator"] = {"type": "lt", "params": [recovery]}
    span = {"from": 600, "to": 0}
    expression = {"relativeTimeRange": span, "datasourceUid": "__expr__"}
    data = [
        {"refId": "Q", "relativeTimeRange": span, "datasourceUid": "db", "model": {"query": "$timeFilter"}},
        expression | {"refId": "A", "model": {"type": "reduce", "expression": "Q", "reducer": "last"}},
        expression | {"refId": "C", "model": {"type": "threshold", "expression": "A", "conditions": [condition]}},
    ]
    states = {"noDataState": "KeepLast", "execErrState": "KeepLast"} | more
    return Rule({"condition": "C", "data": data, "for": f"{held}s", "labels": {"rule": "test"}, **states})


def answer(**values: float) -> list[dict[str, Any]]:
    return [{"time": 0, "mean": value, "unit": unit} for unit, value in values.items()]


def states(judged: Rule, *answers: list[dict[str, Any]], step: float = 30.0) -> list[str]:
    """The state of the unit `a` after each evaluation."""
    found: list[str] = []
    for number, rows in enumerate(answers, 1):
        judged.evaluate(lambda _query, rows=rows: rows, number * step)  # type: ignore[misc]
        instance = judged.instances.get(frozenset({("unit", "a")}))
        found.append(instance.state if instance else "gone")
    return found


def test_the_documented_example_of_a_pending_period_of_90_s() -> None:
    answers = [answer(a=value) for value in (1, 99, 99, 99, 99, 1, 1)]
    expected = ["Normal", "Pending", "Pending", "Pending", "Alerting", "Normal", "Normal"]
    assert states(rule(90), *answers) == expected


def test_without_a_pending_period_it_fires_at_once() -> None:
    assert states(rule(0), answer(a=99)) == ["Alerting"]


def test_the_documented_example_of_a_stale_instance() -> None:
    both, other = answer(a=99, b=1), answer(b=1)
    assert states(rule(0), both, other, other, other) == ["Alerting", "Alerting", "gone", "gone"]


@pytest.mark.parametrize(("state", "then"), [("KeepLast", "Alerting"), ("OK", "Normal")])
def test_no_data(state: str, then: str) -> None:
    assert states(rule(0, noDataState=state), answer(a=99), [], []) == ["Alerting", then, then]


def test_a_pending_instance_that_keeps_its_state_respects_the_pending_period() -> None:
    assert states(rule(60), answer(a=99), [], []) == ["Pending", "Pending", "Alerting"]


def test_a_recovery_threshold_holds_for_what_fires_alone() -> None:
    values = [answer(a=value) for value in (7, 11, 7, 4, 7)]
    assert states(rule(0, recovery=5), *values) == ["Normal", "Alerting", "Alerting", "Normal", "Normal"]


def test_math_joins_series_whose_labels_are_among_the_others() -> None:
    judged = rule(0)
    query, newest, threshold = judged.content["data"]
    more = [
        query | {"refId": "P", "model": {"query": "site"}},
        newest | {"refId": "B", "model": newest["model"] | {"expression": "P"}},
        newest | {"refId": "A2", "model": {"type": "math", "expression": "$A * ($B >= 2) + 20 * (1 - ($B >= 2))"}},
        threshold | {"model": threshold["model"] | {"expression": "A2"}},
    ]
    judged = Rule({**judged.content, "data": [query, newest, *more]})
    for backlog, state in ((2.0, "Normal"), (1.0, "Alerting")):
        site = [{"time": 0, "mean": backlog, "site": "s"}]
        unit = [{"time": 0, "mean": 1.0, "site": "s", "unit": "a"}]
        judged.evaluate(lambda query, site=site, unit=unit: site if query == "site" else unit, 0)  # type: ignore[misc]
        assert {instance.state for instance in judged.instances.values()} == {state}
        assert list(judged.instances) == [frozenset({("site", "s"), ("unit", "a")})]


def test_the_time_range_is_the_evaluations_own() -> None:
    asked: list[str] = []

    def ask(query: str) -> list[dict[str, Any]]:
        asked.append(query)
        return []

    rule(0).evaluate(ask, 1000)
    assert asked == ["time >= 400000ms and time <= 1000000ms"]


def test_a_mute_timing_goes_by_the_time_of_its_place() -> None:
    morning = {"times": [{"start_time": "00:00", "end_time": "12:00"}], "location": "Asia/Ho_Chi_Minh"}
    timings = [{"name": "morning", "time_intervals": [morning]}]
    policy = {"routes": [{"object_matchers": [["rule", "=", "sun"]], "mute_time_intervals": ["morning"]}]}
    sun, battery = frozenset({("rule", "sun")}), frozenset({("rule", "battery")})
    assert muted(sun, policy, timings, NOON - 60)
    assert not muted(sun, policy, timings, NOON)
    assert not muted(battery, policy, timings, NOON - 60)
