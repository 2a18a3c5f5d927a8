"""The journal: every acknowledged reading is here from before its acknowledgement until the database has it.

Promised, with a disk that keeps what it synced:
- After `commit` returned, its readings survive `kill -9` and a power cut at any moment.
- Starting never fails because of damaged files: what is damaged is copied aside, counted and stepped over; a segment
  that cannot be read, or holds frames of another make, stays where it is, and a later start may read it.
- A reading is stored once, however often the board sends it, and its time never changes once it was given, as long as
  the ledger is whole. What a failed commit left on the disk is no reading.
Not promised: that a reading is sent only once. After a crash a frame may be sent again; it makes the same points.

On disk: segments `segment-<number>.frames`, only ever appended to; one frame per group commit, and one more for each
boot whose readings have no time yet. No frame number is used twice. A segment is deleted when all its frames are
forwarded, a newer one is there, and the ledger knows its readings.
"""

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from gateway import framelog
from gateway.damage import copy_aside
from gateway.disk import Disk
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Ledger, Origin
from gateway.message import ReadingMessage, reading_message
from ingest.reading import Reading, TimeQuality

SEGMENT_BYTES = 1024 * 1024
UNREADABLE_FRAMES = 1 << 24
"""More than a segment can hold: so many numbers are left free for one that cannot be read."""

_SEGMENT = re.compile(r"segment-\d{8}\.frames")

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
    foreign: bool = False  # holds frames of another make
    frames: IntervalSet = field(default_factory=IntervalSet)
    pending: Counter[Key | None] = field(default_factory=Counter)  # frames not forwarded, by `undated`
    keys: set[Key] = field(default_factory=set)


