import pytest

from ingest.report.figures import Figure, by_day, highest, lowest, supply, total
from tests.report_stand_ins import HOUR, at, hour, november

DAY = (at("2026-11-03 00:00"), at("2026-11-04 00:00"))


def test_a_sum_says_of_how_much_of_its_time_it_is_made() -> None:
    hours = [hour(DAY[0] + number * HOUR, pv_energy=10.0) for number in range(18)]
    assert total(hours, "charge_controller", "pv_energy", DAY) == Figure(180.0, 0.75)


def test_an_hour_of_another_day_another_kind_or_without_the_figure_adds_nothing() -> None:
    hours = [
        hour(DAY[0] - HOUR, pv_energy=1.0),
        hour(DAY[1], pv_energy=1.0),
        hour(DAY[0], "bms", "bms1", pv_energy=1.0),
        hour(DAY[0], load_energy=1.0),
    ]
    assert total(hours, "charge_controller", "pv_energy", DAY) == Figure(None, 0.0)


def test_of_two_devices_as_much_is_known_as_of_the_one_of_which_least_is() -> None:
    hours = [hour(DAY[0] + number * HOUR, pv_energy=1.0) for number in range(24)]
    hours += [hour(DAY[0] + number * HOUR, device="mppt2", pv_energy=1.0) for number in range(12)]
    assert total(hours, "charge_controller", "pv_energy", DAY) == Figure(36.0, 0.5)


def test_a_device_that_told_nothing_all_day_makes_the_day_unknown() -> None:
    hours = [hour(DAY[0], pv_energy=1.0), hour(DAY[1], device="mppt2", pv_energy=1.0)]
    assert total(hours, "charge_controller", "pv_energy", DAY) == Figure(1.0, 0.0)


def test_nothing_known_is_not_zero() -> None:
    days = by_day([], supply([]), november())
    assert len(days) == 30
    assert all(day.made.value is None and day.soc is None and day.supply == (0, 0, 24) for day in days)


def test_lowest_and_highest_are_those_of_the_span() -> None:
    hours = [hour(DAY[0] - HOUR, soc_min=1.0), hour(DAY[0], soc_min=40.0), hour(DAY[0] + HOUR, soc_min=30.0)]
    assert (lowest(hours, "soc_min", DAY), highest(hours, "soc_min", DAY)) == (30.0, 40.0)
    assert lowest(hours, "other", DAY) is None


def test_the_load_has_power_while_all_say_so_and_none_while_one_says_that_it_has_none() -> None:
    start = DAY[0]
    bms = ([(start, start + 10 * HOUR)], [(start + 10 * HOUR, start + 12 * HOUR)])
    controller = (
        [(start, start + 6 * HOUR), (start + 8 * HOUR, start + 24 * HOUR)],
        [(start + 6 * HOUR, start + 8 * HOUR)],
    )
    assert supply([bms, controller]).hours(DAY) == (8, 4, 12)


@pytest.mark.parametrize("share", [0.989, 0.991])
def test_a_day_is_complete_from_99_percent_on(share: float) -> None:
    assert Figure(1.0, share).is_complete is (share > 0.99)
