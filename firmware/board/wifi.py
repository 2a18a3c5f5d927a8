"""Gets the board into the Wi-Fi again: a ladder from joining anew, over switching the radio off and on, to a restart.

Promises: each `join` takes one step. The radio goes off and on before every fourth join in a row. A restart is asked for
only when the board has been without Wi-Fi for an hour, and only when `is_safe()` says that no reading would be lost by
it. Each further restart in a row waits twice as long, a day at most, because it cannot mend an access point that has no
power; and it has its price: the board's UTC is gone until the gateway answers again (docs/decisions/026).
Does not promise a Wi-Fi. How long to wait between two joins is up to link.py.
"""

RADIO_OFF_EVERY = 4  # joins in a row
RESET_AFTER = 3600000  # ms
LONGEST_RESET_AFTER = 86400000  # ms


class Restart(Exception):
    """The board has to start anew, and everything is prepared for it; the message says why."""


class Ladder:
    """`radio` is a board.Wifi, `now` counts ms since boot, `state` is a State, which remembers the resets in a row."""

    def __init__(self, radio, now, state, is_safe):
        self._radio = radio
        self._now = now
        self._state = state
        self._is_safe = is_safe
        self._joins = 0
        self._last_seen = now()
        self.rssi = radio.rssi

    def connected(self):
        """Whether the board is in the Wi-Fi at this moment."""
        if not self._radio.connected():
            return False
        self._last_seen = self._now()
        self._joins = 0
        self._state.wifi_is_back()
        return True

    def join(self):
        """Takes the next step. Raises OSError if the radio does not even begin, and Restart at the ladder's end."""
        without = self._now() - self._last_seen
        if without >= min(RESET_AFTER << min(self._state.wifi_resets, 8), LONGEST_RESET_AFTER) and self._is_safe():
            raise Restart("no Wi-Fi for %d min, and %d joins did not help" % (without // 60000, self._joins))
        self._joins += 1
        if self._joins % RADIO_OFF_EVERY == 0:
            self._radio.switch_off()
        self._radio.join()
