"""Makes room in a full spool: rewrites a few old files as one that keeps fewer of their readings.

A level says what is left: 0 all, 1 one reading per source and minute, 2 one per quarter of an hour, 3 none. Losses are
merged and kept at each of them. Not given up is what the gateway has.

Promises: the power may go at any moment. The new file gets its name when it is complete, and takes the place of the first
of the old ones; `is_replaced` knows the old ones that the power did not last to remove. Each step reads about `STEP` bytes.
Does not promise that nothing is sent twice.
"""

import os

from loss import DAMAGED, FULL, THINNED, Gaps, Losses
from record import LOSS, layout_of
from segment import DEFINITION, Segment, definition_in, records_in

STEP = 4096  # bytes
UNFINISHED = 0  # the number of a file that is not complete yet
DROPPED = 3  # the level at which nothing but losses is left
_EVERY = (0, 60000, 900000)  # ms between two readings of a source, by level


class Thinning:
    """Of `sources`, neighbours of one boot, to `level`. `covers(first, last)` tells what is acknowledged."""

    def __init__(self, sources, level, covers):
        self.sources = sources
        self.target = Segment(sources[0].folder, UNFINISHED, level, sources[0].boot)
        self.lost = 0
        self._covers = covers
        self._source = 0  # index and
        self._offset = 0  # of what the next step reads
        self._gaps = Gaps()
        self._definitions = {}
        self._losses = Losses()
        self._kept = {}  # layout → the minute or quarter of its last reading

    def step(self):
        """Whether it was the last one. Raises OSError."""
        if self._source == len(self.sources):
            losses = self._losses.records()
            if losses:
                self.target.append({}, losses)
            return True
        kept = []
        source, begin = self.sources[self._source], self._offset
        with open(source.path(), "rb") as file:
            for _, end, kind, payload in source.chunks(file, begin):
                if kind == DEFINITION:
                    self._definitions.update((definition_in(payload),))
                else:
                    kept.extend(self._keep(*records_in(payload)))
                self._offset = end
                if end - begin >= STEP:
                    break
            else:
                self._source += 1
                self._offset = 0
                self._gaps = Gaps()
        if kept:
            self.target.append(self._definitions, kept)
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

    def _keep(self, before, records):
        """Those of `records` that stay; the others are put down as losses."""
        gap = self._gaps.before(before, records)
        if gap:
            self._losses.add(DAMAGED, *gap)
        return [record for record in records if self._keeps(record)]

    def _keeps(self, record):
        if self._covers(record[0], record[0]):
            return False
        layout, level = layout_of(record[3]), self.target.level
        if layout == LOSS:
            self._losses.merge(record)
            return False
        if level < DROPPED:
            window = record[1] // _EVERY[level]
            if self._kept.get(layout) != window:
                self._kept[layout] = window
                return True
        self._losses.add(THINNED if level < DROPPED else FULL, *record[:3])
        self.lost += 1
        return False


def is_replaced(segment, by):
    """Whether `segment` is one of the files that were thinned to make `by`."""
    return by.boot == segment.boot and by.level > segment.level and by.number <= segment.number and by.last >= segment.last
