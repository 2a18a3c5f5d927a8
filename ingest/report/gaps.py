"""When a device was heard, when not, and why not.

A reading stands for the time until the next one, 5 minutes at most, as in the gateway's roll-ups. Everything is good to
a minute. A reason is given only where the database holds a trace of it; without one the gap is "not known".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ingest.report.history import MINUTE, Device, History
from ingest.report.period import HOUR, Period
from ingest.report.spans import Span, clip, seconds, union, without

LONGEST_GAP = 300
"""Seconds between two readings that still are neighbours; gateway/summary.py has the same."""

SILENT = 900
"""Seconds after which a gateway or a board, which tell of their health every minute or so, counts as away."""

LOSS_REASONS = {
    "spool_thinned": "thinned on the board, whose flash was nearly full",
    "spool_full": "given up by the board, whose flash was full",
    "flash_damaged": "lost to damaged flash on the board",
    "journal_thinned": "thinned on the gateway, whose disk was nearly full",
    "journal_full": "given up by the gateway, whose disk was full",
    "journal_damaged": "lost to a damaged file on the gateway",
    "never_received": "never reached the gateway",
}
RESET_CAUSES = {
    "power_on": "its power was gone",
    "hard": "its power was gone or its reset was pressed",
    "watchdog": "its watchdog restarted it",
    "soft": "it restarted itself",
}


class Gap(NamedTuple):
    """No answer of these devices in this span, and why."""

    devices: tuple[str, ...]
    span: Span
    why: str


def heard(device: Device, span: Span) -> list[Span]:
    """When the device is known."""
    return clip(union(_standing(device.answered, span[1])), span)


def on_and_off(device: Device, span: Span) -> tuple[list[Span], list[Span]]:
    """When it said that the load could be supplied, and when that it could not."""
    told = list(zip(_standing(list(device.live), span[1]), device.live.values(), strict=True))
    on, off = ([standing for standing, live in told if live is wanted] for wanted in (True, False))
    return union(on), union(off)


def gaps(history: History, period: Period) -> list[Gap]:
    """All of them, by time; devices that were away together for the same reason stand together."""
    found = [
        Gap((device.name,), span, _why(device, span, history, period))
        for device in history.devices
        for span in without(period.span, heard(device, period.span))
        if seconds([span]) > LONGEST_GAP - MINUTE
    ]
    return _together(sorted(found, key=lambda gap: (gap.span, gap.devices)))


def _standing(minutes: Sequence[int], end: int) -> Iterator[Span]:
    """How long each minute's reading stands."""
    for minute, following in pairwise([*minutes, end]):
        yield minute, following if following - minute <= LONGEST_GAP else minute + MINUTE


def _why(device: Device, gap: Span, history: History, period: Period) -> str:
    reasons = [*_traces(device, gap, history, period)]
    if not any(clip([loss.span], gap) for loss in history.losses):
        reasons += _undelivered(device, gap, history, period)
    return "; ".join(reasons or [_silence(gap, history)])


def _traces(device: Device, gap: Span, history: History, period: Period) -> Iterator[str]:
    """What happened to the readings, or kept them from being taken."""
    lost: Counter[str] = Counter()
    for loss in history.losses:
        if clip([loss.span], gap):
            lost[loss.reason] += loss.readings
    for reason, readings in lost.items():
        yield f"{readings} readings {LOSS_REASONS.get(reason, reason)}"
    if failed := sum(gap[0] <= minute < gap[1] for minute in device.failed):
        yield f"it did not answer on the bus, asked in {failed} minutes"
    for start in history.board.starts:
        if gap[0] - MINUTE <= start.time <= gap[1] + MINUTE and start.time > period.start:
            cause = RESET_CAUSES.get(start.cause, "the cause is not known")
            yield f"the board was off until {period.local(start.time):%H:%M} ({cause})"


def _undelivered(device: Device, gap: Span, history: History, period: Period) -> Iterator[str]:
    """Why they are not here, though they may exist."""
    gateway = history.gateway
    if any(_is_inside(hour.start, gap) and hour.device == device.name for hour in history.hours):
        yield "not delivered yet: the gateway has these readings, for their hourly figures have come"
    elif device.is_new and gap[0] == period.start:
        yield "before the first reading of it"
    elif gateway is not None and gap[1] == period.end and gateway.last < gap[1] - SILENT:
        yield f"not delivered yet: the gateway was last heard {period.local(gateway.last):%-d %b %H:%M}"
    elif gateway is not None and gateway.waiting and gateway.waiting_since < gap[1]:
        yield f"perhaps not delivered yet: {gateway.waiting} readings wait on the gateway"


def _silence(gap: Span, history: History) -> str:
    """What else was silent then."""
    if seconds([gap]) < SILENT or history.gateway is None:
        return "not known"
    if not _any_in(history.gateway.heard, gap):
        return "not known; the gateway was not heard either: it or its link was off"
    if not _any_in(history.board.heard, gap):
        return "the board was not heard either, while the gateway was: its power or its Wi-Fi was off"
    return "not known"


def _any_in(minutes: Sequence[int], gap: Span) -> bool:
    return any(gap[0] <= minute < gap[1] for minute in minutes)


def _is_inside(hour: int, gap: Span) -> bool:
    return gap[0] <= hour and hour + HOUR <= gap[1]


def _together(found: Sequence[Gap]) -> list[Gap]:
    joined: list[Gap] = []
    for gap in found:
        near = [other for other in joined if _is_same(other, gap)]
        if near:
            place = joined.index(near[0])
            joined[place] = near[0]._replace(devices=(*near[0].devices, *gap.devices))
        else:
            joined.append(gap)
    return joined


def _is_same(one: Gap, other: Gap) -> bool:
    edges = zip(one.span, other.span, strict=True)
    return one.why == other.why and all(abs(first - second) <= 2 * MINUTE for first, second in edges)


def completeness(devices: Sequence[Device], span: Span) -> Mapping[str, float]:
    """The share of the span in which each device is known."""
    return {device.name: seconds(heard(device, span)) / (span[1] - span[0]) for device in devices}
