"""Whether a device on the bus is there: online, suspect or offline; and when it is asked again.

A device is suspect until it first answers, and after a poll that it left unanswered; after `OFFLINE_AFTER` of them in a
row it is offline. Then it is asked once per wait, and each miss makes the wait longer: OpenEMS's 2 s times the misses,
at most 5 minutes. One valid answer makes it online again, and the next miss suspect, however often it went and came.
Takes the time as an argument, in milliseconds that never go back.
"""

OFFLINE_AFTER = 3  # polls in a row
_STEP = 2000  # ms that each miss makes the wait longer
LONGEST_WAIT = 300000  # ms


class Presence:
    def __init__(self):
        self._misses = 1  # it has not answered yet
        self._answered = False  # in this poll
        self._ask_at = 0

    def state(self):
        """In the words of signal `bus_state`."""
        if not self._misses:
            return "online"
        return "suspect" if self._misses < OFFLINE_AFTER else "offline"

    def is_due(self, now):
        """Whether it may be asked: always, unless it is offline and the wait is not over."""
        return now >= self._ask_at

    def begin(self):
        """A poll begins."""
        self._answered = False

    def answered(self):
        """A valid answer came, be it a refusal."""
        self._answered = True
        self._misses = self._ask_at = 0

    def missed(self, now):
        """The poll ended with a question that was not answered; if others before it were, that makes it suspect only."""
        self._misses = 1 if self._answered else self._misses + 1
        if self._misses >= OFFLINE_AFTER:
            self._ask_at = now + self.wait()

    def wait(self):
        """How long an offline device is left alone after its last miss, in ms."""
        return min(_STEP * self._misses, LONGEST_WAIT)
