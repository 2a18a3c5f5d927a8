"""The files of the spool: written, read in order, thinned, removed.

Promises: no call fails on what flash does. Damage is passed over and costs what segment.py says, what stands behind a
block that cannot be read is given up, a file without one whole record is renamed to `damaged`; all of it is counted and
said. What is given up is put down as a loss, in a file of its own: docs/messages.md, "Losses". The folder stays below its
limit, and RAM holds a short entry for each of at most `MOST_FILES` files, the definitions of two and a batch.
Does not promise: an exact count, for where damage hides how much it took one is counted; nor a loss for what went while
flash took nothing at all, or with a file of which not even a first record can be read.
"""

import os

import seldom
from cursor import Cursor
from segment import Segment

BLOCK = 4096  # bytes of flash that a file takes at least,
_INLINE = 128  # unless it is as short as this: LittleFS keeps it in the directory
SEGMENT = 16 * BLOCK - 512  # bytes; with what LittleFS adds it fits into 16 blocks
MOST_FILES = 64
_NO_SPACE = 28  # errno.ENOSPC, which MicroPython does not name
EVERY = (0, 60000, 900000)  # ms between two readings of a source, by level of thinning
DROPPED = 3  # the level at which nothing but losses is left
UNFINISHED = 0  # the number of a file that is not complete yet


class Store:
    """What is in `folder`, at most `limit` bytes. `acks` is an Acks, `say` prints one line on the console. Reads the
    folder once. `lost` counts the readings that were given up, `fails` says that the last write did.

    What is done seldom is in rooms that are not kept, see seldom.py.
    """

    def __init__(self, folder, limit, acks, say):
        self.folder = folder
        self.acks = acks
        self.say = say
        self.lost = 0
        self.segments = []
        self.number = UNFINISHED  # the highest yet
        self.open = None  # the segment that still grows
        self.thinning = None
        self._limit = limit
        self.fails = False
        self._position = 0  # number of the segment that is read
        self._cursor = None
        self._is_there = seldom.room("finding").find(self)

    def write(self, boot, definitions, records):
        """Appends `records`, as Segment.append takes them, in one go; returns whether they are in flash."""
        if not self._is_there:
            return False
        need = sum([len(record[3]) + 8 for record in records]) + 64
        while self.segments and (self.used() + need > self._limit or len(self.segments) >= MOST_FILES):
            seldom.room("repair").make_room(self)
        segment = self.open
        if segment is None or segment.size + need > SEGMENT:
            segment = Segment(self.folder, self.number + 1, 0, boot)
        try:
            segment.append(definitions, records)
        except OSError as error:
            self.open = None
            self._not_written(error)
            return False
        if self.fails:
            self.fails = False
            self.say("spool: flash takes readings again")
        if segment is not self.open:
            self.open = segment
            self.number = segment.number
            self.segments.append(segment)
        return True

    def next(self, boot, known):
        """(boot, record, definitions) of the next record in order that is not acknowledged, or None at the end.

        `known` are definitions of `boot` that RAM holds anyway.
        """
        for segment in self.segments[:]:
            if segment.number < self._position:
                continue
            self._position = segment.number
            cursor = self._cursor
            if cursor is None or cursor.segment is not segment:
                cursor = self._cursor = Cursor(segment, self.acks.covers, known if segment.boot == boot else ())
            try:
                record = cursor.next()
            except OSError as error:
                seldom.room("repair").give_up_behind(self, segment, error)
                continue
            if record:
                return segment.boot, record, cursor.definitions
            if cursor.losses or segment.checked < segment.size:
                seldom.room("repair").tell_damage(self, cursor)
            if cursor.nothing_left:
                self.remove(segment)
        is_longer = self.segments and self.segments[-1].number > self._position  # by a loss that was found on the way
        return self.next(boot, known) if is_longer else None

    def rewind(self):
        """From now on `next` begins again."""
        self._position = 0
        if self._cursor:
            self._cursor.rewind()

    def acknowledge(self, boot):
        """Removes what is acknowledged of `boot` as a whole."""
        for segment in self.segments[:]:
            if segment.boot == boot and self.acks.covers(boot, segment.first, segment.last):
                self.remove(segment)

    def seqs(self, boot):
        """The lowest seq of `boot` in each file."""
        return [segment.first for segment in self.segments if segment.boot == boot]

    def readings(self, segment=None):
        """How many are not acknowledged, about; in one segment or in all."""
        if segment is None:
            return sum([self.readings(each) for each in self.segments])
        return min(segment.count, max(0, segment.last - max(segment.first - 1, self.acks.up_to(segment.boot))))

    def used(self, level=None):
        """Bytes of flash, whole blocks, that the files take, or those of one level of thinning."""
        segments = self.segments + [self.thinning.target] if self.thinning else self.segments
        sizes = [segment.size for segment in segments if level in (None, segment.level)]
        return sum([size if size <= _INLINE else -(-size // BLOCK) * BLOCK for size in sizes])

    def thin(self):
        """When the room is nearly used up: makes one small step towards more of it."""
        room = self._limit - SEGMENT  # the new file stands beside the old ones for a while
        if self.thinning is None and self.used() > room:
            self.thinning = seldom.room("thinning").begun(self, room)
        thinning = self.thinning
        if thinning is None:
            return
        try:
            thinning.step()
        except OSError as error:
            thinning.abandon()
            repair = seldom.room("repair")
            unreadable = repair.unreadable(thinning.sources)
            for segment in unreadable:
                repair.give_up_behind(self, segment, error)
            if not unreadable:
                self._not_written(error)

    def remove(self, segment):
        if self.thinning and segment in self.thinning.sources:
            self.thinning.abandon()
        self.segments.remove(segment)
        if segment is self.open:
            self.open = None
        if self._cursor and segment is self._cursor.segment:
            self._cursor = None
        self.remove_file(segment)

    def remove_file(self, segment):
        try:
            os.remove(segment.path())
        except OSError as error:
            self.say("spool: %s cannot be removed (%s); it will be sent again" % (segment.path(), error))

    def _not_written(self, error):
        repair = seldom.room("repair")
        if error.errno == _NO_SPACE and self.segments:
            repair.make_room(self)
        elif not self.fails:
            self.fails = True
            self.say("spool: flash takes no readings (%s); they stay in RAM and a power cut costs them" % error)
            for segment in repair.unreadable(self.segments):  # while there is one LittleFS writes nothing at all
                repair.give_up_unreadable(self, segment)
