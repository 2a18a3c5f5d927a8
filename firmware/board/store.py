"""The files of the spool: written, read in order, thinned, removed.

Promises: no call fails on what flash does. Damage is passed over and costs what segment.py says, what stands behind a
block that cannot be read is given up, a file without one whole record is renamed to `damaged`; all of it is counted and
said. What is given up is told as a loss: docs/messages.md, "Losses". The folder stays below its limit, and RAM holds a
short entry for each of at most `MOST_FILES` files, the definitions of one and a batch.
Does not promise: an exact count, for where damage hides how much it took one is counted; nor that a loss outlives a
restart where flash was fuller or worse than it should be.
"""

import errno
import os

from backlog import Cursor
from loss import DAMAGED, FULL, Losses
from record import LOSS, layout_of, loss_in
from segment import BATCH, Segment, records_in
from thinning import UNFINISHED, Thinning, is_replaced

BLOCK = 4096  # bytes of flash that a file takes at least
SEGMENT = 16 * BLOCK - 512  # bytes; with what LittleFS adds it fits into 16 blocks
MOST_FILES = 64
NO_SPACE = 28  # errno.ENOSPC, which MicroPython does not name


class Acked:
    """What the acks of one boot have named so far."""

    def __init__(self):
        self.up_to = -1
        self.beyond = ()

    def covers(self, first, last):
        first = max(first, self.up_to + 1)
        return last < first or any(start <= first and last <= end for start, end in self.beyond)


