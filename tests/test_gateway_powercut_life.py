"""The power fails after every write, sync, rename and cut of a whole gateway's life, all of its files together: an
alarm, a refused message, a link that comes, goes and comes back, a journal so small that it has to thin, roll-ups, a
byte budget. What comes back up does the rest of that life, and the database is asked what it got.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.alarms import Alarms, GatewayState
from gateway.budget import Budget, Limits
from gateway.deadletters import DeadLetters
from gateway.derived import Derived
from gateway.entry import Entry
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.rollup import RollUps
from ingest.answer import Answer, Verdict
from tests.gateway_derived_bench import BITS, ON, RULES, STEP, at, reading
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, RecordingDisk, ScriptedDatabase, power_cuts, power_cuts_within

KEY = (UNIT, BOOT)
READINGS = 34
ALARM = range(4, 20)
LINK = {*range(3), *range(31, READINGS)}
LETTERS_AT = 5
LIMIT_BYTES = 8_500
DAY_BYTES = 1_000_000
MOST_UNSAVED = DAY_BYTES // 100 + 10_000
"""Bytes of the budget that a crash may take: a hundredth of it, and one request."""

TIME = re.compile(r" (\d+)$")
CYCLES = re.compile(r"^bms,.*[ ,]cycles=(\d+)i")
LOSS = re.compile(r"^loss,.*last_seq=(\d+)i.*")


@dataclass
class Promise:
    """After so many `operations`: what was acknowledged, what was spent, how many letters there were."""

    operations: int
    acknowledged: int = 0
    spent: int = 0
    letters: int = 0


class Life:
    """One run of the rooms that write to the disk, from its start on."""

    def __init__(self, disk: RecordingDisk, database: ScriptedDatabase, seq: int) -> None:
        self.disk, self.database = disk, database
        self.clocks = at(STEP * seq)
        clock = self.clocks.clock(self.clocks.system)
        self.journal = Journal(disk, segment_bytes=600, limit_bytes=LIMIT_BYTES)
        self.letters = DeadLetters(disk)
        self.budget = Budget(Limits(day=DAY_BYTES), disk, clock.boottime, clock.utc_ms)
        self.derived = Derived(
            disk=disk,
            journal=self.journal,
            roll_ups=RollUps(self.journal.past, self.journal.origin, KERNEL, 0),
            alarms=Alarms(RULES, BITS, KERNEL),
            clock=clock,
            gateway=lambda: GatewayState(10**10, None),
        )
        self.forwarder = Forwarder(
            interval=30,
            journal=self.journal,
            dead_letters=self.letters,
            writer=database,
            clock=clock,
            lines=LineMaker("rig", self.journal.origin, self.letters),
            freeze_origins=lambda: None,
            health=lambda utc_ms: f"gateway,site=rig disk_free=1i {utc_ms}",
            budget=self.budget,
            jitter=lambda: 0.5,
        )

    def commit(self, *entries: Entry) -> None:
        fresh = [one for one in entries if one.reading.seq not in self.journal.seen(KEY)]
        self.journal.commit(fresh)
        self.derived.heard(fresh)

    def settle(self, ms: int = 0) -> None:
        self.clocks.forward(ms)
        while self.derived.step() == 0:
            pass

    def drain(self) -> None:
        self.database.there = True
        self.database.utc_ms = self.clocks.system // 1000 * 1000
        for _ in range(100):
            self.clocks.forward(round(self.forwarder.step() * 1000))
            if not self.journal.pending_readings:
                break
        assert self.journal.pending_readings == 0
        self.database.there = False


def taken(seq: int) -> Entry:
    return reading(seq, cycles=seq, protections=ON if seq in ALARM else 0)


def live(disk: RecordingDisk) -> tuple[list[Promise], list[tuple[int, str]]]:
    """The promises, and each line that was written, after how many operations."""
    written: list[tuple[int, str]] = []

    def write(lines: list[str]) -> Answer:
        written.extend((len(disk.operations), line) for line in lines)
        return Answer(Verdict.WRITTEN)

    database = ScriptedDatabase(write)
    life = Life(disk, database, 0)
    promises = [Promise(0)]

    def promise(acknowledged: int) -> None:
        spent, letters = life.budget.day_bytes, life.letters.count
        promises.append(Promise(len(disk.operations), acknowledged, spent, letters))

    for seq in range(READINGS):
        if seq == READINGS // 2:
            life = Life(disk, database, seq)
        life.settle(STEP)
        if seq == LETTERS_AT:
            life.letters.add("not JSON", "powerunit/v1/raft-01/reading", b"{")
        life.commit(taken(seq))
        promise(seq + 1)
        life.settle()
        if seq in LINK:
            life.drain()
        promise(seq + 1)
    return promises, written


def seqs(lines: list[str]) -> dict[int, set[str]]:
    """The times of each reading in the database."""
    found = defaultdict(set)
    for line in lines:
        if (match := CYCLES.match(line)) and (time := TIME.search(line)):
            found[int(match[1])].add(time[1])
    return found


def told_lost(lines: list[str], times: dict[str, int]) -> set[int]:
    lost: set[int] = set()
    for line in lines:
        if (match := LOSS.match(line)) and (time := TIME.search(line)):
            lost |= set(range(times[time[1]], int(match[1]) + 1))
    return lost


def changes(lines: list[str]) -> set[tuple[str, str]]:
    events = [line for line in lines if line.startswith("event,") and "cell over-voltage" in line]
    return {(time[1], "on" if "state=true" in line else "off") for line in events if (time := TIME.search(line))}


def states(disk: RecordingDisk) -> Iterator[tuple[int, dict[str, bytes]]]:
    seen = set()
    for cut in range(1, len(disk.operations) + 1):
        for left in (*power_cuts({}, disk.operations[:cut]), *power_cuts_within({}, disk.operations[:cut])):
            if (state := hash(frozenset(left.items()))) not in seen:
                seen.add(state)
                yield cut, left


def test_a_power_cut_anywhere_in_a_whole_life_costs_nothing_that_was_promised() -> None:
    disk = RecordingDisk()
    promises, written = live(disk)
    times = {str(dated[0]): seq for seq in range(READINGS) if (dated := taken(seq).dated)}
    for cut, left in states(disk):
        promise = [promise for promise in promises if promise.operations < cut][-1]
        database = ScriptedDatabase()
        life = Life(RecordingDisk(left), database, READINGS)
        assert life.letters.count >= promise.letters
        assert life.budget.day_bytes + MOST_UNSAVED >= promise.spent
        assert all(seq in life.journal.seen(KEY) for seq in range(promise.acknowledged))
        life.commit(*(taken(seq) for seq in range(promise.acknowledged, READINGS)))
        life.settle(STEP)
        life.drain()
        lines = [line for operations, line in written if operations < cut] + database.written
        found = seqs(lines)
        assert found.keys() | told_lost(lines, times) >= set(range(READINGS)), f"after operation {cut}"
        assert all(len(each) == 1 for each in found.values()), f"two times for one reading, after operation {cut}"
        told = {str(taken(seq).dated[0]) for seq in (ALARM.start, ALARM.stop)}  # type: ignore[index]
        assert {time for time, _ in changes(lines)} <= told, f"a change that was none, after operation {cut}"


def test_the_life_that_is_cut_writes_every_kind_of_file_and_gives_readings_up() -> None:
    disk = RecordingDisk()
    _, written = live(disk)
    lines = [line for _, line in written]
    done = {(operation[0], re.split(r"[-.]", operation[1])[0]) for operation in disk.operations}
    assert done >= {
        ("append", "segment"),
        ("replace", "segment"),
        ("remove", "segment"),
        ("rename", "segment"),
        ("remove", "history"),
        ("append", "ledger"),
        ("replace", "derived"),
        ("replace", "budget"),
        ("append", "dead"),
    }
    assert any(LOSS.match(line) for line in lines)
    assert {line.split(",")[0] for line in lines} >= {"bms", "bms_1h", "event", "loss", "gateway"}
