"""A journal's frame as lines of line protocol: the same readings give the same lines, live, late or again."""

import logging
from collections.abc import Callable

from gateway.clock import EARLIEST_UTC_MS, LATEST_UTC_MS
from gateway.deadletters import DeadLetters
from gateway.entry import Entry, StoredFrame
from gateway.ledger import Key, Origin
from ingest.points import reading_line
from ingest.reading import TimeQuality

REASONS_LOGGED = 100

log = logging.getLogger(__name__)


class LineMaker:
    """`signals_set_aside` counts signals that no field of the database could hold; each reason is logged once."""

    def __init__(self, site: str, origin: Callable[[Key, int], Origin | None], dead_letters: DeadLetters) -> None:
        """`origin` gives the frozen origin of a boot's undated readings at that `up`, None while there is none."""
        self.signals_set_aside = 0
        self._site = site
        self._origin = origin
        self._dead_letters = dead_letters
        self._reasons: set[str] = set()

    def datable(self, key: Key, up: int) -> bool:
        """Whether undated readings of that boot have a time by now, up to that `up`."""
        return self._origin(key, up) is not None

    def of(self, frame: StoredFrame) -> list[str]:
        """A line for each reading; one that can make no line at all is set aside. The frame must be datable."""
        return [line for entry in frame.entries if (line := self.line(entry)) is not None]

    def line(self, entry: Entry) -> str | None:
        """The reading's line, None when it can make none and is set aside."""
        reading = entry.reading
        time_ms, quality = entry.dated or self._late(entry)
        if not EARLIEST_UTC_MS <= time_ms <= LATEST_UTC_MS:
            self._refuse(entry, f"its time, {time_ms} ms, is not between 2024 and 2099")
            return None
        try:
            line, reasons = reading_line(self._site, reading, time_ms, quality)
        except ValueError as error:
            self._refuse(entry, str(error))
            return None
        for reason in reasons:
            self._tell(f"{reading.unit} {reading.device} ({reading.model}): signal set aside: {reason}")
        return line

    def _late(self, entry: Entry) -> tuple[int, TimeQuality]:
        origin = self._origin(entry.key, entry.reading.up)
        if origin is None:
            raise LookupError(f"boot {entry.key} has no origin, though it was datable")
        return origin.utc_ms + entry.reading.up, origin.quality

    def _refuse(self, entry: Entry, reason: str) -> None:
        reading = entry.reading
        name = f"{reading.unit} {reading.device} boot {reading.boot} seq {reading.seq}"
        log.warning("%s: reading set aside: %s", name, reason)
        self._dead_letters.add(reason, name, repr(reading).encode())

    def _tell(self, reason: str) -> None:
        self.signals_set_aside += 1
        if reason not in self._reasons and len(self._reasons) < REASONS_LOGGED:
            self._reasons.add(reason)
            log.warning("%s", reason)
