"""Makes room in a full spool: rewrites a few old files as one that keeps fewer of their readings.

A level says what is left: 0 all, 1 one reading per source and minute, 2 one per quarter of an hour, 3 none. Losses are
merged and kept at each of them; what the gateway has is neither.

Promises: the power may go at any moment. The new file gets its name when it is complete, and takes the place of the first
of the old ones; `is_replaced` knows the old ones that the power did not last to remove. Each step reads about `STEP` bytes.
"""

import os

from cursor import Cursor
from record import FULL, LOSS, THINNED, grow, layout_of, loss_in, told
from segment import Segment

STEP = 4096  # bytes
UNFINISHED = 0  # the number of a file that is not complete yet
DROPPED = 3  # the level at which nothing but losses is left
_EVERY = (0, 60000, 900000)  # ms between two readings of a source, by level


class Thinning:
    """Of `sources`, neighbours of one boot, to `level`. `covers(boot, first, last)` tells what is acknowledged."""

    def __init__(self, sources, level, covers):
        self.sources = sources
        self.target = Segment(sources[0].folder, UNFINISHED, level, sources[0].boot)
        self.lost = 0
        self._left = [Cursor(source, covers) for source in sources]
        self._losses = {}
        self._kept = {}  # layout → the minute or quarter of its last reading

    def step(self):
        """Whether it was the last one. Raises OSError."""
        if not self._left:
            if self._losses:
                self.target.append({}, told(self._losses))
            return True
        cursor = self._left[0]
        until = cursor.offset + STEP
        kept = []
        while cursor.offset < until:
            record = cursor.next()
            if record is None:
                self._left.pop(0)
                for reason, loss in cursor.losses.items():
                    grow(self._losses, reason, *loss[:5], loss[5] - loss[1])
                    self.lost += loss[3]
                break
            if self._keeps(record):
                kept.append(record)
        if kept:
            self.target.append(cursor.definitions, kept)
        return False

    def finish(self):
        """Gives the new file its name and returns it, None if nothing is left. Raises OSError."""
        target = self.target
        if not target.count:
            return None
        unfinished = target.path()
        target.number = self.sources[0].number
        try:
            os.rename(unfinished, target.path())
        except OSError:
            target.number = UNFINISHED
            raise
        return target

    def _keeps(self, record):
        level = self.target.level
        layout = layout_of(record[3])
        if layout == LOSS:
            readings, last_seq, duration, reason = loss_in(record[3])
            grow(self._losses, reason, *record[:3], readings, last_seq, duration)
            return False
        if level < DROPPED:
            window = record[1] // _EVERY[level]
            if self._kept.get(layout) != window:
                self._kept[layout] = window
                return True
        grow(self._losses, THINNED if level < DROPPED else FULL, *record[:3])
        self.lost += 1
        return False


def is_replaced(segment, by):
    """Whether `segment` is one of the files that were thinned to make `by`."""
    return by.boot == segment.boot and by.level > segment.level and by.number <= segment.number and by.last >= segment.last
