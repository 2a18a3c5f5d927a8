"""The rig's invented power unit: its numbers have to fit each other, or nothing measured on it means anything."""

import pytest

from hil_tests.battery import CELLS, Battery, Limits, open_circuit_voltage
from hil_tests.model import ABSORPTION_VOLTAGE, Moment, PowerUnit
from hil_tests.sun import LOCAL_TIME, SunClock, array_power_point, irradiance, local_hour, today_at

MIDNIGHT = 1_764_547_200 - LOCAL_TIME  # 2025-12-01 00:00 in the bay
HOUR = 3600


def days(count: int, seed: int = 7, soc: float = 0.6) -> list[Moment]:
    unit = PowerUnit(seed, MIDNIGHT, step=60, soc=soc)
    return [unit.at(MIDNIGHT + 60 * minute) for minute in range(count * 1440)]


@pytest.fixture(scope="module")
def week() -> list[Moment]:
    return days(7)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    one, same, other = (PowerUnit(seed, MIDNIGHT).at(MIDNIGHT + 12 * HOUR) for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_numbers_do_not_depend_on_when_somebody_looked() -> None:
    watched, alone = PowerUnit(3, MIDNIGHT), PowerUnit(3, MIDNIGHT)
    for minute in range(60):
        watched.at(MIDNIGHT + 60 * minute)
    assert watched.at(MIDNIGHT + HOUR) == alone.at(MIDNIGHT + HOUR)


def test_two_polls_a_moment_apart_differ() -> None:
    unit = PowerUnit(3, MIDNIGHT)
    first, second = unit.at(MIDNIGHT + HOUR), unit.at(MIDNIGHT + HOUR + 0.5)
    assert first.bms.pack_voltage != second.bms.pack_voltage
    assert first.controller.pv_voltage != second.controller.pv_voltage


def test_time_does_not_run_backwards() -> None:
    unit = PowerUnit(3, MIDNIGHT)
    unit.at(MIDNIGHT + HOUR)
    with pytest.raises(ValueError, match="is past"):
        unit.at(MIDNIGHT)


def test_pack_voltage_is_the_sum_of_sixteen_cells(week: list[Moment]) -> None:
    for moment in week[::17]:
        assert len(moment.bms.cells) == CELLS
        assert round(moment.bms.pack_voltage * 1000) == sum(round(cell * 1000) for cell in moment.bms.cells)


def test_power_is_voltage_times_current_and_the_battery_takes_charge_minus_load(week: list[Moment]) -> None:
    for moment in week[::17]:
        controller = moment.controller
        assert controller.charge_power == pytest.approx(controller.battery_voltage * controller.charge_current)
        assert controller.battery_current == pytest.approx(controller.charge_current - controller.load_current)
        assert moment.bms.current == pytest.approx(controller.battery_current, abs=0.15)  # each has its own noise
        assert controller.charge_power <= controller.pv_power * 1.02 + 2


def test_energy_counters_integrate_power(week: list[Moment]) -> None:
    evening = 18 * 60
    watt_hours = sum(moment.controller.pv_power / 60 for moment in week[:evening])
    assert week[evening].controller.pv_energy.today == pytest.approx(watt_hours, rel=0.02)
    assert watt_hours > 300


def test_charge_lost_and_gained_is_the_current_over_time(week: list[Moment]) -> None:
    night = [moment for moment in week[:1440] if local_hour(moment.t) < 5]
    ampere_hours = -sum(moment.bms.current / 60 for moment in night)
    spent = night[0].bms.remaining_capacity - night[-1].bms.remaining_capacity
    assert spent == pytest.approx(ampere_hours, rel=0.03)


def test_a_night_is_dark_and_noon_is_not(week: list[Moment]) -> None:
    for moment in week:
        hour = local_hour(moment.t)
        if hour < 5 or hour > 19:
            assert moment.controller.stage == "night"
            assert moment.controller.pv_current == 0
            assert moment.controller.pv_voltage < 5
        if 11 < hour < 13:
            assert moment.controller.stage != "night"
            assert moment.controller.pv_voltage > 60


def test_a_full_battery_is_held_at_absorption_then_at_float() -> None:
    moments = days(3, soc=0.97)
    stages = [moment.controller.stage for moment in moments]
    assert {"night", "bulk", "absorption", "float"} <= set(stages)
    assert stages.index("bulk") < stages.index("absorption") < stages.index("float")
    held = [moment.bms.pack_voltage for moment in moments if moment.controller.stage == "absorption"]
    assert max(held) == pytest.approx(ABSORPTION_VOLTAGE, abs=0.1)


def test_daily_counters_are_cleared_at_the_controllers_own_midnight() -> None:
    unit = PowerUnit(7, MIDNIGHT, step=60, clock_error=-15 * HOUR)  # its midnight is at 15:00
    before = unit.at(MIDNIGHT + 14 * HOUR + 3000).controller
    after = unit.at(MIDNIGHT + 15 * HOUR).controller
    assert before.pv_energy.today > 300
    assert after.pv_energy.today == 0
    assert after.pv_energy.total >= before.pv_energy.total
    assert after.clock.isoformat() == "2025-12-01T00:00:00"


def test_the_household_loses_its_supply_before_the_pack_is_ruined() -> None:
    moments = days(4, soc=0.05)
    assert any(moment.bms.under_voltage or moment.controller.load_disconnected for moment in moments)
    assert min(min(moment.bms.cells) for moment in moments) > 2.5


def test_the_controller_drops_the_load_at_a_low_voltage_and_takes_it_back_later() -> None:
    unit = PowerUnit(7, MIDNIGHT, step=60, soc=0.04, limits=Limits(under_voltage=1.5, under_voltage_recovery=1.6))
    moments = [unit.at(MIDNIGHT + 60 * minute) for minute in range(1440)]
    dropped = [moment.controller.load_disconnected for moment in moments]
    first = dropped.index(True)
    assert False in dropped[first:]
    for moment in moments[first + 1 :]:
        assert (moment.controller.load_current == 0) == moment.controller.load_disconnected


def test_the_balancer_moves_charge_and_makes_none() -> None:
    battery = Battery(1, soc=0.99)
    battery.cells[4].charge += 1.5
    charge, highest = sum(cell.charge for cell in battery.cells), battery.cells[4].charge
    for _ in range(10):
        battery.step(0, 25, 60)
    assert battery.balance_current > 0
    assert battery.cells[4].charge < highest
    assert sum(cell.charge for cell in battery.cells) == pytest.approx(charge)


def test_current_warms_the_battery() -> None:
    resting, working = Battery(1, ambient=25), Battery(1, ambient=25)
    for _ in range(60):
        resting.step(0, 25, 60)
        working.step(-30, 25, 60)
    assert working.temperature > resting.temperature == 25


def test_over_voltage_opens_the_charge_mosfet_until_the_cell_has_recovered() -> None:
    battery = Battery(1, soc=0.98)
    while battery.charge_mosfet:
        battery.step(20, 25, 60)
    assert battery.over_voltage
    assert battery.discharge_mosfet
    battery.step(0, 25, 10)
    assert not battery.charge_mosfet  # above recovery still
    for _ in range(60):
        battery.step(-20, 25, 60)
    assert battery.charge_mosfet


def test_a_unit_whose_charge_mosfet_is_open_does_not_charge() -> None:
    unit = PowerUnit(7, MIDNIGHT, step=60, soc=0.9, limits=Limits(over_voltage=3.3, over_voltage_recovery=3.2))
    noon = unit.at(MIDNIGHT + 12 * HOUR)
    assert not noon.bms.charge_mosfet
    assert noon.bms.current < 0.05


def test_the_weakest_cell_is_the_first_at_the_bottom() -> None:
    battery = Battery(1, soc=0.5)
    while not battery.under_voltage:
        battery.step(-10, 25, 60)
    lowest = min(battery.cells, key=lambda cell: cell.resting_voltage)
    assert lowest.charge == pytest.approx(battery.remaining_capacity)
    assert battery.remaining_capacity < 0.05 * battery.full_capacity


def test_open_circuit_voltage_rises_with_charge() -> None:
    volts = [open_circuit_voltage(percent / 100) for percent in range(-5, 106)]
    assert volts == sorted(volts)
    assert volts[5] == 2.6


def test_the_array_gives_its_rating_at_standard_conditions_and_nothing_in_the_dark() -> None:
    assert array_power_point(1000, -5).power == pytest.approx(600)  # -5 °C air makes 25 °C cells
    assert array_power_point(0, 25).power == 0
    assert irradiance(1, MIDNIGHT) == 0


def test_sun_time_may_be_noon_whatever_the_clock_says() -> None:
    wall = 1_764_600_000.0
    noon = today_at(wall, "12:00")
    assert local_hour(noon) == 12
    assert abs(noon - wall) < 86400
    assert SunClock(wall, noon, speed=60).sun_time(wall + 60) == noon + HOUR


@pytest.mark.parametrize("text", ["noon", "24:00", "12", ""])
def test_a_sun_time_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"sun time '{text}' is not a time of day; write it as HH:MM"):
        today_at(0, text)
