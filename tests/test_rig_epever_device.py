"""The EPEver stand-in against its register map: addresses and numbers are written out by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pymodbus.constants import ExcCodes

from hil_tests.epever_device import EpeverTracer
from hil_tests.model import EnergyReading, Moment, PowerUnit

NOON = 1_764_565_200.0


def device(refuses_gaps: bool = False, **changed: object) -> EpeverTracer:
    moment = PowerUnit(1, NOON).at(NOON)
    known = {
        "stage": "bulk",
        "pv_voltage": 85.12,
        "pv_current": 14.31,
        "battery_voltage": 53.44,
        "charge_current": 22.0,
        "load_current": 2.5,
        "battery_current": 19.5,
        "battery_temperature": -1.5,
        "temperature": 41.0,
        "battery_soc": 0.7,
        "night": False,
        "load_disconnected": False,
        "pv_energy": EnergyReading(2_340.0, 40_000.0, 500_000.0, 700_000_000.0),
        "clock": datetime(2025, 12, 31, 23, 58, 7, tzinfo=UTC),
    }
    controller = replace(moment.controller, **known | changed)  # type: ignore[arg-type]
    return EpeverTracer(lambda: Moment(NOON, moment.bms, controller), refuses_gaps=refuses_gaps)


def read(function: int, start: int, count: int, **changed: object) -> list[int]:
    answer = device(**changed).read(function, start, count)  # type: ignore[arg-type]
    assert isinstance(answer, list)
    return answer


def test_live_values_are_hundredths_with_the_low_word_first() -> None:
    # 85.12 V × 14.31 A = 1218.07 W = 121807 hundredths = 0x1DBCF; 53.44 V × 22 A = 1175.68 W = 0x1CB40.
    assert read(4, 0x3100, 8) == [8512, 1431, 0xDBCF, 0x0001, 5344, 2200, 0xCB40, 0x0001]
    assert read(4, 0x310C, 4) == [5344, 250, 13360, 0]
    assert read(4, 0x3110, 2) == [0x10000 - 150, 4100]
    assert read(4, 0x311A, 1) == [70]


def test_net_current_is_signed_and_its_halves_can_be_torn() -> None:
    assert read(4, 0x331B, 2) == [1950, 0]
    assert read(4, 0x331B, 2, battery_current=-2.5) == [0xFF06, 0xFFFF]
    assert read(4, 0x331C, 1, battery_current=-2.5) == [0xFFFF]


def test_energy_is_hundredths_of_a_kilowatt_hour() -> None:
    assert read(4, 0x330C, 8) == [234, 0, 4_000, 0, 50_000, 0, 70_000_000 & 0xFFFF, 70_000_000 >> 16]


@pytest.mark.parametrize(("stage", "bits"), [("bulk", 2), ("absorption", 2), ("float", 1), ("night", 0)])
def test_the_charging_stage_stands_in_bits_2_and_3(stage: str, bits: int) -> None:
    assert read(4, 0x3201, 1, stage=stage)[0] >> 2 & 3 == bits


def test_status_words() -> None:
    assert read(4, 0x3200, 3) == [0, 0x0009, 1]
    assert read(4, 0x3200, 3, night=True, stage="night", load_current=0.0) == [0, 0x4001, 0]
    assert read(4, 0x3200, 1, battery_voltage=49.0) == [2]
    assert read(4, 0x3200, 1, load_disconnected=True) == [3]


def test_the_clock_and_the_settings_are_holding_registers() -> None:
    assert read(3, 0x9013, 3) == [58 << 8 | 7, 31 << 8 | 23, 25 << 8 | 12]
    assert read(3, 0x9003, 12)[4:6] == [5600, 5400]
    assert read(3, 0x9018, 1) == [0xF060]  # −40.00 °C, as captured


def test_night_is_a_discrete_input() -> None:
    assert read(2, 0x2000, 13) == [0] * 13
    assert read(2, 0x2000, 13, night=True)[12] == 1
    assert read(2, 0x200C, 1, night=True) == [1]
    assert read(2, 0x2000, 1, temperature=90.0) == [1]


@pytest.mark.parametrize(("function", "start"), [(3, 0x3100), (4, 0x9000), (4, 0x2000), (2, 0x3100), (1, 0x0002)])
def test_the_wrong_function_is_exception_2(function: int, start: int) -> None:
    assert device().read(function, start, 1) is ExcCodes.ILLEGAL_ADDRESS


def test_a_span_may_run_over_a_gap_unless_the_firmware_minds() -> None:
    assert read(4, 0x3100, 16)[8:12] == [0, 0, 0, 0]
    assert device(refuses_gaps=True).read(4, 0x3100, 16) is ExcCodes.ILLEGAL_ADDRESS
    assert read(4, 0x3100, 8, refuses_gaps=True)[0] == 8512


def test_a_span_that_begins_in_a_gap_or_is_longer_than_ever_measured_is_exception_2() -> None:
    assert device().read(4, 0x3108, 2) is ExcCodes.ILLEGAL_ADDRESS
    assert device().read(4, 0x3300, 23) is ExcCodes.ILLEGAL_ADDRESS
    assert len(read(4, 0x3300, 22)) == 22
