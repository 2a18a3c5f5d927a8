"""What goes first over the link, by measurement: the rooms that make events and roll-ups commit them like readings."""

from collections.abc import Iterable
from enum import IntEnum


class Priority(IntEnum):
    """The lower goes first. EVENT goes at once; EVENT and SUMMARY go even when the byte budget is spent; READING is
    sent while it is fresh, newest first, and as backlog later.
    """

    EVENT = 1
    SUMMARY = 2
    READING = 3


_HEALTH = ("unit", "gateway", "loss")
_ROLLUPS = ("_1h", "_1d")


def priority(measurement: str) -> Priority:
    """The class of one point: health and roll-ups are SUMMARY."""
    if measurement == "event":
        return Priority.EVENT
    if measurement in _HEALTH or measurement.endswith(_ROLLUPS):
        return Priority.SUMMARY
    return Priority.READING


def slowest(measurements: Iterable[str]) -> Priority:
    """The class of what is sent together: that of its least urgent point."""
    return max((priority(measurement) for measurement in measurements), default=Priority.READING)
