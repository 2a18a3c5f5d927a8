"""Runs under CPython and MicroPython; see run.py. What a poll makes of answers and silence; the rest of a device is in
suite_device.py.
"""

import asyncio

from clock import Clock
from modbus import TRIES, NoReading
from poll import BUDGET, Health
from polling import SILENCE, VALUES, Held, Rig, refusal


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
