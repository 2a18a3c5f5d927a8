"""An hour of one device, and a day of one unit, in figures.

Promised: the same readings give the same figures, in whatever order they come; whole numbers stay whole. An integral is
the trapezoid between neighbouring readings that have the value, LONGEST_GAP_MS apart at most; what lies across the end
of an hour is divided there. The rest is not known, adds nothing, and is missing in `…_covered`.
Not promised: more than DIGITS behind the point of what is computed.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from gateway.capacity import is_full
from gateway.resistance import LoadSteps
from ingest.reading import Value
from ingest.signals import OF_ONE_PACK, ROLLED_UP, Figure, Signal, catalogue

HOUR_MS = 3_600_000
LONGEST_GAP_MS = 300_000
"""A device that is saving power is asked less often than any other, but not less often than that."""

DIGITS = 4

_INTEGRALS: dict[str, tuple[tuple[tuple[str, ...], str, str], ...]] = {
    "bms": (
        (("pack_voltage", "current"), "battery_energy_in", "battery_energy_out"),
        (("current",), "battery_charge_in", "battery_charge_out"),
    ),
    "charge_controller": (
        (("pv_power",), "pv_energy", ""),
        (("charge_power",), "charge_energy", ""),
        (("load_power",), "load_energy", ""),
    ),
}
"""Factors, the field for what is positive of their product, and the field for the rest, empty where it cannot be."""

_CURRENT = 1
"""Which of a battery's integrals is that of its current alone."""


class Hour:
    """What one device, by its measurement, did in the hour that begins at `start`, UTC in ms."""

    def __init__(self, measurement: str, start: int) -> None:
        self._measurement = measurement
        self._start, self._end = start, start + HOUR_MS
        self._readings = 0
        self._figures = {signal.name: _Figures() for signal in _rolled_up(measurement)}
        self._times = array("q")
        self._values = [array("d") for _ in _INTEGRALS[measurement]]
        self._steps = LoadSteps()
        self._full: int | None = None

    def add(self, time: int, signals: Mapping[str, Value]) -> None:
        """A reading, taken in the hour or at most LONGEST_GAP_MS from it; one without signals tells nothing."""
        if not signals or not self._start - LONGEST_GAP_MS <= time < self._end + LONGEST_GAP_MS:
            return
        self._times.append(time)
        for (factors, _, _), values in zip(_INTEGRALS[self._measurement], self._values, strict=True):
            values.append(math.prod(_number(signals.get(factor)) for factor in factors))
        self._steps.add(time, signals)
        if self._start <= time < self._end:
            self._readings += 1
            if is_full(signals):
                self._full = time if self._full is None else max(self._full, time)
            for name, figures in self._figures.items():
                if name in signals and not math.isnan(_number(signals[name])):
                    figures.add(time, signals[name])

    def fields(self) -> dict[str, Value]:
        """By the names of the catalogue; none when nothing is known of the hour."""
        order = sorted(range(len(self._times)), key=self._times.__getitem__)
        covered, _ = self._integrate([(self._times[index], 1.0) for index in order])
        if not self._readings and not covered:
            return {}
        fields: dict[str, Value] = {
            f"{self._measurement}_readings": self._readings,
            f"{self._measurement}_covered": round(covered, DIGITS),
        }
        for (_, positive, negative), values in zip(_INTEGRALS[self._measurement], self._values, strict=True):
            known = [(self._times[index], values[index]) for index in order if not math.isnan(values[index])]
            if known:
                areas = self._integrate(known)
                named = zip((positive, negative), areas, strict=True)
                fields |= {name: round(area / 3600, DIGITS) for name, area in named if name}
        for signal in _rolled_up(self._measurement):
            fields |= self._figures[signal.name].fields(signal)
        return _finite(fields | self._pack(order))

    def _pack(self, order: Sequence[int]) -> dict[str, Value]:
        """What only a battery has: its resistance, and the charge since it was full."""
        fields: dict[str, Value] = {}
        if (found := self._steps.resistance(self._start, self._end)) is not None:
            fields["internal_resistance"], fields["internal_resistance_steps"] = round(found[0], 6), found[1]
        if self._full is not None:
            currents = self._values[_CURRENT]
            known = [(self._times[index], currents[index]) for index in order if not math.isnan(currents[index])]
            covered, _ = self._integrate([(time, 1.0) for time, _ in known], self._full)
            if round(covered, DIGITS) == (self._end - self._full) / 1000:
                charged, discharged = self._integrate(known, self._full)
                fields["charge_since_full"] = round((charged - discharged) / 3600, DIGITS)
        return fields

    def _integrate(self, points: list[tuple[int, float]], since: int = 0) -> tuple[float, float]:
        """What lies above zero and what lies below, times seconds, within the hour, from `since` on, UTC in ms."""
        positive, negative = [], []
        for (time, value), (next_time, next_value) in pairwise(points):
            first, last = max(time, self._start, since), min(next_time, self._end)
            if first >= last or next_time - time > LONGEST_GAP_MS:
                continue
            slope = (next_value - value) / (next_time - time)
            above, below = _areas(value + slope * (first - time), value + slope * (last - time), (last - first) / 1000)
            positive.append(above)
            negative.append(below)
        return sum(positive), sum(negative)


