"""A forwarder on the bench, between a journal in memory and a scripted database."""

from collections.abc import Callable

from gateway.budget import Budget, Limits
from gateway.dating import Dating, freeze_origins
from gateway.deadletters import DeadLetters
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from ingest.answer import Answer, Verdict
from tests.gateway_stand_ins import KERNEL, UTC_2026, RecordingDisk, ScriptedClocks, ScriptedDatabase, entry

INTERVAL = 30.0
HEALTH = "gateway,site=rig backlog_readings=0i"


class Bench:
    """A forwarder between a journal in memory and a scripted database, whose waits only move the clock."""

    def __init__(
        self,
        judge: Callable[[list[str]], Answer] | None = None,
        limits: Limits | None = None,
        lines: LineMaker | None = None,
        utc_ms: int = UTC_2026,
    ) -> None:
        self.clocks = ScriptedClocks(system=utc_ms)
        self.clock = self.clocks.clock()
        self.disk = RecordingDisk()
        self.journal = Journal(self.disk)
        self.dating = Dating(self.clock, KERNEL)
        self.dead_letters = DeadLetters(self.disk)
        self.database = ScriptedDatabase(judge, self.clocks)
        self.database.utc_ms = utc_ms
        self.forwarder = Forwarder(
            interval=INTERVAL,
            journal=self.journal,
            dead_letters=self.dead_letters,
            writer=self.database,
            clock=self.clock,
            lines=lines or LineMaker("rig", self.journal.origin, self.dead_letters),
            freeze_origins=lambda: freeze_origins(self.journal, self.dating),
            health=lambda utc_ms: f"{HEALTH} {utc_ms}",
            budget=Budget(limits or Limits(), self.disk, self.clock.boottime, self.clock.utc_ms),
            jitter=lambda: 0.999,
        )

    def commit(self, first: int, last: int | None = None) -> None:
        for seq in range(first, (first if last is None else last) + 1):
            self.journal.commit([entry(seq, (UTC_2026 + seq, "device"))])

    def look(self) -> float:
        wait = self.forwarder.step()
        self.clocks.forward(round(wait * 1000))
        return wait

    def step(self) -> float:
        """Until it has asked the database something, or the interval is over; the seconds until it looks again, or
        that went by.
        """
        waited = 0.0
        while waited < INTERVAL:
            asked = len(self.database.requests) + self.database.pings
            wait = self.look()
            if len(self.database.requests) + self.database.pings > asked:
                return wait
            waited += wait
        return waited

    def run(self, steps: int = 200) -> None:
        """Until nothing is left, or for so many steps."""
        for _ in range(steps):
            self.step()
            if not self.journal.pending_readings:
                return

    def sent(self, request: int = -1) -> list[int]:
        return [
            int(line.rsplit(" ", 1)[1]) - UTC_2026 for line in self.database.requests[request] if HEALTH not in line
        ]

    def written(self) -> list[int]:
        return [int(line.rsplit(" ", 1)[1]) - UTC_2026 for line in self.database.written if HEALTH not in line]


def refuse(bad: int, verdict: Verdict = Verdict.REFUSED) -> Callable[[list[str]], Answer]:
    """The lines are refused together when the one with that seq is among them."""

    def judge(lines: list[str]) -> Answer:
        if any(line.endswith(str(UTC_2026 + bad)) for line in lines):
            return Answer(verdict, "bad line")
        return Answer(Verdict.WRITTEN)

    return judge
