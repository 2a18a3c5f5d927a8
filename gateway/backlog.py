"""The journal's segments, and what in them is not forwarded yet.

Memory grows with the number of segments, with the boots and with the gaps between their readings, not with readings.
"""

import logging
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway import framelog
from gateway.disk import Disk
from gateway.entry import FrameMark, StoredFrame, frame_priority, stored
from gateway.intervals import IntervalSet
from gateway.ledger import Key, Ledger
from gateway.outline import Outline, footer, hour_of
from gateway.priority import Priority

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Segment:
    """One file. `foreign`: it holds frames of another make. `pending` counts the frames that are not forwarded, by
    priority and by the boot that is undated, if one is. `keys` are the boots of its readings; all are thinned to
    `level` at least. `hours` since 1970 are those in which what it holds was taken, `ups` the first and the last of
    each boot that is undated. `outline` is there while something may be appended, and says all of this once more for
    the `footer`, so many bytes, that ends the segment then.
    """

    name: str
    size: int = 0
    foreign: bool = False
    frames: IntervalSet = field(default_factory=IntervalSet)
    pending: Counter[tuple[Priority, Key | None]] = field(default_factory=Counter)
    keys: set[Key] = field(default_factory=set)
    level: int = 0
    hours: IntervalSet = field(default_factory=IntervalSet)
    ups: dict[Key, tuple[int, int]] = field(default_factory=dict)
    outline: Outline | None = None
    footer: int = 0

    @property
    def number(self) -> int:
        """Of the file, also when it is history."""
        return int(self.name.split("-")[1].removesuffix(".frames"))

    @property
    def sent(self) -> int:
        """How many of its frames are forwarded."""
        return len(self.frames) - self.pending.total()


class Backlog:
    """`segments` from the oldest to the one that is written; `readings` that are not forwarded, how many of them
    are `events`, and how many are `undated`, per boot.
    """

    def __init__(self, disk: Disk, ledger: Ledger) -> None:
        self.segments: list[Segment] = []
        self.readings = 0
        self.events = 0
        self.undated: Counter[Key] = Counter()
        self._disk = disk
        self._ledger = ledger

    @property
    def bytes(self) -> int:
        """What all segments take on the disk."""
        return sum(segment.size for segment in self.segments)

    def index(self, segment: Segment, outline: Outline) -> None:
        """The segment holds what the outline tells of."""
        for key, seqs in outline.telling.seqs.items():
            seen = self._ledger.seen.setdefault(key, IntervalSet())
            for first, last in seqs.ranges():
                seen.add(first, last)
        for key, first, last in outline.lost:
            self._ledger.account(key, first, last)
        segment.keys |= outline.keys
        _widen(segment, outline.hours, outline.ups)
        for mark in outline.marks:
            segment.frames.add(mark.number)
            if mark.number not in self._ledger.forwarded:
                self._wait(segment, mark)

    def end(self, segment: Segment, room: int) -> None:
        """Nothing more is appended to it. A footer that takes no more than so many bytes is put there first, durably:
        half of one is damage once there is a newer file. Raises OSError.
        """
        outline, segment.outline = segment.outline, None
        data = b"" if outline is None else footer(outline, segment.size)
        if data and len(data) <= room:
            self._disk.append(segment.name, data)
            self._disk.sync(segment.name)
            segment.size += len(data)
            segment.footer = len(data)

    def forwarded(self, marks: Sequence[FrameMark]) -> None:
        """The database has these frames. One that was thinned meanwhile is in no segment: the rest of it is sent."""
        fresh = [
            (mark, segment)
            for mark in marks
            if mark.number not in self._ledger.forwarded and (segment := self._holder(mark.number)) is not None
        ]
        self._ledger.mark_forwarded([mark.number for mark, _ in fresh])
        for mark, segment in fresh:
            segment.pending[mark.priority, mark.undated] -= 1
            self._count(mark, -1)

    def waiting(self, segment: Segment, least: Priority = Priority.READING) -> list[framelog.Frame]:
        """The segment's frames that are not forwarded and no less urgent, read from the disk. Raises OSError."""
        found, damaged = framelog.scan(self._disk.read(segment.name))
        if damaged:
            self._disown_footer(segment)
        return [
            frame
            for frame in found
            if frame.number in segment.frames
            and frame.number not in self._ledger.forwarded
            and (least is Priority.READING or frame_priority(frame) <= least)
        ]

    def pending(
        self,
        newest: bool,
        numbers: Container[int],
        busy: Container[int],
        datable: Callable[[Key, int], bool],
        least: Priority,
    ) -> Iterator[StoredFrame]:
        """The frames that wait, from the newest down or from the oldest up: of these `numbers`, not `busy`, with times
        or `datable`, and of that priority at `least`. Raises OSError.
        """
        for segment in reversed(self.segments) if newest else self.segments:
            if not any(
                count and urgency <= least and (key is None or datable(key, 0))
                for (urgency, key), count in segment.pending.items()
            ):
                continue
            frames = self.waiting(segment, least)
            for found in reversed(frames) if newest else frames:
                if found.number not in numbers or found.number in busy:
                    continue
                frame = stored(found)
                if frame.undated is None or datable(frame.undated, max(entry.reading.up for entry in frame.entries)):
                    yield frame

    def hours(self, segment: Segment) -> IntervalSet:
        """The hours in which its readings were taken, as far as they have a time by now."""
        hours = IntervalSet(segment.hours.ranges())
        for key, ups in segment.ups.items():
            known = [hour_of(origin.utc_ms + up) for up in ups if (origin := self._ledger.origin(key, up)) is not None]
            if known:
                hours.add(min(known), max(known))
        return hours

    def replace(
        self, sources: Sequence[Segment], gone: Sequence[FrameMark], into: Segment, made: Sequence[FrameMark]
    ) -> None:
        """Nothing of `sources` is left; what waited there is `gone`, and `into` got the frames that were made of it."""
        for source in sources:
            source.frames = IntervalSet()
            source.pending.clear()
            _widen(into, source.hours, source.ups)
        for mark in gone:
            self._count(mark, -1)
        for mark in made:
            into.frames.add(mark.number)
            self._wait(into, mark)

    def _disown_footer(self, segment: Segment) -> None:
        """What it tells of is not all there: the next start has to read the segment and to say what is missing."""
        if segment.footer:
            log.warning("%s: damaged; the next start steps over it", segment.name)
            segment.size -= segment.footer
            segment.footer = 0
            with suppress(OSError):
                self._disk.truncate(segment.name, segment.size)
                self._disk.sync(segment.name)

    def _holder(self, number: int) -> Segment | None:
        return next((segment for segment in self.segments if number in segment.frames), None)

    def _wait(self, segment: Segment, mark: FrameMark) -> None:
        segment.pending[mark.priority, mark.undated] += 1
        self._count(mark, +1)

    def _count(self, mark: FrameMark, sign: int) -> None:
        self.readings += sign * mark.readings
        if mark.priority is Priority.EVENT:
            self.events += sign * mark.readings
        if mark.undated is not None:
            self.undated[mark.undated] += sign * mark.readings


def _widen(segment: Segment, hours: IntervalSet, ups: Mapping[Key, tuple[int, int]]) -> None:
    for first, last in hours.ranges():
        segment.hours.add(first, last)
    for key, (first, last) in ups.items():
        known = segment.ups.get(key, (first, last))
        segment.ups[key] = min(known[0], first), max(known[1], last)
