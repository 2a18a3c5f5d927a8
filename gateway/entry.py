"""An entry of the journal, a reading with what its arrival told, and the document in which a frame holds many."""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from gateway import framelog
from gateway.ledger import Key
from gateway.message import ReadingMessage, payload_of, reading_message
from gateway.priority import Priority, slowest
from ingest.reading import Reading, TimeQuality
from ingest.signals import COMPUTED_MEASUREMENTS

LOSS = "loss"
GATEWAY = "gateway"
"""The device that tells what the gateway gave up, or never got."""

_PRIORITY = re.compile(rb'\[\{"priority": ([123]),')
_PRIORITY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """`received` is in CLOCK_BOOTTIME ms of the kernel boot `kernel`; `dated` is the reading's time as (UTC ms,
    quality), None where nobody could tell it yet; `queued`: the message may have lain at the broker for any time.
    """

    message: ReadingMessage
    kernel: str
    received: int
    dated: tuple[int, TimeQuality] | None
    queued: bool = False

    @property
    def reading(self) -> Reading:
        """The reading alone."""
        return self.message.reading

    @property
    def key(self) -> Key:
        """Which start of which board it comes from."""
        return self.reading.unit, self.reading.boot

    @property
    def made_here(self) -> bool:
        """Whether it is the gateway's own, made of a board's readings and none of them."""
        return self.reading.device == GATEWAY or self.computed

    @property
    def computed(self) -> bool:
        """Whether it is an event or a roll-up."""
        return self.reading.measurement in COMPUTED_MEASUREMENTS


def bare(entry: Entry) -> Entry:
    """The entry without what was measured: who, when, and how it came."""
    said, full = entry.message, entry.message.reading
    # Not by dataclasses.replace, which takes several times as long; a start does this for all that wait.
    reading = Reading(
        full.unit, full.boot, full.seq, full.device, full.model, full.measurement, full.up, full.t, {}, None
    )
    message = ReadingMessage(reading, said.sent, said.oldest, b"")
    return Entry(message, entry.kernel, entry.received, entry.dated, entry.queued)


class FrameMark(NamedTuple):
    """Which frame, and what has to be known to count it as forwarded when its readings are no longer at hand."""

    number: int
    readings: int
    undated: Key | None
    priority: Priority


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """What one frame holds. `undated` names the boot of its readings when they have no time yet, else it is None.
    `level` says how far its readings were thinned, and `replaces` which file is none any more because of it.
    """

    number: int
    entries: tuple[Entry, ...]
    undated: Key | None
    level: int = 0
    replaces: int | None = None

    @property
    def mark(self) -> FrameMark:
        """The frame without its readings."""
        return mark(self.number, self.entries, self.undated)


def mark(number: int, entries: Sequence[Entry], undated: Key | None) -> FrameMark:
    """The mark of a frame that holds these entries."""
    return FrameMark(number, len(entries), undated, slowest(entry.reading.measurement for entry in entries))


def document(
    entries: Sequence[Entry], kernel: str, undated: Key | None, level: int = 0, replaces: int | None = None
) -> bytes:
    """The document of a frame, for entries of one kernel boot."""
    about = {"kernel": kernel, "undated": undated, "level": level, "replaces": replaces}
    head = {"priority": slowest(entry.reading.measurement for entry in entries)} | about
    return b"[%b,[%b]]" % (json.dumps(head).encode(), b",".join(map(row, entries)))


def row(entry: Entry) -> bytes:
    """The entry as JSON, without its kernel boot."""
    # The payload goes in as it came: it was checked as JSON, and making it again would cost the most of a commit.
    return b'["%b",%d,%b,%b,%b]' % (
        entry.reading.unit.encode(),
        entry.received,
        b"true" if entry.queued else b"false",
        b"null" if entry.dated is None else b'[%d,"%b"]' % (entry.dated[0], entry.dated[1].encode()),
        entry.message.document or payload_of(entry.message),
    )


def entry_of(kernel: str, said: Any) -> Entry:
    """What `row` said. Raises ValueError, LookupError or TypeError for what is no row."""
    unit, received, queued, dated, payload = said
    time = None if dated is None else (int(dated[0]), cast(TimeQuality, dated[1]))
    return Entry(reading_message(str(unit), payload, b""), kernel, int(received), time, bool(queued))


def frame_priority(frame: framelog.Frame) -> Priority:
    """Told without reading more of the frame than its beginning; READING where it does not say."""
    found = _PRIORITY.match(zlib.decompressobj().decompress(frame.body, _PRIORITY_BYTES))
    return Priority(int(found[1])) if found else Priority.READING


def stored(frame: framelog.Frame, unit: str | None = None) -> StoredFrame:
    """What the frame holds, or what it holds of one unit alone, at a fraction of the cost; its messages have no
    `document`. Raises ValueError when it is of another make.
    """
    match frame.document() if unit is None else _document_of(frame, unit):
        case [{"kernel": str(kernel), "undated": undated, "level": int(level), "replaces": replaces}, [*rows]]:
            pass
        case _:
            raise ValueError(f"frame {frame.number} is of another make")
    try:
        entries = tuple(entry_of(kernel, said) for said in rows)
        return StoredFrame(frame.number, entries, _key(undated), level, None if replaces is None else int(replaces))
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"frame {frame.number} is of another make: {error!r}") from None


def _document_of(frame: framelog.Frame, unit: str) -> Any:
    text, decoder, begin = frame.text(), json.JSONDecoder(), f"[{json.dumps(unit)},"
    head, end = decoder.raw_decode(text, 1)
    rows = []
    while (start := text.find(begin, end)) >= 0:  # within a string its quotes would be escaped
        row, end = decoder.raw_decode(text, start)
        rows.append(row)
    return [head, rows]


def _key(undated: Any) -> Key | None:
    match undated:
        case None:
            return None
        case [str(unit), str(boot)]:
            return unit, boot
    raise ValueError(f"{str(undated)[:80]} is no boot of a unit")
