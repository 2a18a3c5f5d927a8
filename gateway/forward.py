"""From the journal into the database, by its own timer: events, then health and roll-ups, then the newest readings,
then the backlog, oldest first.

One step makes one request at most, so nothing here waits inside a loop; while it is under way the next portion is made.
This room says what is sent next and when; `gateway/portions.py` says what an answer means for the lines, `link.py` how
much goes into a request, `budget.py` what it may cost.
Promised: after an outage of any length the link's return is noticed within `LONGEST_PROBE_WAIT`, and the newest
readings go first. An event is sent at the next look, `LOOK` seconds apart; all else waits for the interval. A frame is
deleted only after the database's 204 for all its lines, or when they are set aside.
"""

import logging
import random
import threading
from collections.abc import Callable

from gateway.budget import Budget
from gateway.clock import Clock
from gateway.deadletters import DeadLetters
from gateway.eta import Eta
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.link import SHORTEST_TIMEOUT, SMALLEST, Link
from gateway.notice import Notice
from gateway.portions import Line, Portion, Portions
from gateway.priority import Priority
from ingest.answer import Answer, Verdict
from ingest.body import QUICK, TIGHT
from ingest.writer import Writer

LOOK = 1.0

LONGEST_WAIT = 60.0
LONGEST_PROBE_WAIT = 3.0
"""From one cheap question to the next: asking again costs the link next to nothing and soon finds it back."""

CHEAP_BYTES = 1000
"""A question that cost more on the wire was answered by somebody, or carried a TLS handshake: asking goes slower."""

UNAUTHORIZED_WAIT = 300.0
LONGEST_RETRY_AFTER = 600.0
HEALTH_INTERVAL_MS = 60_000

OPEN_LINES = 10_000
"""How many lines of the backlog are held in memory at most; the newest find as much room beside them."""

log = logging.getLogger(__name__)


