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

GATEWAY_SILENT = 900
"""Seconds after which a gateway that sends its health every minute counts as away."""

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
    on, off = [], []
    for (start, end), live in zip(
        _standing(list(device.live), span[1]), device.live.values(), strict=True
    ):
        (on if live else off).append((start, end))
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
    reasons = list(_reasons(device, gap, history, period))
    return "; ".join(reasons) or "not known"


def _reasons(device: Device, gap: Span, history: History, period: Period) -> Iterator[str]:
    lost: Counter[str] = Counter()
    for loss in history.losses:
        if clip([loss.span], gap):
            lost[loss.reason] += loss.readings
    for reason, readings in lost.items():
        yield f"{readings} readings {LOSS_REASONS[reason]}"
    if failed := sum(gap[0] <= minute < gap[1] for minute in device.failed):
        yield f"it did not answer on the bus, asked in {failed} minutes"
    for start in history.board_starts:
        if gap[0] - MINUTE <= start.time <= gap[1] + MINUTE and start.time > period.start:
            cause = RESET_CAUSES.get(start.cause, "its reason is not known")
            yield f"the board was off until {period.local(start.time):%H:%M}: {cause}"
    if lost:
        return
    if any(_is_inside(hour.start, gap) and hour.device == device.name for hour in history.hours):
        yield "not delivered yet: the gateway has these readings, for their hourly figures have come"
    elif device.is_new and gap[0] == period.start and device.answered:
        yield "before the first reading of it"
    elif (gateway := history.gateway) is not None and gap[1] == period.end:
        if gateway.time < gap[1] - GATEWAY_SILENT:
            yield f"not delivered yet: the gateway was last heard {period.local(gateway.time):%-d %b %H:%M}"
        elif gateway.backlog_readings and gateway.backlog_since < gap[1]:
            yield f"not delivered yet: {gateway.backlog_readings} readings wait on the gateway"


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
