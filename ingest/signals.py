"""The signal catalogue, `signals.toml`: what every other room knows about a signal it learns here."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

type_names = ("float", "int", "bool", "string")
SignalType = Literal["float", "int", "bool", "string"]

DEVICE_MEASUREMENTS = ("bms", "charge_controller", "unit", "loss")
"""Measurements whose points come from readings of a unit."""

ROLLED_UP = {"bms_1h": "bms", "charge_controller_1h": "charge_controller"}
"""Measurements whose points sum up an hour of another's."""

DAILY = "unit_1d"
OF_ONE_PACK = ("charge_since_full", "internal_resistance", "internal_resistance_steps")
"""What a battery's hours tell and a day of all devices does not."""

COMPUTED_MEASUREMENTS = ("event", *ROLLED_UP, DAILY)
"""Measurements whose points the gateway makes of readings."""

Figure = Literal["min", "mean", "max", "last", "count"]

_FIGURES: dict[Figure, str] = {
    "min": "lowest",
    "mean": "mean",
    "max": "highest",
    "last": "last",
    "count": "how many values the mean is of",
}
_MOST_READINGS = 1_000_000

_NUMBERED = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, slots=True)
class Signal:
    """One field of one measurement.

    `unit` is SI (or Wh, Ah, °C, %), empty for counts and names. `minimum` and `maximum` bound what is plausible,
    both inclusive, `healthy_min` and `healthy_max` what is healthy, where that is known; `values` lists all that a
    string signal may say, empty when it is free text. `rollup` names the figures by which an hour of it is summed up.
    """

    measurement: str
    name: str
    type: SignalType
    unit: str
    minimum: float | None
    maximum: float | None
    values: tuple[str, ...]
    description: str
    rollup: tuple[Figure, ...] = ()
    healthy_min: float | None = None
    healthy_max: float | None = None


def expand(name: str) -> list[str]:
    """`cell_{01..03}_voltage` → the three names, in the width of the first number. A plain name stands for itself."""
    numbered = _NUMBERED.search(name)
    if numbered is None:
        return [name]
    first, last = numbered.groups()
    return [
        name[: numbered.start()] + str(number).zfill(len(first)) + name[numbered.end() :]
        for number in range(int(first), int(last) + 1)
    ]


def _signal(measurement: str, name: str, entry: dict[str, Any]) -> Signal:
    if entry["type"] not in type_names:
        known = ", ".join(type_names)
        raise ValueError(f"signals.toml: {measurement}.{name}: type {entry['type']!r} is not one of {known}")
    return Signal(
        measurement=measurement,
        name=name,
        type=cast(SignalType, entry["type"]),
        unit=entry.get("unit", ""),
        minimum=entry.get("min"),
        maximum=entry.get("max"),
        values=tuple(entry.get("values", ())),
        description=entry["description"],
        rollup=tuple(entry.get("rollup", ())),
        healthy_min=entry.get("healthy_min"),
        healthy_max=entry.get("healthy_max"),
    )


def _rolled_up(measurement: str, signals: Iterable[Signal]) -> dict[str, Signal]:
    return {
        made.name: made
        for signal in signals
        for figure in signal.rollup
        for made in [_figure(measurement, signal, figure)]
    }


def _figure(measurement: str, signal: Signal, figure: Figure) -> Signal:
    count = figure == "count"
    return Signal(
        measurement=measurement,
        name=f"{signal.name}_{figure}",
        type="int" if count else "float" if figure == "mean" else signal.type,
        unit="" if count else signal.unit,
        minimum=0 if count else signal.minimum,
        maximum=_MOST_READINGS if count else signal.maximum,
        values=(),
        description=f"{signal.description}: {_FIGURES[figure]}",
        healthy_min=None if count else signal.healthy_min,
        healthy_max=None if count else signal.healthy_max,
    )


@cache
def catalogue() -> dict[str, dict[str, Signal]]:
    """Measurement → signal name → Signal, in the file's order. Device measurements include the `reading` signals, those
    that sum up an hour or a day the figures that are made of their signals.
    """
    tables = tomllib.loads(resources.files("ingest").joinpath("signals.toml").read_text("utf-8"))
    shared = tables.pop("reading")
    signals: dict[str, dict[str, Signal]] = {}
    for measurement, table in tables.items():
        own = table | shared if measurement in DEVICE_MEASUREMENTS else table
        signals[measurement] = {
            name: _signal(measurement, name, entry) for key, entry in own.items() for name in expand(key)
        }
    for hourly, base in ROLLED_UP.items():
        signals[hourly] = _rolled_up(hourly, signals[base].values()) | signals[hourly]
        signals[DAILY] |= {
            name: replace(signal, measurement=DAILY)
            for name, signal in signals[hourly].items()
            if name not in OF_ONE_PACK
        }
    return signals


def signal(measurement: str, name: str) -> Signal:
    """The catalogue's entry. Raises KeyError with a sentence for people when there is none."""
    try:
        return catalogue()[measurement][name]
    except KeyError:
        raise KeyError(f"signal {name!r} of {measurement!r} is not in ingest/signals.toml") from None
