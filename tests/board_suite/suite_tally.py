"""Runs under CPython and MicroPython; see run.py."""

from tally import BUSY, FAILED, FOREIGN, NOISE, REFUSED, SILENCE, Tally


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
    first = tally.take("online", 0)
    assert first == dict(counts, bus_state="online", bus_latency=(25, 3), bus_latency_max=(31, 3))
    assert tally.take("suspect", 0) == dict(counts, bus_state="suspect")
    assert set(first) == set(tally.signals) and (tally.name, tally.model, tally.measurement) == (
        "bms1",
        "jk_pb",
        "unit",
    )


def test_the_technician_is_told_the_kinds_and_the_mean_latency():
    tally = Tally("bms1", "jk_pb")
    assert tally.report()["latency_ms"] is None
    tally.requests = 3
    for kind in (SILENCE, NOISE, FOREIGN, REFUSED, BUSY, FAILED, FAILED):
        tally.failed(kind)
    tally.answered(20)
    tally.answered(31)
    assert tally.report() == {
        "requests": 3, "latency_ms": 25,
        "errors": {"silence": 1, "noise": 1, "foreign": 1, "refused": 1, "busy": 1, "failed": 2},
    }  # fmt: skip


def test_a_reading_is_due_every_five_minutes_and_at_each_change_of_state():
    tally = Tally("bms1", "jk_pb")
    assert tally.is_due("suspect", 0)
    tally.take("suspect", 1000)
    assert not tally.is_due("suspect", 300999) and tally.is_due("suspect", 301000) and tally.is_due("online", 1001)
