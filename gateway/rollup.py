"""Which hours and days are summed up, and when: each when it is over, and again when a late reading falls into it.

Promised: a point is made of every reading of its time that is stored by then, or not at all; one that comes later makes
it again, with the same tags and time, and the days whose capacity hangs on it. After a crash what was not made yet is
made, and nothing is lost by making a point twice. An hour of which readings were thinned, or have left the history, is
not made again: it would be made of less than before. Not promised: a point of an hour that is not over. The live
readings tell of it.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gateway.capacity import LOOKED_BACK, PackHour, estimate, pack_hour, together
from gateway.clock import EARLIEST_UTC_MS, LATEST_UTC_MS
from gateway.entry import GATEWAY, Entry, StoredFrame
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Origin
from gateway.message import ReadingMessage
from gateway.past import Past
from gateway.priority import Priority
from gateway.summary import HOUR_MS, LONGEST_GAP_MS, Hour, HourPoint, day
from ingest.reading import Reading, Value
from ingest.signals import DAILY, ROLLED_UP

SETTLED_MS = 60_000
"""Readings come in groups, and late ones in floods: an hour is made when none has fallen into it for so long."""

UNIT = "unit"
"""Device and model of what sums up all devices of a unit."""

_HOURLY = {base: hourly for hourly, base in ROLLED_UP.items()}
_DAY_HOURS = 24

_LOOKED_BACK = {"bms": LOOKED_BACK, "charge_controller": 0}
"""For how many hours before it a day hangs on the hours of such a device."""

log = logging.getLogger(__name__)


class Series(NamedTuple):
    """One device."""

    unit: str
    device: str
    model: str
    measurement: str


class RollUps:
    """What is to be made. Not safe for several threads; `make` alone may run while others are called."""

    def __init__(self, past: Past, origin: Callable[[Key, int], Origin | None], kernel: str, day_begins: int) -> None:
        """`origin` dates undated readings; a day begins at the hour `day_begins`, UTC."""
        self._past = past
        self._origin = origin
        self._kernel = kernel
        self._day_begins = day_begins
        self._hours: dict[Series, IntervalSet] = {}
        self._days: dict[str, IntervalSet] = {}
        self._undated: dict[tuple[Key, Series], dict[int, int]] = {}
        self._touched: dict[int, int] = {}
        self._in_work: Work | None = None

    def heard(self, entries: Iterable[Entry], now: int) -> None:
        """Entries that were just stored, at the boottime `now`, ms."""
        for entry in entries:
            reading = entry.reading
            if entry.made_here or reading.measurement not in _HOURLY:
                continue
            series = Series(reading.unit, reading.device, reading.model, reading.measurement)
            if entry.dated is None:
                latest = self._undated.setdefault((entry.key, series), {})
                hour = reading.up // HOUR_MS
                latest[hour] = max(latest.get(hour, 0), reading.up)
            else:
                self._mark(series, entry.dated[0], now)

    def due(self, utc: int, now: int) -> "Work | None":
        """What to make next, at that UTC and boottime in ms; None when there is nothing. It counts as made from then
        on, until it is `failed`.
        """
        self._date(now)
        self._touched = {hour: when for hour, when in self._touched.items() if now - when < SETTLED_MS}
        over = (utc - LONGEST_GAP_MS) // HOUR_MS
        hours = {hour for series in self._hours.values() for hour in _upto(series, over - 1)} - self._touched.keys()
        if hours:
            hour = min(hours)
            self._in_work = Work(hour, [series for series, marked in self._hours.items() if hour in marked], [])
        else:
            days = {
                (number, unit)
                for unit, marked in self._days.items()
                for number in _upto(marked, (over - self._day_begins) // _DAY_HOURS - 1)
                if not self._open(unit, self._first_hour(number))
            }
            if not days:
                return None
            number = min(days)[0]
            self._in_work = Work(self._first_hour(number), [], [unit for day, unit in sorted(days) if day == number])
        self._forget(self._in_work)
        return self._in_work

    def make(self, work: "Work", utc: int) -> list[Entry]:
        """The points. Raises OSError when what they are made of cannot be read now."""
        start = work.hour * HOUR_MS
        # A time beyond now comes of a board with a wrong clock and says nothing of what is whole.
        if start - LONGEST_GAP_MS <= self._past.whole_from <= utc:
            log.info("%s: not summed up anew, some of what was measured then is gone", _hour_text(start))
            return []
        return self._made_hours(work, start) if work.series else self._made_days(work, start)

    def made(self, work: "Work") -> None:
        """The points are in the journal."""
        self._in_work = None
        for series in work.series:
            for hour in range(work.hour, work.hour + _LOOKED_BACK[series.measurement] + 1, _DAY_HOURS):
                number = (hour - self._day_begins) // _DAY_HOURS
                self._days.setdefault(series.unit, IntervalSet()).add(number)

    def failed(self, work: "Work") -> None:
        """It is to be made again."""
        self._in_work = None
        self._remember(work)

    def state(self) -> dict[str, Any]:
        """As a JSON document: all that is still to be made."""
        return {
            "hours": [[*series, hours.ranges()] for series, hours in self._hours.items() if hours.ranges()],
            "days": [[unit, days.ranges()] for unit, days in self._days.items() if days.ranges()],
            "undated": [[*key, *series, list(latest.items())] for (key, series), latest in self._undated.items()],
            "in_work": self._in_work,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """What an earlier run left to do. Raises ValueError, KeyError or TypeError for what is no `state`."""
        for unit, device, model, measurement, ranges in state["hours"]:
            self._hours[Series(unit, device, model, measurement)] = IntervalSet(ranges)
        for unit, ranges in state["days"]:
            self._days[unit] = IntervalSet(ranges)
        for unit, boot, *series, latest in state["undated"]:
            self._undated[(unit, boot), Series(*series)] = dict(latest)
        if state["in_work"] is not None:
            hour, series, units = state["in_work"]
            self._remember(Work(hour, [Series(*one) for one in series], units))

    def _mark(self, series: Series, time: int, now: int) -> None:
        if not EARLIEST_UTC_MS <= time <= LATEST_UTC_MS:
            return
        for near in (time - LONGEST_GAP_MS, time + LONGEST_GAP_MS):  # the hour beside it hangs on it, too
            hour = near // HOUR_MS
            self._hours.setdefault(series, IntervalSet()).add(hour)
            self._touched[hour] = now

    def _date(self, now: int) -> None:
        """A boot that has a time by now: its readings of each hour of `up` lie in two hours of UTC, or three."""
        for (key, series), latest in list(self._undated.items()):
            for hour, last in list(latest.items()):
                if self._origin(key, last) is None:
                    continue
                del latest[hour]
                for up in (hour * HOUR_MS, last):
                    if (origin := self._origin(key, up)) is not None:
                        self._mark(series, origin.utc_ms + up, now)
            if not latest:
                del self._undated[key, series]

    def _open(self, unit: str, first: int) -> bool:
        """Whether an hour of that day of the unit is still to be made."""
        return any(
            any(hour in hours for hour in range(first, first + _DAY_HOURS))
            for series, hours in self._hours.items()
            if series.unit == unit
        )

    def _first_hour(self, number: int) -> int:
        return number * _DAY_HOURS + self._day_begins

    def _forget(self, work: "Work") -> None:
        for series in work.series:
            self._hours[series].discard(work.hour)
        for unit in work.units:
            self._days[unit].discard((work.hour - self._day_begins) // _DAY_HOURS)

    def _remember(self, work: "Work") -> None:
        for series in work.series:
            self._hours.setdefault(series, IntervalSet()).add(work.hour)
        for unit in work.units:
            self._days.setdefault(unit, IntervalSet()).add((work.hour - self._day_begins) // _DAY_HOURS)

    def _made_hours(self, work: "Work", start: int) -> list[Entry]:
        hours = {series: Hour(series.measurement, start) for series in work.series}
        for frame in self._past.between(start - LONGEST_GAP_MS, start + HOUR_MS + LONGEST_GAP_MS):
            for entry, time in self._dated(frame):
                reading = entry.reading
                hour = hours.get(Series(reading.unit, reading.device, reading.model, reading.measurement))
                if hour is not None:
                    hour.add(time, reading.signals)
        return [
            self._point(series._replace(measurement=_HOURLY[series.measurement]), start, fields)
            for series, hour in hours.items()
            if (fields := hour.fields())
        ]

    def _made_days(self, work: "Work", start: int) -> list[Entry]:
        days = {unit: _Day(work.hour) for unit in work.units}
        end = start + _DAY_HOURS * HOUR_MS
        for frame in self._past.between(start - LOOKED_BACK * HOUR_MS, end, Priority.SUMMARY):
            for entry, time in self._dated(frame):
                reading = entry.reading
                if reading.unit in days and reading.measurement in ROLLED_UP and time < end:
                    days[reading.unit].add(frame.number, time, reading)
        return [
            self._point(Series(unit, UNIT, UNIT, DAILY), start, fields)
            for unit, made in days.items()
            if (fields := made.fields())
        ]

    def _dated(self, frame: StoredFrame) -> Iterator[tuple[Entry, int]]:
        for entry in frame.entries:
            if entry.dated is not None:
                yield entry, entry.dated[0]
            elif (origin := self._origin(entry.key, entry.reading.up)) is not None:
                yield entry, origin.utc_ms + entry.reading.up

    def _point(self, series: Series, start: int, fields: dict[str, Value]) -> Entry:
        unit, device, model, measurement = series
        reading = Reading(unit, GATEWAY, 0, device, model, measurement, 0, start, fields)
        return Entry(ReadingMessage(reading, None, 0, b""), self._kernel, 0, (start, "gateway"))


class Work(NamedTuple):
    """The hour of these series, or the day that begins with that hour of these units."""

    hour: int
    series: Sequence[Series]
    units: Sequence[str]


def _upto(numbers: IntervalSet, last: int) -> Iterator[int]:
    """The first of each stretch will do: what is beside it comes next."""
    return (first for first, _ in numbers.ranges() if first <= last)


def _hour_text(start: int) -> str:
    return f"hour {start // HOUR_MS} since 1970"


class _Day:
    """What the points of one unit's hours make of the day that begins with hour `first`; the latest of each counts."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._hours: dict[tuple[int, str, str], tuple[int, HourPoint]] = {}
        self._packs: dict[str, dict[int, tuple[int, PackHour]]] = {}

    def add(self, frame: int, time: int, reading: Reading) -> None:
        """A point of the day, or of the hours before it that its capacity takes; the later frame has the later one."""
        hour = time // HOUR_MS
        if reading.measurement == _HOURLY["bms"]:
            pack = self._packs.setdefault(reading.device, {})
            if hour not in pack or pack[hour][0] < frame:
                pack[hour] = frame, pack_hour(hour, reading.signals)
        if hour >= self._first:
            point = HourPoint(time, reading.device, reading.measurement, reading.signals)
            if point[:3] not in self._hours or self._hours[point[:3]][0] < frame:
                self._hours[point[:3]] = frame, point

    def fields(self) -> dict[str, Value]:
        """By the names of the catalogue; none when there is no point of the day."""
        if not self._hours:
            return {}
        packs = [estimate((hour for _, hour in pack.values()), self._first) for pack in self._packs.values()]
        return day(point for _, point in self._hours.values()) | together(packs)
