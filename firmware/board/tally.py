"""What the bus counts of one device: requests, what became of them, and how long the answers took.

A source of readings (measurement `unit`) beside the device's own. Counts go from the start of the board on; the latency
is that of the answers since the last reading of it, and absent where there was none.
"""

SILENCE, NOISE, FOREIGN, REFUSED, BUSY, FAILED = range(6)
PERIOD = 300000  # ms between two readings; a change of state has one at once
KINDS = ("silence", "noise", "foreign", "refused", "busy", "failed")
_BUSY_CODES = (5, 6)
_REFUSAL_CODES = (1, 2, 3)
_SIGNALS = tuple(["bus_errors_" + kind for kind in KINDS])


class Tally:
    """`name` and `model` are the device's own."""

    measurement = "unit"
    signals = ("bus_state", "bus_requests", "bus_latency", "bus_latency_max") + _SIGNALS

    def __init__(self, name, model):
        self.name = name
        self.model = model
        self.requests = 0
        self._errors = [0] * len(KINDS)
        self._answers = self._answers_ms = self._longest_ms = 0
        self._taken_state = None
        self._taken_at = 0

    def failed(self, kind):
        """A request came to nothing; `kind` is one of the six above."""
        self._errors[kind] += 1

    def refused(self, code):
        """A request was answered with exception `code`."""
        self._errors[REFUSED if code in _REFUSAL_CODES else BUSY if code in _BUSY_CODES else FAILED] += 1

    def answered(self, ms):
        """An answer was whole `ms` after the end of its request."""
        self._answers += 1
        self._answers_ms += ms
        self._longest_ms = max(self._longest_ms, ms)

    def errors(self):
        """Kind → how many."""
        return dict(zip(KINDS, self._errors))

    def latency_ms(self):
        """The mean since the last `take`; None without an answer."""
        return self._answers_ms // self._answers if self._answers else None

    def is_due(self, state, now):
        """Whether it is time for a reading of it; `state` is the device's, `now` in ms since boot."""
        return state != self._taken_state or now - self._taken_at >= PERIOD

    def take(self, state, now):
        """The values of one reading, as decode.py gives them. The latency begins anew."""
        self._taken_state = state
        self._taken_at = now
        values = {"bus_state": state, "bus_requests": (self.requests, 0)}
        if self._answers:
            values["bus_latency"] = (self.latency_ms(), 3)
            values["bus_latency_max"] = (self._longest_ms, 3)
        for signal, count in zip(_SIGNALS, self._errors):
            values[signal] = (count, 0)
        self._answers = self._answers_ms = self._longest_ms = 0
        return values
