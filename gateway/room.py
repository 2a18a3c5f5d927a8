"""Room in the journal: its files never take more than their limit, and the disk keeps some bytes for all else.

From 80 % of the limit on each commit takes one step: a file of the history goes; then a segment is written anew
without what was forwarded, then old readings are thinned to one a minute, then to one in fifteen minutes, and then
given up; each from the oldest to the newest. Beyond the limit there are as many steps as it takes. Where others fill
the disk, the history goes as well.
Promised: each step happens or does not, at a power cut too, and tells with `loss` readings what it gave up.
Not promised: that a step makes room at once; the losses of a few sparse readings may take as much.
"""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from gateway.backlog import Backlog, Segment
from gateway.disk import Disk
from gateway.entry import FrameMark, StoredFrame, stored
from gateway.history import History, Kept
from gateway.ledger import Ledger
from gateway.notice import Notice
from gateway.outline import LARGEST, footer, footer_of
from gateway.thinning import EMPTIED, INTERVALS_MS, Thinned, thin

START = 0.8
SENT_SHARE = 4
"""A segment is written anew for what was forwarded when that is at least one in so many of its frames."""

FREE_KEPT = 64 * 1024 * 1024
"""Bytes that are left to all else that runs from this disk: with less than that free nothing is taken in."""

FREE_OF_HISTORY = 2 * FREE_KEPT
"""With less than that free the history gives way, before readings have to."""

log = logging.getLogger(__name__)


class Room:
    """`given_up` counts readings, in this run."""

    def __init__(
        self,
        disk: Disk,
        ledger: Ledger,
        backlog: Backlog,
        history: History,
        next_number: Callable[[], int],
        *,
        limit_bytes: int,
        segment_bytes: int,
    ) -> None:
        """`next_number` gives the number for a new frame."""
        self.given_up = 0
        self._notice = Notice(log, "room in the journal")
        self._disk = disk
        self._ledger = ledger
        self._backlog = backlog
        self._history = history
        self._next_number = next_number
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes

    def make(self, coming: int) -> None:
        """Let so many bytes be written. Raises OSError when they must not be."""
        while (file := self._history.oldest) and self._disk.free() < FREE_OF_HISTORY:
            self._drop(file)
        if self._disk.free() < FREE_KEPT:
            raise OSError(errno.ENOSPC, f"less than {FREE_KEPT >> 20} MiB are free on the disk")
        while self.bytes + coming > self._limit * START:
            try:
                more = self._step()
            except OSError as error:
                self._notice.away(f"cannot be made ({error.strerror})")
                if self.bytes + coming > self._limit:
                    raise
                return
            self._notice.back()
            if self.bytes + coming <= self._limit:
                return
            if not more:
                raise OSError(errno.EDQUOT, "the journal's limit is reached, and nothing older can give way")

    @property
    def left(self) -> int:
        """Bytes up to the limit."""
        return self._limit - self.bytes

    def refused(self, error: OSError) -> None:
        """The disk took nothing, though it said that it had room: next time it has more."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and (file := self._history.oldest) is not None:
            with suppress(OSError):
                self._drop(file)

    @property
    def bytes(self) -> int:
        """What all that is counted takes on the disk."""
        return self._backlog.bytes + self._history.bytes

    def _step(self) -> bool:
        """False when there is none to take."""
        if (file := self._history.oldest) is not None:
            self._drop(file)
            return True
        closed = [segment for segment in self._backlog.segments[:-1] if not segment.foreign]
        for segment in closed:
            if segment.sent and segment.sent * SENT_SHARE >= len(segment.frames):
                self._rewrite(segment, segment.level)
                return True
        for level in (*INTERVALS_MS, EMPTIED):
            for segment in closed:
                if segment.level < level:
                    self._rewrite(segment, level)
                    return True
        return False

    def _drop(self, file: Kept) -> None:
        self._ledger.gives_way(file.hours)
        self._history.drop(file)
        self._ledger.take_reserve()

    def _rewrite(self, segment: Segment, level: int) -> None:
        """The segment's readings at that level, behind those of the segment before it if that has reached it already:
        the files do not grow ever more.
        """
        into = self._before(segment, level) or segment
        joined = into is not segment
        sources = [into, segment] if joined and level == EMPTIED else [segment]  # losses are joined into fewer
        gone: list[FrameMark] = []

        def waiting() -> Iterator[StoredFrame]:
            for source in sources:
                for found in self._backlog.waiting(source):
                    frame = stored(found)
                    gone.append(frame.mark)
                    yield frame

        thinned = thin(waiting(), level, self._next_number, segment.number if joined else None)
        # Events and roll-ups count as well: they are not given up, but a segment of them alone has to go, too.
        if not segment.sent and _readings(gone) == _readings(thinned.outline.marks):
            segment.level = level
            return
        data, end = _ended(b"" if into in sources else self._disk.read(into.name), thinned)
        self._ledger.keep_seen({key for source in sources for key in source.keys})
        self._ledger.gives_way(self._backlog.hours(segment))
        self._disk.replace(into.name, data + end)
        self.given_up += thinned.given_up
        self._backlog.replace(sources, gone, into, thinned.outline.marks)
        into.size, into.footer, into.level = len(data) + len(end), len(end), level
        into.keys |= segment.keys
        if joined:
            self._backlog.segments.remove(segment)
            self._disk.remove(segment.name)
        self._ledger.take_reserve()

    def _before(self, segment: Segment, level: int) -> Segment | None:
        index = self._backlog.segments.index(segment)
        before = self._backlog.segments[index - 1] if index else None
        if before is None or before.foreign or before.level != level:
            return None
        return before if before.size < self._segment_bytes or level == EMPTIED else None


def _readings(marks: Sequence[FrameMark]) -> int:
    return sum(mark.readings for mark in marks)


def _ended(held: bytes, thinned: Thinned) -> tuple[bytes, bytes]:
    """The new frames behind what the file held, and the footer for both; none where the file had none."""
    if not held:
        return thinned.data, footer(thinned.outline, len(thinned.data))
    known = footer_of(held[-LARGEST:], len(held))
    if known is None:
        return held + thinned.data, b""
    data = held[: -known.size] + thinned.data
    known.outline.join(thinned.outline)
    return data, footer(known.outline, len(data))
