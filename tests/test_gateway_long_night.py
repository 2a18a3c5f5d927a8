"""A Pi that starts in 1970 with no link, reboots twice, and gets its link back: what becomes of the readings' times.

The simulated hours know the true time of everything; the rooms between the broker and the database are the real ones.
"""

import re
from dataclasses import dataclass, field

from gateway.budget import Budget, Limits
from gateway.clock import Clock
from gateway.dating import AWAY_MS, SETTLED_MS, Dating, freeze_origins
from gateway.deadletters import DeadLetters
from gateway.entry import Entry
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.telling import Telling
from tests.gateway_stand_ins import UTC_2026, RecordingDisk, ScriptedDatabase, message

HOUR = 3_600_000
MINUTE = 60_000
POLL = 10_000
DELAY = 40


@dataclass
class Board:
    unit: str
    knows_utc: bool = False
    starts: int = 0
    began: int = 0
    seq: int = 0

    def restart(self, now: int) -> None:
        self.starts += 1
        self.began, self.seq = now, 0

    @property
    def boot(self) -> str:
        return f"{self.starts:016x}"


@dataclass
class Village:
    """`now` is the true UTC in ms. `taken` is the truth of each reading, by (unit, boot, seq); `heard_in` counts the
    gateway's starts before it arrived, and `starts` are those.
    """

    now: int = UTC_2026
    system_error: int = -UTC_2026
    starts: list[int] = field(default_factory=list)
    disk: RecordingDisk = field(default_factory=RecordingDisk)
    database: ScriptedDatabase = field(default_factory=ScriptedDatabase)
    taken: dict[tuple[str, str, int], int] = field(default_factory=dict)
    heard_in: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def heard(self, telling: Telling) -> None:
        for entry in telling.bare:
            self.dating.heard_entry(entry)

    def start_gateway(self) -> None:
        self.database.there = False
        self.starts.append(self.now)
        self.clock = Clock(lambda: self.now - self.starts[-1], lambda: self.now + self.system_error, lambda: None)
        self.dating = Dating(self.clock, f"kernel-{len(self.starts)}")
        self.journal = Journal(self.disk, on_segment=self.heard)
        dead_letters = DeadLetters(self.disk)
        self.forwarder = Forwarder(
            interval=30,
            journal=self.journal,
            dead_letters=dead_letters,
            writer=self.database,
            clock=self.clock,
            lines=LineMaker("rig", self.journal.origin, dead_letters),
            freeze_origins=lambda: freeze_origins(self.journal, self.dating),
            health=lambda utc_ms: f"gateway,site=rig disk_free=1i {utc_ms}",
            budget=Budget(Limits(), self.disk, self.clock.boottime, self.clock.utc_ms),
            jitter=lambda: 0.5,
        )

    def run(self, duration: int, *boards: Board) -> None:
        end = self.now + duration
        while self.now < end:
            for board in boards:
                self.poll(board)
            self.now += POLL

    def poll(self, board: Board) -> None:
        identity = (board.unit, board.boot, board.seq)
        self.taken[identity], self.heard_in[identity] = self.now, len(self.starts)
        up = self.now - board.began
        heard = message(
            board.seq,
            board.unit,
            boot=board.boot,
            device=f"start{board.starts}",
            up=up,
            sent=up,
            t=self.now if board.knows_utc else None,
        )
        board.seq += 1
        received = self.now + DELAY - self.starts[-1]
        key = (board.unit, board.boot)
        self.dating.heard(key, received, up, up)
        dated = self.dating.at_arrival(key, up, heard.reading.t)
        self.journal.commit([Entry(heard, f"kernel-{len(self.starts)}", received, dated)])

    def link_returns(self, steps: int = 50) -> None:
        self.database.there = True
        for _ in range(steps):
            self.database.utc_ms = self.now // 1000 * 1000
            self.now += round(self.forwarder.step() * 1000)
            if not self.journal.pending_readings:
                return

    def forwarded(self) -> dict[tuple[str, str, int], tuple[int, str]]:
        """What the database holds: each reading's time and its quality."""
        found = {}
        for line in self.database.written:
            if told := re.fullmatch(
                r'bms,device=start(\d+),.*unit=([^ ]+) .*cycles=(\d+)i,time_quality="(\w+)" (\d+)', line
            ):
                start, unit, seq, quality, time_ms = told.groups()
                found[unit, f"{int(start):016x}", int(seq)] = int(time_ms), quality
        return found


