"""A test case of alert rules, read from a TOML file: which points reach the database when, and what fires when.

Hours count from `start`, in the village's own time. A stretch brings points at its own times, every ten minutes, of
roll-ups every hour; `arrives` is the hour at which all of them reach the database, when that is not their own.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.signals import signal

DAYLIGHT = range(6, 18)
"""Hours of the village's day in which `pv_energy` is what the stretch says; in the others it is 0."""

HEALTHY: dict[str, dict[str, float]] = {
    "gateway": {"backlog_age": 2.0},
    "bms": {"soc": 70.0, "cell_voltage_spread": 0.02, "protections": 0},
    "bms_1h": {"bms_covered": 3590.0},
    "charge_controller_1h": {"pv_energy": 250.0, "charge_controller_covered": 3590.0},
}
_DEVICES = {"bms": "bms1", "bms_1h": "bms1", "charge_controller_1h": "mppt1"}
_MADE_AFTER_S = 400
"""A roll-up is made six minutes after its hour."""


@dataclass(frozen=True, slots=True)
class Point:
    """A line, and when it reaches the database, UTC in s."""

    arrives: float
    line: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to fire at `at`, UTC in s: the rule's name and the tags; `told`: those of them that are not muted."""

    at: float
    firing: frozenset[str]
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class Case:
    """`step` is the time between two evaluations in s, `start` and `end` UTC in s."""

    start: float
    end: float
    step: float
    points: tuple[Point, ...]
    expected: tuple[Expected, ...]


def read(path: Path) -> Case:
    content = tomllib.loads(path.read_text("utf-8"))
    start: datetime = content.pop("start")
    content.pop("about")
    step = content.pop("minutes") * 60
    expected = [_expected(one, start.timestamp()) for one in content.pop("expect")]
    points = [point for stretch in content.pop("stretch") for point in _points(dict(stretch), start)]
    if content:
        raise ValueError(f"{path.name}: no such keys: {', '.join(content)}")
    points.sort(key=lambda point: point.arrives)
    end = max(one.at for one in expected)
    return Case(start.timestamp(), end, step, tuple(points), tuple(expected))


def _expected(one: Mapping[str, Any], start: float) -> Expected:
    firing = frozenset(one["firing"])
    return Expected(start + one["hour"] * 3600, firing, firing - frozenset(one.get("muted", ())))


def _points(stretch: dict[str, Any], start: datetime) -> Iterator[Point]:
    first, last = stretch.pop("hours")
    measurements = stretch.pop("of", list(HEALTHY))
    unit, arrives = stretch.pop("unit", "raft-01"), stretch.pop("arrives", None)
    base = start.timestamp()
    for measurement in measurements:
        fields = HEALTHY[measurement] | stretch.get(measurement, {})
        device = f",unit={unit},device={_DEVICES[measurement]}" if measurement in _DEVICES else ""
        is_hourly = measurement.endswith("_1h")
        every = 3600 if is_hourly else 600
        for second in range(round(first * 3600), round(last * 3600), every):
            own = base + second + (every + _MADE_AFTER_S if is_hourly else 0)
            hour = (start.hour + second // 3600) % 24
            shown = {name: 0.0 if name == "pv_energy" and hour not in DAYLIGHT else fields[name] for name in fields}
            line = f"{measurement},site=cat-ba{device} {_fields(measurement, shown)} {round((base + second) * 1000)}"
            yield Point(own if arrives is None else base + arrives * 3600, line)
    unknown = stretch.keys() - HEALTHY.keys()
    if unknown:
        raise ValueError(f"a stretch has no such keys: {', '.join(unknown)}")


def _fields(measurement: str, fields: Mapping[str, float]) -> str:
    texts = {"float": "{}", "int": "{}i"}
    return ",".join(f"{name}={texts[signal(measurement, name).type].format(value)}" for name, value in fields.items())
