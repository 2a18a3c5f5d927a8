"""When a reading was taken: by its board's clock, by the gateway's, or by neither yet.

A board without a clock still says `up` and `sent`, both ms since its boot. `received − sent`, in the gateway's
boottime, is too large by the message's delay and never too small, so the smallest one of a boot places its `up` 0 best.
A reading that outlived its board's restart has no `sent`, so only its arrival bounds it. Such a boot is over, so it
also ended before the unit's present one began. Each such reading may tell that the boot ran longer, and began earlier,
than was known; an estimate holds only for the readings that it was made from.
Boottimes of an earlier start of the gateway's machine are placed by their neighbours in the journal: by a board that
ran through the restart, by a reading of that time whose board knew UTC, else by the next start: they ended before it.
What the gateway tells of itself is dated likewise, by a boot of its own that began with its kernel.

Promised: a time once given is given again, in every later run; an estimated one is never after the reading's arrival,
nor, if that was before the machine's present start and nothing else tells when, after that start.
Not promised: better than the fastest message of a boot and the drift between the two crystals since then (some seconds
a day between a cheap one and another).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.entry import GATEWAY, Entry
from gateway.journal import Journal
from gateway.ledger import Key, Origin
from gateway.message import LARGEST_UP
from ingest.reading import TimeQuality

SETTLED_MS = 30_000
"""A boot that is over is placed when none of its readings came for so long: the board sends again after 20 s."""

POLL_MS, APART_MS = 1000, 137
"""A board polls every so many whole seconds. A further estimate of a boot is put out of step with that, else readings
of a device dated by it would fall on the ms of those dated by an earlier one, and overwrite them.
"""

AWAY_MS = 3_600_000
"""A board that was only heard through the broker's queue, or before the gateway restarted, may still run, out of reach,
and would date all exactly when it is back: so long it is waited for. The latter only until its unit is heard in another
boot.
"""


@dataclass(slots=True)
class _Boot:
    """It began at `began` or before, in the boottime of the kernel. `alive`: it was heard before it was over, `over`:
    afterwards; neither when it was heard through a queue only. `last_up` is that of its readings.
    """

    began: int
    last_up: int
    last_received: int
    alive: bool = False
    over: bool = False


@dataclass(slots=True)
class _Kernel:
    """What was heard between one start of the gateway's machine and the next. `told` is what a reading that was dated
    says of its UTC − boottime, too little by the message's delay.
    """

    boots: dict[Key, _Boot] = field(default_factory=dict)
    last_received: int = 0
    told: int | None = None

    def heard(self, key: Key, received: int, up: int, sent: int | None, *, queued: bool) -> None:
        began = received - (up if sent is None else sent)
        boot = self.boots.setdefault(key, _Boot(began, up, received))
        boot.began = min(boot.began, began)
        boot.last_up = max(boot.last_up, up)
        boot.last_received = max(boot.last_received, received)
        boot.alive = boot.alive or (sent is not None and not queued)
        boot.over = boot.over or sent is None
        self.last_received = max(self.last_received, received)

    def offset(self, later: "_Kernel", later_offset: int) -> int:
        """UTC − boottime, at most, from that of the next start."""
        bounds = [later_offset - self.last_received]  # all that was heard here came before boottime 0 of the next
        bounds += [
            later_offset + later.boots[key].began - boot.began
            for key, boot in self.boots.items()
            if boot.alive and key in later.boots and later.boots[key].alive
        ]
        if self.told is not None:
            bounds.append(self.told)
        return min(bounds)

    def latest_began(self, key: Key, last_up: int) -> int:
        """When a boot began, at most. One that was over ended before its readings came, and before the next began."""
        boot = self.boots[key]
        if not boot.over:
            return boot.began
        others = [other.began for (unit, _), other in self.boots.items() if unit == key[0] and other.alive]
        return min(boot.began, max(others, default=boot.last_received) - last_up)


class Dating:
    """Knows when the boots that were heard began, in the gateway's boottime. Safe for two threads."""

    def __init__(self, clock: Clock, kernel: str) -> None:
        self._clock = clock
        self._kernel = kernel
        self._present = _Kernel()
        now = clock.boottime()
        self._present.heard((GATEWAY, kernel), now, now, now, queued=False)
        self._earlier: dict[str, _Kernel] = {}
        self._lock = threading.Lock()

    def heard(self, key: Key, received: int, up: int, sent: int | None, *, queued: bool = False) -> None:
        """A message arrived in this kernel boot; `queued` when it may have waited for any time on its way."""
        with self._lock:
            self._present.heard(key, received, up, sent, queued=queued)

    def heard_entry(self, entry: Entry) -> None:
        """The same for an entry of the journal, in the order of arrival; it may be of an earlier kernel boot."""
        up, sent = entry.reading.up, entry.message.sent
        if entry.kernel == self._kernel:
            self.heard(entry.key, entry.received, up, sent, queued=entry.queued)
            return
        with self._lock:
            kernel = self._earlier.setdefault(entry.kernel, _Kernel())
            kernel.heard(entry.key, entry.received, up, sent, queued=entry.queued)
            if entry.dated is not None and sent is not None:
                told = entry.dated[0] + sent - up - entry.received
                kernel.told = told if kernel.told is None else max(kernel.told, told)

    def at_arrival(self, key: Key, up: int, t: int | None) -> tuple[int, TimeQuality] | None:
        """Time and quality of a reading just received, None when it cannot be told yet."""
        if t is not None:
            return t, "device"
        offset, boot = self._clock.utc_offset(), self._present.boots.get(key)
        return None if offset is None or boot is None or not boot.alive else (boot.began + offset + up, "gateway")

    def origin(self, key: Key) -> Origin | None:
        """Where that boot's undated readings lie by what is known now, None when that is not enough yet."""
        offset = self._clock.utc_offset()
        if offset is None:
            return None
        with self._lock:
            boot = self._present.boots.get(key)
            if boot is not None and boot.alive:
                return Origin(boot.began + offset, "late", LARGEST_UP)
            if not self._over(key):
                return None
            heard = [(kernel, start) for kernel, start in self._placed(offset) if key in kernel.boots]
            last_up = max((kernel.boots[key].last_up for kernel, _ in heard), default=0)
            began = [kernel.boots[key].began + start for kernel, start in heard if kernel.boots[key].alive]
            bounds = began or [kernel.latest_began(key, last_up) + start for kernel, start in heard]
            return Origin(min(bounds), "estimated", last_up) if bounds else None

    def _over(self, key: Key) -> bool:
        """Whether no more is to be waited for before that boot is placed by its neighbours in the journal."""
        now, boot = self._clock.boottime(), self._present.boots.get(key)
        if boot is not None:
            return now - boot.last_received >= (SETTLED_MS if boot.over else AWAY_MS)
        heard = {unit for (unit, _), other in self._present.boots.items() if other.alive and unit != GATEWAY}
        # The gateway's own is placed best by a board that ran through the restart.
        return now >= AWAY_MS or bool(heard if key[0] == GATEWAY else key[0] in heard)

    def _placed(self, offset: int) -> Iterator[tuple[_Kernel, int]]:
        """Every kernel boot with its UTC − boottime, at most, from the present one back."""
        later = self._present
        yield later, offset
        for kernel in reversed(self._earlier.values()):
            offset = kernel.offset(later, offset)
            yield kernel, offset
            later = kernel


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
