"""The schedule of a soak's faults. No chain is harmed."""

from itertools import pairwise

import pytest

from hil_tests.faults import HOUR, KINDS, LANES, Fault, schedule


def test_a_seed_gives_the_same_faults_again_and_another_seed_others() -> None:
    assert schedule(7, HOUR) == schedule(7, HOUR)
    assert schedule(7, HOUR) != schedule(8, HOUR)


def test_a_longer_soak_begins_like_a_shorter_one() -> None:
    short, long = schedule(7, HOUR), schedule(7, 2 * HOUR)
    assert [fault for fault in long if fault in short] == short


@pytest.mark.parametrize("lane", LANES)
def test_in_a_lane_one_fault_ends_before_the_next_begins(lane: str) -> None:
    faults = [fault for fault in schedule(7, HOUR) if fault.lane == lane]
    assert len(faults) > 2
    assert all(earlier.end < later.begin for earlier, later in pairwise(faults))
    assert faults[-1].end < HOUR


def test_lanes_overlap() -> None:
    faults = schedule(7, HOUR)
    assert any(one.lane != other.lane and one.begin < other.begin < one.end for one in faults for other in faults)


def test_a_day_holds_every_kind() -> None:
    assert {fault.kind for fault in schedule(7, 24 * HOUR)} == set(KINDS)


def test_haste_shortens_pauses_and_faults() -> None:
    assert len(schedule(7, HOUR, haste=10)) > 5 * len(schedule(7, HOUR))


def test_a_fault_is_told_in_one_line() -> None:
    assert str(Fault(10, 14, "clock", "clock set", {"hours": -3})) == "clock set hours=-3 for 4 s"
    assert str(Fault(1, 31, "link", "link down")) == "link down for 30 s"
