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


# The bit says "night" where it is set, and knows better than the register.
CONTROLLER = Profile({
    "model": "tracer", "measurement": "charge_controller", "baudrate": 9600, "parity": "N", "stop_bits": 1,
    "timeout_ms": 350, "gap_ms": 50, "address_step": 1, "low_word_first": False,
    "reads": [[4, 0, 1], [4, 5, 1], [2, 20, 1]], "optional": [[2, 20, 1]],
    "registers": [[4, 0, "stage", "unsigned", 2, 0, None, 3, 0, {"0": "off", "1": "float"}],
                  [4, 5, "pv_voltage", "unsigned", 2, 2], [2, 20, "stage", "unsigned", 1, 0, None, None, None, {"1": "night"}]],
})  # fmt: skip
AT_NIGHT = {(4, 0, 1): b"\x00\x00", (4, 5, 1): b"\x00\x10", (2, 20, 1): b"\x01"}


class Bus:
    """Gives each block's bytes, or raises what stands there for it."""

    def __init__(self, blocks):
        self.blocks = dict(blocks)
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
    def __init__(self, profile=PROFILE, blocks=BLOCKS):
        self.ticks = 0
        self.clock = Clock(lambda: self.ticks)
        self.bus = Bus(blocks)
        self.spool = Held()
        self.said = []
        self.device = Device("bms1", 2, profile)
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


def test_a_block_that_is_refused_leaves_its_signals_out():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = NoReading("bms1: refuses", 2)
    content = rig.poll()[1]
    assert content["signals"] == {"current": -1.23, "balancing": True} and content["error"] == "bms1: refuses"


def test_a_device_that_gives_no_valid_answer_is_asked_no_further_and_still_gives_a_reading():
    rig = Rig()
    rig.bus.blocks[3, 10, 1] = NoReading("bms1: no valid answer")
    content = rig.poll()[1]
    assert [asked[2:] for asked in rig.bus.asked] == [(3, 0, 2), (3, 10, 1)]
    assert content["signals"]["cell_01_voltage"] == 3.3 and "current" not in content["signals"]
    assert content["error"] == "bms1: no valid answer"


def test_a_firmware_may_have_none_of_an_optional_block():
    for code in (1, 2):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = NoReading("bms1: refuses", code)
        content = rig.poll()[1]
        assert "balancing" not in content["signals"] and "error" not in content and rig.said == []


def test_an_optional_block_that_fails_otherwise_is_an_error():
    for code in (4, 6, None):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = NoReading("bms1: fails", code)
        assert rig.poll()[1]["error"] == "bms1: fails"


def test_the_block_that_knows_better_is_heard():
    assert Rig(CONTROLLER, AT_NIGHT).poll()[1]["signals"] == {"stage": "night", "pv_voltage": 0.16}
    by_day = dict(AT_NIGHT)
    by_day[2, 20, 1] = b"\x00"
    assert Rig(CONTROLLER, by_day).poll()[1]["signals"]["stage"] == "off"


def test_a_signal_is_absent_while_the_block_that_knows_better_was_not_read():
    for unread, code in (((2, 20, 1), None), ((2, 20, 1), 4), ((4, 5, 1), None)):
        rig = Rig(CONTROLLER, AT_NIGHT)
        rig.bus.blocks[unread] = NoReading("mppt1: fails", code)
        assert "stage" not in rig.poll()[1]["signals"]


def test_a_firmware_without_the_block_that_knows_better_says_what_it_knows():
    rig = Rig(CONTROLLER, AT_NIGHT)
    rig.bus.blocks[2, 20, 1] = NoReading("mppt1: refuses", 2)
    assert rig.poll()[1]["signals"]["stage"] == "off"


def test_errors_are_cut_to_what_the_schema_allows():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = rig.bus.blocks[3, 10, 1] = NoReading('"' * 150, 2)
    assert len(rig.poll()[1]["error"]) == 200


def test_going_and_coming_back_is_said_once():
    rig = Rig()
    rig.poll()
    rig.bus.blocks[3, 0, 2] = NoReading("bms1: no answer")
    for _ in range(3):
        rig.poll()
    rig.bus.blocks = BLOCKS
    for _ in range(3):
        rig.poll()
    assert rig.said == ["bms1: no answer", "bms1: answers again"]


class Starts:
    """Stands in for the State."""

    error = None

    def report(self):
        return {"starts": 7, "reset_cause": "power_on", "last_error": self.error}


def test_the_board_reads_itself():
    rig = Rig()
    rig.ticks = 12_045
    rssi = None
    state = Starts()
    health = Health(state, lambda: 50_000, lambda: rssi, lambda: 87, rig.clock, rig.spool)
    health.poll()
    up, content = rig.spool.readings_added[-1]
    assert up == 12_045
    assert (content["device"], content["model"], content["measurement"]) == ("board", "esp32", "unit")
    assert content["signals"] == {
        "uptime": 12.045, "heap_free": 50_000, "reset_cause": "power_on", "starts": 7, "loop_stall": 0.087,
        "spool_readings": 0, "readings_lost": 2,
    }  # fmt: skip
    rssi = -60
    state.error = 'start 6: "x"'
    health.poll()
    signals = rig.spool.readings_added[-1][1]["signals"]
    assert (signals["wifi_rssi"], signals["last_error"]) == (-60, 'start 6: "x"')
