"""The journal: every acknowledged reading is here from before its acknowledgement until the database has it.

Promised, with a disk that keeps what it synced:
- After `commit` returned, its readings survive `kill -9` and a power cut at any moment.
- Starting never fails because of damaged files: what is damaged is copied aside, counted and stepped over; a segment
  that cannot be read, or holds frames of another make, stays where it is, and a later start may read it.
- A reading is stored once, however often the board sends it, and its time never changes once it was given, as long as
  the ledger is whole. What a failed commit left on the disk is no reading.
- The segments never take more than `limit_bytes`. What is given up for it is told by `loss` readings, which stay.
- Memory grows neither with the readings nor with the frames that wait here.
Not promised: that a reading is sent only once. After a crash a frame may be sent again; it makes the same points.

On disk: segments `segment-<number>.frames`, appended to while they are the last; one frame per group commit, and one
more for each boot whose readings have no time yet. No frame number is used twice. A segment is deleted when all its
frames are forwarded, a newer one is there, and the ledger knows its readings. From 80 % of the limit on older segments
are written anew in one step, each time with less: without what was forwarded, then thinned, then with losses alone.
"""

import errno
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field

from gateway import framelog
from gateway.damage import copy_aside
from gateway.disk import Disk
from gateway.entry import LOSS, Entry, FrameMark, StoredFrame, document, stored
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Ledger, Origin
from gateway.notice import Notice
from gateway.thinning import EMPTIED, INTERVALS_MS, thin

LIMIT_BYTES = 4_000_000_000
MAKE_ROOM_FROM = 0.8
"""Of the limit: from here on each commit takes one step to make room."""

SENT_SHARE = 4
"""A segment is written anew without what was forwarded when that is at least one in so many of its frames."""

FREE_KEPT = 64 * 1024 * 1024
"""Bytes that are left to all else that runs from this disk: with less than that free nothing is taken in."""

SEGMENT_BYTES = 1024 * 1024
UNREADABLE_FRAMES = 1 << 24
"""More than a segment can hold: so many numbers are left free for one that cannot be read."""

_SEGMENT = re.compile(r"segment-\d{8}\.frames")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Segment:
    name: str
    size: int = 0
    foreign: bool = False  # holds frames of another make
    frames: IntervalSet = field(default_factory=IntervalSet)
    pending: Counter[Key | None] = field(default_factory=Counter)  # frames not forwarded, by `undated`
    keys: set[Key] = field(default_factory=set)
    level: int = 0  # how far all its readings are thinned

    @property
    def sent(self) -> int:
        """How many of its frames are forwarded."""
        return len(self.frames) - self.pending.total()


