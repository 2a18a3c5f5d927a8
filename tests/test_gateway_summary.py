import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.summary import HOUR_MS, LONGEST_GAP_MS, Hour, HourPoint, day
from ingest.reading import Value
from ingest.signals import DAILY, OF_ONE_PACK, ROLLED_UP, catalogue

START = 1_795_000_000_000 // HOUR_MS * HOUR_MS
SECOND = 1000

Readings = list[tuple[int, dict[str, Value]]]


def hour(readings: Readings, measurement: str = "bms") -> dict[str, Value]:
    """Times in seconds from the hour's beginning."""
    made = Hour(measurement, START)
    for seconds, signals in readings:
        made.add(START + seconds * SECOND, signals)
    return made.fields()


def steady(first: int, last: int, step: int = 10, **signals: Value) -> Readings:
    return [(second, dict(signals)) for second in range(first, last + 1, step)]


def test_a_full_hour_of_a_steady_current() -> None:
    fields = hour(steady(-10, 3610, pack_voltage=50.0, current=2.0, soc=64))
    assert (fields["battery_energy_in"], fields["battery_energy_out"]) == (100.0, 0.0)
    assert (fields["battery_charge_in"], fields["battery_charge_out"]) == (2.0, 0.0)
    assert (fields["bms_covered"], fields["bms_readings"]) == (3600.0, 360)


def test_figures_of_a_signal_are_those_that_the_catalogue_asks_for() -> None:
    fields = hour([(0, {"soc": 60, "cycles": 7}), (10, {"soc": 64.5, "cycles": 7}), (20, {"soc": 61, "cycles": 8})])
    named = {name: value for name, value in fields.items() if name.startswith(("soc", "cycles"))}
    assert named == {
        "soc_min": 60,
        "soc_mean": 61.8333,
        "soc_max": 64.5,
        "soc_last": 61,
        "soc_count": 3,
        "cycles_last": 8,
    }


def test_last_is_the_last_in_time_and_not_the_last_that_came() -> None:
    assert hour([(3000, {"soc": 50}), (10, {"soc": 90})])["soc_last"] == 50


def test_a_whole_number_of_64_bits_stays_exact() -> None:
    assert hour([(0, {"cycles": 2**62 + 1})])["cycles_last"] == 2**62 + 1


def test_a_current_that_turns_round_goes_in_and_out() -> None:
    fields = hour([(0, {"current": 3.6}), (100, {"current": -3.6})])
    assert fields["battery_charge_in"] == fields["battery_charge_out"] == 0.025
    assert "battery_energy_in" not in fields


def test_what_lies_across_the_end_of_an_hour_is_divided_there() -> None:
    across: Readings = [(3590, {"pv_power": 100.0}), (3610, {"pv_power": 300.0})]
    before = hour(across, "charge_controller")
    after = hour([(seconds - 3600, signals) for seconds, signals in across], "charge_controller")
    assert before["pv_energy"] == pytest.approx(1500 / 3600, abs=1e-4)
    assert after["pv_energy"] == pytest.approx(2500 / 3600, abs=1e-4)
    assert before["charge_controller_covered"] == after["charge_controller_covered"] == 10.0


def test_a_gap_that_is_too_long_adds_nothing_and_is_missing_in_what_is_covered() -> None:
    longest = LONGEST_GAP_MS // SECOND
    bridged = hour([(0, {"current": 3.6}), (longest, {"current": 3.6})])
    assert (bridged["battery_charge_in"], bridged["bms_covered"]) == (0.3, float(longest))
    gap = hour([(0, {"current": 3.6}), (longest + 1, {"current": 3.6})])
    assert (gap["battery_charge_in"], gap["bms_covered"], gap["bms_readings"]) == (0.0, 0.0, 2)


def test_a_reading_without_the_value_is_stepped_over_and_one_without_any_tells_nothing() -> None:
    fields = hour([(0, {"current": 3.6}), (50, {"soc": 50}), (60, {}), (100, {"current": 3.6})])
    assert (fields["battery_charge_in"], fields["bms_readings"], fields["bms_covered"]) == (0.1, 3, 100.0)


