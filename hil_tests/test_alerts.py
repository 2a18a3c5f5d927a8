"""The alert rules that Grafana is given, on points in a real InfluxDB 1.6.7: which fires, and which does not.

The cases are tests/alerts/*.toml; hil_tests/grafana_alerting.py stands in for Grafana.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.provisioned import ALERTING
from hil_tests.alert_case import Case, Point, read
from hil_tests.grafana_alerting import TAGS, Ask, Labels, Rule, muted
from hil_tests.month import Month
from hil_tests.services import InfluxDB, http_request

CASES = sorted((Path(__file__).parent.parent / "tests" / "alerts").glob("*.toml"))
OFF_THE_BUCKET = 420.0
"""Seconds: Grafana's evaluations do not fall on the beginning of an interval, and a stretch's points do."""


def loaded(name: str) -> Any:
    return yaml.safe_load((ALERTING / name).read_text("utf-8"))


def rules() -> list[Rule]:
    [group] = loaded("rules.yaml")["groups"]
    return [Rule(content) for content in group["rules"]]


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("alerts")) as server:
        yield server


def a_database_of_its_own(influxdb: InfluxDB, name: str) -> None:
    influxdb.database = name
    influxdb.query(f'CREATE DATABASE "{name}"')


def write(influxdb: InfluxDB, points: list[Point]) -> None:
    body = "\n".join(point.line for point in points)
    status, answer = http_request(influxdb.port, "POST", f"/write?db={influxdb.database}&precision=ms", body)
    assert status == 204, answer


def called(labels: Labels) -> str:
    known = dict(labels)
    return " ".join([known["rule"], *(known[tag] for tag in TAGS if tag in known)])


def run(case: Case, influxdb: InfluxDB, look: Callable[[float, list[Rule]], None]) -> None:
    waiting, judged = list(case.points), rules()
    now = case.start + OFF_THE_BUCKET
    while now <= case.end + case.step:
        arrived = [point for point in waiting if point.arrives <= now]
        if arrived:
            write(influxdb, arrived)
            waiting = waiting[len(arrived) :]
        for rule in judged:
            rule.evaluate(influxdb.query, now)
        look(now, judged)
        now += case.step


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_fires_and_what_does_not(influxdb: InfluxDB, path: Path) -> None:
    case = read(path)
    a_database_of_its_own(influxdb, path.stem)
    [policy], timings = loaded("policies.yaml")["policies"], loaded("mute_timings.yaml")["muteTimes"]
    expected = sorted(case.expected, key=lambda one: one.at)
    found, wanted = [], []

    def look(now: float, judged: list[Rule]) -> None:
        firing = [labels for rule in judged for labels in rule.firing()]
        told = {called(labels) for labels in firing if not muted(labels, policy, timings, now)}
        while expected and expected[0].at <= now:
            one = expected.pop(0)
            hour = (one.at - case.start) / 3600
            wanted.append((hour, sorted(one.firing), sorted(one.told)))
            found.append((hour, sorted(map(called, firing)), sorted(told)))

    run(case, influxdb, look)
    assert found == wanted
    assert not expected


def test_each_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_all_that_does_not() -> None:
    cases = [read(path) for path in CASES]
    fired = {name.split()[0] for case in cases for one in case.expected for name in one.firing}
    assert fired == {rule.name for rule in rules()}
    missed = {path.stem.removesuffix("-near-miss") for path in CASES if path.stem.endswith("-near-miss")}
    assert missed == {rule.name.replace("_", "-") for rule in rules()}


def test_in_a_month_of_the_gateways_own_points_a_units_gap_alone_is_told(month: Month) -> None:
    judged, told = rules(), set()
    begin, end = (edge / 1000 for edge in month.night)
    for now in range(round(begin - 3600 + OFF_THE_BUCKET), round(end + 30 * 3600), 3600):
        for rule in judged:
            rule.evaluate(month.database.query, now)
        told |= {called(labels) for rule in judged for labels in rule.firing()}
    assert told == {f"data_incomplete {month.site} {month.units[-1]} bms1"}
    assert not any(rule.firing() for rule in judged)
    batteries = {frozenset({("site", month.site), ("unit", unit), ("device", "bms1")}) for unit in month.units}
    controllers = {frozenset({("site", month.site), ("unit", unit), ("device", "mppt1")}) for unit in month.units}
    gateway = {frozenset({("site", month.site)})}
    known = [gateway, gateway, batteries, batteries, batteries, controllers, batteries]
    assert [set(rule.instances) for rule in judged] == known


def test_a_database_out_of_reach_is_told_once_and_changes_nothing_else() -> None:
    def out_of_reach(_query: str) -> list[dict[str, Any]]:
        raise ConnectionRefusedError

    judged = rules()
    battery = next(rule for rule in judged if rule.name == "battery_low")
    labels = frozenset({("site", "cat-ba"), ("unit", "raft-01"), ("device", "bms1")})
    ask: Ask = lambda _query: [{"time": 0, "max": 5.0, **dict(labels)}]  # noqa: E731
    for now in (0.0, 300.0):
        battery.evaluate(ask, now)
    for rule in judged:
        rule.evaluate(out_of_reach, 600.0)
    assert [rule.name for rule in judged if rule.is_in_error] == ["gateway_silent"]
    assert len(battery.firing()) == 1
