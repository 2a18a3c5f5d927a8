"""An event: an entry for the journal that a reading made, with that reading's identity and time.

So an event of a reading that has no time yet gets its time with it. It travels like any reading.
"""

import json
from dataclasses import replace
from typing import Any, cast

from gateway.entry import Entry
from gateway.message import ReadingMessage, payload_of, reading_message
from ingest.reading import TimeQuality, Value

EVENT = "event"

Identity = tuple[str, str, str, int, int, Value, Value]


def event(at: Entry, name: str, value: float | None, text: str, *, is_on: bool) -> Entry:
    """The change that the reading `at` made."""
    signals: dict[str, Value] = {"name": name, "state": is_on, "text": text}
    if value is not None:
        signals["value"] = value
    reading = replace(at.reading, measurement=EVENT, signals=signals, error=None)
    return replace(at, message=ReadingMessage(reading, at.message.sent, reading.seq, b""))


def identity(of: Entry) -> Identity:
    """Equal for two events that are the same change."""
    reading = of.reading
    signals = reading.signals
    return reading.unit, reading.device, reading.boot, reading.seq, reading.up, signals["name"], signals["state"]


def later(entry: Entry, ms: int) -> Entry:
    """The same, so much later."""
    dated = None if entry.dated is None else (entry.dated[0] + ms, entry.dated[1])
    message = replace(entry.message, reading=replace(entry.reading, up=entry.reading.up + ms))
    return replace(entry, message=message, dated=dated)


def is_older(entry: Entry, known: Entry) -> bool:
    """Whether it was taken before `known`; a reading of a boot that is over was, where no times tell."""
    if entry.reading.boot == known.reading.boot:
        return entry.reading.up < known.reading.up
    if entry.dated and known.dated:
        return entry.dated[0] < known.dated[0]
    return entry.message.sent is None


def elapsed(start: Entry, end: Entry) -> int | None:
    """From the one to the other, ms; None when nobody can tell."""
    if start.reading.boot == end.reading.boot:
        return end.reading.up - start.reading.up
    return end.dated[0] - start.dated[0] if start.dated and end.dated else None


def as_document(entry: Entry) -> list[Any]:
    """A bare entry as JSON; `of_document` is the way back."""
    said = payload_of(entry.message).decode()
    return [entry.reading.unit, entry.kernel, entry.received, entry.dated, entry.queued, said]


def of_document(document: list[Any]) -> Entry:
    """Raises ValueError, KeyError or TypeError for what is none."""
    unit, kernel, received, dated, queued, said = document
    time = None if dated is None else (int(dated[0]), cast(TimeQuality, dated[1]))
    return Entry(reading_message(unit, json.loads(said), b""), kernel, received, time, queued)
