"""Holds every reading until the gateway has acknowledged it.

Promises: a reading that `add` took is given out by `take` again and again until an ack names it, also after a power cut
if it was in flash by then. What no ack has named `PATIENCE` ms after it was measured goes to flash, all of it in one
append, because closing a file costs LittleFS many writes however little is in it. While acks come in time nothing is
written.
Neither the start nor any call fails on what flash does: a damaged line is skipped, what stands behind a block that
cannot be read is given up, a file without one good line is renamed to `damaged`, and all of it is counted in `lost` and
said. Where flash takes nothing the newest readings stay in RAM. Memory does not grow with the backlog: RAM holds a few
readings and a short index entry per segment.
Does not promise: that a reading is given out only once, nor that readings younger than `PATIENCE` survive a power cut,
nor an exact `lost`: where damage hides how much it took it counts one, and acks are forgotten at a restart.
When `limit` bytes are full the oldest segment is given up, counted and named on the console.

Files: `NNNNNN.log` in the order of writing, see segment.py.
"""

import errno
import os

from segment import Segment

PATIENCE = 20000  # ms; with the poll's own time this keeps a power cut below 30 s of readings
RAM_LIMIT = 4096  # bytes of text in RAM that go to flash at once, however young they are
SEGMENT = 32768  # bytes; a segment is removed as a whole
NO_SPACE = 28  # errno.ENOSPC, which MicroPython does not name


class _Acked:
    """What the acks of one boot have named so far."""

    def __init__(self):
        self.up_to = -1
        self.beyond = ()

    def covers(self, first, last):
        first = max(first, self.up_to + 1)
        return last < first or any(start <= first and last <= end for start, end in self.beyond)