def assert_told_honestly(village: Village) -> None:
    found = village.forwarded()
    assert found.keys() == village.taken.keys()
    for identity, (time_ms, _) in found.items():
        heard_now = village.heard_in[identity] == len(village.starts)
        assert time_ms <= (village.now if heard_now else village.starts[-1]) + 1000
    by_truth = sorted(found, key=lambda identity: village.taken[identity])
    times: dict[str, list[int]] = {}
    for identity in by_truth:
        times.setdefault(identity[0], []).append(found[identity][0])
    assert all(series == sorted(set(series)) for series in times.values())


def errors(village: Village, unit: str, quality: str) -> tuple[float, float]:
    """By how many seconds the times of that quality are off, from and to."""
    off = [
        (time_ms - village.taken[identity]) / 1000
        for identity, (time_ms, told) in village.forwarded().items()
        if (identity[0], told) == (unit, quality)
    ]
    return min(off), max(off)


def exact(off: tuple[float, float]) -> bool:
    """As well as a `Date` header, cut to whole seconds, can tell it."""
    return off[0] >= -1 and off[1] <= 1


def test_a_board_that_ran_through_it_all_is_dated_exactly_and_dates_those_that_did_not() -> None:
    village, through, restarting = Village(), Board("raft-01"), Board("raft-02")
    through.restart(village.now - MINUTE)
    for jump in (-UTC_2026, +HOUR, -2 * HOUR):  # the system clock is set anew, wrongly, at each start
        village.system_error = jump
        village.start_gateway()
        restarting.restart(village.now)
        village.run(HOUR // 2, through, restarting)
        village.now += 7 * MINUTE
    village.link_returns()
    assert_told_honestly(village)
    assert {quality for (unit, _, _), (_, quality) in village.forwarded().items() if unit == "raft-01"} == {"late"}
    assert exact(errors(village, "raft-01", "late"))
    assert exact(errors(village, "raft-02", "late"))
    assert exact(errors(village, "raft-02", "estimated"))


def test_when_all_restarted_each_night_is_placed_right_before_the_next() -> None:
    village, board = Village(), Board("raft-01")
    for _ in range(3):
        village.start_gateway()
        board.restart(village.now + 1000)
        village.now += 2000
        village.run(HOUR // 2, board)
        village.now += 7 * MINUTE
    village.link_returns()
    assert_told_honestly(village)
    assert exact(errors(village, "raft-01", "late"))
    first, last = errors(village, "raft-01", "estimated")
    assert first > 0  # nobody can know how long the Pi was off, so what is told is the latest that can be
    assert last < 2 * 8 * 60


def test_a_neighbour_that_knew_the_time_dates_a_night_exactly() -> None:
    village, knowing, board = Village(), Board("raft-01", knows_utc=True), Board("raft-02")
    knowing.restart(village.now - HOUR)
    village.start_gateway()
    board.restart(village.now)
    village.run(HOUR // 2, knowing, board)
    village.now += 3 * HOUR
    village.start_gateway()
    board.restart(village.now)
    village.run(MINUTE, board)
    village.link_returns()
    assert_told_honestly(village)
    assert exact(errors(village, "raft-02", "estimated"))


def test_a_unit_that_never_comes_back_is_waited_for_and_then_placed() -> None:
    village, board = Village(), Board("raft-01")
    village.start_gateway()
    board.restart(village.now)
    village.run(MINUTE, board)
    village.start_gateway()
    village.link_returns(steps=20)
    assert village.forwarded() == {}
    village.now = village.starts[-1] + AWAY_MS
    village.link_returns()
    assert_told_honestly(village)


def test_a_board_that_comes_back_only_after_it_was_placed_keeps_what_was_told() -> None:
    village, board = Village(), Board("raft-01")
    village.start_gateway()
    board.restart(village.now)
    village.run(MINUTE, board)
    village.now += MINUTE
    village.start_gateway()
    village.now += AWAY_MS
    village.link_returns()
    first = village.forwarded()
    village.run(MINUTE, board)
    village.link_returns()
    assert first.items() <= village.forwarded().items()
    assert exact(errors(village, "raft-01", "gateway"))
    assert len(village.forwarded()) == len(village.taken)


def test_a_clock_that_jumps_while_the_link_is_there_moves_no_reading() -> None:
    village, board = Village(system_error=0), Board("raft-01")
    village.start_gateway()
    village.link_returns()
    board.restart(village.now)
    for jump in (+24 * HOUR, -UTC_2026):
        village.system_error = jump
        village.run(MINUTE, board)
    village.now += SETTLED_MS
    village.link_returns()
    assert_told_honestly(village)
    assert exact(errors(village, "raft-01", "gateway"))
