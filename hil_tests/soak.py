"""`make soak HOURS=n`: the whole chain in real time under random faults, and at the end the count.

    python -m hil_tests.soak --hours H [--seed N] [--output FOLDER]

The seed is printed; the same seed and hours give the same schedule of faults. Ctrl-C ends it early with the verdict on
what ran so far. The verdict goes to FOLDER as JSON and Markdown. Exit code 0 when every promise held, 1 when one broke,
2 when it could not start.

What is compared is the bus's own ledger of what the devices answered with what the database holds. `in window` are
readings of the last 30 s before a power cut of the board, which is all that one may cost. `estimated` are points whose
own `time_quality` says that their time is a guess between their neighbours.
"""

import argparse
import os
import random
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from tempfile import mkdtemp

from hil_tests.chain import Chain
from hil_tests.demo import Story, listening_for_the_end
from hil_tests.faults import CUTS_THE_BOARD, HOUR, Fault, Step, schedule, steps
from hil_tests.ledger import ExpectedReading
from hil_tests.processes import Sample, flatness, sample
from hil_tests.services import ServiceError
from hil_tests.shifted_gateway import ShiftedGateway
from hil_tests.soak_record import Outcome, write
from hil_tests.verdict import compare
from ingest.settings_file import SettingsError

PERIOD = 2
WINDOW = 30.0
"""Seconds before a power cut of the board, which is all that one may cost."""
SAMPLE_EVERY = 60.0
SETTLING = 30.0
"""Seconds without faults before the bus is cut."""
DELIVERY_DEADLINE = 300.0
COUNT_EVERY = 5.0
SHORTEST_HOURS = 0.01
LONGEST_HOURS = 1000
EXAMPLES = 5
OUTPUT = Path("docs/soak")


