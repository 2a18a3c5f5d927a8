import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intervals import IntervalSet

ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def numbers(of: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in of for number in range(first, last + 1)}


@given(ranges)
def test_holds_just_the_numbers_that_were_added(added: list[tuple[int, int]]) -> None:
    intervals = IntervalSet(added)
    assert {number for number in range(-2, 72) if number in intervals} == numbers(added)
    assert len(intervals) == len(numbers(added))


@given(ranges)
def test_ranges_are_sorted_and_never_touch(added: list[tuple[int, int]]) -> None:
    found = IntervalSet(added).ranges()
    assert all(first <= last for first, last in found)
    assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(found))


@given(ranges, st.integers(0, 70))
def test_run_end_is_the_last_before_a_gap(added: list[tuple[int, int]], start: int) -> None:
    expected = start - 1
    while expected + 1 in numbers(added):
        expected += 1
    assert IntervalSet(added).run_end(start) == expected


@given(ranges, st.integers(0, 70))
def test_discard_below_forgets_the_smaller_ones(added: list[tuple[int, int]], floor: int) -> None:
    intervals = IntervalSet(added)
    intervals.discard_below(floor)
    assert numbers(intervals.ranges()) == {number for number in numbers(added) if number >= floor}


@given(ranges, st.integers(0, 70))
def test_discard_forgets_one_number(added: list[tuple[int, int]], gone: int) -> None:
    intervals = IntervalSet(added)
    intervals.discard(gone)
    assert numbers(intervals.ranges()) == numbers(added) - {gone}
    assert intervals.ranges() == sorted(intervals.ranges())


def test_a_range_that_runs_backwards_is_an_error() -> None:
    with pytest.raises(ValueError, match="from 5 to 4"):
        IntervalSet().add(5, 4)


@pytest.mark.parametrize(
    ("ranges", "below", "gaps"),
    [
        ([], 0, []),
        ([], 3, [(0, 2)]),
        ([(0, 4)], 5, []),
        ([(2, 4), (7, 9)], 12, [(0, 1), (5, 6), (10, 11)]),
        ([(2, 4), (7, 9)], 6, [(0, 1), (5, 5)]),
        ([(2, 4), (7, 9)], 1, [(0, 0)]),
        ([(0, 9)], 5, []),
    ],
)
def test_gaps(ranges: list[tuple[int, int]], below: int, gaps: list[tuple[int, int]]) -> None:
    assert IntervalSet(ranges).gaps(below) == gaps


def test_the_last_number() -> None:
    assert IntervalSet([(2, 4), (7, 9)]).last() == 9
    assert IntervalSet().last() == -1


@given(ranges, ranges)
def test_one_lies_within_another_when_all_its_numbers_do(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    assert (IntervalSet(one) <= IntervalSet(other)) == (numbers(one) <= numbers(other))


@given(ranges, st.integers(0, 70), st.integers(0, 70))
def test_a_range_is_met_by_any_number_of_it(added: list[tuple[int, int]], one: int, other: int) -> None:
    first, last = sorted((one, other))
    assert IntervalSet(added).meets(first, last) == any(number in numbers(added) for number in range(first, last + 1))


@given(ranges, st.integers(1, 4))
def test_coarse_ranges_are_few_and_hold_every_number(added: list[tuple[int, int]], most: int) -> None:
    coarse = IntervalSet(added).coarse(most)
    assert len(coarse) <= most
    assert numbers(coarse) >= numbers(added)
    assert IntervalSet(coarse).ranges() == sorted(coarse)


def test_coarse_ranges_are_joined_where_they_are_closest() -> None:
    assert IntervalSet([(0, 1), (5, 6), (8, 9), (99, 99)]).coarse(2) == [(0, 9), (99, 99)]
