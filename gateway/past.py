"""What was committed, all of it, of a time, or what is new: the history and what is not history yet, as one.

Promised: a frame that is there from before the call until after it is found, once, also while its file becomes history.
Memory holds one file at a time. Not promised: an order but that of the files; a late reading lies where it arrived.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from gateway import framelog
from gateway.backlog import Backlog, Segment
from gateway.disk import Disk
from gateway.entry import StoredFrame, frame_priority, stored
from gateway.history import History
from gateway.ledger import Ledger
from gateway.outline import hour_of
from gateway.priority import Priority


class Position(NamedTuple):
    """Behind the frames below `frame`; those from it on are in segments from `file` on, or in what became of them."""

    file: int
    frame: int


class Past:
    """Safe to use from several threads. Every call raises OSError when a file cannot be read or has just given way."""

    def __init__(
        self,
        disk: Disk,
        lock: threading.RLock,
        ledger: Ledger,
        backlog: Backlog,
        history: History,
        *,
        next_frame: Callable[[], int],
    ) -> None:
        """All of one journal; `lock` guards them."""
        self._disk = disk
        self._lock = lock
        self._ledger = ledger
        self._backlog = backlog
        self._history = history
        self._next_frame = next_frame

    def whole(self, start: int, end: int) -> bool:
        """Whether nothing of the hours of [start, end), UTC in ms, was thinned or given up, or has left the history."""
        with self._lock:
            return not self._ledger.gone.meets(hour_of(start), hour_of(end - 1))

    @property
    def position(self) -> Position:
        """Behind everything that is committed by now, for `since`."""
        with self._lock:
            segments = self._backlog.segments
            return Position(segments[-1].number if segments else 0, self._next_frame())

    def stored(self, *, forwarded: bool) -> Iterator[StoredFrame]:
        """Every frame that is here, with or without those that are forwarded."""
        for frame in self.since(Position(0, 0) if forwarded else None):
            if forwarded or frame.number not in self._ledger.forwarded:
                yield frame

    def between(
        self, start: int, end: int, least: Priority = Priority.READING, unit: str | None = None
    ) -> Iterator[StoredFrame]:
        """Every frame that may hold readings of [start, end), UTC in ms, and that is no less urgent than that; of one
        `unit` alone, if one is given. What is committed meanwhile may be among them.
        """
        with self._lock:
            first, last = hour_of(start), hour_of(end - 1)
            names = self._history.between(first, last)
            segments = [
                segment for segment in self._backlog.segments if self._backlog.hours(segment).meets(first, last)
            ]
        return self._read(names, segments, least=least, unit=unit)

    def since(self, position: Position | None) -> Iterator[StoredFrame]:
        """Every frame that was committed since that was the `position`; without one, all that is not yet history."""
        with self._lock:
            names = [] if position is None else self._history.since(position.file)
            segments = [
                segment for segment in self._backlog.segments if position is None or segment.number >= position.file
            ]
        yield from self._read(names, segments, first=0 if position is None else position.frame)

    def _read(
        self,
        names: Sequence[str],
        segments: Sequence[Segment],
        *,
        first: int = 0,
        least: Priority = Priority.READING,
        unit: str | None = None,
    ) -> Iterator[StoredFrame]:
        for name in names:
            found, _ = framelog.scan(self._disk.read(name))
            yield from self._whole([frame for frame in found if frame.number >= first], least, unit)
        for segment in segments:
            with self._lock:
                found, _ = framelog.scan(self._disk.read(segment.name))
                found = [frame for frame in found if frame.number >= first and frame.number in segment.frames]
            yield from self._whole(found, least, unit)

    def _whole(self, found: Sequence[framelog.Frame], least: Priority, unit: str | None) -> Iterator[StoredFrame]:
        for frame in found:
            if frame.number in self._ledger.void or (least < Priority.READING and frame_priority(frame) > least):
                continue
            with suppress(ValueError):  # of another make, or a footer
                yield stored(frame, unit)
