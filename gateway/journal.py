"""The journal: every acknowledged reading is here from before its acknowledgement until the database has it.

Promised, with a disk that keeps what it synced:
- After `commit` returned, its readings survive `kill -9` and a power cut at any moment.
- Starting never fails because of damaged files: what is damaged is copied aside, counted and stepped over.
- A reading is stored once, however often the board sends it, and its time never changes once it was given.
Not promised: that a reading is sent only once. After a crash a frame may be sent again; it makes the same points.

On disk: segments `segment-<number>.frames`, only ever appended to; one frame per group commit, and one more for each
boot whose readings have no time yet. A segment is deleted when all its frames are forwarded and a newer one is there.
"""

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway import framelog
from gateway.disk import Disk
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Ledger, Origin
from gateway.message import ReadingMessage, reading_message
from ingest.reading import Reading, TimeQuality

SEGMENT_BYTES = 1024 * 1024
DAMAGED_FILES = 16
"""At most so many copies of damaged bytes are kept; further damage is only counted."""

_SEGMENT = re.compile(r"segment-(\d{8})\.frames")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A reading with what only its arrival could tell: `received` in CLOCK_BOOTTIME ms of the kernel boot `kernel`, and
    its time as (UTC ms, quality), None where nobody could tell it yet.
    """

    message: ReadingMessage
    kernel: str
    received: int
    dated: tuple[int, TimeQuality] | None

    @property
    def reading(self) -> Reading:
        """The reading alone."""
        return self.message.reading

    @property
    def key(self) -> Key:
        """Which start of which board it comes from."""
        return self.reading.unit, self.reading.boot


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """What one frame holds. `undated` names the boot of its readings when they have no time yet, else it is None."""

    number: int
    entries: tuple[Entry, ...]
    undated: Key | None


@dataclass(slots=True)
class _Segment:
    name: str
    size: int = 0
    frames: IntervalSet = field(default_factory=IntervalSet)
    pending: Counter[Key | None] = field(default_factory=Counter)  # frames not forwarded, by `undated`
    keys: set[Key] = field(default_factory=set)


class Journal:
    """Safe to use from several threads; a call may wait for another one's sync."""

    def __init__(
        self, disk: Disk, *, on_entry: Callable[[Entry], None] = lambda _: None, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Read what is there; `on_entry` hears every stored entry in the order of arrival. Raises OSError only where
        the folder itself cannot be read or written.
        """
        self.damages = 0
        self.pending_readings = 0
        self._undated: Counter[Key] = Counter()
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._segments: list[_Segment] = []
        self._sealed = False
        self._ledger = Ledger(disk)
        self._next = self._ledger.next_frame
        self._last_file = 0
        for name in disk.names():
            if match := _SEGMENT.fullmatch(name):
                self._last_file = int(match[1])
                self._recover(name, on_entry)
        if self._ledger.wants_compaction():
            self._compact()

    @property
    def next_frame(self) -> int:
        """The number that the next frame gets: all frames below it are committed."""
        with self._lock:
            return self._next

    def seen(self, key: Key) -> IntervalSet:
        """Every seq of that boot that was ever committed. Not to be changed."""
        with self._lock:
            return self._ledger.seen.get(key) or IntervalSet()

    def undated_readings(self) -> dict[Key, int]:
        """How many readings wait for a time, per boot."""
        with self._lock:
            return {key: count for key, count in self._undated.items() if count}

    def origins(self, key: Key) -> tuple[Origin, ...]:
        """The frozen origins of that boot, in the order of their reach."""
        with self._lock:
            return tuple(self._ledger.origins.get(key, ()))

    def origin(self, key: Key, up: int) -> Origin | None:
        """The one that dates an undated reading of that boot, for ever; None while none reaches so far."""
        return next((origin for origin in self.origins(key) if up <= origin.reach), None)

    def freeze_origin(self, key: Key, origin: Origin) -> None:
        """Keep this origin for ever, for what lies beyond those kept before. Durable on return. Raises OSError."""
        with self._lock:
            if self.origin(key, origin.reach) is None:
                self._ledger.freeze_origin(key, origin)

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store the entries, none of which may be `seen`. Durable on return. Raises OSError; nothing is stored then."""
        groups: dict[Key | None, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(None if entry.dated else entry.key, []).append(entry)
        if not groups:
            return
        with self._lock:
            segment = self._writable()
            numbers = range(self._next, self._next + len(groups))
            data = b"".join(
                framelog.encode(number, _document(undated, group))
                for number, (undated, group) in zip(numbers, groups.items(), strict=True)
            )
            try:
                self._disk.append(segment.name, data)
                self._disk.sync(segment.name)
            except OSError:
                self._abandon(segment)
                raise
            segment.size += len(data)
            self._next = numbers.stop
            for number, (undated, group) in zip(numbers, groups.items(), strict=True):
                self._index(segment, StoredFrame(number, tuple(group), undated))

    def take(
        self, *, newest: bool, below: int, readings: int, busy: Container[int], datable: Callable[[Key, int], bool]
    ) -> list[StoredFrame]:
        """Frames to forward: from the newest down or from the oldest up, numbered `below` that, not `busy`, with times
        or `datable`; as many as hold at most `readings` readings, but one at least if there is one. In order of number.
        `datable` says whether that boot's undated readings have times up to that `up`; it is asked often.
        """
        taken: list[StoredFrame] = []
        room = readings
        with self._lock:
            for frame in self._pending(newest, below, busy, datable):
                room -= len(frame.entries)
                if taken and room < 0:
                    break
                taken.append(frame)
        return sorted(taken, key=lambda frame: frame.number)

    def oldest_time(self) -> int | None:
        """UTC in ms of the oldest reading that has a time and is not forwarded; None when there is none."""
        frames = self.take(newest=False, below=self.next_frame, readings=1, busy=(), datable=lambda _key, _up: False)
        return min((entry.dated[0] for frame in frames for entry in frame.entries if entry.dated), default=None)

    def forwarded(self, frames: Sequence[StoredFrame]) -> None:
        """The database has these frames, or their lines are set aside. Deletes the segments that are done."""
        with self._lock:
            fresh = [frame for frame in frames if frame.number not in self._ledger.forwarded]
            self._ledger.mark_forwarded([frame.number for frame in fresh])
            for frame in fresh:
                segment = next(segment for segment in self._segments if frame.number in segment.frames)
                segment.pending[frame.undated] -= 1
                self._count(frame, -1)
            self._delete_done()

    def _writable(self) -> _Segment:
        if not self._segments or self._sealed or self._segments[-1].size >= self._segment_bytes:
            self._last_file += 1
            self._segments.append(_Segment(f"segment-{self._last_file:08d}.frames"))
            self._sealed = False
        return self._segments[-1]

    def _abandon(self, segment: _Segment) -> None:
        # After a failed write or sync nobody knows what the file holds: cut it back if that works, never append again.
        self._sealed = True
        try:
            self._disk.truncate(segment.name, segment.size)
        except OSError:
            log.warning("%s: could not be cut back to %d bytes", segment.name, segment.size)

    def _index(self, segment: _Segment, frame: StoredFrame) -> None:
        segment.frames.add(frame.number)
        for entry in frame.entries:
            segment.keys.add(entry.key)
            self._ledger.seen.setdefault(entry.key, IntervalSet()).add(entry.reading.seq)
        if frame.number not in self._ledger.forwarded:
            segment.pending[frame.undated] += 1
            self._count(frame, +1)

    def _count(self, frame: StoredFrame, sign: int) -> None:
        self.pending_readings += sign * len(frame.entries)
        if frame.undated is not None:
            self._undated[frame.undated] += sign * len(frame.entries)

    def _pending(
        self, newest: bool, below: int, busy: Container[int], datable: Callable[[Key, int], bool]
    ) -> Iterator[StoredFrame]:
        for segment in reversed(self._segments) if newest else self._segments:
            if not any(count and (key is None or datable(key, 0)) for key, count in segment.pending.items()):
                continue
            found, _ = framelog.scan(self._disk.read(segment.name))
            frames = [frame for frame in found if frame.number in segment.frames]
            for frame in reversed(frames) if newest else frames:
                if frame.number >= below or frame.number in self._ledger.forwarded or frame.number in busy:
                    continue
                stored = _stored(frame)
                if stored.undated is None or datable(stored.undated, max(entry.reading.up for entry in stored.entries)):
                    yield stored

    def _delete_done(self) -> None:
        done = [segment for segment in self._segments[:-1] if not any(segment.pending.values())]
        if not done:
            return
        self._ledger.keep_seen({key for segment in done for key in segment.keys})
        for segment in done:
            self._disk.remove(segment.name)
            self._segments.remove(segment)
        if self._ledger.wants_compaction():
            self._compact()

    def _compact(self) -> None:
        firsts = [segment.frames.ranges()[0][0] for segment in self._segments if len(segment.frames)]
        live = {key for segment in self._segments for key in segment.keys}
        self._ledger.compact(min(firsts, default=self._next), live)

    def _recover(self, name: str, on_entry: Callable[[Entry], None]) -> None:
        try:
            data = self._disk.read(name)
        except OSError as error:
            self.damages += 1
            self._sealed = True
            log.warning("%s: cannot be read (%s); it stays where it is", name, error.strerror)
            return
        self._sealed = False
        frames, damaged = framelog.scan(data)
        segment = _Segment(name, size=len(data))
        for frame in frames:
            self._next = max(self._next, frame.number + 1)
            try:
                stored = _stored(frame)
            except (ValueError, KeyError, TypeError):
                self.damages += 1
                log.warning("%s: frame %d cannot be read; it stays where it is", name, frame.number)
                continue
            self._index(segment, stored)
            for entry in stored.entries:
                on_entry(entry)
        self._segments.append(segment)
        if damaged:
            self._set_aside(name, data, damaged)
            if damaged[-1][1] == len(data):
                segment.size = damaged[-1][0]
                self._disk.truncate(name, segment.size)
                self._disk.sync(name)

    def _set_aside(self, name: str, data: bytes, damaged: list[tuple[int, int]]) -> None:
        self.damages += len(damaged)
        copies = [other for other in self._disk.names() if other.endswith(".damaged")]
        copy = f"{name}.damaged"
        if copy not in copies and len(copies) < DAMAGED_FILES:
            try:
                self._disk.replace(copy, b"".join(data[start:end] for start, end in damaged))
            except OSError as error:
                log.warning("%s: the damaged bytes could not be copied aside (%s)", name, error.strerror)
        log.warning("%s: %d damaged bytes stepped over", name, sum(end - start for start, end in damaged))


def _document(undated: Key | None, entries: Sequence[Entry]) -> bytes:
    # The payloads go in as they came: they were checked as JSON, and making them again would cost the most of a commit.
    rows = (
        b"[%b,%d,%b,%b]"
        % (
            json.dumps(entry.reading.unit).encode(),
            entry.received,
            json.dumps(entry.dated).encode(),
            entry.message.document,
        )
        for entry in entries
    )
    head = json.dumps({"kernel": entries[0].kernel, "undated": undated}).encode()
    return b"[%b,[%b]]" % (head, b",".join(rows))


def _stored(frame: framelog.Frame) -> StoredFrame:
    head, rows = frame.document()
    undated = head["undated"]
    return StoredFrame(
        frame.number,
        tuple(_entry(head["kernel"], row) for row in rows),
        None if undated is None else (undated[0], undated[1]),
    )


def _entry(kernel: str, row: list[Any]) -> Entry:
    unit, received, dated, document = row
    message = reading_message(unit, document, b"")
    return Entry(message, kernel, received, None if dated is None else (dated[0], dated[1]))
