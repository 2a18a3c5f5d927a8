"""When a reading was taken: by its board's clock, by the gateway's, or by neither yet.

A board without a clock still says `up` and `sent`, both ms since its boot. `received − sent`, in the gateway's
boottime, is too large by the message's delay and never too small, so the smallest one of a boot places its `up` 0 best.

Promised: a time once given is given again, in every later run. Not promised: better than the fastest message of a boot
and the drift between the two crystals since then (some seconds a day between a cheap one and another).
"""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.journal import Entry, Journal
from gateway.ledger import Key
from ingest.reading import TimeQuality


class Dating:
    """Knows, for boots heard in this kernel boot, when they began."""

    def __init__(self, clock: Clock, kernel: str) -> None:
        self._clock = clock
        self._kernel = kernel
        self._began: dict[Key, int] = {}

    def heard(self, key: Key, kernel: str, received: int, sent: int) -> None:
        """A message arrived, in this run or, out of the journal, in an earlier one."""
        if kernel == self._kernel:
            self._began[key] = min(self._began.get(key, received - sent), received - sent)

    def heard_entry(self, entry: Entry) -> None:
        """The same for an entry of the journal."""
        self.heard(entry.key, entry.kernel, entry.received, entry.message.sent)

    def at_arrival(self, key: Key, up: int, t: int | None) -> tuple[int, TimeQuality] | None:
        """Time and quality of a reading just received, None when neither clock can tell."""
        if t is not None:
            return t, "device"
        origin = self.origin(key)
        return None if origin is None else (origin + up, "gateway")

    def origin(self, key: Key) -> int | None:
        """UTC in ms at which that board's `up` was 0, None while the clock is not trusted or the boot was not heard."""
        offset = self._clock.utc_offset()
        began = self._began.get(key)
        return None if offset is None or began is None else began + offset


def late_origin(journal: Journal, dating: Dating) -> Callable[[Key], int | None]:
    """The origin that all late readings of a boot share: frozen at the first use, durably, before anything is sent.

    None too when the disk does not take it; then the readings wait.
    """

    def origin(key: Key) -> int | None:
        frozen = journal.origin(key)
        if frozen is not None:
            return frozen
        fresh = dating.origin(key)
        try:
            return None if fresh is None else journal.freeze_origin(key, fresh)
        except OSError:
            return None

    return origin
