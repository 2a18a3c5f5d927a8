"""Runs under CPython and MicroPython; see run.py. `Profile` stands in for decode.Profile, `Bus` for the RTU master,
`Held` for the spool.
"""

import asyncio

from clock import Clock
from device import Device
from modbus import TRIES, NoReading
from poll import BUDGET, Health, Poller


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


def test_a_reading_has_everything_that_was_read():
    rig = Rig()
    assert rig.poll() == (VALUES, None)
    assert rig.spool.given[0][:3] == (rig.device, 10000, None)
    source = rig.device
    assert (source.name, source.model, source.measurement) == ("bms1", "jk_pb", "bms")
    assert set(source.signals) == {"voltage", "soc", "current", "balancing"}


def test_its_time_is_that_of_its_beginning():
    rig = Rig()
    rig.clock.learn(1_795_562_958_755, 0, 0)
    rig.poll(3)
    assert rig.spool.given[0][1:3] == (3000, 1_795_562_958_755 + 3000)


def test_a_block_that_fails_leaves_its_signals_out_and_the_others_are_read():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = refusal(4)
    assert rig.poll() == ({"current": (5, 1), "balancing": (1, 1)}, "bms1: refuses")


def test_a_device_that_gives_no_valid_answer_is_asked_no_further_and_still_gives_a_reading():
    rig = Rig()
    rig.bus.blocks[3, 10, 1] = SILENCE
    assert rig.poll() == ({"voltage": (33, 1), "soc": (99, 1)}, "bms1: no answer")
    assert rig.bus.asked == [(3, 0, 2), (3, 10, 1)] and rig.device.presence.state() == "suspect"


def test_all_of_a_poll_has_one_budget():
    rig = Rig()
    rig.poll()
    assert rig.bus.until == rig.ticks + BUDGET


def test_a_firmware_may_have_none_of_an_optional_block():
    for code in (1, 2):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = refusal(code)
        for _ in range(2):
            values, error = rig.poll()
            assert "balancing" not in values and error is None and rig.said == []
        assert rig.bus.asked == [(3, 0, 2), (3, 10, 1)], "it was asked again"


def test_an_optional_block_that_fails_otherwise_is_an_error_and_is_asked_again():
    for code in (4, 6):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = refusal(code)
        for _ in range(2):
            assert rig.poll()[1] == "bms1: refuses" and rig.bus.asked[-1] == (2, 20, 1)


def test_an_optional_block_that_is_never_answered_is_left_out_and_asked_once_an_hour():
    rig = Rig()
    rig.bus.blocks[2, 20, 1] = SILENCE
    assert [rig.poll()[1] for _ in range(4)] == ["bms1: no answer"] * 2 + [None] * 2
    assert (2, 20, 1) not in rig.bus.asked and rig.device.presence.state() == "online"
    for _ in range(2):
        assert rig.poll(3600)[1] is None and rig.bus.asked[-1] == (2, 20, 1)
        assert rig.poll()[1] is None and rig.bus.asked[-1] == (3, 10, 1)
    rig.bus.blocks[2, 20, 1] = b"\x01"
    assert rig.poll(3600) == (VALUES, None)


def test_an_optional_block_that_is_answered_now_and_then_stays():
    rig = Rig()
    for data in (SILENCE, SILENCE, b"\x01") * 3:
        rig.bus.blocks[2, 20, 1] = data
        assert (rig.poll()[1] is None) == (data is not SILENCE)


def test_a_device_that_answers_nothing_has_not_left_out_an_optional_block():
    rig = Rig(Profile([(2, 20, 1)], NAMED, [(2, 20, 1)]), {(2, 20, 1): SILENCE})
    assert "bms1: no answer" in [rig.poll()[1] for _ in range(5)][-1]


def test_the_block_that_knows_better_is_heard():
    assert Rig(tracer(), BY_DAY).poll()[0] == {"stage": (7, 1), "pv_voltage": (16, 1)}


