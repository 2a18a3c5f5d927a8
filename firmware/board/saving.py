"""Polls less often while a battery is low, so that the unit's own electronics draw less from it.

Promises: a state of charge that is not known saves nothing, and it is known for three periods after it was read. The
board goes back to its usual period only when the charge has risen by `_RISE`, or the battery is full, so that it does not
go back and forth.
"""

_RISE = 5  # percentage points
_FRESH = 3  # periods


class Saving:
    """While `device` is below `below_soc` %, the period is `period` s. `say` prints one line on the console."""

    def __init__(self, device, below_soc, period, say):
        self._device = device
        self._below_soc = below_soc
        self._period = period
        self._say = say
        self._saves = False
        self._soc = None
        self._read_at = 0

    def heard(self, device, soc, now):
        """A poll of `device` gave `soc`, a pair (integer, decimals), or None; `now` is in ms since boot."""
        if device == self._device and soc is not None:
            self._soc = soc
            self._read_at = now

    def period(self, usual, now):
        """Seconds to the next poll, `usual` while nothing is saved."""
        longer = max(usual, self._period)
        fresh = self._soc is not None and now - self._read_at <= _FRESH * 1000 * (longer if self._saves else usual)
        saves = fresh and self._is_below(min(self._below_soc + _RISE, 100) if self._saves else self._below_soc)
        if saves != self._saves:
            self._saves = saves
            if saves:
                self._say(
                    "%s: below %d %%, so polls come every %d s to save it" % (self._device, self._below_soc, longer)
                )
            else:
                self._say("%s: polls come every %d s again" % (self._device, usual))
        return longer if saves else usual

    def _is_below(self, limit):
        integer, decimals = self._soc
        return integer < limit * 10**decimals
