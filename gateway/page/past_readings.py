"""What the journal still holds, sent or not, as the page's charts and its list of losses need it.

Buckets of an hour or more come from the hourly roll-ups, finer ones from the readings. Promised: memory holds one file
of the journal at a time, and the buckets. Not promised: what has left the journal, or has no time yet.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest
from typing import NamedTuple

from gateway.entry import LOSS, Entry
from gateway.ledger import Key, Origin
from gateway.page.doors import Bucket, Loss, Source
from gateway.past import Past
from gateway.priority import Priority
from ingest.reading import Reading, Value
from ingest.signals import ROLLED_UP

HOUR_MS = 3_600_000
HOURLY = {base: hourly for hourly, base in ROLLED_UP.items()}


class _Sum(NamedTuple):
    low: float
    total: float
    high: float
    values: int

    def bucket(self, begin: int) -> Bucket:
        return Bucket(begin, self.low, self.total / self.values, self.high)


class PastReadings:
    """Safe to use from several threads; each call may take seconds and raises OSError when a file cannot be read."""

    def __init__(self, past: Past, origin: Callable[[Key, int], Origin | None]) -> None:
        """`origin` dates a reading that had no time when it came."""
        self._past = past
        self._origin = origin

    def series(
        self, source: Source, signals: Sequence[str], since: int, until: int, points: int
    ) -> dict[str, list[Bucket]]:
        """As `History.series`."""
        width = (until - since) // points
        if width >= HOUR_MS:
            return self._of_rollups(source, signals, since, until)
        sums: dict[str, dict[int, _Sum]] = {signal: {} for signal in signals}
        for time_ms, reading in self._readings(since, until, Priority.READING, source.unit):
            if (reading.unit, reading.device, reading.measurement) != source:
                continue
            begin = time_ms - (time_ms - since) % width
            for signal in signals:
                if (value := _number(reading.signals.get(signal))) is not None:
                    low, total, high, values = sums[signal].get(begin, _Sum(value, 0.0, value, 0))
                    sums[signal][begin] = _Sum(min(low, value), total + value, max(high, value), values + 1)
        return {signal: [of[begin].bucket(begin) for begin in sorted(of)] for signal, of in sums.items() if of}

    def losses(self, since: int, until: int, most: int) -> list[Loss]:
        """As `History.losses`."""
        found = (
            Loss(
                reading.unit,
                time_ms,
                int(reading.signals["readings"]),
                float(reading.signals["duration"]),
                str(reading.signals["reason"]),
            )
            for time_ms, reading in self._readings(since, until, Priority.SUMMARY)
            if reading.measurement == LOSS and {"readings", "duration", "reason"} <= reading.signals.keys()
        )
        return nlargest(most, found, key=lambda loss: loss.time_ms)

    def _of_rollups(self, source: Source, signals: Sequence[str], since: int, until: int) -> dict[str, list[Bucket]]:
        hourly = source._replace(measurement=HOURLY[source.measurement])
        hours: dict[str, dict[int, Bucket]] = {signal: {} for signal in signals}
        for time_ms, reading in self._readings(since, until, Priority.SUMMARY, source.unit):
            if (reading.unit, reading.device, reading.measurement) != hourly:
                continue
            for signal in signals:
                mean = _number(reading.signals.get(f"{signal}_mean"))
                if mean is not None:  # an hour that was summed up again comes later, and counts
                    low, high = (_number(reading.signals.get(f"{signal}_{figure}")) for figure in ("min", "max"))
                    hours[signal][time_ms] = Bucket(
                        time_ms, mean if low is None else low, mean, mean if high is None else high
                    )
        return {signal: [of[begin] for begin in sorted(of)] for signal, of in hours.items() if of}

    def _readings(
        self, since: int, until: int, least: Priority, unit: str | None = None
    ) -> Iterator[tuple[int, Reading]]:
        for frame in self._past.between(since, until, least, unit):
            for entry in frame.entries:
                time_ms = self._time(entry)
                if time_ms is not None and since <= time_ms < until:
                    yield time_ms, entry.reading

    def _time(self, entry: Entry) -> int | None:
        if entry.dated is not None:
            return entry.dated[0]
        origin = self._origin(entry.key, entry.reading.up)
        return None if origin is None else origin.utc_ms + entry.reading.up


def _number(value: Value | None) -> float | None:
    return None if isinstance(value, str | bool | None) else float(value)
