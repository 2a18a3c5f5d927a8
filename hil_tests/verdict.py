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
        """Every reading is stored once, at its time, with its values, and nothing else is."""
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
        if not any(abs(_off(original, point)) <= TOLERANCE for original in originals.like(point))
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
    """Finds the readings that say the same as a point, by the anchor first."""

    def __init__(self, readings: list[ExpectedReading]) -> None:
        self._by_anchor: dict[tuple[str, int | None], list[ExpectedReading]] = defaultdict(list)
        for reading in readings:
            anchor = next(iter(reading.values.items()))
            self._by_anchor[anchor[0], _thousandths(anchor[1])].append(reading)

    def like(self, point: StoredPoint) -> list[ExpectedReading]:
        return [
            reading
            for signal in _ANCHOR_SIGNALS
            for reading in self._by_anchor.get((signal, _thousandths(point.values.get(signal))), ())
            if all(
                _thousandths(point.values.get(name)) == _thousandths(value) for name, value in reading.values.items()
            )
        ]


def _in_time(readings: list[ExpectedReading], points: list[StoredPoint]) -> list[Pair]:
    # In order of time, each point takes the reading that ends first: that pairs as many as can be paired, even where
    # readings repeat each other's values.
    by_values = _ByValues(readings)
    taken: set[int] = set()
    pairs = []
    for point in points:
        for reading in by_values.like(point):
            if id(reading) not in taken and abs(_off(reading, point)) <= TOLERANCE:
                taken.add(id(reading))
                pairs.append((reading, point))
                break
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
