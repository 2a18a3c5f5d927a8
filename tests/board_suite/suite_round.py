"""Whole rounds: what a bad device costs the others. Runs under CPython and MicroPython; see run.py. Profile and spool
are stand-ins here, serial port, slaves and time are those of wire.py.
"""

import asyncio
import random

import rtu
from clock import Clock
from device import Device
from modbus import Master
from poll import BUDGET, Poller
from wire import Bus, with_crc

BAD, GOOD = 1, 2
DEADLINE = 350 + 9  # ms: the timeout, and the time that 7 bytes take


class Profile:
    """Eight blocks of one register each; what stands in a register is its address."""

    model, measurement = "jk_pb", "bms"
    baudrate, parity, stop_bits = 9600, "N", 1
    timeout_ms, gap_ms = 350, 50
    probe = None
    reads = [(3, address, 1) for address in range(8)]
    optional = []
    signals = tuple(["value_%d" % address for address in range(8)])

    def reply_address(self, address):
        return address

    def names(self, function, start, count):
        return ["value_%d" % start]

    def decode(self, function, start, count, data):
        return {"value_%d" % start: data}

    def complete(self, values):
        pass

    def split(self, block):
        return None


def reply_to(request):
    return with_crc(request[:2] + b"\x02" + request[2:4])


class Slaves(Bus):
    """GOOD answers after 20 ms. `bad` gives what comes after a request to BAD."""

    def __init__(self, bad):
        Bus.__init__(self)
        self.bad = bad

    def answer(self, request):
        return self.bad(request) if request[0] == BAD else [(20, reply_to(request))]


class Babble(Slaves):
    """A byte of noise every 5 ms, whoever was asked: it may come between two replies, but damages none."""

    def __init__(self, bad):
        Slaves.__init__(self, bad)
        self.next_noise = 0

    async def read(self, longest):
        self.next_noise = max(self.next_noise, self.time.ms) + 5
        if self.under_way and self.under_way[0][0] <= self.next_noise:
            return await Slaves.read(self, longest)
        await self.time.until(self.next_noise)
        return bytes([BAD])


class Held:
    def __init__(self):
        self.given = []

    def add(self, source, up, utc, values, error):
        if source.measurement != "unit":
            self.given.append((source.address, up, values, error))


ALL = {"value_%d" % address: bytes([0, address]) for address in range(8)}


def rounds(bus, count):
    """`count` rounds, 10 s apart: readings of BAD as (ms that it took, values, error). What GOOD gives is checked."""
    clock = Clock(bus.time.now)
    spool = Held()
    devices = [Device("bad", BAD, Profile()), Device("good", GOOD, Profile())]
    master = Master(bus, clock.now, bus.time.sleep, bus.time.wait_for)
    poller = Poller(devices, master, clock, spool, lambda line: None)
    found = []
    for number in range(count):
        bus.time.ms = 10_000 * number
        for device in devices:
            asyncio.run(poller.poll(device))
        (_, began, values, error), (_, ended, of_good, none) = spool.given[-2:]
        assert (of_good, none) == (ALL, None)
        for name in values:
            assert values[name] == ALL[name], "an answer was taken for another's"
        found.append((ended - began, values, error))
    return found, poller


def test_a_healthy_device_gives_everything():
    found, _ = rounds(Slaves(lambda request: [(20, reply_to(request))]), 2)
    assert [values for _, values, _ in found] == [ALL, ALL]


def test_a_dead_device_costs_three_tries_and_then_one_a_wait():
    found, poller = rounds(Slaves(lambda request: []), 12)
    costs = [cost for cost, _, _ in found]
    three, one = 3 * DEADLINE + 50, DEADLINE + 50
    assert max(costs[:2]) <= three and set(costs[2:]) <= set(range(one + 1)), costs
    assert costs.count(0) > 2, "it was asked in every round"
    assert all(values == {} and "bad (jk_pb, address 1): no answer" in error for _, values, error in found)
    assert poller.report()[0]["state"] == "offline" and poller.report()[1]["state"] == "online"


def test_a_device_that_babbles_when_asked_costs_its_budget_at_most():
    noise = [(5 * number, b"\x01\x03\x02") for number in range(1000)]
    found, _ = rounds(Slaves(lambda request: noise), 5)
    assert all(cost <= BUDGET and values == {} and "no valid answer" in error for cost, values, error in found)


def test_noise_for_ever_costs_no_reading_that_it_does_not_damage():
    found, poller = rounds(Babble(lambda request: []), 5)
    assert all(cost <= BUDGET and values == {} for cost, values, _ in found)
    assert poller.report()[0]["errors"]["noise"] > 0
    found, _ = rounds(Babble(lambda request: [(100, reply_to(request))]), 3)
    assert [values for _, values, _ in found] == [ALL] * 3


def test_a_device_that_answers_just_in_time_gives_everything():
    found, _ = rounds(Slaves(lambda request: [(DEADLINE - 1, reply_to(request))]), 3)
    assert all(cost <= BUDGET and values == ALL and error is None for cost, values, error in found)


def test_a_device_that_answers_just_too_late_costs_its_budget_and_gives_nothing_wrong():
    for late in (1, 10, 100, DEADLINE - 1, DEADLINE + 1):
        found, poller = rounds(Slaves(lambda request: [(DEADLINE + late, reply_to(request))]), 5)
        for cost, values, error in found:
            assert cost <= BUDGET and len(values) < 8 and error, (late, cost, values, error)


def test_a_device_that_is_now_in_time_and_now_late_gives_nothing_wrong():
    turns = [20, DEADLINE + 30, 2 * DEADLINE - 5, 300, DEADLINE + 1, 5]
    asked = []

    def unsteady(request):
        asked.append(request)
        return [(turns[len(asked) % len(turns)], reply_to(request))]

    found, _ = rounds(Slaves(unsteady), 20)
    assert all(cost <= BUDGET for cost, _, _ in found) and any(values for _, values, _ in found)


def test_a_device_that_refuses_and_is_busy_for_ever_costs_its_budget_at_most():
    for code in (2, 4, 6):
        found, _ = rounds(Slaves(lambda request: [(300, with_crc(bytes([BAD, 0x83, code])))]), 3)
        assert all(cost <= BUDGET and values == {} and error for cost, values, error in found)


def test_whatever_comes_nothing_is_wrong_and_the_other_device_loses_nothing():
    def fault(request):
        late = random.randint(1, 2 * DEADLINE - 1)  # in time, or as late as an answer is waited for
        answer, refusal = reply_to(request), with_crc(bytes([BAD, 0x83, random.randint(1, 6)]))
        foreign = with_crc(bytes([BAD + 7]) + answer[1:-2])
        damaged = answer[:4] + bytes([answer[4] ^ 1 << random.randint(0, 7)]) + answer[5:]
        faults = (
            [], [(late, answer)], [(late, refusal)], [(20, answer[:-2])], [(20, damaged)], [(20, foreign)],
            [(5, request), (late, answer)], [(10, b"\x01\x03\x00" + answer)], [(10, answer[:3]), (late, answer[3:])],
        )  # fmt: skip
        return random.choice(faults)

    gave = 0
    for seed in range(50):
        random.seed(seed)
        found, _ = rounds(Slaves(fault), 12)
        assert all(cost <= BUDGET for cost, _, _ in found), seed
        gave += sum([1 for _, values, _ in found if values])
    assert gave > 50