class Forwarder:
    """`last_written` is the boottime in ms of the last write."""

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
        budget: Budget,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`interval` in seconds; `freeze_origins` is called before readings are loaded, to give undated ones a time;
        `health` makes the gateway's own line for a UTC in ms; `jitter` is within [0, 1).
        """
        self.database = Notice(log, "database", "not asked yet")
        self.last_written: int | None = None
        self.eta = Eta()
        self.budget = budget
        self._interval = interval
        self._journal = journal
        self._portions = Portions(journal, dead_letters, clock)
        self._writer = writer
        self._clock = clock
        self._lines = lines
        self._freeze_origins = freeze_origins
        self._health = health
        self._jitter = jitter
        self._link = Link()
        self._away = False
        self._fresh = range(0)
        self._looked_below = 0
        self._backlog_done = False
        self._next_live = clock.boottime()
        self._next_health = clock.boottime()
        self._failures = 0
        self._probes = 0
        self._counted = 0
        self._line_bytes = 500.0
        self._wire_share = 0.2

    @property
    def setting_aside(self) -> Notice:
        """In trouble while lines are held back because too many were refused."""
        return self._portions.setting_aside

    def run(self, stop: threading.Event, gets_on: Callable[[float], None] = lambda _wait: None) -> None:
        """Step after step, until `stop`. `gets_on` hears after each in how many seconds the next one begins."""
        wait = 0.0
        while not stop.wait(wait):
            wait = self.step()
            gets_on(wait)
        self.budget.save()

    def step(self) -> float:
        """At most one portion; returns the seconds until the next step is due."""
        if self._away or not self._clock.trusted:
            return self._probe()
        self.eta.note(self._clock.boottime(), self._journal.pending_readings)
        portion = self._next_portion()
        if portion is None:
            return max(0.0, min(LOOK, (self._next_live - self._clock.boottime()) / 1000))
        texts = [line.text for line in portion.lines]
        level = QUICK if self._link.is_fast and not self.budget.is_set else TIGHT
        answer, seconds, wire_bytes = self._ask(
            lambda: self._writer.write(texts, self._link.timeout, level),
            # With a budget it is first to be known what this request costs.
            meanwhile=(lambda: None) if self.budget.is_set else self._prepare,
        )
        if answer.verdict is Verdict.WRITTEN:
            self._measure(len(texts), portion.size, seconds, wire_bytes)
        return self._settle(portion, answer, wire_bytes)

    def _probe(self) -> float:
        """Ask for a sign of life, and for the time."""
        answer, _, wire_bytes = self._ask(self._ping)
        if answer.verdict is Verdict.UNREACHABLE:
            self.database.away(answer.reason)
            return self._growing_wait(answer, wire_bytes)
        if not self._clock.trusted:
            self.database.away("its answers carry no usable Date, and nothing is sent before the time is known")
            return self._growing_wait(answer, wire_bytes)
        self._away = False
        self._probes = 0
        return 0.0

    def _ping(self) -> Answer:
        return self._writer.ping(SHORTEST_TIMEOUT)

    def _ask(
        self, request: Callable[[], Answer], meanwhile: Callable[[], None] = lambda: None
    ) -> tuple[Answer, float, int]:
        """The answer, after how many seconds it came, and what it cost on the wire in bytes."""
        answers: list[tuple[Answer, int, int]] = []

        def ask() -> None:
            start = self._clock.boottime()
            answers.append((request(), start, self._clock.boottime()))

        asking = threading.Thread(target=ask, name="request", daemon=True)
        asking.start()
        meanwhile()
        asking.join()
        [(answer, start, end)] = answers
        if answer.server_utc_ms is not None and answer.verdict is not Verdict.UNREACHABLE:
            self._clock.observe(answer.server_utc_ms, start, end)
        before, self._counted = self._counted, self._writer.wire_bytes
        self.budget.spend(self._counted - before)
        return answer, (end - start) / 1000, self._counted - before

    def _measure(self, lines: int, size: int, seconds: float, wire_bytes: int) -> None:
        self._link.carried(size, seconds)
        self._line_bytes += (size / lines - self._line_bytes) / 4
        self._wire_share += (wire_bytes / size - self._wire_share) / 4

    def _settle(self, portion: Portion, answer: Answer, wire_bytes: int) -> float:
        match answer.verdict:
            case Verdict.WRITTEN:
                self._failures = 0
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
                self._link.too_large(portion.size)
                self._portions.too_large(portion, answer.reason)
                if divisible:
                    return 0.0
                self.database.away(f"does not take a single line ({answer.reason})")
            case Verdict.BUSY:
                self.database.away(f"busy ({answer.reason})")
                self._link.troubled(portion.size)
                self._portions.busy(portion)
            case Verdict.FAILED:
                self.database.away(f"in trouble ({answer.reason})")
                self._link.troubled(portion.size)
                self._portions.doubted(portion, answer.reason)
            case Verdict.UNAUTHORIZED:
                self._forget_work()
                self.database.away(f"lets us not write ({answer.reason}); check [database]")
                return UNAUTHORIZED_WAIT
            case Verdict.UNREACHABLE:
                self.database.away(answer.reason)
                if self._ask(self._ping)[0].verdict is not Verdict.UNREACHABLE:
                    self._link.slow_answer()
                    self._portions.doubted(portion, answer.reason)
                else:
                    # What was loaded is in the journal, and when the link returns the newest go first again.
                    self._away = True
                    self._link.lost(portion.size if answer.sent_bytes else 0)
                    self.eta.restart()
                    self._forget_work()
        return self._growing_wait(answer, wire_bytes)

    def _forget_work(self) -> None:
        self._portions.forget()
        self._next_live = self._clock.boottime()
        self._fresh = range(0)

    def _growing_wait(self, answer: Answer, wire_bytes: int) -> float:
        if self._away and wire_bytes < CHEAP_BYTES:
            self._probes += 1
            longest, tries = LONGEST_PROBE_WAIT, self._probes
        else:
            self._failures += 1
            longest, tries = LONGEST_WAIT, self._failures
        wait = min(longest, 2.0 ** min(tries, 10)) * (0.5 + self._jitter() / 2)
        return max(wait, min(answer.retry_after or 0.0, LONGEST_RETRY_AFTER))

    def _next_portion(self) -> Portion | None:
        now = self._clock.boottime()
        if self._portions.held_back and not self._portions.exhausted:
            self._forget_work()
        if now >= self._next_live:
            self._next_live = now + round(self._interval * 1000)
            self._fresh = range(self._fresh.stop, self._journal.next_frame)
            self._backlog_done = False
            health = self._health_lines(now)
            urgent = self._load(Priority.EVENT) + health + self._load(Priority.SUMMARY)
            self._portions.add(urgent + self._load_readings(newest=True), self._link.batch, first=True)
        elif self._journal.pending_events and self._looked_below < self._journal.next_frame:
            self._portions.add(self._load(Priority.EVENT), self._link.batch, first=True)
        self._prepare()
        return self._portions.next()

    def _prepare(self) -> None:
        """The next portion of the backlog, if nothing else is to be sent."""
        if self._portions.work or self._portions.exhausted or self._backlog_done:
            return
        lines = self._load_readings(newest=False)
        self._backlog_done = not lines
        self._portions.add(lines, self._link.batch, first=False)

    def _load_readings(self, *, newest: bool) -> list[Line]:
        size = self._link.batch
        left = self.budget.left(backlog=not newest)
        if left is not None:
            size = min(size, round(left / self._wire_share))
            if size < SMALLEST:
                return []
        # The backlog leaves room for the newest, however many of its lines are stuck here.
        room = (2 if newest else 1) * OPEN_LINES - self._portions.lines_open
        return self._load(Priority.READING, round(size / self._line_bytes), newest=newest) if room > 0 else []

    def _load(self, least: Priority, readings: int = OPEN_LINES, *, newest: bool = True) -> list[Line]:
        self._looked_below = self._journal.next_frame
        self._freeze_origins()
        frames = self._journal.take(
            newest=newest,
            first=self._fresh.start if newest and least is Priority.READING else 0,
            below=self._looked_below if least is Priority.EVENT else self._fresh.stop,
            readings=readings,
            busy=self._portions.frames,
            datable=self._lines.datable,
            least=least,
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