@dataclass(slots=True)
class Soak:
    """One run. `cuts` are the UTC ms at which the board lost its power, `broken` what should never have happened."""

    chain: Chain
    gateway: ShiftedGateway
    story: Story
    sample_every: float = SAMPLE_EVERY
    samples: list[Sample] = field(default_factory=list)
    done: list[Fault] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _next_look: float = 0.0
    _tracebacks: int = 0

    def run(self, faults: list[Fault], seconds: float) -> None:
        """Every fault at its time, until `seconds` or until Ctrl-C; afterwards all that was harmed is whole again."""
        pending = deque(steps(self.chain, self.gateway, faults))
        while pending and self._watch(pending[0].at):
            self._take(pending.popleft())
        self._watch(seconds)
        for step in pending:
            if step.ends and step.fault in self.done:
                self._take(step)

    def settle(self, settling: float) -> Outcome:
        """No more readings, and time for the last ones to arrive; then the count. Ctrl-C ends the waiting."""
        ran = self.story.seconds
        self.story.interrupted.clear()
        self.story.tell(f"no more faults; in {settling:.0f} s the bus is cut, so that the last readings can be counted")
        self._watch(self.story.seconds + settling)
        self.chain.bus.do("cut")
        deadline = self.story.seconds + DELIVERY_DEADLINE
        outcome = self._outcome(ran)
        while outcome.lost and self.story.seconds < deadline and self._watch(self.story.seconds + COUNT_EVERY):
            outcome = self._outcome(ran)
        return outcome

    def _take(self, step: Step) -> None:
        if step.begins:
            self.story.tell(str(step.fault))
            self.done.append(step.fault)
        try:
            step.do()
        except (ServiceError, RuntimeError, OSError) as error:
            self._break(f"{step.fault}: {error}")
        if step.begins and step.fault.kind in CUTS_THE_BOARD:
            self.cuts.append(time.time_ns() // 1_000_000)

    def _watch(self, until: float) -> bool:
        """Looks at everything now and then, until so many seconds since the start; False after Ctrl-C."""
        while self.story.seconds < until and not self.story.interrupted.is_set():
            if self.story.seconds >= self._next_look:
                self._next_look = self.story.seconds + self.sample_every
                self._look()
            self.story.interrupted.wait(max(0.0, min(until, self._next_look) - self.story.seconds))
        return not self.story.interrupted.is_set()

    def _look(self) -> None:
        seen = sample(self.story.seconds, os.getpid())
        self.samples += seen
        for service in (self.gateway, self.chain.broker, self.chain.database):
            if service.ended_by_itself:
                self._break(f"{type(service).__name__} ended by itself: {last_line(service.log)}")
                service.start()
        tracebacks = self.chain.board.console.text().count("Traceback")
        if tracebacks > self._tracebacks:
            self._break(f"{tracebacks - self._tracebacks} tracebacks on the board's console")
            self._tracebacks = tracebacks
        memory = " ".join(f"{each.name} {each.rss / 1e6:.1f} MB" for each in seen if "(rig)" not in each.name)
        self.story.tell(
            f"acknowledged {self.chain.witness.acknowledged_readings} in InfluxDB {self._in_database()} "
            f"backlog {self._backlog()} faults {len(self.done)} broken {len(self.broken)} | {memory}"
        )

    def _in_database(self) -> str:
        if any(fault.kind == "database frozen" and fault.end > self.story.seconds for fault in self.done):
            return "?"
        try:
            return str(self.chain.stored_readings())
        except (OSError, ServiceError):
            return "?"

    def _backlog(self) -> str:
        try:
            return str(self.gateway.state()["journal"]["backlog_readings"])
        except (OSError, ServiceError):
            return "?"

    def _break(self, sentence: str) -> None:
        self.broken.append(sentence)
        self.story.tell(f"BROKEN: {sentence}")

    def _outcome(self, ran: float) -> Outcome:
        verdict = compare(self.chain.expected(), self.chain.stored())
        ages = {id(reading): seconds_before_a_cut(reading, self.cuts) for reading in verdict.lost}
        lost = [reading for reading in verdict.lost if ages[id(reading)] > WINDOW]
        off = [pair for pair in verdict.mistimed if pair[1].values.get("time_quality") != "estimated"]
        return Outcome(
            seconds=ran,
            readings=verdict.expected,
            stored=verdict.expected - len(verdict.lost),
            lost=len(lost),
            in_window=len(verdict.lost) - len(lost),
            oldest_in_window=max((age for age in ages.values() if age <= WINDOW), default=0.0),
            duplicated=len(verdict.duplicated),
            mistimed=len(off),
            estimated=len(verdict.mistimed) - len(off),
            wrong=len(verdict.wrong),
            foreign=len(verdict.foreign),
            write_attempts=len(self.chain.bus.ledger.write_attempts()),
            broken=list(self.broken),
            examples=[
                *(f"lost: {reading}" for reading in lost[:EXAMPLES]),
                *(f"mis-timed: {reading} is stored as {point}" for reading, point in off[:EXAMPLES]),
                *(f"wrong: {reading} is stored as {point}" for reading, point in verdict.wrong[:EXAMPLES]),
                *(f"twice or foreign: {point}" for point in [*verdict.duplicated, *verdict.foreign][:EXAMPLES]),
            ],
            faults=list(self.done),
            processes=flatness(self.samples),
        )


def seconds_before_a_cut(reading: ExpectedReading, cuts: list[int]) -> float:
    """How long the reading had been taken when the board next lost its power; infinite if it never did."""
    return min((cut - reading.ended for cut in cuts if cut >= reading.ended), default=inf) / 1000


def last_line(log: Path) -> str:
    return (log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]


def run_faults(
    folder: Path,
    faults: list[Fault],
    seconds: float,
    *,
    period: int = PERIOD,
    settling: float = SETTLING,
    sample_every: float = SAMPLE_EVERY,
) -> Outcome:
    """The chain in `folder` under these faults for so many seconds, and what came of it."""
    story = Story()
    parts = Chain(folder, period, lambda line: story.tell(f"starting {line}"), ShiftedGateway)
    with listening_for_the_end(story), parts as chain:
        assert isinstance(chain.gateway, ShiftedGateway)
        story.restart()
        story.tell(f"{len(faults)} faults in {seconds:.0f} s")
        run = Soak(chain, chain.gateway, story, sample_every)
        run.run(faults, seconds)
        return run.settle(settling)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hil_tests.soak", description="The whole chain under random faults."
    )
    parser.add_argument("--hours", type=float, required=True, help="in real time; fractions are welcome")
    parser.add_argument("--seed", type=int, help="of the faults; another one each time if it is left out")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"where the record goes, unless told {OUTPUT}")
    arguments = parser.parse_args()
    if not SHORTEST_HOURS <= arguments.hours <= LONGEST_HOURS:
        print(f"HOURS={arguments.hours}: give hours from {SHORTEST_HOURS} to {LONGEST_HOURS}", file=sys.stderr)
        return 2
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    folder = Path(mkdtemp(prefix="powerunit-soak-"))
    began = datetime.now(UTC)
    seconds = arguments.hours * HOUR
    print(f"seed {seed}", flush=True)
    try:
        outcome = run_faults(folder, schedule(seed, seconds), seconds)
    except (ServiceError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ended at once; everything that the soak started has ended with it", file=sys.stderr)
        return 1
    page = write(arguments.output, outcome, seed=seed, hours=arguments.hours, began=began)
    print(outcome.line())
    print(f"record: {page}")
    if outcome.kept:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"a promise is broken; ledger and logs are kept in {folder}", file=sys.stderr)
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    sys.exit(main())