def test_a_signal_is_absent_while_the_block_that_knows_better_was_not_read():
    for unread, error in (((2, 20, 1), SILENCE), ((2, 20, 1), refusal(4)), ((4, 5, 1), SILENCE)):
        rig = Rig(tracer(), BY_DAY)
        rig.bus.blocks[unread] = error
        assert "stage" not in rig.poll()[0]


def test_a_firmware_without_the_block_that_knows_better_says_what_it_knows():
    rig = Rig(tracer(), BY_DAY)
    rig.bus.blocks[2, 20, 1] = refusal()
    for _ in range(2):
        assert rig.poll()[0]["stage"] == (2, 1)


def split_rig():
    """A device that refuses every span with its register 2."""
    named = {(3, address): "value_%d" % address for address in range(4)}
    blocks = {(3, 0, 2): b"\x00\x01", (3, 3, 1): b"\x03"}
    blocks[3, 0, 4] = blocks[3, 2, 2] = blocks[3, 2, 1] = refusal()
    return Rig(Profile([(3, 0, 4)], named), blocks)


SPLIT = {"value_0": (0, 1), "value_1": (1, 1), "value_3": (3, 1)}


def test_a_span_that_is_refused_whole_is_asked_in_halves_and_that_is_remembered():
    rig = split_rig()
    assert rig.poll() == (SPLIT, "bms1: refuses")
    assert rig.bus.asked == [(3, 0, 4), (3, 0, 2), (3, 2, 2), (3, 2, 1), (3, 3, 1)]
    assert rig.poll() == (SPLIT, "bms1: refuses") and rig.said == ["bms1: refuses"]
    assert rig.bus.asked == [(3, 0, 2), (3, 3, 1)]


def test_the_profile_itself_does_not_forget_what_one_device_refused():
    rig = split_rig()
    rig.poll()
    assert rig.device.profile.reads == [(3, 0, 4)] and rig.device.profile.optional == []


def test_a_half_of_an_optional_span_is_optional_too():
    rig = split_rig()
    rig.device.optional = [(3, 0, 4)]
    assert [rig.poll() for _ in range(2)] == [(SPLIT, None)] * 2


def test_other_refusals_divide_nothing():
    for code in (1, 3, 4, 6):
        rig = split_rig()
        rig.bus.blocks[3, 0, 4] = refusal(code)
        assert rig.poll() == ({}, "bms1: refuses") and rig.bus.asked == [(3, 0, 4)]


def test_a_device_that_comes_back_from_offline_is_asked_for_everything_anew():
    rig = split_rig()
    rig.poll()
    rig.silence()
    for _ in range(3):
        rig.poll()
    rig.restore()
    rig.bus.blocks[3, 0, 4] = b"\x00\x01\x02\x03"
    values, error = rig.poll(300)
    assert len(values) == 4 and error is None and rig.bus.asked == [(3, 0, 4)]


def test_what_was_refused_is_asked_anew_after_an_hour_without_another_refusal():
    rig = split_rig()
    rig.poll()
    rig.bus.blocks[3, 0, 4] = b"\x00\x01\x02\x03"
    for _ in range(359):
        assert rig.poll() == (SPLIT, "bms1: refuses")
    values, error = rig.poll()
    assert len(values) == 4 and error is None and rig.bus.asked == [(3, 0, 4)]


def test_what_is_refused_for_ever_costs_a_few_requests_an_hour_and_is_said_once():
    rig = split_rig()
    asked = 0
    for _ in range(3 * 60):
        rig.spool.given.clear()
        assert rig.poll(60) == (SPLIT, "bms1: refuses")
        asked += len(rig.bus.asked) - 2
    assert asked == 3 * 3 and rig.said == ["bms1: refuses"]


