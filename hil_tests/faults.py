"""What can go wrong in a soak, and when: a schedule of faults that a seed decides, and what each does to the chain.

Faults come in lanes. Within a lane one ends before the next begins; lanes overlap, so that the link is down while
the gateway is killed while a device on the bus is noisy. The schedule depends on seed and length alone: same seed and
same hours, same faults at the same seconds. What the chain was doing at that moment is real time, and not reproduced.
"""

import heapq
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from hil_tests.chain import Chain
from hil_tests.frame import with_crc
from hil_tests.hub import FAULTS
from hil_tests.shifted_gateway import ShiftedGateway

HOUR = 3600.0
TO_1970 = -498_000
"""Hours from the time of this trial to 1970."""
REPLY_FAULTS = tuple(kind for kind in FAULTS if kind != "delay")


@dataclass(frozen=True, slots=True)
class Fault:
    """From `begin` to `end`, in seconds since the start. `detail` is what its kind needs to know."""

    begin: float
    end: float
    lane: str
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.detail.items())
        return f"{self.kind} {told}".strip() + f" for {self.end - self.begin:.0f} s"


@dataclass(frozen=True, slots=True)
class Lane:
    """`pause` is the seconds between two faults, `kinds` how long each lasts, from and to in seconds."""

    pause: tuple[float, float]
    kinds: dict[str, tuple[float, float]]


LANES = {
    "bus": Lane((20, 90), {"replies": (1, 5), "late replies": (1, 5), "cable cut": (3, 30), "device gone": (5, 60)}),
    "village": Lane(
        (60, 240),
        {
            "board power cut": (1, 20),
            "gateway killed": (0.5, 30),
            "broker killed": (0.5, 60),
            "broker frozen": (5, 60),
            "broker restarted": (0.5, 5),
            "wifi gone": (10, 60),
            "board, broker and gateway killed": (1, 30),
        },
    ),
    "link": Lane(
        (60, 240), {"link down": (30, 240), "link silent": (20, 120), "link slow": (60, 180), "link flapping": (20, 60)}
    ),
    "database": Lane(
        (180, 600), {"database killed": (2, 60), "database restarted": (1, 10), "database frozen": (5, 60)}
    ),
    "clock": Lane((180, 600), {"clock set": (30, 240)}),
}
"""The broker keeps nothing on a disk, so each time that it is killed or restarted its state is gone."""

CUTS_THE_BOARD = ("board power cut", "board, broker and gateway killed", "board and gateway cut")
KINDS = tuple(kind for lane in LANES.values() for kind in lane.kinds)


def schedule(seed: int, seconds: float, haste: float = 1.0) -> list[Fault]:
    """Every fault in order of its beginning; all have ended after `seconds`. `haste` shortens pauses and faults."""
    return sorted(
        (fault for lane in LANES for fault in _of_lane(lane, seed, seconds, haste)), key=lambda fault: fault.begin
    )


def in_turn(
    seed: int,
    rounds: int,
    kinds: Iterable[tuple[str, dict[str, Any]]],
    hold: tuple[float, float],
    pause: tuple[float, float],
) -> list[Fault]:
    """The kinds one after the other, again and again, `rounds` in all; `hold` and `pause` are from and to in s."""
    chance, at, faults = random.Random(seed), 0.0, list[Fault]()
    for kind, detail in islice(cycle(kinds), rounds):
        begin = at + chance.uniform(*pause)
        at = begin + chance.uniform(*hold)
        faults.append(Fault(begin, at, "alone", kind, detail))
    return faults


def _of_lane(lane: str, seed: int, seconds: float, haste: float) -> Iterator[Fault]:
    chance = random.Random(f"{seed} {lane}")
    pause, kinds = LANES[lane].pause, LANES[lane].kinds
    at = 0.0
    while True:
        begin = at + chance.uniform(*pause) / haste
        kind = chance.choice(tuple(kinds))
        at = begin + chance.uniform(*kinds[kind]) / haste
        if at >= seconds:
            return
        yield Fault(begin, at, lane, kind, _detail(kind, chance))


