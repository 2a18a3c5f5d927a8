"""Time on the board: milliseconds since boot that do not wrap, and UTC as far as the gateway has told it.

Promises: `now()` never goes back and never wraps, as long as it is asked at least once in 12 days. `utc()` is an
integer or None, never a guess. The board's own calendar is not used, so its epoch (1970 or 2000) and its dead battery
do not matter.
Does not promise: that UTC never steps. A better estimate moves it, in both directions, by up to half a second; a
gateway whose own clock was set moves it by as much.
"""

TICKS_PERIOD = 1 << 30  # of time.ticks_ms() on the ESP32; the unix port's 2**62 is a multiple of it
_LONGEST_ROUND_TRIP = 1000  # ms; an ack that took longer may have lain in a buffer
_DRIFT = 20000  # the crystal gains or loses at most one part in this many (50 ppm) over a raft's temperatures
_FIRST_UTC = 1704067200000  # 2024-01-01, and
_LAST_UTC = 4102444799999  # the end of 2099, as in gateway/schema/reading.schema.json


class Clock:
    """`ticks` counts milliseconds and starts again from 0 every `period` of them, a power of two."""

    def __init__(self, ticks, period=TICKS_PERIOD):
        self._ticks = ticks
        self._mask = period - 1
        self._last = ticks()
        self._now = 0
        self._offset = None
        self._error = 0
        self._learned = 0

    def now(self):
        """Milliseconds since the clock was made, which is at boot."""
        ticks = self._ticks()
        self._now += (ticks - self._last) & self._mask
        self._last = ticks
        return self._now

    def utc(self, up):
        """UTC in ms of the moment `up` ms after boot; None while it is not known."""
        return None if self._offset is None else self._offset + up

    def report(self):
        """For a technician: ms since boot, UTC in ms or None, and by how many ms UTC may be wrong."""
        up = self.now()
        error = None if self._offset is None else self._error + (up - self._learned) // _DRIFT
        return {"up": up, "utc": self.utc(up), "error": error}

    def learn(self, utc, sent, held):
        """Takes the time from an ack, as docs/messages.md says: `utc` at the gateway in ms or None, `sent` as the board
        wrote it into the reading, `held` ms at the gateway. Half the round trip is what the estimate can be wrong by.

        Keeps what it has if that is the better estimate, its drift included. An estimate that contradicts it wins all
        the same: then the gateway's own clock was set in between. Returns whether it was taken.
        """
        now = self.now()
        round_trip = now - sent - held
        if utc is None or not 0 <= round_trip < _LONGEST_ROUND_TRIP or not _FIRST_UTC <= utc <= _LAST_UTC:
            return False
        error = round_trip // 2
        offset = utc + error - now
        if self._offset is not None:
            known = self._error + (now - self._learned) // _DRIFT
            if error > known and abs(offset - self._offset) <= error + known:
                return False
        self._offset, self._error, self._learned = offset, error, now
        return True
