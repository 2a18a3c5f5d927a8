"""Makes room in a full spool: rewrites a few old files as one that keeps fewer of their readings.

A level says what is left: 0 all, 1 one reading per source and minute, 2 one per quarter of an hour, 3 none. The newest half
of the room keeps level 0, a quarter level 1, the rest level 2. Losses are merged and kept at each of them; what the gateway
has is neither.

Promises: the power may go at any moment. The new file gets its name when it is complete, and takes the place of the first
of the old ones; the next start knows the old ones that the power did not last to remove. Each step reads about `_STEP` bytes.
"""

import os

from cursor import Cursor
from loss import FULL, THINNED, grow, merge, told
from record import LOSS, layout_of
from segment import Segment
from store import DROPPED, EVERY, SEGMENT, UNFINISHED

_STEP = 4096  # bytes


def begun(store, room):
    """The Thinning that makes room where there is more than `room` bytes; None if nothing is left to be thinned."""
    for level, share in ((0, room // 2), (1, room // 4), (2, 0)):
        alike = [segment for segment in store.segments if segment.level == level and segment is not store.open]
        if not alike or store.used(level) <= share:
            continue
        first = alike[0]
        at = store.segments.index(first)
        sources = [segment for segment in alike[:2] if segment.boot == first.boot]
        before = store.segments[at - 1] if at else first
        if (before.boot, before.level) == (first.boot, level + 1) and before.size < SEGMENT // 2:
            sources.insert(0, before)  # so that what is left does not lie in ever more small files
        return Thinning(store, sources, level + 1, "nearly full")
    return None


class Thinning:
    """Of `sources`, neighbours of one boot, to `level`."""

    def __init__(self, store, sources, level, why):
        self.sources = sources
        self.target = Segment(store.folder, UNFINISHED, level, sources[0].boot)
        self._store = store
        self._why = why
        self._left = [Cursor(source, store.acks.covers) for source in sources]
        self._losses = {}
        self._lost = 0
        self._kept = {}  # layout → the minute or quarter of its last reading

    def run(self):
        """Makes all the steps; whether they came to an end."""
        try:
            while self._store.thinning:
                self.step()
        except OSError:
            self.abandon()
            return False
        return True

    def step(self):
        """Raises OSError."""
        if not self._left:
            if self._losses:
                self.target.append({}, told(self._losses))
            self._finish()
            return
        cursor = self._left[0]
        until = cursor.offset + _STEP
        kept = []
        while cursor.offset < until:
            record = cursor.next()
            if record is None:
                self._left.pop(0)
                for reason, (seq, up, offset, readings, last_seq, end) in cursor.losses.items():
                    grow(self._losses, reason, seq, up, offset, readings, last_seq, end - up)
                    self._lost += readings
                break
            if self._keeps(record):
                kept.append(record)
        if kept:
            self.target.append(cursor.definitions, kept)

    def abandon(self):
        """Leaves everything as it was."""
        self._store.thinning = None
        for segment in self.sources:
            segment.checked = 0  # the damage that it saw was told to no one
        if self.target.size:
            self._store.remove_file(self.target)

    def _keeps(self, record):
        level = self.target.level
        layout = layout_of(record[3])
        if layout == LOSS:
            merge(self._losses, record)
            return False
        if level < DROPPED:
            window = record[1] // EVERY[level]
            if self._kept.get(layout) != window:
                self._kept[layout] = window
                return True
        grow(self._losses, THINNED if level < DROPPED else FULL, *record[:3])
        self._lost += 1
        return False

    def _finish(self):
        store, target, first = self._store, self.target, self.sources[0]
        name = None
        if target.count:
            unfinished = target.path()
            target.number = first.number
            name = target.path()
            try:
                os.rename(unfinished, name)
            except OSError:
                target.number = UNFINISHED
                raise
            store.segments.insert(store.segments.index(first), target)
        store.thinning = None
        store.lost += self._lost
        for segment in self.sources:
            store.segments.remove(segment)
            if segment.path() != name:
                store.remove_file(segment)
        store.say(
            "spool: %s; gave up %d readings of boot %s, seq %d to %d"
            % (self._why, self._lost, first.boot, first.first, self.sources[-1].last)
        )
