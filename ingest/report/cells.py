"""The cells and the resistance of the pack over a month, from its hourly points."""

import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from ingest.report.history import Hour

_CELL_LOW = re.compile(r"cell_(\d\d)_voltage_min")


class Cell(NamedTuple):
    """Lowest and highest of the month, in V."""

    number: int
    low: float
    high: float


class Resistance(NamedTuple):
    """Of the whole pack in Ω: median of the hours, the middle half of them, and how many hours and load steps."""

    middle: float
    low: float
    high: float
    hours: int
    steps: int


def cells(hours: Iterable[Hour], device: str) -> list[Cell]:
    """Those that were told of, in order."""
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    for hour in hours:
        if hour.device != device:
            continue
        for name in hour.fields:
            if not (found := _CELL_LOW.fullmatch(name)):
                continue
            number, value, top = int(found[1]), hour.number(name), hour.number(name.replace("_min", "_max"))
            if value is not None and top is not None:
                low[number] = min(low.get(number, value), value)
                high[number] = max(high.get(number, top), top)
    return [Cell(number, low[number], high[number]) for number in sorted(low)]


def weakest(found: Sequence[Cell]) -> Cell | None:
    """The one that fell lowest: it ends the pack's discharge."""
    return min(found, key=lambda cell: cell.low, default=None)


def resistance(hours: Iterable[Hour], device: str) -> Resistance | None:
    """None where no hour had enough load steps."""
    known = [
        (value, int(hour.number("internal_resistance_steps") or 0))
        for hour in hours
        if hour.device == device and (value := hour.number("internal_resistance")) is not None
    ]
    if not known:
        return None
    values = sorted(value for value, _ in known)
    quarter = len(values) // 4
    return Resistance(
        median(values), values[quarter], values[-1 - quarter], len(values), sum(steps for _, steps in known)
    )
