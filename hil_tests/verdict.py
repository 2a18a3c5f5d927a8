"""What became of the readings: lost, duplicated, mis-timed or wrong, by comparing the ledger with a database."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hil_tests.ledger import ExpectedReading

TOLERANCE = 1000
"""Milliseconds by which a stored time may be off before the reading counts as mis-timed."""
_ANCHOR_SIGNALS = ("pack_voltage", "pv_voltage")


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """A point of the database: device name, UTC milliseconds, fields by their names in ingest/signals.toml."""

    device: str
    t: int
    values: Mapping[str, object]


Pair = tuple[ExpectedReading, StoredPoint]


@dataclass(slots=True)
class Verdict:
    """Every expected reading stands in one of the first four; every point with an anchor in one of all but `lost`.

    `foreign` points were never answered by the device. Points without an anchor signal (a poll whose block failed) are
    only counted. Readings that were not certain to be taken stand here only if they were stored.
    """

    matched: list[Pair] = field(default_factory=list)
    mistimed: list[Pair] = field(default_factory=list)
    wrong: list[Pair] = field(default_factory=list)
    lost: list[ExpectedReading] = field(default_factory=list)
    duplicated: list[StoredPoint] = field(default_factory=list)
    foreign: list[StoredPoint] = field(default_factory=list)
    without_anchor: int = 0

    @property
    def expected(self) -> int:
        return len(self.matched) + len(self.mistimed) + len(self.wrong) + len(self.lost)

    @property
    def clean(self) -> bool:
        """Every reading is stored once, at its time, with its values, and nothing else is. Also true of no reading."""
        return not (self.mistimed or self.wrong or self.lost or self.duplicated or self.foreign)

    def __str__(self) -> str:
        return (
            f"expected {self.expected} matched {len(self.matched)} lost {len(self.lost)}"
            f" duplicated {len(self.duplicated)} mistimed {len(self.mistimed)} wrong {len(self.wrong)}"
            f" foreign {len(self.foreign)}"
        )


def compare(expected: Iterable[ExpectedReading], stored: Iterable[StoredPoint]) -> Verdict:
    """Match each reading with at most one point of its device and each point with at most one reading.

    First what agrees in values and time; then what agrees in values and stands at another time, nearest first (a point
    at the time of a reading that is matched already is rather its copy); then what agrees in time but not in values.
    What is left of the points repeats the values of a stored reading, or is foreign. A reading whose time *and* values
    are both off is lost, and its point foreign.
    """
    verdict = Verdict()
    readings_of: defaultdict[str, list[ExpectedReading]] = defaultdict(list)
    points_of: defaultdict[str, list[StoredPoint]] = defaultdict(list)
    for reading in expected:
        readings_of[reading.device].append(reading)
    for point in stored:
        if any(signal in point.values for signal in _ANCHOR_SIGNALS):
            points_of[point.device].append(point)
        else:
            verdict.without_anchor += 1
    for device in readings_of.keys() | points_of.keys():
        _compare_device(verdict, readings_of[device], points_of[device])
    return verdict


def _compare_device(verdict: Verdict, readings: list[ExpectedReading], points: list[StoredPoint]) -> None:
    readings.sort(key=lambda reading: reading.ended)
    points.sort(key=lambda point: point.t)
    in_time = _in_time([reading for reading in readings if reading.certain], points)
    in_time += _in_time([reading for reading in readings if not reading.certain], _unused(points, in_time))
    verdict.matched += in_time

    originals = _ByValues([reading for reading, _ in in_time])
    others = _ByValues(_unstored(readings, in_time))
    shifted = [
        (reading, point)
        for point in _unused(points, in_time)
        if not originals.now(point)
        for reading in others.like(point)
    ]
    mistimed = _nearest(shifted)
    verdict.mistimed += mistimed

    told = in_time + mistimed
    wrong = _nearest(_at_the_same_time(_unstored(readings, told), _unused(points, told)))
    verdict.wrong += wrong

    told += wrong
    stored = _ByValues([reading for reading, _ in told])
    for point in _unused(points, told):
        (verdict.duplicated if stored.like(point) else verdict.foreign).append(point)
    verdict.lost += [reading for reading in _unstored(readings, told) if reading.certain]


def _off(reading: ExpectedReading, point: StoredPoint) -> int:
    # Milliseconds from the poll, which took from `began` to `ended`, to the point; 0 inside it.
    return min(0, point.t - reading.began) + max(0, point.t - reading.ended)


def _thousandths(value: object) -> int | None:
    # The finest digit of either device, so that a float's last bits do not matter.
    return round(value * 1000) if isinstance(value, int | float) else None


class _ByValues:
    """Finds the readings that say the same as a point; they come and go in the order of their ends."""

    def __init__(self, readings: list[ExpectedReading]) -> None:
        self._signals = {tuple(reading.values) for reading in readings}
        self._longest = max((reading.ended - reading.began for reading in readings), default=0)
        self._same: dict[tuple[object, ...], list[ExpectedReading]] = defaultdict(list)
        for reading in readings:
            self._same[_said(reading.values, tuple(reading.values))].append(reading)

    def like(self, point: StoredPoint) -> list[ExpectedReading]:
        """At any time."""
        return [reading for names in self._signals for reading in self._same.get(_said(point.values, names), ())]

    def now(self, point: StoredPoint) -> list[ExpectedReading]:
        """At the time of the point, within the tolerance."""
        found = []
        for names in self._signals:
            same = self._same.get(_said(point.values, names), [])
            first = bisect_left(same, point.t - TOLERANCE, key=_end)
            last = bisect_right(same, point.t + TOLERANCE + self._longest, key=_end)
            found += [reading for reading in same[first:last] if abs(_off(reading, point)) <= TOLERANCE]
        return found


def _end(reading: ExpectedReading) -> int:
    return reading.ended


def _said(values: Mapping[str, object], names: tuple[str, ...]) -> tuple[object, ...]:
    return (*names, *(_thousandths(values.get(name)) for name in names))


def _in_time(readings: list[ExpectedReading], points: list[StoredPoint]) -> list[Pair]:
    # In order of time, each point takes the reading that ends first: that pairs as many as can be paired, even where
    # readings repeat each other's values.
    by_values = _ByValues(readings)
    taken: set[int] = set()
    pairs = []
    for point in points:
        reading = next((reading for reading in by_values.now(point) if id(reading) not in taken), None)
        if reading is not None:
            taken.add(id(reading))
            pairs.append((reading, point))
    return pairs


def _at_the_same_time(readings: list[ExpectedReading], points: list[StoredPoint]) -> list[Pair]:
    times = [point.t for point in points]
    return [
        (reading, point)
        for reading in readings
        for point in points[
            bisect_left(times, reading.began - TOLERANCE) : bisect_right(times, reading.ended + TOLERANCE)
        ]
    ]


def _nearest(candidates: list[Pair]) -> list[Pair]:
    used: set[int] = set()
    pairs = []
    for reading, point in sorted(candidates, key=lambda pair: abs(_off(*pair))):
        if id(reading) not in used and id(point) not in used:
            used |= {id(reading), id(point)}
            pairs.append((reading, point))
    return pairs


def _unstored(readings: list[ExpectedReading], pairs: list[Pair]) -> list[ExpectedReading]:
    stored = {id(reading) for reading, _ in pairs}
    return [reading for reading in readings if id(reading) not in stored]


def _unused(points: list[StoredPoint], pairs: list[Pair]) -> list[StoredPoint]:
    used = {id(point) for _, point in pairs}
    return [point for point in points if id(point) not in used]
