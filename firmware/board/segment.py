"""One file of readings on flash. Which of them are still wanted is up to spool.py.

A line is `crc32 boot seq up text`, so a damaged one is known as such; all lines of a file are of one boot. What cannot be
read raises OSError, and `cut_off` then makes do with what stands before it.
"""

import binascii
import os

LONGEST_LINE = 2048


class Segment:
    """File `number` in `folder`, new or to be learned with `learn`. Seqs `first` to `last` are in its `size` bytes."""

    def __init__(self, folder, number, boot=None):
        self.number = number
        self.path = "%s/%06d.log" % (folder, number)
        self.boot = boot
        self.first = 0
        self.last = -1
        self.size = 0
        self.checked = 0  # damage up to this offset is counted already
        self.acknowledged = 0  # everything up to this offset is, or is damaged

    def append(self, readings):
        """Writes `readings`, [seq, up, text, ...] each, in one go. Raises OSError; a new file is then removed again."""
        size = self.size
        try:
            with open(self.path, "ab" if size else "wb") as file:
                for seq, up, text, *_ in readings:
                    size += _write_line(file, self.boot, seq, up, text)
        except OSError:
            if not self.size:
                try:
                    os.remove(self.path)
                except OSError:  # the next attempt has the same name and begins with an empty file
                    pass
            raise
        if not self.size:
            self.first = readings[0][0]
        self.last, self.size = readings[-1][0], size

    def lines(self, file, offset):
        """(start, end, reading) of each line of the open `file` from `offset` on; the reading is None if it is damaged.

        A reading is (boot, seq, up, text). A piece that is longer than any line of ours comes in several pieces.
        """
        file.seek(offset)
        while offset < self.size:
            line = file.readline(LONGEST_LINE)
            if not line:
                return
            start, offset = offset, offset + len(line)
            yield start, offset, _parse(line)

    def learn(self):
        """Takes boot, first, last and size from the file, nearly always from its two ends alone. Raises OSError."""
        self.size = os.stat(self.path)[6]
        with open(self.path, "rb") as file:
            for start in (max(0, self.size - 2 * LONGEST_LINE), 0):
                for _, _, reading in self.lines(file, start):
                    if reading:
                        self.last = reading[1]
                if self.last >= 0:
                    break
            for _, _, reading in self.lines(file, 0):
                if reading:
                    self.boot, self.first = reading[:2]
                    break

    def cut_off(self):
        """Forgets what stands behind the first byte that cannot be read."""
        last, size = self.first - 1, 0
        try:
            with open(self.path, "rb") as file:
                for _, size, reading in self.lines(file, 0):
                    if reading:
                        if self.boot is None:
                            self.boot, self.first = reading[:2]
                        last = reading[1]
        except OSError:
            pass
        self.last, self.size = last, size

    def is_readable(self):
        """Whether every byte of the file can be read."""
        try:
            with open(self.path, "rb") as file:
                while file.read(512):
                    pass
        except OSError:
            return False
        return True


def _write_line(file, boot, seq, up, text):
    head, text = ("%s %d %d " % (boot, seq, up)).encode(), text.encode()
    crc = binascii.crc32(text, binascii.crc32(head))
    # In pieces, because a text is the longest that the heap has to find room for.
    return file.write(b"%08x %s" % (crc, head)) + file.write(text) + file.write(b"\n")


def _parse(line):
    body = line[9:-1]
    if line[-1:] != b"\n" or line[:9] != b"%08x " % binascii.crc32(body):
        return None
    boot, seq, up, text = str(body, "utf-8").split(" ", 3)
    return boot, int(seq), int(up), text
