"""The journal: every acknowledged reading is here from before its acknowledgement until the database has it, and then
in the history as long as there is room.

Promised, with a disk that keeps what it synced:
- After `commit` returned, its readings survive `kill -9` and a power cut at any moment.
- Starting never fails because of damaged files: what is damaged is copied aside, counted and stepped over; a segment
  that cannot be read, or holds frames of another make, stays where it is, and a later start may read it.
- A reading is stored once, however often the board sends it, and its time never changes once it was given, as long as
  the ledger is whole. What a failed commit left on the disk is no reading.
- All files together never take more than `limit_bytes`. What is given up unsent is told by `loss` readings, which stay.
- Memory grows neither with the readings nor with the frames that wait here, and a start reads none of them but those of
  the last segment.
Not promised: that a reading is sent only once. After a crash a frame may be sent again; it makes the same points.

On disk: segments `segment-<number>.frames`, appended to while they are the last; one frame per group commit and
priority, and one more for each boot whose readings have no time yet. No frame number is used twice. What is appended to
no more ends with a footer (`outline.py`), else a start reads it whole. A segment becomes history when all its frames
are forwarded, a newer one is there, and the ledger knows its readings. From 80 % of the limit on the history gives way,
and older segments are written anew in one step, each time with less: without what was forwarded, then thinned, then
with losses alone.
"""

import logging
import re
import threading
from collections.abc import Callable, Container, Sequence
from contextlib import suppress

from gateway import framelog
from gateway.backlog import Backlog, Segment
from gateway.damage import copy_aside
from gateway.disk import Disk
from gateway.entry import Entry, FrameMark, StoredFrame, document, stored
from gateway.history import History
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Ledger, Origin
from gateway.outline import FOOTER, Outline, read_footer
from gateway.past import Past
from gateway.priority import Priority, priority
from gateway.room import Room
from gateway.telling import Telling

LIMIT_BYTES = 4_000_000_000

SEGMENT_BYTES = 1024 * 1024
UNREADABLE_FRAMES = 1 << 24
"""More than a segment can hold: so many numbers are left free for one that cannot be read."""

_SEGMENT = re.compile(r"segment-\d{8}\.frames")

log = logging.getLogger(__name__)


