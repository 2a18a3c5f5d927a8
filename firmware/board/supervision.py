"""Looks after the unit while it runs: feeds the watchdog while there is progress, and knows the loop's longest stall."""

import asyncio

from link import LONGEST_TURN

LONGEST_STALL = 60000  # ms without a round of polls beyond the period
LONGEST_UNSAFE = 3600000  # ms without an ack while flash takes nothing either
BEAT = 100  # ms


class Supervision:
    """Feeds `watchdog` only while the unit makes progress, on both sides of the spool.

    Sampling: `poller` ended a round of polls within its period and a minute.
    Delivering: the task of `link` made a step within LONGEST_TURN, whatever state the link is in; no outage stops that.
    Storing: an ack came, or flash takes readings. Flash alone that refuses does not starve the watchdog: a restart mends
    no flash, and costs what is in RAM. But where the gateway has taken nothing either for LONGEST_UNSAFE, RAM has long
    been full and loses readings anyway, so a restart costs nothing more, and is the one thing left to try.
    """

    def __init__(self, watchdog, now, spool, poller, link, longest_period):
        self._watchdog = watchdog
        self._now = now
        self._spool = spool
        self._poller = poller
        self._link = link
        self._longest_round = longest_period + LONGEST_STALL

    async def run(self):
        while True:
            self.tend()
            await asyncio.sleep(1)

    def tend(self):
        """Keeps the spool safe in flash, and the watchdog fed."""
        now = self._now()
        self._spool.keep(now)
        samples = now - self._poller.last_round <= self._longest_round
        delivers = now - self._link.last_turn <= LONGEST_TURN
        stores = not self._spool.flash_fails or now - (self._link.acknowledged_at or 0) <= LONGEST_UNSAFE
        if samples and delivers and stores:
            self._watchdog.feed()


class Heartbeat:
    """Measures for how long the event loop did not come round: a task that wants to run every BEAT and sees how late it
    is. A stall is told too short by up to BEAT.
    """

    def __init__(self, now):
        self._now = now
        self._longest = 0

    async def run(self):
        while True:
            began = self._now()
            await asyncio.sleep_ms(BEAT)
            self._longest = max(self._longest, self._now() - began - BEAT)

    def longest(self):
        """The longest stall in ms since the last call."""
        longest, self._longest = self._longest, 0
        return longest
