"""Reads one segment from its begin to its end, and again, passing over what is acknowledged."""

from loss import Gaps
from record import LOSS, layout_of
from segment import DEFINITION, definition_in, records_in


class Cursor:
    """`covers(first, last)` tells what is acknowledged; `damaged(segment, gap)` is told once of each damage, with what is
    missing as Gaps.before has it, or None at the end of the file, where that is not known.

    RAM holds the definitions of the file and one batch.
    """

    def __init__(self, segment, covers, damaged):
        self.segment = segment
        self.definitions = {}
        self.nothing_left = True  # as far as it was read
        self._covers = covers
        self._damaged = damaged
        self._records = []
        self._offset = 0
        self._gaps = Gaps()
        self._done = 0, Gaps()  # up to where all is acknowledged, and what Gaps had seen there

    def rewind(self):
        """Begins again where the first reading is that was not acknowledged."""
        self._records = []
        self._offset, gaps = self._done
        self._gaps = gaps.copy()
        self.nothing_left = True

    def next(self):
        """The next record that is not acknowledged, or None at the end. Raises OSError."""
        while True:
            for at, record in enumerate(self._records):
                if not self._covers(record[0], record[0]):
                    self._records = self._records[at + 1 :]
                    return record
            self._records = []
            if not self._read():
                return None

    def _read(self):
        segment = self.segment
        with open(segment.path(), "rb") as file:
            for _, end, kind, payload in segment.chunks(file, self._offset):
                if kind == DEFINITION:
                    self.definitions.update((definition_in(payload),))
                else:
                    self._records = self._wanted(payload, end > segment.checked)
                self._offset = end
                segment.checked = max(segment.checked, end)
                if self._records:
                    self.nothing_left = False
                    return True
                if self.nothing_left:
                    self._done = end, self._gaps.copy()
        if segment.checked < segment.size:
            segment.checked = segment.size
            self._damaged(segment, None)
        return False

    def _wanted(self, payload, is_new):
        before, records = records_in(payload)
        gap = self._gaps.before(before, records)
        if gap and is_new:
            self._damaged(self.segment, gap)
        wanted = []
        for record in records:
            layout = layout_of(record[3])
            if self._covers(record[0], record[0]):
                continue
            if layout == LOSS or layout in self.definitions:
                wanted.append(record)
            elif is_new:
                self._damaged(self.segment, record[:3] + (1,))
        return wanted
