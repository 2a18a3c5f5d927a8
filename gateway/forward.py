"""From the journal into the database, by its own timer: the newest readings first, then the backlog, oldest first.

One step makes at most one request with lines, so nothing here waits inside a loop. This room says what is sent next and
when; `gateway/portions.py` says what an answer means for the lines.
Promised: what one request carries shrinks to what the link can bring over, and grows again; a request that sent nothing
is tried again within `LONGEST_PROBE_WAIT`, so that the newest reading arrives soon after the link is back.
"""

import logging
import random
import threading
from collections.abc import Callable

from gateway.clock import Clock
from gateway.deadletters import DeadLetters
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.notice import Notice
from gateway.portions import Line, Portion, Portions
from ingest.answer import Answer, Verdict
from ingest.writer import Writer

BATCH_READINGS = 2000

LONGEST_WAIT = 60.0
LONGEST_PROBE_WAIT = 4.0
"""After a request that sent nothing: asking again costs the link next to nothing and soon finds it back."""

UNAUTHORIZED_WAIT = 300.0
LONGEST_RETRY_AFTER = 600.0
HEALTH_INTERVAL_MS = 60_000

log = logging.getLogger(__name__)


class Forwarder:
    """`last_written` is the boottime in ms of the last write, `bytes_sent_today` counts bodies since midnight UTC."""

    def __init__(
        self,
        *,
        interval: float,
        journal: Journal,
        dead_letters: DeadLetters,
        writer: Writer,
        clock: Clock,
        lines: LineMaker,
        freeze_origins: Callable[[], None],
        health: Callable[[int], str],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`interval` in seconds; `freeze_origins` is called before readings are loaded, to give undated ones a time;
        `health` makes the gateway's own line for a UTC in ms; `jitter` is within [0, 1).
        """
        self.database = Notice(log, "database", "not asked yet")
        self.last_written: int | None = None
        self.bytes_sent_today = 0
        self._interval = interval
        self._journal = journal
        self._portions = Portions(journal, dead_letters, clock)
        self._writer = writer
        self._clock = clock
        self._lines = lines
        self._freeze_origins = freeze_origins
        self._health = health
        self._jitter = jitter
        self._batch = BATCH_READINGS
        self._horizon = 0
        self._next_live = clock.boottime()
        self._next_health = clock.boottime()
        self._failures = 0
        self._bytes_day = 0

    @property
    def setting_aside(self) -> Notice:
        """In trouble while lines are held back because too many were refused."""
        return self._portions.setting_aside

    def run(self, stop: threading.Event) -> None:
        """Step after step, until `stop`."""
        while not stop.wait(self.step()):
            pass

    def step(self) -> float:
        """At most one portion; returns the seconds until the next step is due."""
        if not self._clock.trusted:
            return self._learn_time()
        portion = self._next_portion()
        if portion is None:
            return max(0.0, (self._next_live - self._clock.boottime()) / 1000)
        return self._settle(portion, self._ask(lambda: self._writer.write([line.text for line in portion.lines])))

    def _learn_time(self) -> float:
        answer = self._ask(self._writer.ping)
        if self._clock.trusted:
            return 0.0
        self.database.away(
            answer.reason or "its answers carry no usable Date, and nothing is sent before the time is known"
        )
        return self._growing_wait(answer)

    def _ask(self, request: Callable[[], Answer]) -> Answer:
        start = self._clock.boottime()
        answer = request()
        if answer.server_utc_ms is not None and answer.verdict is not Verdict.UNREACHABLE:
            self._clock.observe(answer.server_utc_ms, start, self._clock.boottime())
        day = (self._clock.utc_ms() or 0) // 86_400_000
        if day != self._bytes_day:
            self._bytes_day, self.bytes_sent_today = day, 0
        self.bytes_sent_today += answer.sent_bytes
        return answer

    def _settle(self, portion: Portion, answer: Answer) -> float:
        match answer.verdict:
            case Verdict.WRITTEN:
                self._failures = 0
                self._batch = min(BATCH_READINGS, self._batch + max(1, self._batch // 8))
                self.last_written = self._clock.boottime()
                self.database.back()
                self._portions.written(portion)
                return 0.0
            case Verdict.REFUSED:
                self._failures = 0
                self.database.back()
                self._portions.refused(portion, answer.reason)
                return 0.0
            case Verdict.TOO_LARGE:
                divisible = len(portion.lines) > 1
                self._portions.too_large(portion, answer.reason)
                if divisible:
                    return 0.0
                self.database.away(f"does not take a single line ({answer.reason})")
            case Verdict.BUSY:
                self.database.away(f"busy ({answer.reason})")
                self._portions.busy(portion)
            case Verdict.FAILED:
                self.database.away(f"in trouble ({answer.reason})")
                self._portions.doubted(portion, answer.reason)
            case Verdict.UNAUTHORIZED:
                self._forget_work()
                self.database.away(f"lets us not write ({answer.reason}); check [database]")
                return UNAUTHORIZED_WAIT
            case Verdict.UNREACHABLE:
                self.database.away(answer.reason)
                if self._ask(self._writer.ping).verdict is not Verdict.UNREACHABLE:
                    self._portions.doubted(portion, answer.reason)
                else:
                    if answer.sent_bytes:
                        self._batch = min(self._batch, max(1, len(portion.lines) // 2))
                    # What was loaded is in the journal, and when the link returns the newest go first again.
                    self._forget_work()
        return self._growing_wait(answer)

    def _forget_work(self) -> None:
        self._portions.forget()
        self._next_live = self._clock.boottime()

    def _growing_wait(self, answer: Answer) -> float:
        self._failures += 1
        longest = LONGEST_WAIT if answer.sent_bytes else LONGEST_PROBE_WAIT
        wait = min(longest, 2.0 ** min(self._failures, 10)) * (0.5 + self._jitter() / 2)
        return max(wait, min(answer.retry_after or 0.0, LONGEST_RETRY_AFTER))

    def _next_portion(self) -> Portion | None:
        now = self._clock.boottime()
        if self._portions.held_back and not self._portions.exhausted:
            self._forget_work()
        if now >= self._next_live:
            self._next_live = now + round(self._interval * 1000)
            self._horizon = self._journal.next_frame
            health = self._health_lines(now)
            self._portions.add(self._load(newest=True) + health, self._batch + len(health), first=True)
        if not self._portions.work and not self._portions.exhausted:
            self._portions.add(self._load(newest=False), self._batch, first=False)
        return self._portions.next()

    def _load(self, *, newest: bool) -> list[Line]:
        # The backlog leaves room for the newest, however many of its lines are stuck here.
        room = (2 if newest else 1) * BATCH_READINGS - self._portions.lines_open
        if room <= 0:
            return []
        self._freeze_origins()
        frames = self._journal.take(
            newest=newest,
            below=self._horizon,
            readings=min(self._batch, room),
            busy=self._portions.frames,
            datable=self._lines.datable,
        )
        lines = []
        for frame in frames:
            made = [Line(text, frame.number) for text in self._lines.of(frame)]
            lines += made
            if made:
                self._portions.open(frame.mark, len(made))
            else:
                self._journal.forwarded([frame.mark])
        return lines

    def _health_lines(self, now: int) -> list[Line]:
        utc = self._clock.utc_ms()
        if now < self._next_health or utc is None:
            return []
        self._next_health = now + HEALTH_INTERVAL_MS
        return [Line(self._health(utc), None)]
