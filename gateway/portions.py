"""The lines that are on their way to the database, in portions, and what an answer means for a portion.

Promised: a line is set aside only when the database refuses it alone, or when it fails alone, time after time, each
time between two requests that were written; and of both, no more than a few in an hour. What goes beyond them stays in
the journal. A server that is busy, broken, or refuses all that it gets costs no more readings than those few.
Not promised: each line once; a portion that is forgotten or held back is loaded from the journal and sent anew.
"""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.deadletters import DeadLetters
from gateway.entry import FrameMark
from gateway.journal import Journal
from gateway.notice import Notice

FAILURES_SUSPECT = 3
"""A portion that failed so often is cut in two, and a line that did so alone gives way to all others."""

TRIALS_BAD = 6
SET_ASIDE_MOST = 20
SET_ASIDE_PERIOD_MS = 3_600_000
"""More than `SET_ASIDE_MOST` lines in that time are no bad lines, but a database that a person has to mend."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """`frame` is its number in the journal, None for a line of the gateway's own health, which is not kept there."""

    text: str
    frame: int | None


@dataclass(slots=True, eq=False)
class Portion:
    """`failures` counts all tries without a good answer; `trials` those of a line alone between two that were written:
    only these are evidence against the line.
    """

    lines: list[Line]
    failures: int = 0
    trials: int = 0

    @property
    def size(self) -> int:
        """Bytes of its lines."""
        return sum(len(line.text) + 1 for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Trial:
    portion: Portion
    reason: str


@dataclass(slots=True)
class _Open:
    frame: FrameMark
    lines: int


class Portions:
    """Every portion that `next` gives has to come back with its answer, or be forgotten with all others."""

    def __init__(self, journal: Journal, dead_letters: DeadLetters, clock: Clock) -> None:
        """`clock` bounds what is set aside in an hour."""
        self.setting_aside = Notice(log, "setting lines aside")
        self._health = Notice(log, "the gateway's health")
        self._journal = journal
        self._dead_letters = dead_letters
        self._clock = clock
        self._work: deque[Portion] = deque()
        self._suspects: deque[Portion] = deque()
        self._suspects_turn = False
        self._open: dict[int, _Open] = {}
        self._held_back: set[int] = set()
        self._wrote_last = False
        self._trial: _Trial | None = None
        self._set_aside = 0
        self._period_end = clock.boottime()

    @property
    def work(self) -> bool:
        """Whether anything but suspects is left."""
        return bool(self._work)

    @property
    def frames(self) -> set[int]:
        """The frames that are not to be loaded: they are here already, or held back."""
        return self._open.keys() | self._held_back

    @property
    def lines_open(self) -> int:
        """How many lines the frames here wait for."""
        return sum(opened.lines for opened in self._open.values())

    @property
    def exhausted(self) -> bool:
        """Whether lines are held back that could not be set aside, and this hour is not over."""
        return bool(self._held_back) and self._clock.boottime() < self._period_end

    @property
    def held_back(self) -> bool:
        """Whether lines are held back: the next `forget` after the hour lets them be loaded again."""
        return bool(self._held_back)

    def open(self, frame: FrameMark, lines: int) -> None:
        """The frame counts as forwarded when so many lines of it are written or set aside."""
        self._open[frame.number] = _Open(frame, lines)

    def add(self, lines: list[Line], most: int, *, first: bool) -> None:
        """Cut the lines into portions of at most `most` bytes, to be sent before all others or after them."""
        made = _cut_to_size(lines, most)
        if first:
            self._work.extendleft(reversed(made))
            # A suspect is tried with nothing written before, too, lest all be suspects; but not while a trial is open.
            self._suspects_turn |= self._trial is None
        else:
            self._work.extend(made)

    def next(self) -> Portion | None:
        """What to send now. Suspects come when there is nothing else, and one at a time: each after others."""
        if self._work:
            return self._work.popleft()
        if self._suspects and self._suspects_turn:
            self._suspects_turn = False
            return self._suspects.popleft()
        return None

    def forget(self) -> None:
        """All of it is in the journal and can be loaded again; what is held back, only when the hour is over."""
        self._work.clear()
        self._suspects.clear()
        self._open.clear()
        self._not_written()
        if not self.exhausted:
            self._held_back.clear()
            self.setting_aside.back()

    def written(self, portion: Portion) -> None:
        """The database has these lines."""
        trial, self._trial = self._trial, None
        self._wrote_last = True
        self._suspects_turn = True
        self._close(portion.lines)
        if portion.lines[-1].frame is None:
            self._health.back()
        if trial is not None:
            trial.portion.trials += 1
            if trial.portion.trials >= TRIALS_BAD:
                self._suspects.remove(trial.portion)
                self._give_up(
                    trial.portion.lines[0], f"no good answer to this line alone, {TRIALS_BAD} times: {trial.reason}"
                )

    def refused(self, portion: Portion, reason: str) -> None:
        """The database will not take all of these lines."""
        self._not_written()
        if self.exhausted:
            for line in portion.lines:
                self._hold_back(line)
        elif len(portion.lines) > 1:
            self._halve(portion)
        else:
            self._give_up(portion.lines[0], reason)

    def too_large(self, portion: Portion, reason: str) -> None:
        """Somebody wants smaller portions; one who does not take a single line may not be the database."""
        if len(portion.lines) > 1:
            self._not_written()
            self._halve(portion)
        else:
            self._fail(portion, reason, FAILURES_SUSPECT)

    def doubted(self, portion: Portion, reason: str) -> None:
        """The database is there and gives this portion no good answer: it may be what the portion says."""
        self._fail(portion, reason, portion.failures + 1)

    def busy(self, portion: Portion) -> None:
        """No evidence against the lines; but they give way to others when they meet it again and again."""
        self._not_written()
        portion.failures += 1
        if portion.failures < FAILURES_SUSPECT:
            self._work.appendleft(portion)
        else:
            self._suspects.append(portion)

    def _fail(self, portion: Portion, reason: str, failures: int) -> None:
        after_written = self._wrote_last
        self._not_written()
        portion.failures = failures
        portion.lines = [line for line in portion.lines if line.frame is not None]  # the health of now is not kept
        if not portion.lines:
            return
        if portion.failures < FAILURES_SUSPECT:
            self._work.appendleft(portion)
        elif len(portion.lines) > 1:
            self._halve(portion)
        else:
            self._suspects.append(portion)
            if after_written:
                self._trial = _Trial(portion, reason)

    def _not_written(self) -> None:
        self._wrote_last = False
        self._trial = None

    def _halve(self, portion: Portion) -> None:
        middle = len(portion.lines) // 2
        halves = (portion.lines[:middle], portion.lines[middle:])
        self._work.extendleft(Portion(half, portion.failures) for half in reversed(halves))

    def _give_up(self, line: Line, reason: str) -> None:
        if line.frame is None:
            self._health.away(reason)
            return
        now = self._clock.boottime()
        if now >= self._period_end:
            self._period_end = now + SET_ASIDE_PERIOD_MS
            self._set_aside = 0
        if self._set_aside >= SET_ASIDE_MOST:
            self._hold_back(line)
            self.setting_aside.away(
                f"the database refuses more than {SET_ASIDE_MOST} lines an hour; mend it, the rest waits: {reason}"
            )
            return
        self._set_aside += 1
        log.warning("line set aside: %s", reason)
        self._dead_letters.add(reason, "database", line.text.encode())
        self._close([line])

    def _hold_back(self, line: Line) -> None:
        if line.frame is not None:
            self._open.pop(line.frame, None)
            self._held_back.add(line.frame)

    def _close(self, lines: Iterable[Line]) -> None:
        done = []
        for line in lines:
            if line.frame is None or line.frame in self._held_back:
                continue
            opened = self._open[line.frame]
            opened.lines -= 1
            if opened.lines == 0:
                done.append(self._open.pop(line.frame).frame)
        if done:
            self._journal.forwarded(done)


def _cut_to_size(lines: list[Line], most: int) -> list[Portion]:
    portions: list[Portion] = []
    size = 0
    for line in lines:
        if not portions or size + len(line.text) + 1 > most:
            portions.append(Portion([]))
            size = 0
        portions[-1].lines.append(line)
        size += len(line.text) + 1
    return portions
