"""The signal catalogue, `signals.toml`: what every other room knows about a signal it learns here."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

type_names = ("float", "int", "bool", "string")
SignalType = Literal["float", "int", "bool", "string"]

DEVICE_MEASUREMENTS = ("bms", "charge_controller", "unit", "loss")
"""Measurements whose points come from readings of a unit."""

_NUMBERED = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, slots=True)
class Signal:
    """One field of one measurement.

    `unit` is SI (or Wh, Ah, °C, %), empty for counts and names. `minimum` and `maximum` bound what is plausible,
    both inclusive; `values` lists all that a string signal may say, empty when it is free text.
    """

    measurement: str
    name: str
    type: SignalType
    unit: str
    minimum: float | None
    maximum: float | None
    values: tuple[str, ...]
    description: str


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
    )


@cache
def catalogue() -> dict[str, dict[str, Signal]]:
    """Measurement → signal name → Signal, in the file's order. Device measurements include the `reading` signals."""
    tables = tomllib.loads(resources.files("ingest").joinpath("signals.toml").read_text("utf-8"))
    shared = tables.pop("reading")
    signals: dict[str, dict[str, Signal]] = {}
    for measurement, table in tables.items():
        own = table | shared if measurement in DEVICE_MEASUREMENTS else table
        signals[measurement] = {
            name: _signal(measurement, name, entry) for key, entry in own.items() for name in expand(key)
        }
    return signals


def signal(measurement: str, name: str) -> Signal:
    """The catalogue's entry. Raises KeyError with a sentence for people when there is none."""
    try:
        return catalogue()[measurement][name]
    except KeyError:
        raise KeyError(f"signal {name!r} of {measurement!r} is not in ingest/signals.toml") from None
