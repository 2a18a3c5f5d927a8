"""The few readings that tell a start as much as all of them: when boots began, as `dating.py` asks, what is missing, as
`gaps.py` does, and what is the latest of each device, as `units.py` does.

Promised: who hears `bare` and `seqs` knows of boots and gaps what he would know of all readings, and who hears
`latest` what he would know of devices. What the gateway told of itself stands in `bare` alone: it says when the
gateway's own boots began, and has no seq to miss.
Not promised: the last when the gateway's machine has started again since and made the readings' ages unknown; all of
them would then say which came last, and these which was taken last.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

from gateway.edges import Edges
from gateway.entry import GATEWAY, Entry, bare
from gateway.intervals import IntervalSet
from gateway.ledger import Key
from gateway.units import taken_at, tells_latest


class _Found(NamedTuple):
    value: int
    order: int
    entry: Entry


class Telling:
    """Grows with boots, devices and gaps, not with readings."""

    def __init__(self) -> None:
        self._heard = 0
        self._extremes: dict[tuple[str, Key, str], _Found] = {}
        self._edges: dict[Key, Edges] = {}
        self._latest: dict[tuple[str, str], list[Entry]] = {}

    @property
    def seqs(self) -> dict[Key, IntervalSet]:
        """Of all readings, by their boots. Not to be changed."""
        return {key: edges.heard for key, edges in self._edges.items()}

    @property
    def bare(self) -> list[Entry]:
        """Without their signals. Those of an earlier start of the gateway's machine come first."""
        found = sorted(self._extremes.values(), key=lambda found: found.order)
        told = {(one.entry.key, one.entry.reading.seq): bare(one.entry) for one in found}
        for key, edges in self._edges.items():
            for seq, entry in edges.entries.items():
                told.setdefault((key, seq), entry)
        return list(told.values())

    @property
    def latest(self) -> list[Entry]:
        """Of each device in the order in which they were taken: its latest, and those with a value that it lacks."""
        return [entry for entries in self._latest.values() for entry in reversed(entries)]

    def add(self, entry: Entry) -> None:
        """A stored reading of a board, or what the gateway told of itself, in the order of arrival."""
        self._add_extremes(entry)
        if entry.reading.unit == GATEWAY:
            return
        self._edges.setdefault(entry.key, Edges()).add(entry)
        self.add_latest(entry)

    def add_bare(self, entry: Entry) -> None:
        """One of another's `bare`, whose `seqs` are known."""
        self._add_extremes(entry)
        if entry.reading.unit != GATEWAY:
            self._edges[entry.key].add(entry)

    def add_latest(self, entry: Entry) -> None:
        """One of another's `latest`."""
        if not tells_latest(entry.reading):
            return
        device = entry.reading.unit, entry.reading.device
        known = self._latest.get(device)
        if known is None or entry.reading.measurement != known[0].reading.measurement:
            self._latest[device] = [entry]
        elif not _is_older(entry, known[0]):
            self._latest[device] = list(_needed([entry, *known]))

    def know(self, key: Key, seqs: IntervalSet) -> None:
        """Readings of that boot that were heard by another."""
        self._edges.setdefault(key, Edges()).know(seqs.ranges())

    def join(self, later: Self) -> None:
        """All that it heard came after what is here."""
        for key, seqs in later.seqs.items():
            self.know(key, seqs)
        for entry in later.bare:
            self.add_bare(entry)
        for entry in later.latest:
            self.add_latest(entry)

    def _add_extremes(self, entry: Entry) -> None:
        self._heard += 1
        for name, value in _extremes(entry):
            known = self._extremes.get((entry.kernel, entry.key, name))
            if known is None or value > known.value:
                self._extremes[entry.kernel, entry.key, name] = _Found(value, self._heard, entry)


def _extremes(entry: Entry) -> Iterator[tuple[str, int]]:
    """What decides when a boot began is the largest of these."""
    up, sent = entry.reading.up, entry.message.sent
    yield "began", (up if sent is None else sent) - entry.received
    yield "up", up
    yield "received", entry.received
    if sent is None:
        yield "over", 0
    elif not entry.queued:
        yield "alive", 0
    if sent is not None and entry.dated is not None:
        yield "dated", entry.dated[0] + sent - up - entry.received


def _is_older(entry: Entry, known: Entry) -> bool:
    """Boottimes compare within one start of the machine only; a later start's reading is newer."""
    if entry.kernel != known.kernel:
        return False
    taken, before = (taken_at(one.message, None if one.queued else one.received) for one in (entry, known))
    return before is not None and (taken is None or taken < before)


def _needed(newest_first: list[Entry]) -> Iterator[Entry]:
    values: set[str] = set()
    for entry in newest_first:
        if not values or not entry.reading.signals.keys() <= values:
            yield entry
        values |= entry.reading.signals.keys()