def test_an_hour_of_which_nothing_is_known_makes_no_point() -> None:
    assert hour([]) == {}
    assert hour([(10, {}), (4000, {"soc": 50}), (-400, {"soc": 50})]) == {}
    assert hour([(3610, {"soc": 50})]) == {}


def test_a_value_of_the_wrong_type_is_not_summed_up() -> None:
    assert hour([(0, {"soc": "full", "current": True})]) == {"bms_readings": 1, "bms_covered": 0.0}


@given(st.permutations(range(40)))
def test_the_order_in_which_readings_come_changes_nothing(order: list[int]) -> None:
    noise = random.Random(5)
    readings: Readings = [
        (95 * number, {"current": noise.uniform(-9, 9), "pack_voltage": noise.uniform(48, 56), "soc": number})
        for number in range(40)
    ]
    assert hour([readings[number] for number in order]) == hour(readings)


def test_every_field_is_in_the_catalogue() -> None:
    for hourly, base in ROLLED_UP.items():
        signals: dict[str, Value] = {
            name: 3.3 if name.startswith("cell") else 1
            for name, signal in catalogue()[base].items()
            if signal.type in ("float", "int")
        }
        full = [(second, signals | {"cell_voltage_max": 3.5, "full_capacity": 100.0}) for second in (3500, 3610)]
        load_steps = [(second, signals | {"current": second // 10 % 2}) for second in range(0, 60, 10)]
        fields = hour([*load_steps, *full], base)
        assert fields.keys() == catalogue()[hourly].keys()
        point = HourPoint(START, "device", hourly, fields)
        assert day([point]).keys() <= catalogue()[DAILY].keys()
        assert day([point]).keys() == fields.keys() - set(OF_ONE_PACK)


def test_a_day_sums_up_its_hours() -> None:
    hours = [
        HourPoint(
            START, "bms1", "bms_1h", {"soc_min": 40, "soc_mean": 50.0, "soc_max": 60, "soc_last": 60, "soc_count": 1}
        ),
        HourPoint(
            START + HOUR_MS,
            "bms1",
            "bms_1h",
            {"soc_min": 55, "soc_mean": 80.0, "soc_max": 90, "soc_last": 56, "soc_count": 3},
        ),
    ]
    assert day(reversed(hours)) == {
        "soc_min": 40,
        "soc_mean": 72.5,
        "soc_max": 90,
        "soc_last": 56,
        "soc_count": 4,
    }


def test_a_day_adds_what_its_devices_gave_and_counts_the_time_of_the_least_known_one() -> None:
    def point(number: int, device: str, energy: float, covered: float) -> HourPoint:
        fields: dict[str, Value] = {
            "pv_energy": energy,
            "charge_controller_readings": 10,
            "charge_controller_covered": covered,
        }
        return HourPoint(START + number * HOUR_MS, device, "charge_controller_1h", fields)

    assert day([point(0, "pv1", 10.5, 3600.0), point(1, "pv1", 20.0, 3600.0), point(1, "pv2", 5.0, 1800.0)]) == {
        "pv_energy": 35.5,
        "charge_controller_readings": 30,
        "charge_controller_covered": 1800.0,
    }


def test_what_becomes_too_large_is_left_out_and_spoils_nothing_else() -> None:
    huge = 1.7e308
    fields = hour(
        [(0, {"pack_voltage": huge, "current": huge}), (10, {"pack_voltage": huge, "current": -huge, "soc": 5})]
    )
    assert (fields["soc_last"], fields["pack_voltage_max"], fields["bms_covered"]) == (5, huge, 10.0)
    assert not {"battery_energy_in", "pack_voltage_mean"} & fields.keys()
    assert day([HourPoint(START, "bms1", "bms_1h", fields)])["soc_last"] == 5


def test_a_day_leaves_out_a_mean_without_its_count() -> None:
    assert day([HourPoint(START, "bms1", "bms_1h", {"soc_mean": 50.0, "soc_max": 60})]) == {"soc_max": 60}
