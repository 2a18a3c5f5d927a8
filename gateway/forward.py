"""From the journal into the database, by its own timer: the newest readings first, then the backlog, oldest first.

One step makes at most one request, so nothing here waits inside a loop. A batch is loaded from the journal, cut into
portions, and a frame counts as forwarded when each of its lines is written or set aside.
Promised: a line is set aside only when the database refuses it alone, or when it alone gets no good answer, time after
time, while other lines are written. Not promised: each line once; after a crash or an outage a batch is sent anew,
which makes the same points.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.deadletters import DeadLetters
from gateway.journal import Journal, StoredFrame
from gateway.lines import LineMaker
from gateway.notice import Notice
from ingest.answer import Answer, Verdict
from ingest.writer import Writer

BATCH_READINGS = 2000
PORTION_BYTES = 1_000_000
"""Of lines before compression."""

LONGEST_WAIT = 60.0
LONGEST_PROBE_WAIT = 4.0
"""After a request that sent nothing: asking again costs the link next to nothing and soon finds it back."""

UNAUTHORIZED_WAIT = 300.0
LONGEST_RETRY_AFTER = 600.0
FAILURES_SUSPECT = 3
"""A portion that failed so often, at a database that answers otherwise, is cut in two."""

FAILURES_BAD = 6
HEALTH_INTERVAL_MS = 60_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    frame: int | None  # None: a line of the gateway's own health, which is not in the journal


@dataclass(slots=True)
class _Portion:
    lines: list[_Line]
    failures: int = 0
    writes_before: int = 0

    def halves(self) -> list["_Portion"]:
        middle = len(self.lines) // 2
        return [
            _Portion(half, self.failures, self.writes_before) for half in (self.lines[:middle], self.lines[middle:])
        ]


@dataclass(slots=True)
class _Open:
    frame: StoredFrame
    lines: int


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
        self._dead_letters = dead_letters
        self._writer = writer
        self._clock = clock
        self._lines = lines
        self._freeze_origins = freeze_origins
        self._health = health
        self._jitter = jitter
        self._work: deque[_Portion] = deque()
        self._suspects: deque[_Portion] = deque()
        self._open: dict[int, _Open] = {}
        self._horizon = 0
        self._next_live = clock.boottime()
        self._next_health = clock.boottime()
        self._failures = 0
        self._writes = 0
        self._bytes_day = 0

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

    def _settle(self, portion: _Portion, answer: Answer) -> float:
        match answer.verdict:
            case Verdict.WRITTEN:
                self._writes += 1
                self._failures = 0
                self.last_written = self._clock.boottime()
                self.database.back()
                self._close(portion.lines)
                return 0.0
            case Verdict.REFUSED | Verdict.TOO_LARGE:
                self._failures = 0
                self.database.back()
                self._cut(portion, answer.reason)
                return 0.0
            case Verdict.BUSY:
                self.database.away(f"busy ({answer.reason})")
                if answer.retry_after is not None:
                    self._work.appendleft(portion)
                    return min(answer.retry_after, LONGEST_RETRY_AFTER)
                self._doubt(portion, answer.reason)
                return self._growing_wait(answer)
            case Verdict.UNAUTHORIZED:
                self._forget_work()
                self.database.away(f"lets us not write ({answer.reason}); check [database]")
                return UNAUTHORIZED_WAIT
            case Verdict.UNREACHABLE:
                self.database.away(answer.reason)
                if self._ask(self._writer.ping).verdict is Verdict.WRITTEN:
                    self._doubt(portion, answer.reason)
                else:
                    # What was loaded is in the journal, and when the link returns the newest go first again.
                    self._forget_work()
                return self._growing_wait(answer)

    def _doubt(self, portion: _Portion, reason: str) -> None:
        """The database is there and gives this portion no good answer: it may be what the portion says."""
        portion.lines = [line for line in portion.lines if line.frame is not None]  # the health of now is not kept
        if not portion.lines:
            return
        if not portion.failures:
            portion.writes_before = self._writes
        portion.failures += 1
        if portion.failures < FAILURES_SUSPECT:
            self._work.appendleft(portion)
        elif len(portion.lines) > 1:
            self._work.extendleft(reversed(portion.halves()))
        elif portion.failures >= FAILURES_BAD and self._writes > portion.writes_before:
            self._cut(portion, f"no good answer to this line alone, {portion.failures} times: {reason}")
        else:
            self._suspects.append(portion)

    def _cut(self, portion: _Portion, reason: str) -> None:
        """Into halves, or, where only one line is left, out."""
        if len(portion.lines) > 1:
            self._work.extendleft(reversed(portion.halves()))
            return
        line = portion.lines[0]
        log.warning("line set aside: %s", reason)
        self._dead_letters.add(reason, "database", line.text.encode())
        self._close([line])

    def _close(self, lines: Iterable[_Line]) -> None:
        done = []
        for line in lines:
            if line.frame is None:
                continue
            opened = self._open[line.frame]
            opened.lines -= 1
            if opened.lines == 0:
                done.append(self._open.pop(line.frame).frame)
        if done:
            self._journal.forwarded(done)

    def _forget_work(self) -> None:
        self._work.clear()
        self._suspects.clear()
        self._open.clear()
        self._next_live = self._clock.boottime()

    def _growing_wait(self, answer: Answer) -> float:
        self._failures += 1
        longest = LONGEST_WAIT if answer.sent_bytes else LONGEST_PROBE_WAIT
        return min(longest, 2.0 ** min(self._failures, 10)) * (0.5 + self._jitter() / 2)

    def _next_portion(self) -> _Portion | None:
        now = self._clock.boottime()
        if now >= self._next_live:
            self._next_live = now + round(self._interval * 1000)
            self._horizon = self._journal.next_frame
            live = self._load(newest=True) + self._health_lines(now)
            self._work.extendleft(reversed(_portions(live)))
        if not self._work:
            self._work.extend(_portions(self._load(newest=False)))
        if not self._work:
            self._work.extend(self._suspects)
            self._suspects.clear()
        return self._work.popleft() if self._work else None

    def _load(self, *, newest: bool) -> list[_Line]:
        room = 2 * BATCH_READINGS - sum(opened.lines for opened in self._open.values())
        if room <= 0:
            return []
        self._freeze_origins()
        frames = self._journal.take(
            newest=newest,
            below=self._horizon,
            readings=min(BATCH_READINGS, room),
            busy=self._open,
            datable=self._lines.datable,
        )
        lines = []
        for frame in frames:
            made = [_Line(text, frame.number) for text in self._lines.of(frame)]
            lines += made
            if made:
                self._open[frame.number] = _Open(frame, len(made))
            else:
                self._journal.forwarded([frame])
        return lines

    def _health_lines(self, now: int) -> list[_Line]:
        utc = self._clock.utc_ms()
        if now < self._next_health or utc is None:
            return []
        self._next_health = now + HEALTH_INTERVAL_MS
        return [_Line(self._health(utc), None)]


def _portions(lines: list[_Line]) -> list[_Portion]:
    portions: list[_Portion] = []
    size = PORTION_BYTES
    for line in lines:
        if size + len(line.text) > PORTION_BYTES:
            portions.append(_Portion([]))
            size = 0
        portions[-1].lines.append(line)
        size += len(line.text)
    return portions
