"""What the journal knows about its frames beside the readings themselves: an append log of changes, read at start.

Promised: a frozen origin, a void frame and the seqs of `keep_seen` survive a power cut; damage costs only the damaged
changes, and a ledger that cannot be read is moved aside and begun anew.
Not promised: that every `forwarded` is there. A lost one means that a frame is sent again, which overwrites the same
points. What damage takes from the rest means that a reading which a board sends again is stored again.
"""

import json
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway import framelog
from gateway.damage import copy_aside, move_aside
from gateway.disk import Disk
from gateway.intervals import IntervalSet
from gateway.notice import Notice
from ingest.reading import TimeQuality

FILE = "ledger.frames"
COMPACT_BYTES = 256 * 1024
RESERVE = "reserve"
RESERVE_BYTES = COMPACT_BYTES
"""Held on the disk so that a full one still takes the ledger, without which no segment may be deleted."""

BOOTS_KEPT = 64
"""Per unit: how many of a unit's latest boots stay known after their readings left the journal."""

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""`(unit, boot)`."""


class Origin(NamedTuple):
    """The UTC in ms at which a boot's `up` was 0, and the quality of what it dates: readings up to `up` = `reach`."""

    utc_ms: int
    quality: TimeQuality
    reach: int


class Ledger:
    """`forwarded`: frames that the database has. `seen`: every seq ever committed, per boot. `accounted`: seqs that
    nobody waits for, per boot: what a `loss` tells of, and what came before the first that was heard here. `origins`:
    frozen for ever, in the order of their reach. `void`: frames whose commit failed, which are none, whatever a segment
    holds. `next_frame`: no frame at or above this number was ever forwarded or void. `gone`: hours since 1970 of which
    readings may have been thinned or given up, or have left the history. `damages` were found when it was read.
    """

    def __init__(self, disk: Disk) -> None:
        """Read what is there; a damaged ledger is read as far as it goes. Raises OSError when the folder cannot be
        listed.
        """
        self.damages = 0
        self.forwarded = IntervalSet()
        self.void = IntervalSet()
        self.seen: dict[Key, IntervalSet] = {}
        self.accounted: dict[Key, IntervalSet] = {}
        self.origins: dict[Key, list[Origin]] = {}
        self.next_frame = 1
        self.gone = IntervalSet()
        self._disk = disk
        self._file = Notice(log, FILE)
        self._reserve = Notice(log, RESERVE)
        self._size = 0
        self._incomplete = False
        if FILE in disk.names():
            self._read()
        self.take_reserve()

    def mark_forwarded(self, numbers: Iterable[int]) -> None:
        """The database has these frames. Written when the disk takes it, not synced."""
        change = {"forwarded": [[number, number] for number in numbers]}
        self._apply(change)
        try:
            self._write(change, sync=False)
        except OSError as error:
            self._file.away(f"not written ({error.strerror}); it is written anew when that works again")

    def mark_void(self, numbers: Iterable[int]) -> None:
        """These frames are none, for ever: their file may come back after a power cut. Durable on return. Raises
        OSError.
        """
        change = {"void": [[number, number] for number in numbers]}
        self._write(change, sync=True)
        self._apply(change)

    def begin(self, key: Key, seq: int) -> None:
        """The first reading heard of that boot: what came before it is not waited for, an earlier disk may have it.
        Written when the disk takes it, not synced: a start that does not find it waits for less.
        """
        if key in self.accounted:
            return
        last = max(seq - 1, (self.seen.get(key) or IntervalSet()).last())
        change = {"accounted": [[*key, [(0, last)] if last >= 0 else []]]}
        self._apply(change)
        try:
            self._write(change, sync=False)
        except OSError as error:
            self._file.away(f"not written ({error.strerror}); it is written anew when that works again")

    def missing(self, key: Key, below: int) -> list[tuple[int, int]]:
        """Stretches of that boot's seqs below that one which neither came nor are accounted for."""
        if key not in self.accounted:
            return []
        seen = self.seen.get(key) or IntervalSet()
        return IntervalSet([*seen.ranges(), *self.accounted[key].ranges()]).gaps(below)

    def account(self, key: Key, first: int, last: int) -> None:
        """A loss that is in the journal tells of these seqs."""
        if key in self.accounted:
            self.accounted[key].add(first, last)

    def keep_seen(self, keys: Iterable[Key]) -> None:
        """From now on the seqs of these boots, and what is accounted for, are known without their segments. Durable on
        return; a full disk gets the reserve for it. Raises OSError.
        """
        boots = list(keys)
        self._write_at_any_rate(
            {
                "seen": [[*key, self.seen[key].ranges()] for key in boots if key in self.seen],
                "accounted": [[*key, self.accounted[key].ranges()] for key in boots if key in self.accounted],
            }
        )

    def gives_way(self, hours: IntervalSet) -> None:
        """Readings taken in these hours are about to be thinned or to go. Durable on return; a full disk gets the
        reserve for it. Raises OSError.
        """
        if not hours <= self.gone:
            change = {"gone": hours.ranges()}
            self._apply(change)
            self._write_at_any_rate(change)

    def _write_at_any_rate(self, change: dict[str, Any]) -> None:
        try:
            self._write(change, sync=True)
        except OSError as error:
            self._file.away(f"not written ({error.strerror}); what was forwarded stays on the disk until it can be")
            if RESERVE not in self._disk.names():
                raise
            self._disk.remove(RESERVE)
            self._rewrite()

    def take_reserve(self) -> None:
        """Hold the reserve, if the disk has room for it."""
        try:
            self._disk.reserve(RESERVE, RESERVE_BYTES)
        except OSError as error:
            self._reserve.away(f"cannot be held ({error.strerror}); make room on the disk")
        else:
            self._reserve.back()

    def origin(self, key: Key, up: int) -> Origin | None:
        """The one that dates an undated reading of that boot, for ever; None while none reaches so far."""
        return next((origin for origin in self.origins.get(key, ()) if up <= origin.reach), None)

    def freeze_origin(self, key: Key, origin: Origin) -> None:
        """Durable on return. Raises OSError; the origin is not frozen then."""
        change = {"origins": [[*key, *origin]]}
        self._write(change, sync=True)
        self._apply(change)

    def _write(self, change: dict[str, Any], *, sync: bool) -> None:
        data = framelog.encode(0, json.dumps(change).encode())
        if self._incomplete:
            self._rewrite(data)
            return
        self._size += len(data)
        try:
            self._disk.append(FILE, data)
            if sync:
                self._disk.sync(FILE)
        except OSError:
            self._incomplete = True
            raise

    def _rewrite(self, change: bytes = b"") -> None:
        everything = {
            "forwarded": self.forwarded.ranges(),
            "void": self.void.ranges(),
            "origins": [[*key, *origin] for key, origins in self.origins.items() for origin in origins],
            "seen": [[*key, seqs.ranges()] for key, seqs in self.seen.items()],
            "accounted": [[*key, seqs.ranges()] for key, seqs in self.accounted.items()],
            "next": self.next_frame,
            "gone": self.gone.ranges(),
        }
        data = framelog.encode(0, json.dumps(everything).encode()) + change
        self._disk.replace(FILE, data)
        self._file.back()
        self._size = len(data)
        self._incomplete = False

    def wants_compaction(self) -> bool:
        """Whether the file has grown, or holds damage, or lacks a change that could not be written."""
        return self._incomplete or self._size > COMPACT_BYTES

    def compact(self, first_frame: int, live: set[Key]) -> None:
        """Write everything anew, without frames below `first_frame` and long gone boots, if the disk takes it."""
        self.forwarded.discard_below(first_frame)
        kept = live | _latest_boots(self.seen)
        self.seen = {key: seqs for key, seqs in self.seen.items() if key in kept}
        self.accounted = {key: seqs for key, seqs in self.accounted.items() if key in kept}
        self.origins = {key: origins for key, origins in self.origins.items() if key in kept}
        try:
            self._rewrite()
        except OSError as error:
            self._file.away(f"not written anew ({error.strerror}); it is tried again")

    def _read(self) -> None:
        try:
            data = self._disk.read(FILE)
        except OSError as error:
            self.damages += 1
            self._incomplete = True
            move_aside(self._disk, FILE, error.strerror or "OSError")
            return
        frames, damaged = framelog.scan(data)
        self._size = len(data)
        for frame in frames:
            try:
                self._apply(frame.document())
            except (ValueError, KeyError, TypeError, AttributeError):
                damaged.append((frame.start, frame.end))
        if damaged:
            self.damages += len(damaged)
            self._incomplete = True
            self.accounted.clear()  # what came, and is unknown now, must not be taken for lost
            copy_aside(self._disk, FILE, data, sorted(damaged))

    def _apply(self, change: dict[str, Any]) -> None:
        for first, last in change.get("forwarded", ()):
            self.forwarded.add(first, last)
            self.next_frame = max(self.next_frame, last + 1)
        for first, last in change.get("void", ()):
            self.void.add(first, last)
            self.next_frame = max(self.next_frame, last + 1)
        for unit, boot, utc_ms, quality, reach in change.get("origins", ()):
            self.origins.setdefault((unit, boot), []).append(Origin(utc_ms, quality, reach))
        for unit, boot, ranges in change.get("seen", ()):
            for first, last in ranges:
                self.seen.setdefault((unit, boot), IntervalSet()).add(first, last)
        for unit, boot, ranges in change.get("accounted", ()):
            accounted = self.accounted.setdefault((unit, boot), IntervalSet())
            for first, last in ranges:
                accounted.add(first, last)
        self.next_frame = max(self.next_frame, change.get("next", 1))
        for first, last in change.get("gone", ()):
            self.gone.add(first, last)


def _latest_boots(seen: Iterable[Key]) -> set[Key]:
    boots: dict[str, list[Key]] = {}
    for key in seen:
        boots.setdefault(key[0], []).append(key)
    return {key for keys in boots.values() for key in keys[-BOOTS_KEPT:]}
