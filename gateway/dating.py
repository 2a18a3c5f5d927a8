"""When a reading was taken: by its board's clock, by the gateway's, or by neither yet.

A board without a clock still says `up` and `sent`, both ms since its boot. `received − sent`, in the gateway's
boottime, is too large by the message's delay and never too small, so the smallest one of a boot places its `up` 0 best.
A reading that outlived its board's restart has no `sent`, so only its arrival bounds it. Such a boot is over, so it
also ended before the unit's present one began. Each such reading may tell that the boot ran longer, and began earlier,
than was known; an estimate holds only for the readings that it was made from.

Promised: a time once given is given again, in every later run; an estimated one is never after the reading's arrival.
Not promised: better than the fastest message of a boot and the drift between the two crystals since then (some seconds
a day between a cheap one and another).
"""

import threading
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.ledger import Key, Origin
from gateway.message import LARGEST_UP
from ingest.reading import TimeQuality

SETTLED_MS = 30_000
"""A boot that is over is placed when none of its readings came for so long: the board sends again after 20 s."""

AWAY_MS = 3_600_000
"""A board that was only heard through the broker's queue may still run, out of reach, and would date all exactly when
it is back: so long it is waited for.
"""

POLL_MS, APART_MS = 1000, 137
"""A board polls every so many whole seconds. A further estimate of a boot is put out of step with that, else readings
of a device dated by it would fall on the ms of those dated by an earlier one, and overwrite them.
"""


@dataclass(slots=True)
class _Boot:
    """It began at `began` or before. `alive`: it was heard before it was over, `over`: afterwards; neither when it was
    heard through a queue only. `last_up` is that of its readings.
    """

    began: int
    last_up: int
    last_received: int
    alive: bool = False
    over: bool = False


class Dating:
    """Knows, for boots heard in this kernel boot, when they began in the gateway's boottime. Safe for two threads."""

    def __init__(self, clock: Clock, kernel: str) -> None:
        self._clock = clock
        self._kernel = kernel
        self._boots: dict[Key, _Boot] = {}
        self._before: dict[Key, int] = {}
        self._lock = threading.Lock()

    def heard(self, key: Key, received: int, up: int, sent: int | None, *, queued: bool = False) -> None:
        """A message arrived in this kernel boot; `queued` when it may have waited for any time on its way."""
        began = received - (up if sent is None else sent)
        with self._lock:
            boot = self._boots.setdefault(key, _Boot(began, up, received))
            boot.began = min(boot.began, began)
            boot.last_up = max(boot.last_up, up)
            boot.last_received = max(boot.last_received, received)
            boot.alive = boot.alive or (sent is not None and not queued)
            boot.over = boot.over or sent is None

    def heard_entry(self, entry: Entry) -> None:
        """The same for an entry of the journal; one of another kernel boot tells little of this one's clock."""
        if entry.kernel == self._kernel:
            self.heard(entry.key, entry.received, entry.reading.up, entry.message.sent, queued=entry.queued)
        else:
            self._before[entry.key] = max(self._before.get(entry.key, 0), entry.reading.up)

    def at_arrival(self, key: Key, up: int, t: int | None) -> tuple[int, TimeQuality] | None:
        """Time and quality of a reading just received, None when it cannot be told yet."""
        if t is not None:
            return t, "device"
        offset, boot = self._clock.utc_offset(), self._boots.get(key)
        return None if offset is None or boot is None or not boot.alive else (boot.began + offset + up, "gateway")

    def origin(self, key: Key) -> Origin | None:
        """Where that boot's undated readings lie by what is known now, None when that is not enough yet."""
        offset = self._clock.utc_offset()
        with self._lock:
            boot = self._boots.get(key)
            if offset is None or boot is None:
                return None
            if boot.alive:
                return Origin(boot.began + offset, "late", LARGEST_UP)
            if self._clock.boottime() - boot.last_received < (SETTLED_MS if boot.over else AWAY_MS):
                return None
            present = max(
                (other.began for (unit, _), other in self._boots.items() if unit == key[0] and other.alive),
                default=boot.last_received,
            )
            # What came in an earlier kernel boot came before boottime 0 of this one.
            before = self._before.get(key)
            began = boot.began if before is None else min(boot.began, -before)
            last_up = max(boot.last_up, before or 0)
            return Origin(min(began, present - last_up) + offset, "estimated", last_up)


def freeze_origins(journal: Journal, dating: Dating) -> None:
    """Give undated readings their times, durably, as far as they can be told by now and the disk takes it."""
    for key in journal.undated_readings():
        origin, frozen = dating.origin(key), journal.origins(key)
        if origin is None:
            continue
        if frozen and origin.quality == "estimated":
            origin = _further(origin, frozen)
        try:
            journal.freeze_origin(key, origin)
        except OSError:
            return


def _further(origin: Origin, frozen: tuple[Origin, ...]) -> Origin:
    """No later than an earlier estimate, for each is a bound, and not in step with any."""
    bound = min(origin.utc_ms, frozen[-1].utc_ms)
    out_of_step = (bound - frozen[0].utc_ms + APART_MS * len(frozen)) % POLL_MS
    return origin._replace(utc_ms=bound - out_of_step)
