"""Reads one segment from its begin to its end, and again, passing over what is acknowledged and what is damaged."""

from record import LOSS, layout_of
from segment import DEFINITION, definition_in, records_in


class Cursor:
    """`covers(boot, first, last)` tells what is acknowledged. RAM holds the definitions of the file and one batch;
    of definitions that are among `known` it holds no copy.

    `losses` is what damage took, as far as it is seen and was not known: a batch says how many records stand before it.
    """

    def __init__(self, segment, covers, known=()):
        self.segment = segment
        self.definitions = {}
        self.losses = {}
        self.offset = 0
        self.nothing_left = True  # as far as it was read
        self._covers = covers
        self._known = known
        self._records = []
        self._seen = 0, None  # records so far, the last of them
        self._begin = 0, self._seen  # where the first record is that is not acknowledged

    def rewind(self):
        """Begins again where the first record is that is not acknowledged."""
        self._records = []
        self.offset, self._seen = self._begin
        self.nothing_left = True

    def next(self):
        """The next record that is not acknowledged, or None at the end. Raises OSError."""
        while True:
            while self._records:
                record = self._records.pop(0)
                if not self._covers(self.segment.boot, record[0], record[0]):
                    return record
            if not self._read():
                return None

    def _read(self):
        segment = self.segment
        with open(segment.path(), "rb") as file:
            for end, kind, payload in segment.chunks(file, self.offset):
                if kind == DEFINITION:
                    number, definition = definition_in(payload)
                    self.definitions[number] = self._known[number] if number in self._known else definition
                else:
                    before, records = records_in(payload)
                    self._look_at(before, records, end > segment.checked)
                self.offset = end
                segment.checked = max(segment.checked, end)
                if self._records:
                    self.nothing_left = False
                    return True
                if self.nothing_left:
                    self._begin = end, self._seen
        return False

    def _look_at(self, before, records, is_new):
        count, last = self._seen
        self._seen = before + len(records), records[-1]
        if before > count and is_new:
            first, missing = records[0], before - count
            begin = last or first
            seq = last[0] + 1 if last else max(0, first[0] - missing)
            self._lose(seq, begin[1], begin[2], missing, first[0] - 1, max(0, first[1] - begin[1]))
        for record in records:
            layout = layout_of(record[3])
            if self._covers(self.segment.boot, record[0], record[0]):
                continue
            if layout == LOSS or layout in self.definitions:
                self._records.append(record)
            elif is_new:
                self._lose(*record[:3])

    def _lose(self, *what):
        from loss import DAMAGED, grow  # only here: as long as flash is sound they spend no heap

        grow(self.losses, DAMAGED, *what)
