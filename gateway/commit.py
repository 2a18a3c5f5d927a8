"""Group commit: what came in is dated, stored and synced together, and only then acknowledged to broker and board."""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.dating import Dating
from gateway.deadletters import DeadLetters
from gateway.entry import Entry
from gateway.gaps import Gaps
from gateway.journal import Journal
from gateway.ledger import Key
from gateway.message import ReadingMessage, StatusMessage
from gateway.notice import Notice
from gateway.receive import Delivery, Rejected
from gateway.units import Units

COMMIT_READINGS = 100
"""A group is closed at that many: half of what mosquitto.conf lets be on its way to us without acknowledgement."""

UNIT_READINGS = 16
"""And at that many of one unit: a board publishes no more before it is acknowledged, so nothing is to be waited for."""

BEYOND_RANGES = 32
"""As many as ack.schema.json takes; what they leave out the board sends again."""

log = logging.getLogger(__name__)


class Acknowledger(Protocol):
    """What the committer needs of the MQTT client."""

    def done(self, delivery: Delivery) -> None:
        """Acknowledge to the broker."""

    def acknowledge(self, unit: str, document: dict[str, Any]) -> bool:
        """Acknowledge to the board; False when it could not be published."""


class Committer:
    """`received` counts new readings of this run, `duplicates` those that were already stored, `never_received` those
    of which a loss was told because they never came.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        dead_letters: DeadLetters,
        dating: Dating,
        clock: Clock,
        kernel: str,
        units: Units,
        gaps: Gaps,
        acknowledger: Acknowledger,
        on_stored: Callable[[Sequence[Entry]], None] = lambda _: None,
    ) -> None:
        """`on_stored` hears the new entries of each group once they are durable, before they are acknowledged."""
        self.received = 0
        self.duplicates = 0
        self.never_received = 0
        self.disk = Notice(log, "journal")
        self._journal = journal
        self._dead_letters = dead_letters
        self._dating = dating
        self._clock = clock
        self._kernel = kernel
        self._units = units
        self._gaps = gaps
        self._acknowledger = acknowledger
        self._on_stored = on_stored
        self._oldest: dict[Key, int] = {}

    def run(
        self,
        deliveries: "queue.Queue[Delivery]",
        interval: float,
        stop: threading.Event,
        gets_on: Callable[[], None] = lambda: None,
    ) -> None:
        """Commit what comes, until `stop`: every `interval` s, or COMMIT_READINGS, or UNIT_READINGS of one unit.

        `gets_on` is called between two groups, at the latest half a second after `interval`.
        """
        while not stop.is_set():
            gets_on()
            group = self._collect(deliveries, interval, stop)
            if group:
                self.commit(group)

    def commit(self, group: Sequence[Delivery]) -> None:
        """Store and acknowledge one group. If the disk does not take it, no board hears of it and all send it again."""
        fresh: dict[tuple[Key, int], tuple[ReadingMessage, Delivery]] = {}
        newest: dict[Key, tuple[int | None, int]] = {}
        refused: dict[Key, list[int]] = {}
        for delivery in group:
            match delivery.content:
                case ReadingMessage() as message:
                    self._add(fresh, newest, message, delivery)
                case StatusMessage() as message:
                    self._units.status(message)
                case Rejected(reason, topic, payload, reading):
                    if self._dead_letters.add(reason, topic, payload) and reading is not None:
                        key, seq = reading
                        refused.setdefault(key, []).append(seq)
                        newest.setdefault(key, (None, delivery.received))
        # Dated only now, because the fastest message of the group dates all of its boot best.
        entries = [self._entry(message, delivery) for message, delivery in fresh.values()]
        try:
            self._journal.commit(entries)
            for key, seqs in refused.items():
                self._journal.set_aside(key, seqs)
        except OSError as error:
            self.disk.away(f"cannot be written ({error.strerror}); readings stay on the boards until it can")
            newest.clear()
        else:
            self.disk.back()
            self.received += len(fresh)
            self._on_stored(entries)
            for entry in entries:
                self._gaps.stored(entry)
            self._tell_losses()
        for delivery in group:
            self._acknowledger.done(delivery)
        for key, (sent, received) in newest.items():
            self._acknowledge(key, sent, received)

    def _add(
        self,
        fresh: dict[tuple[Key, int], tuple[ReadingMessage, Delivery]],
        newest: dict[Key, tuple[int | None, int]],
        message: ReadingMessage,
        delivery: Delivery,
    ) -> None:
        reading, key = message.reading, (message.reading.unit, message.reading.boot)
        self._units.heard(message, None if delivery.queued else delivery.received)
        self._dating.heard(key, delivery.received, reading.up, message.sent, queued=delivery.queued)
        self._oldest[key] = max(self._oldest.get(key, 0), message.oldest)
        present = message.sent is not None and not delivery.queued
        self._gaps.heard(key, delivery.received, self._oldest[key], present=present)
        newest[key] = None if delivery.queued else message.sent, delivery.received
        if (key, reading.seq) in fresh or reading.seq in self._journal.seen(key):
            self.duplicates += 1
        else:
            fresh[key, reading.seq] = message, delivery

    def _entry(self, message: ReadingMessage, delivery: Delivery) -> Entry:
        reading = message.reading
        dated = self._dating.at_arrival((reading.unit, reading.boot), reading.up, reading.t)
        return Entry(message, self._kernel, delivery.received, dated, delivery.queued)

    def _tell_losses(self) -> None:
        losses = self._gaps.found(self._journal)
        try:
            self._journal.commit(losses)
        except OSError:
            return  # they are found again
        for loss in losses:
            unit, boot = loss.key
            count = int(loss.reading.signals["readings"])
            self.never_received += count
            log.warning(
                "%s: %d readings from seq %d of boot %s on will never come", unit, count, loss.reading.seq, boot
            )

    def _acknowledge(self, key: Key, sent: int | None, received: int) -> None:
        unit, boot = key
        seen = self._journal.seen(key)
        upto = seen.run_end(self._oldest.get(key, 0))
        now = self._clock.boottime()
        document = {
            "boot": boot,
            "seq": upto,
            "beyond": [[first, last] for first, last in seen.ranges() if first > upto][:BEYOND_RANGES],
            "utc": self._clock.utc_ms(),
            "sent": sent,
            "held": now - received,
        }
        if self._acknowledger.acknowledge(unit, document):
            self._units.acknowledged(unit, now)

    def _collect(self, deliveries: "queue.Queue[Delivery]", interval: float, stop: threading.Event) -> list[Delivery]:
        group: list[Delivery] = []
        of_unit: Counter[str] = Counter()
        deadline: int | None = None
        while len(group) < COMMIT_READINGS and not stop.is_set():
            wait = 0.5 if deadline is None else min(0.5, (deadline - self._clock.boottime()) / 1000)
            if wait <= 0:
                break
            try:
                delivery = deliveries.get(timeout=wait)
            except queue.Empty:
                if not group:
                    break
                continue
            group.append(delivery)
            if isinstance(delivery.content, ReadingMessage):
                unit = delivery.content.reading.unit
                of_unit[unit] += 1
                if of_unit[unit] == UNIT_READINGS:
                    break
            if deadline is None:
                deadline = self._clock.boottime() + round(interval * 1000)
        return group