class Store:
    """What is in `folder`, at most `limit` bytes. `acks` maps boots to what is acknowledged of them, `untold` takes the
    losses, `say` prints one line on the console. Reads the folder once.
    """

    def __init__(self, folder, limit, acks, untold, say):
        self._folder = folder
        self._limit = limit
        self._acks = acks
        self._untold = untold
        self._say = say
        self._segments = []
        self._open = None  # the segment that still grows
        self._thinning = None
        self._fails = False
        self._number = UNFINISHED
        self._position = 0  # number of the segment that is read
        self._cursor = None
        self._find_segments()

    def write(self, boot, definitions, records):
        """Appends `records`, as Segment.append takes them, in one go; returns whether they are in flash."""
        if self._folder is None:
            return False
        need = sum([len(record[3]) + 8 for record in records]) + 64
        self._make_room(need)
        segment = self._open
        if segment is None or segment.size + need > SEGMENT:
            segment = Segment(self._folder, self._number + 1, 0, boot)
        try:
            segment.append(definitions, records)
        except OSError as error:
            self._open = None
            self._not_written(error)
            return False
        if self._fails:
            self._fails = False
            self._say("spool: flash takes readings again")
        if segment.number > self._number:
            self._number = segment.number
            self._segments.append(segment)
        self._open = segment
        return True

    def next(self):
        """(boot, record, definitions) of the next record in order that is not acknowledged, or None at the end."""
        for segment in self._segments[:]:
            if segment.number >= self._position:
                record = self._next_in(segment)
                if record:
                    return segment.boot, record, self._cursor.definitions
        return None

    def rewind(self):
        """From now on `next` begins again."""
        self._position = 0
        if self._cursor:
            self._cursor.rewind()

    def acknowledge(self, boot):
        """Removes what is acknowledged of `boot` as a whole."""
        for segment in self._segments[:]:
            if segment.boot == boot and self._acks[boot].covers(segment.first, segment.last):
                self._remove(segment)

    def seqs(self, boot):
        """The lowest seq of `boot` in each file."""
        return [segment.first for segment in self._segments if segment.boot == boot]

    def readings(self):
        return sum([self._waiting(segment) for segment in self._segments])

    def used(self, level=None):
        """Bytes of flash, whole blocks, that the files take, or those of one level of thinning."""
        segments = self._segments + [self._thinning.target] if self._thinning else self._segments
        return sum([-(-segment.size // BLOCK) * BLOCK for segment in segments if level in (None, segment.level)])

    def thin(self):
        """When the room is nearly used up: makes one small step towards more of it."""
        thinning = self._thinning = self._thinning or self._to_thin()
        if thinning is None:
            return
        try:
            if thinning.step():
                self._replace(thinning)
        except OSError as error:
            self._abandon()
            for segment in thinning.sources:
                if not segment.is_readable():
                    self._cut_off(segment, error)
                    return
            self._not_written(error)

    def _not_written(self, error):
        if error.errno == NO_SPACE and self._segments:
            self._give_up(self._segments[0], FULL, "full")
        elif not self._fails:
            self._fails = True
            self._say("spool: flash takes no readings (%s); they stay in RAM and a power cut costs them" % error)
            for segment in self._segments[:]:  # LittleFS writes nothing at all while one file has a damaged block
                if not segment.is_readable():
                    self._give_up(segment, DAMAGED, "%s cannot be read" % segment.path())

    def _make_room(self, need):
        while self._segments and self.used() + need > self._limit:
            self._give_up(self._segments[0], FULL, "full")
        while len(self._segments) >= MOST_FILES:  # so many starts without a gateway: the one that has the least goes
            self._give_up(min(self._segments, key=lambda segment: segment.count), FULL, "too many files")

    def _to_thin(self):
        room = self._limit - SEGMENT  # the new file stands beside the old ones for a while
        if self.used() <= room:
            return None
        for level, share in ((0, room // 2), (1, room // 4), (2, 0)):
            levels = [segment.level for segment in self._segments]
            if level in levels and self.used(level) > share:
                at = levels.index(level)
                sources = self._neighbours(at)
                if sources:
                    return Thinning(sources, level + 1, self._acks[sources[0].boot].covers)
        return None

    def _neighbours(self, at):
        """What is thinned together: a file, the next one if it is like it, and what earlier ones left if that is little."""
        first = self._segments[at]
        found = [
            segment
            for segment in self._segments[at : at + 2]
            if (segment.boot, segment.level) == (first.boot, first.level) and segment is not self._open
        ]
        before = self._segments[at - 1] if at else first
        if found and (before.boot, before.level) == (first.boot, first.level + 1) and before.size < SEGMENT // 2:
            found.insert(0, before)
        return found

    def _replace(self, thinning):
        target, sources = thinning.finish(), thinning.sources
        self._thinning = None
        self._untold.lost += thinning.lost
        at = self._segments.index(sources[0])
        if target:
            self._segments.insert(at, target)
        for segment in sources:
            self._segments.remove(segment)
            if target is None or segment.path() != target.path():
                self._remove_file(segment)
        if thinning.lost:
            self._say(
                "spool: nearly full; thinned boot %s, seq %d to %d, by %d readings"
                % (sources[0].boot, sources[0].first, sources[-1].last, thinning.lost)
            )

    def _abandon(self):
        target, self._thinning = self._thinning.target, None
        if target.size:
            self._remove_file(target)

    def _give_up(self, segment, reason, why):
        acked = self._acks[segment.boot]
        losses = Losses()
        count = lost = self._waiting(segment)
        try:
            with open(segment.path(), "rb") as file:
                for _, _, kind, payload in segment.chunks(file, 0):
                    for record in records_in(payload)[1] if kind == BATCH else ():
                        if acked.covers(record[0], record[0]):
                            continue
                        count -= 1
                        if layout_of(record[3]) == LOSS:
                            losses.merge(record)
                            lost -= 1
                        else:
                            losses.add(reason, *record[:3])
        except OSError:
            pass
        if count > 0:
            losses.add(reason, segment.first, 0, None, count, segment.last)
        self._say(
            "spool: %s; gave up %d readings of boot %s, seq %d to %d"
            % (why, lost, segment.boot, segment.first, segment.last)
        )
        self._untold.lost += lost
        self._remove(segment)
        for record in losses.records():
            readings, last_seq, duration, reason = loss_in(record[3])
            self._untold.add(segment.boot, reason, *record[:3], readings, last_seq, duration)

    def _waiting(self, segment):
        after = self._acks[segment.boot].up_to
        return min(segment.count, max(0, segment.last - max(segment.first - 1, after)))

    def _remove(self, segment):
        if self._thinning and segment in self._thinning.sources:
            self._abandon()
        self._segments.remove(segment)
        if segment is self._open:
            self._open = None
        self._remove_file(segment)

    def _remove_file(self, segment):
        try:
            os.remove(segment.path())
        except OSError as error:
            self._say("spool: %s cannot be removed (%s); it will be sent again" % (segment.path(), error))

    def _next_in(self, segment):
        """The next record in `segment` that is not acknowledged, or None at its end."""
        self._position = segment.number
        if self._cursor is None or self._cursor.segment is not segment:
            self._cursor = Cursor(segment, self._acks[segment.boot].covers, self._damaged)
        try:
            record = self._cursor.next()
        except OSError as error:
            self._cut_off(segment, error)
            return None
        if record is None and self._cursor.nothing_left:
            self._remove(segment)
        return record

    def _damaged(self, segment, gap):
        seq, up, offset, lost, *more = gap or self._behind(segment)
        if lost:
            self._lose(segment.boot, seq, up, offset, lost, *more)
            if not segment.is_damaged:
                segment.is_damaged = True
                self._say("spool: %s is damaged; it lost readings, the first is seq %d" % (segment.path(), seq))

    def _behind(self, segment):
        """What is missing between the last record of `segment` and the next that there is; one where there is none."""
        seq = segment.last + 1
        later = [other.first for other in self._segments if other.boot == segment.boot and other.first >= seq]
        missing = min(later) - seq if later else 1
        return seq, segment.ended, None, missing, seq + missing - 1

    def _lose(self, boot, *what):
        self._untold.lost += what[3]
        self._untold.add(boot, DAMAGED, *what)

    def _cut_off(self, segment, error):
        waiting, first, last = self._waiting(segment), segment.first, segment.last
        segment.cut_off()
        if segment is self._open:
            self._open = None
        lost = waiting - self._waiting(segment)
        if lost > 0:
            self._lose(segment.boot, max(first, segment.last + 1), segment.ended, None, lost, last)
        self._say(
            "spool: %s: cannot be read behind byte %d (%s); gave up %d readings"
            % (segment.path(), segment.size, error, lost)
        )

    def _find_segments(self):
        try:
            try:
                os.mkdir(self._folder)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
            names = sorted(os.listdir(self._folder))
        except OSError as error:
            self._say(
                "spool: no folder %s on flash (%s); readings stay in RAM and a power cut costs them"
                % (self._folder, error)
            )
            self._folder = None
            return
        for name in names:
            parts = name.split("-")
            if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit():
                self._find_records(Segment(self._folder, int(parts[0]), int(parts[1]), parts[2]))
        for segment in self._segments[:]:
            if any(is_replaced(segment, by) for by in self._segments):
                self._remove(segment)

    def _find_records(self, segment):
        if segment.number == UNFINISHED:
            self._remove_file(segment)
            return
        self._number = max(self._number, segment.number)
        damage = None
        try:
            segment.learn()
        except OSError as error:
            damage = error
            segment.cut_off()
        if damage:
            self._say("spool: %s: cannot be read behind byte %d (%s)" % (segment.path(), segment.size, damage))
        if segment.count:
            self._segments.append(segment)
            if segment.boot not in self._acks:
                self._acks[segment.boot] = Acked()
        elif segment.size and not damage:
            self._set_aside(segment)
        else:
            self._remove_file(segment)
        self._untold.lost += damage is not None

    def _set_aside(self, segment):
        self._untold.lost += 1
        self._say("spool: %s holds no whole reading; set aside as %s/damaged" % (segment.path(), self._folder))
        try:
            os.rename(segment.path(), self._folder + "/damaged")
        except OSError as error:
            self._say("spool: %s cannot be renamed (%s)" % (segment.path(), error))
