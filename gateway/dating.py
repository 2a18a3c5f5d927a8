"""When a reading was taken: by its board's clock, by the gateway's, or by neither yet.

A board without a clock still says `up` and `sent`, both ms since its boot. `received − sent`, in the gateway's
boottime, is too large by the message's delay and never too small, so the smallest one of a boot places its `up` 0 best.
A reading that outlived its board's restart has no `sent`, so only its arrival bounds it. Such a boot is over, so it
also ended before the unit's present one began.

Promised: a time once given is given again, in every later run. Not promised: better than the fastest message of a boot
and the drift between the two crystals since then (some seconds a day between a cheap one and another).
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.journal import Entry, Journal
from gateway.ledger import Key, Origin
from ingest.reading import TimeQuality

SETTLED_MS = 30_000
"""A boot that is over is placed when none of its readings came for so long: the board sends again after 20 s."""


@dataclass(slots=True)
class _Over:
    """A boot known by readings that outlived it: it began at `began` or before and lived to `last_up` or longer."""

    began: int
    last_up: int
    last_received: int


class Dating:
    """Knows, for boots heard in this kernel boot, when they began in the gateway's boottime."""

    def __init__(self, clock: Clock, kernel: str) -> None:
        self._clock = clock
        self._kernel = kernel
        self._began: dict[Key, int] = {}
        self._over: dict[Key, _Over] = {}

    def heard(self, key: Key, received: int, up: int, sent: int | None) -> None:
        """A message arrived in this kernel boot."""
        if sent is not None:
            self._began[key] = min(self._began.get(key, received - sent), received - sent)
            return
        over = self._over.setdefault(key, _Over(received - up, up, received))
        over.began = min(over.began, received - up)
        over.last_up = max(over.last_up, up)
        over.last_received = max(over.last_received, received)

    def heard_entry(self, entry: Entry) -> None:
        """The same for an entry of the journal; one of another kernel boot tells nothing of this one's clock."""
        if entry.kernel == self._kernel:
            self.heard(entry.key, entry.received, entry.reading.up, entry.message.sent)

    def at_arrival(self, key: Key, up: int, t: int | None) -> tuple[int, TimeQuality] | None:
        """Time and quality of a reading just received, None when it cannot be told yet."""
        if t is not None:
            return t, "device"
        offset, began = self._clock.utc_offset(), self._began.get(key)
        return None if offset is None or began is None else (began + offset + up, "gateway")

    def origin(self, key: Key) -> Origin | None:
        """Where that boot's undated readings lie by what is known now, None when that is not enough yet."""
        offset = self._clock.utc_offset()
        if offset is None:
            return None
        if key in self._began:
            return self._began[key] + offset, "late"
        over = self._over.get(key)
        if over is None or self._clock.boottime() - over.last_received < SETTLED_MS:
            return None
        # A copy in one step: the committer's thread may hear of a new boot meanwhile.
        alive = self._began.copy()
        present = max((began for (unit, _), began in alive.items() if unit == key[0]), default=over.last_received)
        return min(over.began, present - over.last_up) + offset, "estimated"


def late_origin(journal: Journal, dating: Dating) -> Callable[[Key], Origin | None]:
    """The origin that all late readings of a boot share: frozen at the first use, durably, before anything is sent.

    None too when the disk does not take it; then the readings wait.
    """

    def origin(key: Key) -> Origin | None:
        frozen = journal.origin(key)
        if frozen is not None:
            return frozen
        fresh = dating.origin(key)
        try:
            return None if fresh is None else journal.freeze_origin(key, fresh)
        except OSError:
            return None

    return origin