class HourPoint(NamedTuple):
    """What was found of an hour of one device: `measurement` is that of the point."""

    start: int
    device: str
    measurement: str
    fields: Mapping[str, Value]


def day(hours: Iterable[HourPoint]) -> dict[str, Value]:
    """The hours of all devices of a unit in one: lowest, highest and sums; means by their counts; last by the time; and
    the covered time of the device of which least is known. What is of one pack alone stays with the hours.
    """
    fields: dict[str, Value] = {}
    means: dict[str, list[tuple[float, int]]] = {}
    covered: dict[str, dict[str, float]] = {}
    for hour in sorted(hours, key=lambda hour: hour[:3]):
        for name, value in hour.fields.items():
            if name in OF_ONE_PACK:
                continue
            known = fields.get(name)
            match _figure_of(hour.measurement).get(name):
                case "mean":
                    count = hour.fields.get(f"{name.removesuffix('_mean')}_count")
                    if isinstance(count, int):
                        means.setdefault(name, []).append((_number(value), count))
                case "min" if known is not None:
                    fields[name] = min(_comparable(known), _comparable(value))
                case "max" if known is not None:
                    fields[name] = max(_comparable(known), _comparable(value))
                case "min" | "max" | "last":
                    fields[name] = value
                case _ if name.endswith("_covered"):
                    devices = covered.setdefault(name, {})
                    devices[hour.device] = devices.get(hour.device, 0.0) + _number(value)
                case _:
                    total = _comparable(value) + (0 if known is None else _comparable(known))
                    fields[name] = round(total, DIGITS)
    for name, weighted in means.items():
        total = sum(count for _, count in weighted)
        fields[name] = round(sum(mean * count for mean, count in weighted) / total, DIGITS)
    for name, devices in covered.items():
        fields[name] = round(min(devices.values()), DIGITS)
    return _finite(fields)


class _Figures:
    __slots__ = ("count", "highest", "last", "last_time", "lowest", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = array("d")
        self.lowest: float = math.inf
        self.highest: float = -math.inf
        self.last: Value = 0
        self.last_time = -1

    def add(self, time: int, value: Value) -> None:
        number = _comparable(value)
        self.count += 1
        self.total.append(number)
        self.lowest = min(self.lowest, number)
        self.highest = max(self.highest, number)
        if time >= self.last_time:
            self.last, self.last_time = number, time

    def fields(self, signal: Signal) -> Iterator[tuple[str, Value]]:
        if self.count:
            for figure in signal.rollup:
                yield f"{signal.name}_{figure}", self._figure(figure)

    def _figure(self, figure: Figure) -> Value:
        match figure:
            case "min":
                return self.lowest
            case "max":
                return self.highest
            case "last":
                return self.last
            case "count":
                return self.count
            case "mean":
                return round(sum(sorted(self.total)) / self.count, DIGITS)


def _areas(start: float, end: float, seconds: float) -> tuple[float, float]:
    """Between a line and zero: above it and below it."""
    if start * end < 0:
        crossing = seconds * start / (start - end)
        above, below = abs(start) * crossing / 2, abs(end) * (seconds - crossing) / 2
        return (above, below) if start > 0 else (below, above)
    area = (start + end) * seconds / 2
    return max(area, 0.0), max(-area, 0.0)


def _finite(fields: dict[str, Value]) -> dict[str, Value]:
    """Without what became too large to be a number: a device may say anything."""
    return {name: value for name, value in fields.items() if not isinstance(value, float) or math.isfinite(value)}


def _number(value: Value | None) -> float:
    """NaN for what is none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _comparable(value: Value) -> float:
    number = _number(value)
    if math.isnan(number):
        raise ValueError(f"{value!r} is no number")
    return number


@cache
def _rolled_up(measurement: str) -> tuple[Signal, ...]:
    return tuple(signal for signal in catalogue()[measurement].values() if signal.rollup)


@cache
def _figure_of(hourly: str) -> dict[str, Figure]:
    return {f"{signal.name}_{figure}": figure for signal in _rolled_up(ROLLED_UP[hourly]) for figure in signal.rollup}
