"""Holds every reading until the gateway has acknowledged it.

Promises: a reading that `add` took is given out by `take` again and again until an ack names it, also after a power cut
if it was in flash by then. What no ack has named `PATIENCE` ms after it was measured goes to flash, all of it in one
append, because closing a file costs LittleFS about 2 kB whatever is in it. While acks come in time nothing is written.
Starting never fails on damaged files: a damaged line is skipped and counted in `lost`, a file without one good line is
renamed to `damaged`. Memory does not grow with the backlog: RAM holds a few readings and a short index entry per
segment.
Does not promise: that a reading is given out only once, nor that readings younger than `PATIENCE` survive a power cut.
When `limit` bytes are full the oldest segment is given up, counted and named on the console.

Files: `NNNNNN.log` in the order of writing. A line is `crc32 boot seq up text`. One segment holds readings of one boot.
"""

import binascii
import errno
import os

PATIENCE = 20000  # ms; with the poll's own time this keeps a power cut below 30 s of readings
RAM_LIMIT = 6144  # bytes of text in RAM that go to flash at once, however young they are
SEGMENT = 32768  # bytes; a segment is removed as a whole
LONGEST_LINE = 4096
NO_SPACE = 28  # errno.ENOSPC, which MicroPython does not name


class _Segment:
    def __init__(self, number, boot, first, last, size):
        self.number = number
        self.boot = boot
        self.first = first
        self.last = last
        self.size = size
        self.checked = 0  # damage up to this offset is counted already
        self.wanted = False  # this pass met a reading in it that is not acknowledged


class _Acked:
    """What the acks of one boot have named so far."""

    def __init__(self):
        self.up_to = -1
        self.beyond = ()

    def covers(self, first, last):
        first = max(first, self.up_to + 1)
        return last < first or any(start <= first and last <= end for start, end in self.beyond)


def _line(boot, seq, up, text):
    body = ("%s %d %d %s" % (boot, seq, up, text)).encode()
    return b"%08x %s\n" % (binascii.crc32(body), body)


def _parse(line):
    """(boot, seq, up, text) of a line that is whole, else None."""
    body = line[9:-1]
    if line[-1:] != b"\n" or line[:9] != b"%08x " % binascii.crc32(body):
        return None
    boot, seq, up, text = str(body, "utf-8").split(" ", 3)
    return boot, int(seq), int(up), text


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
        self.last_added = 0  # ms since boot
        self._seq = 0
        self._ram = []  # [seq, up, text, taken]
        self._ram_bytes = 0
        self._acked = {boot: _Acked()}
        self._segments = []
        self._open = None  # the segment that still grows
        self._flash_fails = False
        self._number = 0
        self._position = (0, 0)  # segment number and offset that `take` reads next
        self._find_segments()

    def add(self, up, text):
        """Takes a reading measured `up` ms after boot; `text` is its JSON from `"device"` on, without the braces."""
        self.last_added = up
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
                if not segment.wanted:
                    self._remove(segment)
        return None

    def rewind(self):
        """From now on `take` gives out again everything that is not acknowledged."""
        for held in self._ram:
            held[3] = False
        for segment in self._segments:
            segment.wanted = False
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

    def unsafe_ms(self, now):
        """For how long the oldest reading that is in RAM alone has been there, in ms; 0 if there is none."""
        return now - self._ram[0][1] if self._ram else 0

    def keep(self, now):
        """Writes to flash what is due; call it every second or so. `now` is ms since boot."""
        if self.unsafe_ms(now) >= PATIENCE or self._ram_bytes >= RAM_LIMIT:
            self._make_room()
            self._write()
            while self._ram_bytes >= 2 * RAM_LIMIT:  # flash takes nothing: the oldest go, so that the board goes on
                self._ram_bytes -= len(self._ram.pop(0)[2])
                self.lost += 1

    def _write(self):
        segment = self._open
        if segment is None or segment.size >= SEGMENT:
            self._number += 1
            segment = _Segment(self._number, self.boot, self._ram[0][0], -1, 0)
        size = segment.size
        try:
            with open(self._path(segment), "ab") as file:
                for seq, up, text, _ in self._ram:
                    size += file.write(_line(self.boot, seq, up, text))
        except OSError as error:
            self._open = None
            if error.errno == NO_SPACE and self._segments:
                self._give_up(self._segments[0])
            elif not self._flash_fails:
                self._flash_fails = True
                self._say("spool: flash takes no readings (%s); they stay in RAM and a power cut costs them" % error)
            return
        if self._flash_fails:
            self._flash_fails = False
            self._say("spool: flash takes readings again")
        if segment.last < 0:
            self._segments.append(segment)
        segment.last, segment.size = self._ram[-1][0], size
        self._open = segment
        self._ram = []
        self._ram_bytes = 0

    def _make_room(self):
        while self._segments and sum(segment.size for segment in self._segments) + self._ram_bytes > self._limit:
            self._give_up(self._segments[0])

    def _give_up(self, segment):
        count = self._waiting(segment)
        self.lost += count
        self._say(
            "spool: full; gave up %d readings of boot %s, seq %d to %d"
            % (count, segment.boot, segment.first, segment.last)
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
        try:
            os.remove(self._path(segment))
        except OSError as error:
            self._say("spool: %s cannot be removed (%s); it will be sent again" % (self._path(segment), error))

    def _path(self, segment):
        return "%s/%06d.log" % (self._folder, segment.number)

    def _next_in(self, segment):
        """The next reading in `segment` that is not acknowledged, or None at its end."""
        number, offset = self._position
        if number != segment.number:
            offset = 0
        if offset >= segment.size:
            return None
        acked = self._acked[segment.boot]
        with open(self._path(segment), "rb") as file:
            for start, line in _lines(file, offset):
                end = start + len(line)
                self._position = (segment.number, end)
                reading = _parse(line)
                if reading is None and start >= segment.checked:
                    self.lost += 1
                    self._say("spool: %s: line at byte %d is damaged, skipped" % (self._path(segment), start))
                segment.checked = max(segment.checked, end)
                if reading and not acked.covers(reading[1], reading[1]):
                    segment.wanted = True
                    return reading
        return None

    def _find_segments(self):
        try:
            os.mkdir(self._folder)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        for name in sorted(os.listdir(self._folder)):
            if name[-4:] == ".log" and name[:-4].isdigit():
                self._number = int(name[:-4])
                self._find_readings(self._number)

    def _find_readings(self, number):
        segment = _Segment(number, None, 0, -1, 0)
        path = self._path(segment)
        with open(path, "rb") as file:
            segment.size = file.seek(0, 2)
            for start in (max(0, segment.size - 2 * LONGEST_LINE), 0):  # the last reading is nearly always in the tail
                for _, line in _lines(file, start):
                    reading = _parse(line)
                    if reading:
                        segment.last = reading[1]
                if segment.last >= 0:
                    break
            for _, line in _lines(file, 0):
                reading = _parse(line)
                if reading:
                    segment.boot, segment.first = reading[0], reading[1]
                    break
        if segment.boot:
            self._segments.append(segment)
            self._acked.setdefault(segment.boot, _Acked())
        elif segment.size:
            self.lost += 1
            self._say("spool: %s holds no whole reading; set aside as %s/damaged" % (path, self._folder))
            os.rename(path, self._folder + "/damaged")
        else:
            os.remove(path)


def _lines(file, offset):
    """(offset, line) from `offset` on; a piece that is longer than any line of ours comes in several pieces."""
    file.seek(offset)
    while True:
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        yield offset, line
        offset += len(line)
