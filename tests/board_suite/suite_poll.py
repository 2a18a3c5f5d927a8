"""Runs under CPython and MicroPython; see run.py. `Bus` stands in for the RTU master, `Held` for the spool."""

import asyncio
import json

from clock import Clock
from decode import Profile
from modbus import NoReading
from poll import Device, Health, Poller

PROFILE = Profile({
    "model": "jk_pb", "measurement": "bms", "baudrate": 9600, "parity": "N", "stop_bits": 1, "timeout_ms": 350, "gap_ms": 50,
    "address_step": 1, "low_word_first": False, "reads": [[3, 0, 2], [3, 10, 1], [2, 20, 1]], "optional": [[2, 20, 1]],
    "registers": [[3, 0, "cell_01_voltage", "unsigned", 2, 3], [3, 1, "cell_02_voltage", "unsigned", 2, 3],
                  [3, 10, "current", "signed", 2, 2], [2, 20, "balancing", "bool", 1]],
})  # fmt: skip
BLOCKS = {(3, 0, 2): b"\x0c\xe4\x0c\xe7", (3, 10, 1): b"\xff\x85", (2, 20, 1): b"\x01"}


class Bus:
    """Gives each block's bytes, or raises what stands there for it."""

    def __init__(self, **changes):
        self.blocks = dict(BLOCKS)
        self.asked = []

    async def read(self, name, profile, address, function, start, count):
        self.asked.append((name, address, function, start, count))
        data = self.blocks[function, start, count]
        if isinstance(data, Exception):
            raise data
        return data


class Held:
    lost = 2

    def __init__(self):
        self.readings_added = []

    def add(self, up, text):
        self.readings_added.append((up, json.loads("{" + text + "}")))

    def readings(self):
        return len(self.readings_added)


class Rig:
    def __init__(self):
        self.ticks = 0
        self.clock = Clock(lambda: self.ticks)
        self.bus = Bus()
        self.spool = Held()
        self.said = []
        self.device = Device("bms1", 2, PROFILE)
        self.poller = Poller([self.device], self.bus, self.clock, self.spool, self.said.append)

    def poll(self):
        asyncio.run(self.poller.poll(self.device))
        return self.spool.readings_added[-1]


def test_a_reading_has_everything_that_was_read():
    rig = Rig()
    rig.ticks = 4711
    assert rig.poll() == (4711, {
        "device": "bms1", "model": "jk_pb", "measurement": "bms", "t": None,
        "signals": {"cell_01_voltage": 3.3, "cell_02_voltage": 3.303, "current": -1.23, "balancing": True,
                    "cell_voltage_min": 3.3, "cell_voltage_max": 3.303, "cell_voltage_spread": 0.003},
    })  # fmt: skip


def test_its_time_is_that_of_its_beginning():
    rig = Rig()
    rig.ticks = 1000
    rig.clock.learn(1_795_562_958_755, 1000, 0)
    rig.ticks = 3000
    assert rig.poll()[1]["t"] == 1_795_562_958_755 + 2000


def test_a_block_that_failed_leaves_its_signals_out():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = NoReading("bms1: damaged")
    content = rig.poll()[1]
    assert content["signals"] == {"current": -1.23, "balancing": True} and content["error"] == "bms1: damaged"


def test_a_silent_device_is_asked_for_one_block_and_still_gives_a_reading():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = NoReading("bms1: no answer", silent=True)
    content = rig.poll()[1]
    assert len(rig.bus.asked) == 1 and content["signals"] == {} and content["error"] == "bms1: no answer"


def test_an_optional_block_may_be_refused():
    rig = Rig()
    rig.bus.blocks[2, 20, 1] = NoReading("bms1: refuses", refused=True)
    content = rig.poll()[1]
    assert "balancing" not in content["signals"] and "error" not in content and rig.said == []
    rig.bus.blocks[2, 20, 1] = NoReading("bms1: no answer", silent=True)
    assert rig.poll()[1]["error"] == "bms1: no answer"


def test_errors_are_cut_to_what_the_schema_allows():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = rig.bus.blocks[3, 10, 1] = NoReading('"' * 150)
    assert len(rig.poll()[1]["error"]) == 200


def test_going_and_coming_back_is_said_once():
    rig = Rig()
    rig.poll()
    rig.bus.blocks[3, 0, 2] = NoReading("bms1: no answer", silent=True)
    for _ in range(3):
        rig.poll()
    rig.bus.blocks = BLOCKS
    for _ in range(3):
        rig.poll()
    assert rig.said == ["bms1: no answer", "bms1: answers again"]


def test_the_board_reads_itself():
    rig = Rig()
    rig.ticks = 12_045
    rssi = None
    health = Health("power_on", lambda: 50_000, lambda: rssi, rig.clock, rig.spool)
    health.poll()
    up, content = rig.spool.readings_added[-1]
    assert up == 12_045
    assert (content["device"], content["model"], content["measurement"]) == ("board", "esp32", "unit")
    assert content["signals"] == {
        "uptime": 12.045, "heap_free": 50_000, "reset_cause": "power_on", "spool_readings": 0, "readings_lost": 2
    }  # fmt: skip
    rssi = -60
    health.poll()
    assert rig.spool.readings_added[-1][1]["signals"]["wifi_rssi"] == -60