def _detail(kind: str, chance: random.Random) -> dict[str, Any]:
    match kind:
        case "replies":
            return {"harm": chance.choice(REPLY_FAULTS), "times": chance.randint(1, 6)}
        case "late replies":
            return {"late": round(chance.uniform(0.1, 0.5), 2), "times": chance.randint(1, 4)}
        case "device gone":
            return {"model": chance.choice(("jk_pb", "epever_tracer"))}
        case "link slow":
            return {"bytes_per_second": chance.choice((1000, 2000, 4000))}
        case "link flapping":
            return {"every": round(chance.uniform(1, 5), 1)}
        case "clock set":
            return {"hours": chance.choice((-50 * 24 * 365, -24, -3, 3, 24, 400 * 24))}
    return {}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do at `at` seconds since the start. The fault's first step begins it; `ends` what mends it."""

    at: float
    fault: Fault
    do: Callable[[], object]
    begins: bool = False
    ends: bool = False


def steps(chain: Chain, gateway: ShiftedGateway, faults: list[Fault]) -> Iterator[Step]:
    """What the faults do to the chain, in order of time."""
    return heapq.merge(*(_steps(chain, gateway, fault) for fault in faults), key=lambda step: step.at)


def _steps(chain: Chain, gateway: ShiftedGateway, fault: Fault) -> list[Step]:
    harm, mend = _does(chain, gateway, fault)
    first, last = Step(fault.begin, fault, harm, begins=True), Step(fault.end, fault, mend, ends=True)
    if fault.kind != "link flapping":
        return [first, last]
    every = fault.detail["every"]
    turns = range(1, int((fault.end - fault.begin) / every))
    return [first, *(Step(fault.begin + every * turn, fault, harm if turn % 2 == 0 else mend) for turn in turns), last]


def _does(chain: Chain, gateway: ShiftedGateway, fault: Fault) -> tuple[Callable[[], object], Callable[[], object]]:
    """How it begins and how it ends."""
    bus, board, broker, link, database = chain.bus, chain.board, chain.broker, chain.link, chain.database
    detail = fault.detail

    def nothing() -> None:
        pass

    def both_cut() -> None:
        board.power_cut()
        gateway.kill()

    def both_back() -> None:
        board.power_on()
        gateway.start()

    def all_killed() -> None:
        broker.kill()
        gateway.kill()
        board.power_cut()

    def all_back() -> None:
        board.power_on()
        broker.start()
        gateway.start()

    def slow(bytes_per_second: int | None) -> None:
        link.bytes_per_second = bytes_per_second

    match fault.kind:
        case "replies":
            return lambda: bus.do("fault", kind=detail["harm"], times=detail["times"]), nothing
        case "late replies":
            return lambda: bus.do("fault", kind="delay", seconds=detail["late"], times=detail["times"]), nothing
        case "cable cut":
            return lambda: bus.do("cut"), lambda: bus.do("restore")
        case "device gone":
            return lambda: bus.do("vanish", model=detail["model"]), lambda: bus.do("come_back", model=detail["model"])
        case "board power cut":
            return board.power_cut, board.power_on
        case "wifi gone":
            return lambda: board.set_wifi(reachable=False), lambda: board.set_wifi(reachable=True)
        case "gateway killed":
            return gateway.kill, gateway.start
        case "broker killed":
            return broker.kill, broker.start
        case "broker restarted":
            return broker.stop, broker.start
        case "broker frozen":
            return broker.freeze, broker.thaw
        case "board, broker and gateway killed":
            return all_killed, all_back
        case "board and gateway cut":
            return both_cut, both_back
        case "second master":
            return lambda: say(bus.port, detail["request"]), nothing
        case "register fails":
            return lambda: bus.do("fail", **detail), lambda: bus.do("heal", model=detail["model"])
        case "link down" | "link flapping":
            return link.cut, link.restore
        case "link silent":
            return lambda: link.cut("silence"), link.restore
        case "link slow":
            return lambda: slow(detail["bytes_per_second"]), lambda: slow(None)
        case "database killed":
            return database.kill, database.start
        case "database restarted":
            return database.stop, database.start
        case "database frozen":
            return database.freeze, database.thaw
        case "clock set":
            return lambda: gateway.shift(detail["hours"] * HOUR), lambda: gateway.shift(0)
    raise ValueError(f"fault {fault.kind!r} is unknown; there is {', '.join(KINDS)}")


def say(port: Path, request: str) -> None:
    """As another master on the same two wires: the devices hear and answer it, and the board hears the answer."""
    wire = os.open(port, os.O_WRONLY | os.O_NOCTTY)
    os.write(wire, with_crc(bytes.fromhex(request)))
    os.close(wire)
