"""Figures, each with how much of its time is known. What is not known adds nothing and is never guessed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from ingest.report.history import Hour, Kind
from ingest.report.period import Period
from ingest.report.spans import Span, clip, common, seconds, union, without

COMPLETE = 0.99
"""From this share on a day counts as complete: an hour's edges and a reading that failed cost some seconds."""


class Figure(NamedTuple):
    """`value` is None when nothing is known of it; `known` is the share of the time that it is made of, 0 to 1."""

    value: float | None
    known: float

    @property
    def is_complete(self) -> bool:
        """Whether it stands for the whole of its time."""
        return self.known >= COMPLETE


@dataclass(frozen=True, slots=True)
class Supply:
    """When the load had power, when not, and when nobody knows; apart from each other."""

    on: list[Span]
    off: list[Span]

    def hours(self, span: Span) -> tuple[float, float, float]:
        """With power, without, and not known, within one span."""
        on, off = (seconds(clip(spans, span)) / 3600 for spans in (self.on, self.off))
        return on, off, (span[1] - span[0]) / 3600 - on - off


class Day(NamedTuple):
    """One local day; one that is not over is known in part. Energies in Wh, `supply` as of `Supply.hours`. `soc` is
    lowest and highest in %, `spread` in V; None when it is not known.
    """

    day: date
    made: Figure
    used: Figure
    supply: tuple[float, float, float]
    soc: tuple[float, float] | None
    spread: float | None


def total(hours: Iterable[Hour], kind: Kind, name: str, span: Span) -> Figure:
    """The sum of one field over all devices of a kind. Known is as much as of the device of which least is known."""
    covered: dict[str, float] = {}
    value: float | None = None
    for hour in hours:
        if hour.kind != kind:
            continue
        covered.setdefault(hour.device, 0.0)
        if span[0] <= hour.start < span[1] and (energy := hour.number(name)) is not None:
            value = energy if value is None else value + energy
            covered[hour.device] += hour.number(f"{kind}_covered") or 0.0
    share = min(covered.values(), default=0.0) / (span[1] - span[0])
    return Figure(value, min(share, 1.0))


def lowest(hours: Iterable[Hour], name: str, span: Span) -> float | None:
    """Of all hours that begin in the span."""
    return min(_numbers(hours, name, span), default=None)


def highest(hours: Iterable[Hour], name: str, span: Span) -> float | None:
    """Likewise."""
    return max(_numbers(hours, name, span), default=None)


def supply(sources: Sequence[tuple[Sequence[Span], Sequence[Span]]]) -> Supply:
    """Of each source's (on, off): the load has power while all say so, and none while one says that it has none."""
    if not sources:
        return Supply([], [])
    on = list(sources[0][0])
    for others_on, _ in sources[1:]:
        on = common(on, others_on)
    off = union(span for _, spans in sources for span in spans)
    return Supply([piece for span in on for piece in without(span, off)], off)


def by_day(hours: Sequence[Hour], supplied: Supply, period: Period) -> list[Day]:
    """Every day of the period."""
    return [_day(hours, supplied, day, period) for day in period.days]


def percent(share: float | None) -> str:
    """In words: never 100 % of what is not whole, nor 0 % of what is something."""
    if share is None:
        return "not known"
    percent = round(100 * share, 1)
    if share < 1 and percent >= 100:
        return "99.9 %"
    if share > 0 and percent <= 0:
        return "under 0.1 %"
    return f"{percent:g} %"


def _day(hours: Sequence[Hour], supplied: Supply, day: date, period: Period) -> Day:
    span = period.whole_day(day)
    low, high = lowest(hours, "soc_min", span), highest(hours, "soc_max", span)
    return Day(
        day,
        total(hours, "charge_controller", "pv_energy", span),
        total(hours, "charge_controller", "load_energy", span),
        supplied.hours(period.day_span(day)),
        None if low is None or high is None else (low, high),
        highest(hours, "cell_voltage_spread_max", span),
    )


def _numbers(hours: Iterable[Hour], name: str, span: Span) -> list[float]:
    found = (hour.number(name) for hour in hours if span[0] <= hour.start < span[1])
    return [number for number in found if number is not None]