def test_an_optional_block_that_was_refused_is_asked_anew_too():
    rig = Rig()
    rig.bus.blocks[2, 20, 1] = refusal()
    assert "balancing" not in rig.poll()[0]
    rig.bus.blocks[2, 20, 1] = b"\x01"
    assert rig.poll(3600) == (VALUES, None)


def test_no_spread_is_computed_from_some_of_the_cells():
    for unread in (SILENCE, refusal(4), refusal()):
        rig = Rig(Cells(), {(3, 0, 2): b"\x21\x22", (3, 8, 1): b"\x63", (3, 9, 1): b"\x05"})
        assert "cell_voltage_spread" in rig.poll()[0]
        rig.bus.blocks[3, 8, 1] = unread
        assert set(rig.poll()[0]) - {"soc"} == {"cell_01_voltage", "cell_02_voltage"}


def test_a_spread_does_not_hang_on_what_is_no_cell():
    rig = Rig(Cells(), {(3, 0, 2): b"\x21\x22", (3, 8, 1): b"\x63", (3, 9, 1): SILENCE})
    assert "cell_voltage_spread" in rig.poll()[0] and "soc" not in rig.poll()[0]


def test_a_device_that_refuses_everything_is_asked_in_every_poll():
    rig = Rig(Profile([(3, 0, 1)], NAMED), {(3, 0, 1): refusal()})
    for _ in range(2):
        assert rig.poll() == ({}, "bms1: refuses") and rig.bus.asked == [(3, 0, 1)]
    rig.bus.blocks[3, 0, 1] = b"\x21"
    assert rig.poll() == ({"voltage": (33, 1)}, None)


def test_a_layout_is_settled_before_the_first_poll_and_after_each_return_from_offline():
    rig = Rig(TwoLayouts(), dict(BLOCKS))
    rig.bus.blocks.update({(3, 15, 1): b"\x00", (3, 11, 1): b"\x08"})
    for _ in range(2):
        assert rig.poll()[0]["current"] == (5, 1)
        first, then = rig.bus.asked[:2], rig.poll() and rig.bus.asked
        assert first == [(3, 15, 1), (3, 0, 2)] and then == [(3, 0, 2), (3, 10, 1)]
        rig.silence()
        while rig.device.presence.state() != "offline":
            rig.poll()
        rig.poll(300)
        assert rig.bus.asked == [(3, 15, 1)]
        rig.restore()
        rig.ticks += 300_000
    rig.bus.blocks[3, 15, 1] = b"\x01"
    assert rig.poll()[0]["current"] == (8, 1)


def test_a_layout_that_cannot_be_told_is_an_error_and_asked_again():
    for error in (SILENCE, refusal()):
        rig = Rig(TwoLayouts(), dict(BLOCKS))
        rig.bus.blocks[3, 15, 1] = error
        assert rig.poll() == ({}, str(error)) and rig.bus.asked == [(3, 15, 1)]
        rig.bus.blocks[3, 15, 1] = b"\x00"
        assert rig.poll()[0]["current"] == (5, 1)


def test_an_offline_device_is_asked_once_per_wait_and_gives_a_reading_every_period():
    rig = Rig()
    rig.poll()
    rig.silence()
    errors = [rig.poll(1)[1] for _ in range(3)]
    assert errors == ["bms1: no answer"] * 2 + ["bms1: no answer; offline"]
    assert rig.bus.tries == [TRIES]
    asked = []
    for _ in range(20):
        values, error = rig.poll(1)
        assert (values, error) == ({}, "bms1: no answer; offline")
        asked.append(len(rig.bus.asked))
        assert not rig.bus.tries or rig.bus.tries == [1]
    assert [second for second, count in enumerate(asked, 1) if count] == [6, 14] and max(asked) == 1
    rig.restore()
    assert rig.poll(10) == (VALUES, None) and rig.bus.tries == [1, TRIES, TRIES]


def test_a_dead_device_has_few_texts_because_the_spool_keeps_each():
    rig = Rig()
    rig.silence()
    assert len({rig.poll(60)[1] for _ in range(200)}) == 2