class Spool:
    """The readings of this start (`boot`) and, in `folder`, those that earlier starts could not deliver.

    `limit` bounds the bytes in the folder, `say` prints one line on the console. Reads the folder once, at the start.
    """

    def __init__(self, folder, boot, limit, say=print):
        self.boot = boot
        self.lost = 0
        self._folder = folder
        self._limit = limit
        self._say = say
        self._seq = 0
        self._ram = []  # [seq, up, text, taken]
        self._ram_bytes = 0
        self._acked = {boot: _Acked()}
        self._segments = []
        self._open = None  # the segment that still grows
        self.flash_fails = False
        self._number = 0
        self._position = (0, 0)  # segment number and offset that `take` reads next
        self._find_segments()

    def add(self, up, text):
        """Takes a reading measured `up` ms after boot; `text` is its JSON from `"device"` on, without the braces."""
        self._ram.append([self._seq, up, text, False])
        self._ram_bytes += len(text)
        self._seq += 1

    def take(self):
        """The next reading to publish, (boot, seq, up, text), or None: fresh ones first, then the backlog in order."""
        for held in self._ram:
            if not held[3]:
                held[3] = True
                return self.boot, held[0], held[1], held[2]
        for segment in self._segments[:]:
            if segment.number >= self._position[0]:
                found = self._next_in(segment)
                if found:
                    return found
                if segment.acknowledged >= segment.size:
                    self._remove(segment)
        return None

    def rewind(self):
        """From now on `take` gives out again everything that is not acknowledged."""
        for held in self._ram:
            held[3] = False
        self._position = (0, 0)

    def acknowledge(self, boot, up_to, beyond):
        """Everything of `boot` up to seq `up_to`, and in the ranges `beyond` (first, last), is safe at the gateway."""
        acked = self._acked.get(boot)
        if acked is None:
            return
        acked.up_to = max(acked.up_to, up_to)
        acked.beyond = [(first, last) for first, last in beyond if last > acked.up_to]
        if boot == self.boot:
            self._ram = [held for held in self._ram if not acked.covers(held[0], held[0])]
            self._ram_bytes = sum(len(held[2]) for held in self._ram)
        for segment in self._segments[:]:
            if segment.boot == boot and acked.covers(segment.first, segment.last):
                self._remove(segment)

    def oldest(self, boot):
        """Lowest seq of `boot` that is still held; the next one of this boot if none is."""
        after = self._acked[boot].up_to + 1 if boot in self._acked else 0
        held = [max(segment.first, after) for segment in self._segments if segment.boot == boot]
        if boot == self.boot:
            held.append(self._ram[0][0] if self._ram else self._seq)
        return min(held)

    def readings(self):
        """How many readings are not acknowledged, in RAM and flash."""
        return len(self._ram) + sum(self._waiting(segment) for segment in self._segments)

    def report(self):
        """For a technician."""
        return {
            "readings": self.readings(),
            "in_flash": self.readings() - len(self._ram),
            "flash_bytes": sum(segment.size for segment in self._segments),
            "flash_limit": self._limit,
            "lost": self.lost,
        }

    def keep(self, now):
        """Writes to flash what is due; call it every second or so. `now` is ms since boot."""
        if self._ram and now - self._ram[0][1] >= PATIENCE or self._ram_bytes >= RAM_LIMIT:
            self._make_room()
            self.write()
            while self._ram_bytes >= 2 * RAM_LIMIT:  # flash takes nothing: the oldest go, so that the board goes on
                self._ram_bytes -= len(self._ram.pop(0)[2])
                self.lost += 1

    def write(self):
        """Writes to flash what is in RAM, due or not: for an orderly end."""
        if not self._ram or self._folder is None:
            return
        segment = self._open
        if segment is None or segment.size >= SEGMENT:
            segment = Segment(self._folder, self._number + 1, self.boot)
        try:
            segment.append(self._ram)
        except OSError as error:
            self._open = None
            self._not_written(error)
            return
        if self.flash_fails:
            self.flash_fails = False
            self._say("spool: flash takes readings again")
        if segment.number > self._number:
            self._number = segment.number
            self._segments.append(segment)
        self._open = segment
        self._ram = []
        self._ram_bytes = 0

    def _not_written(self, error):
        if error.errno == NO_SPACE and self._segments:
            self._give_up(self._segments[0], "full")
        elif not self.flash_fails:
            self.flash_fails = True
            self._say("spool: flash takes no readings (%s); they stay in RAM and a power cut costs them" % error)
            for segment in self._segments[:]:  # LittleFS writes nothing at all while one file has a damaged block
                if not segment.is_readable():
                    self._give_up(segment, "%s cannot be read" % segment.path)

    def _make_room(self):
        while self._segments and sum(segment.size for segment in self._segments) + self._ram_bytes > self._limit:
            self._give_up(self._segments[0], "full")

    def _give_up(self, segment, why):
        count = self._waiting(segment)
        self.lost += count
        self._say(
            "spool: %s; gave up %d readings of boot %s, seq %d to %d"
            % (why, count, segment.boot, segment.first, segment.last)
        )
        self._remove(segment)

    def _waiting(self, segment):
        return max(0, segment.last - max(segment.first - 1, self._acked[segment.boot].up_to))

    def _remove(self, segment):
        self._segments.remove(segment)
        if segment is self._open:
            self._open = None
        if segment.boot != self.boot and not any(other.boot == segment.boot for other in self._segments):
            del self._acked[segment.boot]
        self._remove_file(segment)

    def _remove_file(self, segment):
        try:
            os.remove(segment.path)
        except OSError as error:
            self._say("spool: %s cannot be removed (%s); it will be sent again" % (segment.path, error))

    def _next_in(self, segment):
        """The next reading in `segment` that is not acknowledged, or None at its end."""
        number, offset = self._position
        if number != segment.number:
            offset = segment.acknowledged
        if offset >= segment.size:
            return None
        acked = self._acked[segment.boot]
        try:
            with open(segment.path, "rb") as file:
                for start, end, reading in segment.lines(file, offset):
                    self._position = (segment.number, end)
                    if reading is None and start >= segment.checked:
                        self.lost += 1
                        self._say("spool: %s: line at byte %d is damaged, skipped" % (segment.path, start))
                    segment.checked = max(segment.checked, end)
                    if reading and not acked.covers(reading[1], reading[1]):
                        return reading
                    if segment.acknowledged == start:
                        segment.acknowledged = end
        except OSError as error:
            self._cut_off(segment, error)
        return None

    def _cut_off(self, segment, error):
        waiting = self._waiting(segment)
        segment.cut_off()
        if segment is self._open:
            self._open = None
        lost = waiting - self._waiting(segment)
        self.lost += lost
        self._say(
            "spool: %s: cannot be read behind byte %d (%s); gave up %d readings"
            % (segment.path, segment.size, error, lost)
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
            if name[-4:] == ".log" and name[:-4].isdigit():
                self._number = int(name[:-4])
                self._find_readings(Segment(self._folder, self._number))

    def _find_readings(self, segment):
        damage = None
        try:
            segment.learn()
        except OSError as error:
            damage = error
            segment.cut_off()
        if segment.boot:
            self._segments.append(segment)
            self._acked.setdefault(segment.boot, _Acked())
        if damage:
            self.lost += 1
            self._say("spool: %s: cannot be read behind byte %d (%s)" % (segment.path, segment.size, damage))
        if not segment.boot:
            if segment.size and not damage:
                self._set_aside(segment)
            else:
                self._remove_file(segment)

    def _set_aside(self, segment):
        self.lost += 1
        self._say("spool: %s holds no whole reading; set aside as %s/damaged" % (segment.path, self._folder))
        try:
            os.rename(segment.path, self._folder + "/damaged")
        except OSError as error:
            self._say("spool: %s cannot be renamed (%s)" % (segment.path, error))
