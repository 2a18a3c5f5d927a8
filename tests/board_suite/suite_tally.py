"""Runs under CPython and MicroPython; see run.py."""

from tally import FAILED, FOREIGN, KINDS, NOISE, SILENCE, Tally


def test_a_reading_has_every_count_and_the_latency_since_the_last_one():
    tally = Tally("bms1", "jk_pb")
    tally.requests = 9
    for kind in (SILENCE, NOISE, NOISE, FOREIGN, FAILED):
        tally.failed(kind)
    tally.answered(20)
    tally.answered(31)
    counts = {
        "bus_requests": (9, 0), "bus_errors_silence": (1, 0), "bus_errors_noise": (2, 0), "bus_errors_foreign": (1, 0),
        "bus_errors_refused": (0, 0), "bus_errors_busy": (0, 0), "bus_errors_failed": (1, 0),
    }  # fmt: skip
    assert tally.latency_ms() == 25
    first = tally.take("online", 0)
    assert first == dict(counts, bus_state="online", bus_latency=(25, 3), bus_latency_max=(31, 3))
    assert tally.take("suspect", 0) == dict(counts, bus_state="suspect") and tally.latency_ms() is None
    assert set(first) == set(tally.signals) and (tally.name, tally.model, tally.measurement) == ("bms1", "jk_pb", "unit")


def test_exceptions_are_counted_by_what_they_mean():
    tally = Tally("bms1", "jk_pb")
    for code in (1, 2, 3, 4, 5, 6, 7, 0x81):
        tally.refused(code)
    assert tally.errors() == dict(zip(KINDS, (0, 0, 0, 3, 2, 3)))


def test_a_reading_is_due_every_five_minutes_and_at_each_change_of_state():
    tally = Tally("bms1", "jk_pb")
    assert tally.is_due("suspect", 0)
    tally.take("suspect", 1000)
    assert not tally.is_due("suspect", 300999) and tally.is_due("suspect", 301000) and tally.is_due("online", 1001)
