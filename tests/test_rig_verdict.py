"""The verdict must not be fooled: every way to damage a series of readings has to show as what it is."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_tests.ledger import ExpectedReading
from hil_tests.verdict import StoredPoint, Verdict, compare


def reading(number: int, device: str = "bms1", certain: bool = True) -> ExpectedReading:
    """Polled every ten seconds, with values that differ from poll to poll."""
    at = number * 10_000
    return ExpectedReading(device, at, at + 40, {"pack_voltage": 50 + number / 1000, "current": -1.5}, certain)


def point(number: int, device: str = "bms1", shift: int = 10, **changed: object) -> StoredPoint:
    values = {"pack_voltage": 50 + number / 1000, "current": -1.5, "soc": 80.0} | changed
    return StoredPoint(device, number * 10_000 + shift, values)


def counts(verdict: Verdict) -> tuple[int, int, int, int, int, int]:
    """matched, lost, duplicated, mistimed, wrong, foreign"""
    return (
        len(verdict.matched),
        len(verdict.lost),
        len(verdict.duplicated),
        len(verdict.mistimed),
        len(verdict.wrong),
        len(verdict.foreign),
    )


FIVE = [reading(number) for number in range(5)]


def test_all_stored_once_is_clean() -> None:
    verdict = compare(FIVE, [point(number) for number in range(5)])
    assert counts(verdict) == (5, 0, 0, 0, 0, 0)
    assert verdict.clean
    assert str(verdict) == "expected 5 matched 5 lost 0 duplicated 0 mistimed 0 wrong 0 foreign 0"


def test_nothing_stored_is_all_lost() -> None:
    verdict = compare(FIVE, [])
    assert counts(verdict) == (0, 5, 0, 0, 0, 0)
    assert not verdict.clean


def test_one_dropped() -> None:
    verdict = compare(FIVE, [point(number) for number in (0, 1, 3, 4)])
    assert verdict.lost == [FIVE[2]]
    assert counts(verdict) == (4, 1, 0, 0, 0, 0)


@pytest.mark.parametrize("shift", [11, 700, 5_000, 3_600_000, -10_000])
def test_one_doubled_at_whatever_time(shift: int) -> None:
    copy = point(2, shift=shift)
    verdict = compare(FIVE, [*(point(number) for number in range(5)), copy])
    assert counts(verdict) == (5, 0, 1, 0, 0, 0)
    assert not verdict.clean


def test_one_dropped_and_another_doubled_do_not_cancel_out() -> None:
    stored = [point(0), point(1), point(1, shift=300), point(3), point(4)]
    assert counts(compare(FIVE, stored)) == (4, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(("shift", "mistimed"), [(1_040, 0), (-1_000, 0), (1_041, 1), (-1_001, 1), (5_000, 1)])
def test_one_shifted_is_mistimed_beyond_a_second(shift: int, mistimed: int) -> None:
    stored = [point(0), point(1), point(2, shift=shift), point(3), point(4)]
    assert counts(compare(FIVE, stored)) == (5 - mistimed, 0, 0, mistimed, 0, 0)


def test_a_poll_that_took_long_excuses_only_itself() -> None:
    long = replace(FIVE[0], ended=4_000)
    stored = [point(0, shift=-900), point(1), point(2, shift=-1_500), point(3), point(4)]
    assert counts(compare([long, *FIVE[1:]], stored)) == (4, 0, 0, 1, 0, 0)
    assert counts(compare([long, *FIVE[1:]], [replace(stored[0], t=4_900), *stored[1:]])) == (4, 0, 0, 1, 0, 0)


def test_one_point_does_not_stand_for_two_readings() -> None:
    twins = [reading(1), replace(reading(1), began=30_000, ended=30_040)]
    assert counts(compare(twins, [replace(point(1), t=20_000)])) == (0, 1, 0, 1, 0, 0)


def test_a_series_dated_an_hour_off_is_mistimed_not_lost() -> None:
    assert counts(compare(FIVE, [point(number, shift=-3_600_000) for number in range(5)])) == (0, 0, 0, 5, 0, 0)


def test_two_that_swapped_their_times_are_mistimed() -> None:
    stored = [point(0), point(1, shift=10_010), point(2, shift=-9_990), point(3), point(4)]
    assert counts(compare(FIVE, stored)) == (3, 0, 0, 2, 0, 0)


def test_the_order_of_rows_does_not_matter() -> None:
    stored = [point(number) for number in (3, 0, 4, 2, 1)]
    assert counts(compare(reversed(FIVE), stored)) == (5, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("changed", [{"pack_voltage": 50.003}, {"current": 1.5}, {"current": None}, {"current": "x"}])
def test_a_changed_value_is_wrong(changed: dict[str, Any]) -> None:
    stored = [point(0), point(1), point(2, **changed), point(4)]
    verdict = compare([FIVE[0], FIVE[1], FIVE[2], FIVE[4]], stored)
    assert counts(verdict) == (3, 0, 0, 0, 1, 0)


def test_the_last_value_told_again_is_wrong() -> None:
    stored = [point(0), point(1), replace(point(1), t=20_010), point(3), point(4)]
    assert counts(compare(FIVE, stored)) == (4, 0, 0, 0, 1, 0)


def test_the_last_bits_of_a_float_do_not_matter() -> None:
    assert compare([reading(1)], [point(1, pack_voltage=50.001000001)]).clean


def test_a_point_that_nobody_answered_is_foreign() -> None:
    verdict = compare(FIVE, [*(point(number) for number in range(5)), point(77)])
    assert counts(verdict) == (5, 0, 0, 0, 0, 1)
    assert not verdict.clean


def test_the_readings_of_one_device_are_not_anothers() -> None:
    verdict = compare([reading(1), reading(1, "bms2")], [point(1), point(1, shift=20)])
    assert counts(verdict) == (1, 1, 1, 0, 0, 0)
    assert counts(compare([], [point(1, "bms9")])) == (0, 0, 0, 0, 0, 1)


def test_a_point_without_the_anchor_is_only_counted() -> None:
    failed = StoredPoint("bms1", 20_000, {"bus_error": "no answer in 350 ms, 3 tries"})
    verdict = compare([reading(1)], [point(1), failed])
    assert verdict.clean
    assert verdict.without_anchor == 1


def test_a_reading_that_was_not_certain_is_asked_for_only_when_it_is_there() -> None:
    doubtful = reading(2, certain=False)
    assert compare([reading(1), doubtful], [point(1)]).clean
    taken = compare([reading(1), doubtful], [point(1), point(2)])
    assert counts(taken) == (2, 0, 0, 0, 0, 0)
    assert counts(compare([doubtful], [point(2), point(2, shift=60)])) == (1, 0, 1, 0, 0, 0)
    assert counts(compare([doubtful], [point(2, current=9.0)])) == (0, 0, 0, 0, 1, 0)


def test_a_night_in_which_every_reading_says_the_same() -> None:
    dark = {"pv_voltage": 0.0, "pv_current": 0.0, "pv_power": 0.0, "battery_voltage": 52.8}
    readings = [ExpectedReading("mppt1", at, at + 20, dark) for at in range(0, 600_000, 10_000)]
    stored = [StoredPoint("mppt1", one.began, dark) for one in readings]
    assert compare(readings, stored).clean
    assert counts(compare(readings, stored[:30] + stored[31:])) == (59, 1, 0, 0, 0, 0)
    assert counts(compare(readings, [*stored, StoredPoint("mppt1", 300_500, dark)])) == (60, 0, 1, 0, 0, 0)
    lost_and_doubled = [*stored[:30], *stored[31:], StoredPoint("mppt1", 100_500, dark)]
    assert counts(compare(readings, lost_and_doubled)) == (59, 1, 1, 0, 0, 0)


@given(st.lists(st.sampled_from(["stored", "dropped", "doubled", "shifted", "changed"]), max_size=40))
def test_every_damage_is_counted_as_what_it_is(fates: list[str]) -> None:
    stored = []
    for number, fate in enumerate(fates):
        if fate in ("stored", "doubled"):
            stored.append(point(number))
        if fate == "doubled":
            stored.append(point(number, shift=400))
        if fate == "shifted":
            stored.append(point(number, shift=3_000))
        if fate == "changed":
            stored.append(point(number, current=99.0))
    verdict = compare([reading(number) for number in range(len(fates))], reversed(stored))
    assert counts(verdict) == (
        fates.count("stored") + fates.count("doubled"),
        fates.count("dropped"),
        fates.count("doubled"),
        fates.count("shifted"),
        fates.count("changed"),
        0,
    )
    assert verdict.expected == len(fates)


@given(st.data())
def test_any_points_at_all_stand_in_one_place_each(data: st.DataObject) -> None:
    numbers = st.integers(0, 6)
    readings = [reading(number) for number in data.draw(st.lists(numbers, unique=True))]
    points = [
        replace(point(number), t=time)
        for number, time in data.draw(st.lists(st.tuples(numbers, st.integers(-20_000, 90_000)), max_size=12))
    ]
    verdict = compare(readings, points)
    matched, _, duplicated, mistimed, wrong, foreign = counts(verdict)
    assert verdict.expected == len(readings)
    assert matched + mistimed + wrong + duplicated + foreign == len(points)
