"""Readings that will never come and of which the board says nothing: the gateway tells of them itself.

A seq is missing for ever when the board's `oldest` has passed it, or when its boot is over, and the unit, heard without
a break for ten minutes in another boot, brought nothing more of it: a board sends again after 20 s what it holds.
Promised: what an earlier disk acknowledged, what a `loss` of the board tells of, and what was told once, is not told.
Not promised: what a boot took last and lost with its power; nobody knows that there was any.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.edges import Edges
from gateway.entry import Entry
from gateway.intervals import IntervalSet
from gateway.journal import Journal
from gateway.ledger import Key
from gateway.loss import Lost, Reason

QUIET_MS = 600_000
PAUSE_MS = 120_000
"""A unit that was silent for so long may have had no time yet to send again what it holds of an earlier boot."""

MOST_AT_ONCE = 100


@dataclass(slots=True)
class _Present:
    """A unit's present boot, heard without a break from boottime `since` to `last`, ms, and no other boot between."""

    key: Key
    since: int
    last: int


class Gaps:
    """What was heard, and what is missing in it."""

    def __init__(self) -> None:
        self._edges: dict[Key, Edges] = {}
        self._present: dict[str, _Present] = {}
        self._told_oldest: dict[Key, int] = {}
        self._over: set[Key] = set()

    def known(self, seqs: Mapping[Key, IntervalSet]) -> None:
        """What a segment holds of each boot, found at the start; of its entries those next to a gap are `stored`."""
        for key, of_boot in seqs.items():
            self._edges.setdefault(key, Edges()).know(of_boot.ranges())

    def stored(self, entry: Entry) -> None:
        """An entry of the journal: new, or read at the start."""
        self._edges.setdefault(entry.key, Edges()).add(entry)

    def heard(self, key: Key, received: int, oldest: int, *, present: bool) -> None:
        """A message of that boot; `present` when it can only be the boot that the board is in now."""
        self._told_oldest[key] = oldest
        self._over.discard(key)
        unit, known = key[0], self._present.get(key[0])
        if present and (known is None or known.key != key or received - known.last > PAUSE_MS):
            self._present[unit] = _Present(key, received, received)
        elif present and known is not None:
            known.last = received
        elif known is not None and known.key != key:
            known.since = received

    def found(self, journal: Journal) -> list[Entry]:
        """A loss for each stretch that is certain by now, MOST_AT_ONCE at most; the next call finds what is left."""
        stretches = [
            (key, stretch) for key, oldest in self._told_oldest.items() for stretch in journal.missing(key, oldest)
        ]
        self._told_oldest.clear()
        for present in self._present.values():
            if present.last - present.since >= QUIET_MS:
                stretches += self._in_earlier_boots(present.key, journal)
        losses = (self._loss(key, *stretch, journal.damaged_upto(key)) for key, stretch in stretches[:MOST_AT_ONCE])
        return [loss for loss in losses if loss is not None]

    def _in_earlier_boots(self, present: Key, journal: Journal) -> Iterable[tuple[Key, tuple[int, int]]]:
        for key, last in journal.last_seen(present[0]).items():
            if key == present or key in self._over:
                continue
            stretches = journal.missing(key, last)
            yield from ((key, stretch) for stretch in stretches)
            if not stretches:
                self._over.add(key)
                self._edges.pop(key, None)

    def _loss(self, key: Key, first: int, last: int, damaged_upto: int) -> Entry | None:
        around = self._edges[key].around(first, last) if key in self._edges else None
        if around is None:
            return None
        before, after = around
        first_up, last_up = _up(first, before, after), _up(last, before, after)
        near = before if before.dated is not None else after
        missing = replace(
            near,
            message=replace(near.message, reading=replace(near.reading, seq=first, up=first_up, t=None)),
            dated=None if near.dated is None else (near.dated[0] + first_up - near.reading.up, "estimated"),
        )
        reason: Reason = "journal_damaged" if first <= damaged_upto else "never_received"
        return Lost(missing, last, last_up, last - first + 1).told(reason)


def _up(seq: int, before: Entry, after: Entry) -> int:
    """A board takes its readings at a steady pace."""
    start, end = before.reading, after.reading
    if end.seq == start.seq:
        return start.up
    return start.up + (end.up - start.up) * (seq - start.seq) // (end.seq - start.seq)