class Journal:
    """Safe to use from several threads; a call may wait for another one's sync."""

    def __init__(
        self,
        disk: Disk,
        *,
        on_entry: Callable[[Entry], None] = lambda _: None,
        limit_bytes: int = LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Read what is there; `on_entry` hears every stored reading of a board in the order of arrival. Raises OSError
        only where the folder itself cannot be listed.
        """
        self.pending_readings = 0
        self.given_up = 0
        self.room = Notice(log, "room in the journal")
        self._limit = limit_bytes
        self._undated: Counter[Key] = Counter()
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._segments: list[_Segment] = []
        self._sealed = False
        self._blind = False
        self._abandoned: list[int] = []
        self._replaced: set[int] = set()
        self._damaged: list[_Segment] = []
        self._ledger = Ledger(disk)
        self.damages = self._ledger.damages
        self._next = self._ledger.next_frame
        names = [name for name in disk.names() if _SEGMENT.fullmatch(name)]
        self._last_file = _file_number(names[-1]) if names else 0
        for name in names:
            self._recover(name, on_entry)
            disk.release(name)
        self._damaged_upto = {
            key: self._ledger.seen[key].last() + 1
            for segment in self._damaged
            for key in segment.keys
            if key in self._ledger.seen
        }
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

    def missing(self, key: Key, below: int) -> list[tuple[int, int]]:
        """Stretches of that boot's seqs below that one which never came, and of which no loss tells; none while a
        segment cannot be read, for that may hold them.
        """
        with self._lock:
            return [] if self._blind else self._ledger.missing(key, below)

    def last_seen(self, unit: str) -> dict[Key, int]:
        """The boots of that unit that are known, each with the largest seq that came."""
        with self._lock:
            return {key: seqs.last() for key, seqs in self._ledger.seen.items() if key[0] == unit}

    def damaged_upto(self, key: Key) -> int:
        """Damage that was found at the start may have taken seqs of that boot up to this one; -1 when it did not."""
        return self._damaged_upto.get(key, -1)

    @property
    def bytes(self) -> int:
        """What all segments take on the disk."""
        with self._lock:
            return sum(segment.size for segment in self._segments)

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
            numbers = range(self._next, self._next + len(groups))
            self._next = numbers.stop
            data = b"".join(
                framelog.encode(number, document(group, group[0].kernel, undated))
                for number, (undated, group) in zip(numbers, groups.items(), strict=True)
            )
            self._make_room(len(data))
            segment = self._writable()
            try:
                self._disk.append(segment.name, data)
                self._disk.sync(segment.name)
            except OSError:
                self._abandon(segment, numbers)
                raise
            segment.size += len(data)
            for entry in entries:
                if not entry.made_here:
                    self._ledger.begin(entry.key, entry.reading.seq)
            for number, (undated, group) in zip(numbers, groups.items(), strict=True):
                self._index(segment, StoredFrame(number, tuple(group), undated))

    def set_aside(self, key: Key, seqs: Sequence[int]) -> None:
        """These readings of that boot will not be stored, dead letters hold them. Durable on return. Raises OSError."""
        with self._lock:
            self._ledger.begin(key, min(seqs))
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

    def oldest_time(self) -> int | None:
        """UTC in ms of the oldest reading that has a time and is not forwarded; None when there is none."""
        frames = self.take(newest=False, below=self.next_frame, readings=1, busy=(), datable=lambda _key, _up: False)
        return min((entry.dated[0] for frame in frames for entry in frame.entries if entry.dated), default=None)

    def forwarded(self, frames: Sequence[FrameMark]) -> None:
        """The database has these frames, or their lines are set aside. Deletes the segments that are done."""
        with self._lock:
            fresh = [
                (frame, segment)
                for frame in frames
                for segment in self._segments
                if frame.number in segment.frames and frame.number not in self._ledger.forwarded
            ]  # a frame that was thinned meanwhile is in no segment; what is left of it is sent again
            self._ledger.mark_forwarded([frame.number for frame, _ in fresh])
            for frame, segment in fresh:
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
            seq, last = entry.reading.seq, entry.reading.signals.get("last_seq")
            if not entry.made_here:
                self._ledger.seen.setdefault(entry.key, IntervalSet()).add(seq)
            if entry.reading.measurement == LOSS and isinstance(last, int) and last >= seq:
                self._ledger.account(entry.key, seq, last)
        if frame.number not in self._ledger.forwarded:
            segment.pending[frame.undated] += 1
            self._count(frame.mark, +1)

    def _count(self, frame: FrameMark, sign: int) -> None:
        self.pending_readings += sign * frame.readings
        if frame.undated is not None:
            self._undated[frame.undated] += sign * frame.readings

    def _pending(
        self, newest: bool, below: int, busy: Container[int], datable: Callable[[Key, int], bool]
    ) -> Iterator[StoredFrame]:
        for segment in reversed(self._segments) if newest else self._segments:
            if not any(count and (key is None or datable(key, 0)) for key, count in segment.pending.items()):
                continue
            frames = self._waiting(segment)
            for found in reversed(frames) if newest else frames:
                if found.number >= below or found.number in busy:
                    continue
                frame = stored(found)
                if frame.undated is None or datable(frame.undated, max(entry.reading.up for entry in frame.entries)):
                    yield frame

    def _waiting(self, segment: _Segment) -> list[framelog.Frame]:
        found, _ = framelog.scan(self._disk.read(segment.name))
        return [
            frame for frame in found if frame.number in segment.frames and frame.number not in self._ledger.forwarded
        ]

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

    def _make_room(self, coming: int) -> None:
        if self._disk.free() < FREE_KEPT:
            raise OSError(errno.ENOSPC, f"less than {FREE_KEPT >> 20} MiB free on the disk")
        while self.bytes + coming > self._limit * MAKE_ROOM_FROM:
            try:
                more = self._give_way()
            except OSError as error:
                self.room.away(f"cannot be made ({error.strerror})")
                more = False
            else:
                self.room.back()
            if self.bytes + coming <= self._limit:
                return
            if not more:
                raise OSError(errno.EDQUOT, "the journal's limit is reached, and nothing older can give way")

    def _give_way(self) -> bool:
        """One step; False when there is none."""
        closed = [segment for segment in self._segments[:-1] if not segment.foreign]
        for segment in closed:
            if segment.sent * SENT_SHARE >= len(segment.frames):
                return self._rewrite(segment, segment.level)
        for level in (*INTERVALS_MS, EMPTIED):
            for segment in closed:
                if segment.level < level:
                    return self._rewrite(segment, level)
        return False

    def _rewrite(self, segment: _Segment, level: int) -> bool:
        """The segment's readings at that level; at the end of the segment before it, if that holds such already."""
        index = self._segments.index(segment)
        into = self._segments[index - 1] if index else segment
        if into.foreign or into.level != level or into.size >= self._segment_bytes:
            into = segment
        joined = into is not segment
        sources = [into, segment] if joined and level == EMPTIED else [segment]  # losses are joined into fewer
        gone: list[FrameMark] = []

        def waiting() -> Iterator[StoredFrame]:
            for found in (found for source in sources for found in self._waiting(source)):
                frame = stored(found)
                gone.append(frame.mark)
                yield frame

        thinned = thin(waiting(), level, self._number, _file_number(segment.name) if joined else None)
        if not thinned.given_up and not segment.sent:
            segment.level = level
            return True
        data = thinned.data if into in sources else self._disk.read(into.name) + thinned.data
        self._ledger.keep_seen({key for source in sources for key in source.keys})
        self._disk.replace(into.name, data)
        self.given_up += thinned.given_up
        for source in sources:
            source.frames = IntervalSet()
            source.pending.clear()
        for mark in gone:
            self._count(mark, -1)
        for mark in thinned.marks:
            self._count(mark, +1)
            into.frames.add(mark.number)
            into.pending[mark.undated] += 1
        into.size, into.level = len(data), level
        if joined:
            into.keys |= segment.keys
            self._segments.remove(segment)
            self._disk.remove(segment.name)
        return True

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _compact(self) -> None:
        if self._blind:  # a later start may read what this one could not, and must find all that belongs to it
            self._ledger.compact(0, {*self._ledger.seen, *self._ledger.origins})
            return
        firsts = [segment.frames.ranges()[0][0] for segment in self._segments if len(segment.frames)]
        live = {key for segment in self._segments for key in segment.keys}
        self._ledger.compact(min(firsts, default=self._next), live)

    def _recover(self, name: str, on_entry: Callable[[Entry], None]) -> None:
        try:
            if _file_number(name) in self._replaced:
                self._disk.remove(name)
                return
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
        levels = []
        for found in frames:
            self._next = max(self._next, found.number + 1)
            if found.number in self._ledger.void:
                continue
            try:
                frame = stored(found)
            except ValueError as error:
                self.damages += 1
                self._sealed = self._blind = segment.foreign = True
                log.warning("%s: %s; it stays where it is", name, error)
                continue
            self._index(segment, frame)
            levels.append(frame.level)
            if frame.replaces is not None:
                self._replaced.add(frame.replaces)
            for entry in frame.entries:
                if not entry.made_here:
                    on_entry(entry)
        segment.level = min(levels, default=0)
        self._segments.append(segment)
        if damaged:
            self.damages += len(damaged)
            if damaged[0][1] < len(data) or _file_number(name) != self._last_file:
                self._damaged.append(segment)  # at the very end it is a commit that was not acknowledged
            copy_aside(self._disk, name, data, damaged)
            if damaged[-1][1] == len(data):
                segment.size = damaged[-1][0]
                self._cut_back(segment)


def _file_number(name: str) -> int:
    return int(name[len("segment-") : -len(".frames")])