class Journal:
    """Safe to use from several threads; a call may wait for another one's sync."""

    def __init__(
        self, disk: Disk, *, on_entry: Callable[[Entry], None] = lambda _: None, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Read what is there; `on_entry` hears every stored entry in the order of arrival. Raises OSError only where
        the folder itself cannot be listed.
        """
        self.pending_readings = 0
        self._undated: Counter[Key] = Counter()
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._segments: list[_Segment] = []
        self._sealed = False
        self._blind = False
        self._abandoned: list[int] = []
        self._ledger = Ledger(disk)
        self.damages = self._ledger.damages
        self._next = self._ledger.next_frame
        names = [name for name in disk.names() if _SEGMENT.fullmatch(name)]
        self._last_file = _file_number(names[-1]) if names else 0
        for name in names:
            self._recover(name, on_entry)
            disk.release(name)
        if self._ledger.wants_compaction():
            self._compact()

    @property
    def next_frame(self) -> int:
        """The number that the next frame gets: no frame below it is still to be committed."""
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
            if self._abandoned:
                self._ledger.mark_void(self._abandoned)
                self._abandoned.clear()
            segment = self._writable()
            numbers = range(self._next, self._next + len(groups))
            self._next = numbers.stop
            data = b"".join(
                framelog.encode(number, _document(undated, group))
                for number, (undated, group) in zip(numbers, groups.items(), strict=True)
            )
            try:
                self._disk.append(segment.name, data)
                self._disk.sync(segment.name)
            except OSError:
                self._abandon(segment, numbers)
                raise
            segment.size += len(data)
            for number, (undated, group) in zip(numbers, groups.items(), strict=True):
                self._index(segment, StoredFrame(number, tuple(group), undated))

    def set_aside(self, key: Key, seqs: Sequence[int]) -> None:
        """These readings of that boot will not be stored, dead letters hold them. Durable on return. Raises OSError."""
        with self._lock:
            seen = self._ledger.seen.setdefault(key, IntervalSet())
            for seq in seqs:
                seen.add(seq)
            self._ledger.keep_seen([key])

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

    def stored(self, *, forwarded: bool) -> Iterator[StoredFrame]:
        """Every frame that is here, oldest first, with or without those that are forwarded. What is committed meanwhile
        may be among them; what is deleted meanwhile is not.
        """
        with self._lock:
            segments = list(self._segments)
        for segment in segments:
            with self._lock:
                if segment not in self._segments:
                    continue
                found, _ = framelog.scan(self._disk.read(segment.name))
            for frame in found:
                if frame.number in segment.frames and (forwarded or frame.number not in self._ledger.forwarded):
                    yield _stored(frame)

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
            if self._segments:
                self._disk.release(self._segments[-1].name)
            self._last_file += 1
            self._segments.append(_Segment(f"segment-{self._last_file:08d}.frames"))
            self._sealed = False
        return self._segments[-1]

    def _abandon(self, segment: _Segment, numbers: Sequence[int]) -> None:
        # After a failed write or sync nobody knows what the disk holds, now or after a power cut, so before the next
        # commit these numbers become void. Nothing is appended behind them; what can be, is cleared away.
        self._abandoned += numbers
        self._sealed = True
        if segment.size:
            self._cut_back(segment)
            return
        self._segments.remove(segment)
        try:
            self._disk.remove(segment.name)
        except OSError:
            self._disk.release(segment.name)

    def _cut_back(self, segment: _Segment) -> None:
        try:
            self._disk.truncate(segment.name, segment.size)  # durable with the next sync of a commit, if there is one
        except OSError as error:
            self._sealed = True
            log.warning("%s: not cut back to %d bytes (%s)", segment.name, segment.size, error.strerror)

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
        closed = [segment for segment in self._segments[:-1] if not segment.foreign]
        done = [segment for segment in closed if not any(segment.pending.values())]
        if not done:
            return
        try:
            self._ledger.keep_seen({key for segment in done for key in segment.keys})
            for segment in done:
                self._disk.remove(segment.name)
                self._segments.remove(segment)
        except OSError:
            return  # they stay, and it is tried again with the next frames
        self._ledger.take_reserve()
        if self._ledger.wants_compaction():
            self._compact()

    def _compact(self) -> None:
        if self._blind:  # a later start may read what this one could not, and must find all that belongs to it
            self._ledger.compact(0, {*self._ledger.seen, *self._ledger.origins})
            return
        firsts = [segment.frames.ranges()[0][0] for segment in self._segments if len(segment.frames)]
        live = {key for segment in self._segments for key in segment.keys}
        self._ledger.compact(min(firsts, default=self._next), live)

    def _recover(self, name: str, on_entry: Callable[[Entry], None]) -> None:
        try:
            if _file_number(name) == self._last_file:
                self._disk.sync(name)  # a run that was killed may have left bytes that only the page cache knows
            data = self._disk.read(name)
        except OSError as error:
            self.damages += 1
            self._sealed = self._blind = True
            self._next += UNREADABLE_FRAMES
            log.warning("%s: cannot be read (%s); it stays where it is", name, error.strerror)
            return
        self._sealed = False
        frames, damaged = framelog.scan(data)
        segment = _Segment(name, size=len(data))
        for frame in frames:
            self._next = max(self._next, frame.number + 1)
            if frame.number in self._ledger.void:
                continue
            try:
                stored = _stored(frame)
            except ValueError as error:
                self.damages += 1
                self._sealed = self._blind = segment.foreign = True
                log.warning("%s: %s; it stays where it is", name, error)
                continue
            self._index(segment, stored)
            for entry in stored.entries:
                on_entry(entry)
        self._segments.append(segment)
        if damaged:
            self.damages += len(damaged)
            copy_aside(self._disk, name, data, damaged)
            if damaged[-1][1] == len(data):
                segment.size = damaged[-1][0]
                self._cut_back(segment)


def _file_number(name: str) -> int:
    return int(name[len("segment-") : -len(".frames")])


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
    match frame.document():
        case [{"kernel": str(kernel), "undated": None}, [*rows]]:
            undated = None
        case [{"kernel": str(kernel), "undated": [str(unit), str(boot)]}, [*rows]]:
            undated = unit, boot
        case _:
            raise ValueError(f"frame {frame.number} is of another make")
    try:
        return StoredFrame(frame.number, tuple(_entry(kernel, row) for row in rows), undated)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"frame {frame.number} is of another make: {error!r}") from None


def _entry(kernel: str, row: Any) -> Entry:
    match row:
        case [str(unit), int(received), None, dict(document)]:
            return Entry(reading_message(unit, document, b""), kernel, received, None)
        case [str(unit), int(received), [int(utc_ms), str(quality)], dict(document)]:
            return Entry(reading_message(unit, document, b""), kernel, received, (utc_ms, cast(TimeQuality, quality)))
    raise ValueError(f"{str(row)[:80]} is no entry")
