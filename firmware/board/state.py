"""What the board remembers of its starts: how many there were, what began this one, and which error ended one last.

Promises: at every moment, also within a write that the power cuts short, one whole copy is on flash, because there are
two and they are written in turn; each has a CRC and the number of its write, and the newest whole one counts. One write
a start, and one more for an error or a Wi-Fi that is back after resets. Flash that fails costs the memory and nothing
else: what is known in RAM goes on.
Does not promise: a count without gaps. A start whose write was cut short is not counted, and one damaged copy costs the
last write.
"""

import seldom

COPIES = ("state_1", "state_2")
LONGEST_ERROR = 120  # characters; each reading of the board's health carries it
_FRESH = (0, 0, None, None, 0)


class State:
    """`copies` are the paths of the two files, `say` prints one line on the console. Reads them at once."""

    def __init__(self, copies=COPIES, say=print):
        self._copies = copies
        self._say = say
        # (number of the write, starts, reset cause, last error, resets for want of Wi-Fi since it was there last)
        self._record = seldom.room("copies").newest(copies, say) or _FRESH

    @property
    def starts(self):
        return self._record[1]

    @property
    def last_error(self):
        """What ended an earlier start, and which; None if nothing ever did."""
        return self._record[3]

    @property
    def wifi_resets(self):
        return self._record[4]

    def begin(self, reset_cause):
        """Counts this start. `reset_cause` is a text; a watchdog is an error of the start before."""
        _, starts, _, error, resets = self._record
        if reset_cause == "watchdog":
            error = _error(starts, "the watchdog was not fed")
        self._write(starts + 1, reset_cause, error, resets)

    def end(self, reason, for_wifi=False):
        """Keeps why this start ends; `for_wifi` counts a reset for want of Wi-Fi."""
        _, starts, cause, _, resets = self._record
        self._write(starts, cause, _error(starts, reason), resets + for_wifi)

    def wifi_is_back(self):
        _, starts, cause, error, resets = self._record
        if resets:
            self._write(starts, cause, error, 0)

    def report(self):
        _, starts, cause, error, _ = self._record
        return {"starts": starts, "reset_cause": cause, "last_error": error}

    def _write(self, *facts):
        number = self._record[0]
        try:
            seldom.room("copies").write(self._copies, (number + 1,) + facts)
            number += 1
        except OSError as error:  # the next write takes the same copy: the other one is the newest that is whole
            self._say("state: flash takes no state (%s); it will not outlive this start" % error)
        self._record = (number,) + facts


def _error(start, reason):
    return ("start %d: %s" % (start, reason))[:LONGEST_ERROR]
