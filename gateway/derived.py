"""What the gateway makes of stored readings, roll-ups and events, and how it survives a crash at any moment.

Events and roll-ups are committed to the journal like readings, so they wait, are kept and are sent like them. A
checkpoint, one small file written anew once an hour or so, holds what is still to be made, the state of the alarms and
the journal's position at that moment; a start reads what was committed behind it once more.
Promised: every stored reading is summed up, and each change of an alarm that it makes is told, once. What could not be
committed is tried again. A checkpoint that is lost costs a start the readings that are in the history already.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from gateway import framelog
from gateway.alarms import Alarms, GatewayState
from gateway.clock import Clock
from gateway.damage import move_aside
from gateway.disk import Disk
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.notice import Notice
from gateway.past import Position
from gateway.rollup import RollUps
from gateway.standing import Alarm

FILE = "derived.frames"
INTERVAL = 5.0
"""Seconds between two looks at what is due."""

CHECKPOINT_MS = 3_600_000

log = logging.getLogger(__name__)


class Derived:
    """Safe to use from several threads."""

    def __init__(
        self,
        *,
        disk: Disk,
        journal: Journal,
        roll_ups: RollUps,
        alarms: Alarms,
        clock: Clock,
        gateway: Callable[[], GatewayState],
        gets_on: Callable[[], None] = lambda: None,
    ) -> None:
        """Continue where the last run ended. `gateway` tells how the gateway itself does; `gets_on` is called with each
        frame that is read for that.
        """
        self._disk = disk
        self._journal = journal
        self._roll_ups = roll_ups
        self._alarms = alarms
        self._clock = clock
        self._gateway = gateway
        self._lock = threading.RLock()
        self._events: list[Entry] = []
        self._notice = Notice(log, "roll-ups and events")
        self._saved = clock.boottime()
        self._position = self._restore()
        self._catch_up(gets_on)

    def heard(self, entries: Sequence[Entry]) -> None:
        """Readings that were just committed, by the one who commits readings."""
        with self._lock:
            self._roll_ups.heard(entries, self._clock.boottime())
            self._events += self._alarms.heard(entries, self._clock.boottime())
            self._position = self._journal.past.position
        self._tell()

    def alarms(self) -> dict[tuple[str, str, str], Alarm]:
        """All that are on, by unit, device and name."""
        with self._lock:
            return self._alarms.active()

    def acknowledge(self, unit: str, device: str, name: str) -> bool:
        """A person has seen that alarm; False when it is not on. Durable on return when the disk takes it."""
        with self._lock:
            known = self._alarms.acknowledge(unit, device, name)
            if known:
                self._save()
        return known

    def run(self, stop: threading.Event, gets_on: Callable[[float], None] = lambda _wait: None) -> None:
        """Step after step, until `stop`. `gets_on` hears after each in how many seconds the next one begins."""
        wait = 0.0
        while not stop.wait(wait):
            wait = self.step()
            gets_on(wait)

    def step(self) -> float:
        """Look at the alarms, and make one roll-up; returns the seconds until the next step is due."""
        now, utc = self._clock.boottime(), self._clock.utc_ms()
        with self._lock:
            self._events += self._alarms.look(self._gateway(), now, utc)
        self._tell()
        with self._lock:
            work = None if utc is None else self._roll_ups.due(utc, now)
        if work is None or utc is None:
            if now - self._saved >= CHECKPOINT_MS:
                with self._lock:
                    self._save()
            return INTERVAL
        try:
            self._journal.commit(self._roll_ups.make(work, utc))
        except OSError as error:
            self._notice.away(f"cannot be made ({error.strerror}); tried again")
            with self._lock:
                self._roll_ups.failed(work)
            return INTERVAL
        self._notice.back()
        with self._lock:
            self._roll_ups.made(work)
            self._save()
        return 0.0

    def _tell(self) -> None:
        with self._lock:
            try:
                self._journal.commit(self._events)
            except OSError:
                return  # they come with the next ones, and the journal has said why
            self._events.clear()

    def _save(self) -> None:
        if self._events:
            return  # what is not told yet must be found again
        state = {"position": self._position, "roll_ups": self._roll_ups.state(), "alarms": self._alarms.state()}
        try:
            self._disk.replace(FILE, framelog.encode(0, json.dumps(state).encode()))
        except OSError as error:
            self._notice.away(f"the checkpoint cannot be written ({error.strerror}); tried again")
            return
        self._saved = self._clock.boottime()

    def _restore(self) -> Position | None:
        if FILE not in self._disk.names():
            return None
        try:
            frames, _ = framelog.scan(self._disk.read(FILE))
            state: dict[str, Any] = frames[0].document()
            self._roll_ups.restore(state["roll_ups"])
            self._alarms.restore(state["alarms"], self._clock.boottime())
            return Position(*state["position"])
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            move_aside(self._disk, FILE, repr(error))
            return None

    def _catch_up(self, gets_on: Callable[[], None]) -> None:
        now = self._clock.boottime()
        try:
            for frame in self._journal.past.since(self._position):
                gets_on()
                self._alarms.told(frame.entries)
                readings = [entry for entry in frame.entries if not entry.made_here]
                self._roll_ups.heard(readings, now)
                self._events += self._alarms.heard(readings, now)
        except OSError as error:
            log.warning("what was committed last cannot be read again (%s); it is summed up when more comes", error)
        self._events = self._alarms.caught_up(self._events, now)
        self._position = self._journal.past.position
        self._tell()
