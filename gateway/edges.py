"""The readings of one boot that stand next to what is missing of it, for they say when that was taken."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.entry import Entry, bare
from gateway.intervals import IntervalSet


@dataclass(slots=True)
class Edges:
    """`entries` are those next to a seq that is not `heard`, by seq, without their signals."""

    heard: IntervalSet = field(default_factory=IntervalSet)
    entries: dict[int, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """It was heard."""
        seq = entry.reading.seq
        self.heard.add(seq)
        self.entries[seq] = bare(entry)
        self._forget_inner((seq - 1, seq, seq + 1))

    def know(self, ranges: Iterable[tuple[int, int]]) -> None:
        """All of these seqs were heard; the entries at the ends of each range are added as well."""
        for first, last in ranges:
            self.heard.add(first, last)
            self._forget_inner((first - 1, first, last, last + 1))

    def around(self, first: int, last: int) -> tuple[Entry, Entry] | None:
        """The nearest before and after; the same twice where there is none on one side, None when there is none."""
        before = max((seq for seq in self.entries if seq < first), default=None)
        after = min((seq for seq in self.entries if seq > last), default=before)
        before = after if before is None else before
        return None if before is None or after is None else (self.entries[before], self.entries[after])

    def _forget_inner(self, seqs: Iterable[int]) -> None:
        for seq in seqs:
            if seq - 1 in self.heard and seq + 1 in self.heard:
                self.entries.pop(seq, None)
