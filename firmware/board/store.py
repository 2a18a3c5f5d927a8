"""The files of the spool: written, read in order, thinned, removed.

Promises: no call fails on what flash does. Damage is passed over and costs what segment.py says, what stands behind a
block that cannot be read is given up, a file without one whole record is renamed to `damaged`; all of it is counted and
said. What is given up is put down as a loss, in a file of its own: docs/messages.md, "Losses". The folder stays below its
limit, and RAM holds a short entry for each of at most `MOST_FILES` files, the definitions of two and a batch.
Does not promise: an exact count, for where damage hides how much it took one is counted; nor a loss for what went while
flash took nothing at all, or with a file of which not even a first record can be read.
"""

import errno
import os

from cursor import Cursor
from record import DAMAGED, FULL, grow, told
from segment import Segment
from thinning import DROPPED, UNFINISHED, Thinning, is_replaced

BLOCK = 4096  # bytes of flash that a file takes at least,
INLINE = 128  # unless it is as short as this: LittleFS keeps it in the directory
SEGMENT = 16 * BLOCK - 512  # bytes; with what LittleFS adds it fits into 16 blocks
MOST_FILES = 64
NO_SPACE = 28  # errno.ENOSPC, which MicroPython does not name


class Store:
    """What is in `folder`, at most `limit` bytes. `acks` is an Acks, `say` prints one line on the console. Reads the
    folder once. `lost` counts the readings that were given up.
    """

    def __init__(self, folder, limit, acks, say):
        self.lost = 0
        self._folder = folder
        self._limit = limit
        self._acks = acks
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
        while self._segments and self.used() + need > self._limit:
            self._give_up(self._oldest(), FULL, "full")
        while len(self._segments) >= MOST_FILES:  # so many starts without a gateway: the one that has the least goes
            self._give_up(min(self._segments, key=lambda segment: segment.count), FULL, "too many files")
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
        if segment is not self._open:
            self._open = segment
            self._number = segment.number
            self._segments.append(segment)
        return True

    def next(self):
        """(boot, record, definitions) of the next record in order that is not acknowledged, or None at the end."""
        for segment in self._segments[:]:
            if segment.number < self._position:
                continue
            self._position = segment.number
            cursor = self._cursor
            if cursor is None or cursor.segment is not segment:
                cursor = self._cursor = Cursor(segment, self._acks.covers)
            try:
                record = cursor.next()
            except OSError as error:
                self._cut_off(segment, error)
                continue
            if record:
                return segment.boot, record, cursor.definitions
            self._tell_damage(cursor)
            if cursor.nothing_left:
                self._remove(segment)
        is_longer = self._segments and self._segments[-1].number > self._position  # by a loss that was found on the way
        return self.next() if is_longer else None

    def rewind(self):
        """From now on `next` begins again."""
        self._position = 0
        if self._cursor:
            self._cursor.rewind()

    def acknowledge(self, boot):
        """Removes what is acknowledged of `boot` as a whole."""
        for segment in self._segments[:]:
            if segment.boot == boot and self._acks.covers(boot, segment.first, segment.last):
                self._remove(segment)

    def seqs(self, boot):
        """The lowest seq of `boot` in each file."""
        return [segment.first for segment in self._segments if segment.boot == boot]

    def readings(self, segment=None):
        """How many are not acknowledged, about; in one segment or in all."""
        if segment is None:
            return sum([self.readings(each) for each in self._segments])
        return min(segment.count, max(0, segment.last - max(segment.first - 1, self._acks.up_to(segment.boot))))

    def used(self, level=None):
        """Bytes of flash, whole blocks, that the files take, or those of one level of thinning."""
        segments = self._segments + [self._thinning.target] if self._thinning else self._segments
        sizes = [segment.size for segment in segments if level in (None, segment.level)]
        return sum([size if size <= INLINE else -(-size // BLOCK) * BLOCK for size in sizes])

    def thin(self):
        """When the room is nearly used up: makes one small step towards more of it."""
        thinning = self._thinning = self._thinning or self._to_thin()
        if thinning is None:
            return
        try:
            if thinning.step():
                self._replace(thinning, "nearly full")
        except OSError as error:
            self._abandon()
            unreadable = [segment for segment in thinning.sources if not segment.is_readable()]
            for segment in unreadable:
                self._cut_off(segment, error)
            if not unreadable:
                self._not_written(error)

    def _to_thin(self):
        """The newest half of the room keeps all, a quarter one reading per minute, the rest one per quarter of an hour."""
        room = self._limit - SEGMENT  # the new file stands beside the old ones for a while
        if self.used() <= room:
            return None
        for level, share in ((0, room // 2), (1, room // 4), (2, 0)):
            alike = [segment for segment in self._segments if segment.level == level and segment is not self._open]
            if not alike or self.used(level) <= share:
                continue
            at = self._segments.index(alike[0])
            sources = [segment for segment in alike[:2] if segment.boot == alike[0].boot]
            before = self._segments[at - 1] if at else alike[0]
            if (before.boot, before.level) == (alike[0].boot, level + 1) and before.size < SEGMENT // 2:
                sources.insert(0, before)  # so that what is left does not lie in ever more small files
            return Thinning(sources, level + 1, self._acks.covers)
        return None

    def _replace(self, thinning, why):
        target, sources = thinning.finish(), thinning.sources
        self._thinning = None
        self.lost += thinning.lost
        if target:
            self._segments.insert(self._segments.index(sources[0]), target)
        for segment in sources:
            self._segments.remove(segment)
            if target is None or segment.path() != target.path():
                self._remove_file(segment)
        self._say(
            "spool: %s; gave up %d readings of boot %s, seq %d to %d"
            % (why, thinning.lost, sources[0].boot, sources[0].first, sources[-1].last)
        )

    def _abandon(self):
        thinning, self._thinning = self._thinning, None
        for segment in thinning.sources:
            segment.checked = 0  # the damage that it saw was told to no one
        if thinning.target.size:
            self._remove_file(thinning.target)

    def _oldest(self):
        """The first file that holds more than losses, if there is one."""
        return next((segment for segment in self._segments if segment.level < DROPPED), self._segments[0])

    def _not_written(self, error):
        if error.errno == NO_SPACE and self._segments:
            self._give_up(self._oldest(), FULL, "full")
        elif not self._fails:
            self._fails = True
            self._say("spool: flash takes no readings (%s); they stay in RAM and a power cut costs them" % error)
            for segment in self._segments[:]:  # LittleFS writes nothing at all while one file has a damaged block
                if not segment.is_readable():
                    self._give_up(segment, DAMAGED, "%s cannot be read" % segment.path())

    def _give_up(self, segment, reason, why):
        if self._thinning:
            self._abandon()
        if reason == FULL and segment.level < DROPPED:
            thinning = self._thinning = Thinning([segment], DROPPED, self._acks.covers)
            try:
                while not thinning.step():
                    pass
                self._replace(thinning, why)
                return
            except OSError:
                self._abandon()
        self._remove(segment)
        if segment.level < DROPPED:
            what = segment.first, segment.began, None, self.readings(segment), segment.last
            self._lose(segment, why, what + (segment.ended - segment.began,), reason)

    def _cut_off(self, segment, error):
        before, first, last = self.readings(segment), segment.first, segment.last
        segment.cut_off()
        if segment is self._open:
            self._open = None
        why = "%s cannot be read behind byte %d (%s)" % (segment.path(), segment.size, error)
        lost = before - self.readings(segment)
        self._lose(segment, why, (max(first, segment.last + 1), segment.ended, None, lost, last))

    def _tell_damage(self, cursor):
        """What `cursor` saw on its way, and whatever lies behind the last record."""
        segment, losses, cursor.losses = cursor.segment, cursor.losses, {}
        if segment.checked < segment.size:
            segment.checked = segment.size
            grow(losses, DAMAGED, *self._behind(segment))
        for seq, up, offset, readings, last_seq, end in losses.values():
            what = seq, up, offset, readings, last_seq, end - up
            self._lose(segment, "%s is damaged" % segment.path(), what)

    def _behind(self, segment):
        """What is missing between the last record of `segment` and the next that there is; one where there is none."""
        seq = segment.last + 1
        later = [first for first in self.seqs(segment.boot) if first >= seq]
        missing = min(later) - seq if later else 1
        return seq, segment.ended, None, missing, seq + missing - 1

    def _lose(self, segment, why, what, reason=DAMAGED):
        """Counts, says and puts down a loss that stands where `segment` did."""
        boot, seq, readings = segment.boot, what[0], what[3]
        if readings <= 0:
            return
        self.lost += readings
        self._say("spool: %s; gave up %d readings of boot %s from seq %d on" % (why, readings, boot, seq))
        known = [each.first for each in self._segments if each.boot == boot and each.level == DROPPED]
        if seq in known or segment is self._open:  # in the open one the next seq may be a reading
            return
        losses = {}
        grow(losses, reason, *what)
        self._number += 1
        file = Segment(self._folder, self._number, DROPPED, boot)
        try:
            file.append({}, told(losses))
        except OSError:  # as long as flash takes nothing it is counted alone
            return
        self._segments.append(file)

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
                self._find(Segment(self._folder, int(parts[0]), int(parts[1]), parts[2]))
        for segment in self._segments[:]:
            if any(is_replaced(segment, by) for by in self._segments):
                self._remove(segment)

    def _find(self, segment):
        damage = None
        self._number = max(self._number, segment.number)
        try:
            if segment.number != UNFINISHED:
                segment.learn()
        except OSError as error:
            damage = error
            segment.cut_off()
            self.lost += 1
            self._say("spool: %s cannot be read behind byte %d (%s)" % (segment.path(), segment.size, error))
        if segment.count:
            self._segments.append(segment)
        elif segment.size and not damage:
            self.lost += 1
            self._say("spool: %s holds no whole reading; set aside as %s/damaged" % (segment.path(), self._folder))
            try:
                os.rename(segment.path(), self._folder + "/damaged")
            except OSError as error:
                self._say("spool: %s cannot be renamed (%s)" % (segment.path(), error))
        else:
            self._remove_file(segment)
