"""A month as the village counts it: local days, each a stretch of UTC.

A zone has to be whole hours from UTC, because the hourly figures are of hours of UTC; Viet Nam's is.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ingest.report.spans import Span

HOUR = 3600


class MonthError(ValueError):
    """A month that is none, in one line."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days of one month that have begun. `end` is the month's end, or now if that comes first; UTC seconds."""

    month: date
    zone: ZoneInfo
    days: tuple[date, ...]
    start: int
    end: int

    @property
    def span(self) -> Span:
        """All of it."""
        return self.start, self.end

    @property
    def is_over(self) -> bool:
        """Whether the month has ended."""
        return self.end == _midnight(_next_month(self.month), self.zone)

    def whole_day(self, day: date) -> Span:
        """From midnight to midnight, though that may be still to come."""
        return _midnight(day, self.zone), _midnight(day + timedelta(1), self.zone)

    def day_span(self, day: date) -> Span:
        """From midnight to midnight, or to now."""
        start, end = self.whole_day(day)
        return start, min(end, self.end)

    def day_of(self, time: int) -> date:
        """The local day of that second."""
        return self.local(time).date()

    def local(self, time: float) -> datetime:
        """That second on the village's clocks."""
        return datetime.fromtimestamp(time, self.zone)


def period(month: str, zone: ZoneInfo, now: float) -> Period:
    """The month written as YYYY-MM, at `now` in UTC seconds. Raises MonthError."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month) or not 2020 <= int(month[:4]) < 2100:
        raise MonthError(f"month {month!r}: write it as YYYY-MM, for example 2026-11")
    first = date.fromisoformat(f"{month}-01")
    start, end = _midnight(first, zone), min(_midnight(_next_month(first), zone), int(now))
    if end <= start:
        raise MonthError(f"month {month!r}: it has not begun; take one that has")
    count = (datetime.fromtimestamp(end - 1, zone).date() - first).days + 1
    return Period(first, zone, tuple(first + timedelta(day) for day in range(count)), start, end)


def is_whole_hours(zone: ZoneInfo) -> bool:
    """Whether its offsets from UTC are, at this zone's winter and summer time of a year of the trial."""
    offsets = (datetime(2026, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7))
    return all(offset is not None and offset % timedelta(hours=1) == timedelta(0) for offset in offsets)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _next_month(first: date) -> date:
    return (first + timedelta(31)).replace(day=1)
