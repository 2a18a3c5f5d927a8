"""What the bus counts of one device: requests, what became of them, and how long the answers took.

A source of readings (measurement `unit`) beside the device's own. Counts go from the start of the board on; the latency
is that of the answers since the last reading of it, and absent where there was none.
"""

SILENCE, NOISE, FOREIGN, REFUSED, BUSY, FAILED = range(6)
_PERIOD = 300000  # ms between two readings; a change of state has one at once
_ERRORS = 4  # the first signal that counts errors, in the order above


class Tally:
    """`name` and `model` are the device's own."""

    measurement = "unit"
    signals = (
        "bus_state",
        "bus_requests",
        "bus_latency",
        "bus_latency_max",
        "bus_errors_silence",
        "bus_errors_noise",
        "bus_errors_foreign",
        "bus_errors_refused",
        "bus_errors_busy",
        "bus_errors_failed",
    )

    def __init__(self, name, model):
        self.name = name
        self.model = model
        self.requests = 0
        self._errors = [0] * 6
        self._latencies = [0, 0, 0]  # how many, their sum and the longest, in ms
        self._taken = (None, 0)  # the state then, and the ms since boot

    def failed(self, kind):
        """A request came to nothing; `kind` is one of the six above."""
        self._errors[kind] += 1

    def answered(self, ms):
        """An answer was whole `ms` after the end of its request."""
        count, total, longest = self._latencies
        self._latencies = [count + 1, total + ms, max(longest, ms)]

    def report(self):
        """For the technician: requests, errors by kind, mean latency in ms since the last `take`, None without one."""
        count, total, _ = self._latencies
        return {
            "requests": self.requests,
            "errors": {signal[11:]: number for signal, number in zip(self.signals[_ERRORS:], self._errors)},
            "latency_ms": total // count if count else None,
        }

    def is_due(self, state, now):
        """Whether it is time for a reading of it; `state` is the device's, `now` in ms since boot."""
        return state != self._taken[0] or now - self._taken[1] >= _PERIOD

    def take(self, state, now):
        """The values of one reading, as decode.py gives them. The latency begins anew."""
        count, total, longest = self._latencies
        values = {"bus_state": state, "bus_requests": (self.requests, 0)}
        if count:
            values["bus_latency"] = (total // count, 3)
            values["bus_latency_max"] = (longest, 3)
        for signal, number in zip(self.signals[_ERRORS:], self._errors):
            values[signal] = (number, 0)
        self._latencies = [0, 0, 0]
        self._taken = (state, now)
        return values
