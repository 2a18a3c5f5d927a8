"""What is known of readings that were given up: docs/messages.md, "Losses".

Promises: the losses of one boot have different identities, because no reading is given up twice; but where damage hid
which readings went, the guess may hit on a seq that the gateway knows already, and it is counted alone.
"""

from record import loss, loss_in

THINNED, FULL, DAMAGED = 0, 1, 2  # indices into record.REASONS


class Loss:
    """Grows by what is given up for `reason`."""

    def __init__(self, reason):
        self.reason = reason
        self.readings = 0
        self.seq = self.up = self.offset = None  # of the first
        self.last_seq = self.last_up = -1

    def add(self, seq, up, offset, readings=1, last_seq=-1, duration=0):
        """`readings` from `seq` on, measured `up` ms after boot; UTC is `offset` more, or None."""
        if not self.readings or seq < self.seq:
            self.seq, self.up, self.offset = seq, up, offset
        self.readings += readings
        self.last_seq = max(self.last_seq, seq, last_seq)
        self.last_up = max(self.last_up, up + duration)

    def record(self):
        """(seq, up, offset, record)."""
        return self.seq, self.up, self.offset, loss(self.readings, self.last_seq, self.last_up - self.up, self.reason)


class Losses:
    """At most one for each reason."""

    def __init__(self):
        self._losses = {}

    def add(self, reason, *what):
        """As Loss.add."""
        if reason not in self._losses:
            self._losses[reason] = Loss(reason)
        self._losses[reason].add(*what)

    def merge(self, record):
        """Takes in what the record of a loss says."""
        readings, last_seq, duration, reason = loss_in(record[3])
        self.add(reason, *record[:3], readings, last_seq, duration)

    def records(self):
        return [each.record() for each in self._losses.values()]


class Untold:
    """The losses that stand in RAM: of each boot and reason one that still grows, and those that were given out.

    `lost` counts the readings that this start gave up, those of losses in flash too.
    """

    def __init__(self):
        self.lost = 0
        self._entries = []  # [boot, Loss, taken, was taken ever]

    def add(self, boot, reason, *what):
        """As Loss.add. What was given out once does not grow any more: the gateway may have it as it was."""
        for entry in self._entries:
            if entry[0] == boot and entry[1].reason == reason and not entry[3]:
                entry[1].add(*what)
                return
        loss = Loss(reason)
        loss.add(*what)
        self._entries.append([boot, loss, False, False])

    def take(self):
        """(boot, record, no definitions) of one that was not given out since `rewind`, or None."""
        for entry in self._entries:
            if not entry[2]:
                entry[2] = entry[3] = True
                return entry[0], entry[1].record(), None
        return None

    def rewind(self):
        for entry in self._entries:
            entry[2] = False

    def acknowledge(self, boot, covers):
        self._entries = [entry for entry in self._entries if entry[0] != boot or not covers(entry[1].seq, entry[1].seq)]

    def seqs(self, boot):
        return [entry[1].seq for entry in self._entries if entry[0] == boot]


class Gaps:
    """Notices what damage took between the batches of a file, which say how many records stand before them."""

    def __init__(self):
        self._count = 0
        self._last = None

    def copy(self):
        copied = Gaps()
        copied._count, copied._last = self._count, self._last
        return copied

    def before(self, count, records):
        """(seq, up, offset, readings, last_seq, duration) of what is missing before `records`, or None."""
        first, last = records[0], self._last
        missing = count - self._count
        self._count, self._last = count + len(records), records[-1]
        if missing <= 0:
            return None
        begin = last or first
        seq = last[0] + 1 if last else max(0, first[0] - missing)
        return seq, begin[1], begin[2], missing, max(seq, first[0] - 1), max(0, first[1] - begin[1])
