"""A clock for the event loop that jumps: where the loop would wait for the next task it is that time already.

Nothing takes any time here but waiting, so what is simulated is the order of events, not the speed of a chip. There must
be no real input or output, because nothing waits for it.
"""

import asyncio

AHEAD = 10000000  # ms that the clock begins ahead of the interpreter's own: what C code schedules for now is then due


class Warp:
    def __init__(self, ticks_ms):
        self.now = self._began = ticks_ms() + AHEAD
        asyncio.core.ticks = self.ticks
        asyncio.core._io_queue.wait_io_event = self._wait

    def ticks(self):
        return self.now

    def elapsed(self):
        """Simulated milliseconds since the start."""
        return self.now - self._began

    def _wait(self, ms):
        if ms < 0:
            raise RuntimeError("every task waits, and for nothing that has a time")
        self.now += ms