def test_going_and_coming_back_is_said_once_each_time():
    rig = Rig()
    for _ in range(2):
        rig.poll()
        rig.silence()
        for _ in range(5):
            rig.poll()
        rig.restore()
        for _ in range(3):
            rig.poll(300)
    assert rig.said == ["bms1: no answer", "bms1: answers again"] * 2


def test_the_tally_is_told_at_each_change_of_state_and_every_five_minutes():
    rig = Rig()
    rig.poll()
    for _ in range(60):
        rig.poll()
    assert rig.tallies() == [(10000, "online"), (310000, "online"), (610000, "online")]
    rig.silence()
    for _ in range(4):
        rig.poll()
    assert rig.tallies()[3:] == [(620000, "suspect"), (640000, "offline")]


def test_the_report_has_every_device():
    rig = Rig()
    rig.poll()
    rig.silence()
    rig.poll()
    [report] = rig.poller.report()
    errors = report.pop("errors")
    assert report == {
        "name": "bms1", "model": "jk_pb", "address": 2, "state": "suspect", "requests": 0, "latency_ms": None,
        "error": "bms1: no answer",
    }  # fmt: skip
    assert set(errors) == {"silence", "noise", "foreign", "refused", "busy", "failed"}


def test_errors_are_cut_to_what_the_schema_allows():
    rig = Rig()
    rig.bus.blocks[3, 0, 2] = rig.bus.blocks[3, 10, 1] = NoReading('"' * 150, 4)
    assert len(rig.poll()[1]) == 200


def test_a_layout_that_the_profile_does_not_know_is_named_and_asked_again():
    rig = Rig(TwoLayouts(), dict(BLOCKS))
    rig.bus.blocks[3, 15, 1] = b"\x09"
    for _ in range(2):
        complaint = "bms1 (jk_pb, address 2): 09 is no layout that its profile knows; check the model"
        assert rig.poll() == ({}, complaint) and rig.bus.asked == [(3, 15, 1)]


class Ended(Exception):
    pass


def test_a_low_battery_makes_the_polls_rarer():
    rig = Rig(saving=("bms1", 20, 60))
    waits = []

    async def sleep(seconds):
        waits.append(seconds)
        rig.ticks += round(seconds * 1000)
        rig.bus.blocks[3, 0, 2] = b"\x21\x63" if len(waits) == 1 else b"\x21\xff"  # 9.9 %, 25.5 %
        if len(waits) == 4:
            raise Ended

    rig.bus.blocks[3, 0, 2] = b"\x21\xff"
    try:
        asyncio.run(rig.poller.run(10, sleep))
    except Ended:
        pass
    assert waits == [10, 60, 10, 10]


class Starts:
    """Stands in for the State."""

    error = None

    def report(self):
        return {"starts": 7, "reset_cause": "power_on", "last_error": self.error}


def test_the_board_reads_itself():
    ticks = 0
    clock = Clock(lambda: ticks)
    ticks = 12_045
    spool = Held()
    rssi = None
    state = Starts()
    health = Health(state, lambda: 50_000, lambda: rssi, lambda: 87, clock, spool)
    health.poll()
    values = {
        "uptime": (12_045, 3), "heap_free": (50_000, 0), "reset_cause": "power_on", "starts": (7, 0), "loop_stall": (87, 3),
        "spool_readings": (0, 0), "readings_lost": (2, 0),
    }  # fmt: skip
    assert spool.given == [(health, 12_045, None, values, None)]
    assert (health.name, health.model, health.measurement) == ("board", "esp32", "unit")
    assert set(values) | {"wifi_rssi", "last_error"} == set(health.signals)
    rssi = -60
    state.error = 'start 6: "x"'
    health.poll()
    assert (spool.given[-1][3]["wifi_rssi"], spool.given[-1][3]["last_error"]) == ((-60, 0), 'start 6: "x"')