class Journal:
    """Safe to use from several threads; a call may wait for another one's sync."""

    def __init__(
        self,
        disk: Disk,
        *,
        on_segment: Callable[[Telling], None] = lambda _: None,
        gets_on: Callable[[], None] = lambda: None,
        limit_bytes: int = LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Read what is there; `on_segment` hears what each segment's readings of boards tell, and what the gateway told
        of itself, in the order of arrival, and `gets_on` is called after each. Raises OSError only where the folder
        itself cannot be listed.
        """
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._sealed = False
        self._blind = False
        self._abandoned: list[int] = []
        self._replaced: set[int] = set()
        self._damaged: list[Segment] = []
        self._ledger = Ledger(disk)
        self._backlog = Backlog(disk, self._ledger)
        self._history = History(disk)
        self._segments = self._backlog.segments
        self._room = Room(
            disk,
            self._ledger,
            self._backlog,
            self._history,
            self._number,
            limit_bytes=limit_bytes,
            segment_bytes=segment_bytes,
        )
        self.damages = self._ledger.damages
        self._next = self._ledger.next_frame
        names = [name for name in disk.names() if _SEGMENT.fullmatch(name)]
        last = self._history.newest
        self._last_file = max(Segment(names[-1]).number if names else 0, last.number if last else 0)
        for name in names:
            self._recover(name, on_segment)
            disk.release(name)
            gets_on()
        self._damaged_upto = {
            key: self._ledger.seen[key].last() + 1
            for segment in self._damaged
            for key in segment.keys
            if key in self._ledger.seen
        }
        if self._ledger.wants_compaction():
            self._compact()
        self.past = Past(disk, self._lock, self._ledger, self._backlog, self._history, next_frame=lambda: self._next)

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
    def pending_readings(self) -> int:
        """How many wait for the database."""
        return self._backlog.readings

    @property
    def pending_events(self) -> int:
        """How many of them go first of all."""
        return self._backlog.events

    @property
    def bytes(self) -> int:
        """What the readings take on the disk, the history included."""
        with self._lock:
            return self._room.bytes

    @property
    def given_up(self) -> int:
        """How many readings gave way to newer ones in this run."""
        return self._room.given_up

    def undated_readings(self) -> dict[Key, int]:
        """How many readings wait for a time, per boot."""
        with self._lock:
            return {key: count for key, count in self._backlog.undated.items() if count}

    def origins(self, key: Key) -> tuple[Origin, ...]:
        """The frozen origins of that boot, in the order of their reach."""
        with self._lock:
            return tuple(self._ledger.origins.get(key, ()))

    def origin(self, key: Key, up: int) -> Origin | None:
        """The one that dates an undated reading of that boot, for ever; None while none reaches so far."""
        with self._lock:
            return self._ledger.origin(key, up)

    def freeze_origin(self, key: Key, origin: Origin) -> None:
        """Keep this origin for ever, for what lies beyond those kept before. Durable on return. Raises OSError."""
        with self._lock:
            if self.origin(key, origin.reach) is None:
                self._ledger.freeze_origin(key, origin)

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store the entries, none of which may be `seen`. Durable on return. Raises OSError; nothing is stored then."""
        groups: dict[tuple[Priority, Key | None], list[Entry]] = {}
        for entry in entries:
            undated = None if entry.dated else entry.key
            groups.setdefault((priority(entry.reading.measurement), undated), []).append(entry)
        if not groups:
            return
        with self._lock:
            if self._abandoned:
                self._ledger.mark_void(self._abandoned)
                self._abandoned.clear()
            numbers = range(self._next, self._next + len(groups))
            self._next = numbers.stop
            frames = [
                StoredFrame(number, tuple(group), undated)
                for number, ((_, undated), group) in zip(numbers, groups.items(), strict=True)
            ]
            data = b"".join(
                framelog.encode(frame.number, document(frame.entries, frame.entries[0].kernel, frame.undated))
                for frame in frames
            )
            self._room.make(len(data))
            segment = self._writable(len(data))
            try:
                self._disk.append(segment.name, data)
                self._disk.sync(segment.name)
            except OSError as error:
                self._abandon(segment, numbers)
                self._room.refused(error)
                raise
            segment.size += len(data)
            segment.footer = 0
            for entry in entries:
                if not entry.made_here:
                    self._ledger.begin(entry.key, entry.reading.seq)
            outline = Outline.of(frames)
            self._backlog.index(segment, outline)
            if segment.outline is not None:
                segment.outline.join(outline)

    def set_aside(self, key: Key, seqs: Sequence[int]) -> None:
        """These readings of that boot will not be stored, dead letters hold them. Durable on return. Raises OSError."""
        with self._lock:
            self._ledger.begin(key, min(seqs))
            seen = self._ledger.seen.setdefault(key, IntervalSet())
            for seq in seqs:
                seen.add(seq)
            self._ledger.keep_seen([key])

    def take(
        self,
        *,
        newest: bool,
        below: int,
        readings: int,
        busy: Container[int],
        datable: Callable[[Key, int], bool],
        least: Priority = Priority.READING,
        first: int = 0,
    ) -> list[StoredFrame]:
        """Frames to forward: from the newest down or from the oldest up, numbered from `first` to `below` that, not
        `busy`, with times or `datable`, and of that priority at `least`; as many as hold at most `readings` readings,
        but one at least if there is one. In order of number. `datable` says whether that boot's undated readings have
        times up to that `up`; it is asked often.
        """
        taken: list[StoredFrame] = []
        room = readings
        with self._lock:
            for frame in self._backlog.pending(newest, range(first, below), busy, datable, least):
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
        """The database has these frames, or their lines are set aside. Segments that are done become history."""
        with self._lock:
            self._backlog.forwarded(frames)
            self._retire_done()

    def _writable(self, coming: int) -> Segment:
        if not self._segments or self._sealed or self._segments[-1].size >= self._segment_bytes:
            if self._segments:
                self._end(self._segments[-1], self._room.left - coming)
            self._last_file += 1
            self._segments.append(Segment(f"segment-{self._last_file:08d}.frames", outline=Outline()))
            self._sealed = False
        return self._segments[-1]

    def _end(self, segment: Segment, room: int) -> None:
        try:
            self._backlog.end(segment, 0 if self._sealed else room)
        except OSError:
            self._cut_back(segment)
        self._disk.release(segment.name)

    def _abandon(self, segment: Segment, numbers: Sequence[int]) -> None:
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

    def _cut_back(self, segment: Segment) -> None:
        try:
            self._disk.truncate(segment.name, segment.size)  # durable with the next sync of a commit, if there is one
        except OSError as error:
            self._sealed = True
            log.warning("%s: not cut back to %d bytes (%s)", segment.name, segment.size, error.strerror)

    def _retire_done(self) -> None:
        closed = [segment for segment in self._segments[:-1] if not segment.foreign]
        done = [segment for segment in closed if not any(segment.pending.values())]
        if not done:
            return
        try:
            self._ledger.keep_seen({key for segment in done for key in segment.keys})
            for segment in done:
                hours = self._backlog.hours(segment)
                segment.name = self._history.keep(segment.name, segment.number, hours, segment.size)
                self._segments.remove(segment)
        except OSError:
            return  # they stay, and it is tried again with the next frames
        self._ledger.take_reserve()
        if self._ledger.wants_compaction():
            self._compact()

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

    def _recover(self, name: str, on_segment: Callable[[Telling], None]) -> None:
        segment = Segment(name)
        if segment.number in self._replaced:
            with suppress(OSError):
                self._disk.remove(name)
            return
        is_last = segment.number == self._last_file
        try:
            if is_last:
                self._disk.sync(name)  # a run that was killed may have left bytes that only the page cache knows
            known = None if is_last else read_footer(self._disk, name)
            segment.size = self._disk.size(name)
            data = b"" if known else self._disk.read(name)
        except OSError as error:
            self.damages += 1
            self._sealed = self._blind = True
            self._next += UNREADABLE_FRAMES
            log.warning("%s: cannot be read (%s); it stays where it is", name, error.strerror)
            return
        self._sealed = False
        frames, damaged = framelog.scan(data)
        outline = known.outline if known else self._outline(segment, frames)
        segment.footer = known.size if known else 0
        self._next = max([self._next, *(mark.number + 1 for mark in outline.marks)])
        self._backlog.index(segment, outline)
        self._replaced |= outline.replaces
        segment.level = outline.level or 0
        self._segments.append(segment)
        on_segment(outline.telling)
        if is_last and not damaged:
            segment.outline = outline
        if damaged:
            self.damages += len(damaged)
            if damaged[0][1] < len(data) or not is_last:
                self._damaged.append(segment)  # at the very end it is a commit that was not acknowledged
            copy_aside(self._disk, name, data, damaged)
            if damaged[-1][1] == len(data):
                segment.size = damaged[-1][0]
                self._cut_back(segment)

    def _outline(self, segment: Segment, frames: Sequence[framelog.Frame]) -> Outline:
        outline = Outline()
        for found in frames:
            self._next = max(self._next, found.number + 1)
            if found.number == FOOTER or found.number in self._ledger.void:
                continue
            try:
                outline.add(stored(found))
            except ValueError as error:
                self.damages += 1
                self._sealed = self._blind = segment.foreign = True
                log.warning("%s: %s; it stays where it is", segment.name, error)
        return outline
