"""Stands in for what a poll works with: `Profile` for decode.Profile, `Bus` for the RTU master, `Held` for the spool."""

import asyncio

from clock import Clock
from device import Device
from modbus import NoReading
from poll import Poller


class Profile:
    """A model whose registers are single words, or bits: `named` is (function, address) → name."""

    model, measurement = "jk_pb", "bms"
    probe = None

    def __init__(self, reads, named, optional=()):
        self.reads = reads
        self.optional = list(optional)
        self.named = named
        self.signals = tuple(named.values())

    def names(self, function, start, count):
        return [self.named[function, start + i] for i in range(count) if (function, start + i) in self.named]

    def decode(self, function, start, count, data):
        return {
            self.named[function, start + i]: (data[i], 1) for i in range(count) if (function, start + i) in self.named
        }

    def complete(self, values):
        if "voltage" in values and "current" in values:
            values["power"] = (values["voltage"][0] * values["current"][0], 2)

    def split(self, block):
        function, start, count = block
        first = count // 2
        return [(function, start, first), (function, start + first, count - first)] if first else None


NAMED = {(3, 0): "voltage", (3, 1): "soc", (3, 10): "current", (2, 20): "balancing"}
BLOCKS = {(3, 0, 2): b"\x21\x63", (3, 10, 1): b"\x05", (2, 20, 1): b"\x01"}
VALUES = {"voltage": (33, 1), "soc": (99, 1), "current": (5, 1), "balancing": (1, 1), "power": (165, 2)}


def jk_pb():
    return Profile([(3, 0, 2), (3, 10, 1), (2, 20, 1)], NAMED, [(2, 20, 1)])


# The bit knows better than the register what the stage is.
def tracer():
    return Profile(
        [(4, 0, 1), (4, 5, 1), (2, 20, 1)],
        {(4, 0): "stage", (4, 5): "pv_voltage", (2, 20): "stage"},
        [(2, 20, 1)],
    )


BY_DAY = {(4, 0, 1): b"\x02", (4, 5, 1): b"\x10", (2, 20, 1): b"\x07"}


class TwoLayouts(Profile):
    """One register tells which of two layouts the device has: where it is 1, the current stands elsewhere."""

    probe = (3, 15, 1)

    def __init__(self):
        Profile.__init__(self, [], NAMED)

    def settle(self, data):
        self.reads = [(3, 0, 2), (3, 11 if data == b"\x01" else 10, 1)] if data <= b"\x01" else []
        self.named = dict(NAMED)
        self.named[3, 11] = "current"


class Cells(Profile):
    """Its cells stand in two blocks; of their spread only the names matter here."""

    def __init__(self):
        named = {(3, 0): "cell_01_voltage", (3, 1): "cell_02_voltage", (3, 8): "cell_03_voltage", (3, 9): "soc"}
        Profile.__init__(self, [(3, 0, 2), (3, 8, 1), (3, 9, 1)], named)

    def complete(self, values):
        for name in ("cell_voltage_min", "cell_voltage_max", "cell_voltage_spread"):
            values[name] = (1, 1)


class Bus:
    """Gives each block's bytes, or raises what stands there for it."""

    def __init__(self, blocks):
        self.blocks = dict(blocks)
        self.asked = []
        self.tries = []
        self.until = None

    async def read(self, name, profile, address, function, start, count, tally, until, tries):
        self.asked.append((function, start, count))
        self.tries.append(tries)
        self.until = until
        data = self.blocks[function, start, count]
        if isinstance(data, Exception):
            raise data
        return data


class Held:
    """Holds what it is given, as (source, up, utc, values, error)."""

    lost = 2

    def __init__(self):
        self.given = []

    def readings(self):
        return len(self.given)

    def add(self, source, up, utc, values, error):
        self.given.append((source, up, utc, values, error))


SILENCE = NoReading("bms1: no answer")


def refusal(code=2):
    return NoReading("bms1: refuses", code)


class Rig:
    def __init__(self, profile=None, blocks=BLOCKS, saving=None):
        self.ticks = 0
        self.clock = Clock(lambda: self.ticks)
        self.bus = Bus(blocks)
        self.spool = Held()
        self.said = []
        self.device = Device("bms1", 2, profile or jk_pb())
        self.poller = Poller([self.device], self.bus, self.clock, self.spool, self.said.append, saving)

    def poll(self, seconds=10):
        """What the device's reading says, as (values, error); it is the next one after so many seconds."""
        self.ticks += seconds * 1000
        self.bus.asked.clear()
        self.bus.tries.clear()
        asyncio.run(self.poller.poll(self.device))
        [(_, _, _, values, error)] = [each for each in self.spool.given if each[:2] == (self.device, self.ticks)]
        return values, error

    def tallies(self):
        return [(up, values["bus_state"]) for source, up, _, values, _ in self.spool.given if source != self.device]

    def silence(self):
        self.healthy = self.bus.blocks
        self.bus.blocks = {block: SILENCE for block in self.healthy}

    def restore(self):
        self.bus.blocks = self.healthy
