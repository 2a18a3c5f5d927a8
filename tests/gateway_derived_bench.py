"""One run of what commits readings and of what is derived of them, in memory, under a clock that is set by hand."""

from typing import Any

from gateway.alarm_rules import DEFAULT, load
from gateway.alarms import Alarms, GatewayState
from gateway.derived import Derived
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.rollup import RollUps
from gateway.summary import HOUR_MS
from tests.gateway_stand_ins import KERNEL, RecordingDisk, ScriptedClocks, entry

RULES = load(DEFAULT)
BITS = {"jk_pb": {"protections": {"4": "cell over-voltage"}}}
ALL = 10**9
START = 1_795_000_000_000 // HOUR_MS * HOUR_MS
STEP = 240_000
ON = 1 << 4


class Gateway:
    """The clock knows the time. `caught_up` frames were read once more at the start."""

    def __init__(self, disk: RecordingDisk, clocks: ScriptedClocks) -> None:
        self.caught_up = 0
        self.clocks = clocks
        self.journal = Journal(disk, segment_bytes=2000)
        clock = clocks.clock(clocks.system)
        self.derived = Derived(
            disk=disk,
            journal=self.journal,
            roll_ups=RollUps(self.journal.past, self.journal.origin, KERNEL, 0),
            alarms=Alarms(RULES, BITS, KERNEL),
            clock=clock,
            gateway=lambda: GatewayState(10**10, None),
            gets_on=self._count,
        )

    def _count(self) -> None:
        self.caught_up += 1

    def commit(self, entries: list[Entry]) -> None:
        """As boards do: what is known is not sent again."""
        fresh = [one for one in entries if one.reading.seq not in self.journal.seen(one.key)]
        self.journal.commit(fresh)
        self.derived.heard(fresh)

    def settle(self, ms: int = 0) -> None:
        """Let time pass, and make all that is due then."""
        self.clocks.forward(ms)
        while self.derived.step() == 0:
            pass

    def forward(self) -> None:
        frames = self.journal.take(newest=False, below=ALL, readings=ALL, busy=(), datable=lambda _key, _up: True)
        self.journal.forwarded([frame.mark for frame in frames])

    def found(self, measurement: str) -> list[Entry]:
        return [
            one
            for frame in self.journal.past.stored(forwarded=True)
            for one in frame.entries
            if one.reading.measurement == measurement
        ]

    def rolled_up(self) -> dict[int, Any]:
        """The latest point of each hour from START."""
        return {(one.dated[0] - START) // HOUR_MS: one.reading.signals for one in self.found("bms_1h") if one.dated}


def reading(seq: int, **signals: Any) -> Entry:
    ms = STEP * seq
    values = {"current": 3.6, "soc": 50} | signals
    return entry(seq, (START + ms, "device"), up=ms, sent=ms, signals=values)


def at(ms: int) -> ScriptedClocks:
    return ScriptedClocks(boottime=1_000_000 + ms, system=START + ms)
