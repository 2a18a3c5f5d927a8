"""The JK stand-in against its register map: addresses and bytes are written out by hand."""

import random
import struct
from dataclasses import replace

import pytest
from pymodbus.constants import ExcCodes

from hil_tests.battery import Battery
from hil_tests.jk_pb_device import JkPb
from hil_tests.model import Moment, PowerUnit

NOON = 1_764_565_200.0
CELLS = tuple(3.300 + cell / 1000 for cell in range(16))  # 3.300 to 3.315 V: 52.920 V in all


def device(**changed: object) -> JkPb:
    moment = PowerUnit(1, NOON).at(NOON)
    bms = replace(Battery(1).read(random.Random(1)), cells=CELLS, current=-2.5, soc=0.64, soh=0.7)
    bms = replace(bms, **{"temperatures": (25.0, -3.2, 26.0, 24.4), "mosfet_temperature": 31.5} | changed)  # type: ignore[arg-type]
    return JkPb(lambda: Moment(NOON, bms, moment.controller))


def payload(start: int, count: int, **changed: object) -> bytes:
    answer = device(**changed).read(3, start, count)
    assert isinstance(answer, list)
    return struct.pack(f">{count}H", *answer)


def test_sixteen_registers_are_sixteen_cells_and_addresses_count_bytes() -> None:
    assert struct.unpack(">16H", payload(0x1200, 16)) == tuple(range(3300, 3316))
    assert struct.unpack(">2H", payload(0x1204, 2)) == (3302, 3303)  # cells 3 and 4
    assert payload(0x1220, 16) == bytes(32)  # cells 17 to 32 are not there
    assert payload(0x1240, 2) == bytes.fromhex("0000ffff")


def test_pack_voltage_power_and_current() -> None:
    # 52920 mV, |52.92 V × −2.5 A| = 132300 mW without sign, −2500 mA.
    assert payload(0x1290, 6) == bytes.fromhex("0000ceb8 000204cc fffff63c")
    assert payload(0x1298, 2, current=2.5) == bytes.fromhex("000009c4")
    assert payload(0x1294, 2, current=2.5) == bytes.fromhex("000204cc")
    assert payload(0x12E4, 1) == struct.pack(">H", 5292)


def test_temperatures_have_signs() -> None:
    assert struct.unpack(">2h", payload(0x129C, 2)) == (250, -32)
    assert struct.unpack(">h", payload(0x128A, 1)) == (315,)
    assert struct.unpack(">2h", payload(0x12F8, 2)) == (260, 244)
    assert payload(0x12D0, 1)[0] == 0b011111


def test_bytes_in_one_register() -> None:
    assert payload(0x12A6, 1) == bytes((0, 64))
    assert payload(0x12A6, 1, balance_current=0.6) == bytes((2, 64))
    assert payload(0x12A4, 1, balance_current=0.6) == struct.pack(">h", 600)
    assert payload(0x12B8, 1)[0] == 70
    assert payload(0x12C0, 1) == bytes((1, 1))
    assert payload(0x12C0, 1, charge_mosfet=False) == bytes((0, 1))


def test_a_healthy_unit_shows_the_alarm_bit_19_and_a_sick_one_its_own_too() -> None:
    assert payload(0x12A0, 2) == bytes.fromhex("00080000")
    assert payload(0x12A0, 2, over_voltage=True) == bytes.fromhex("00080030")
    assert payload(0x12A0, 2, under_voltage=True) == bytes.fromhex("00081800")


def test_capacities_and_cycles() -> None:
    assert struct.unpack(">2I", payload(0x12A8, 4, remaining_capacity=64.5, full_capacity=100.25)) == (64_500, 100_250)
    assert struct.unpack(">I", payload(0x12B0, 2, cycles=1240)) == (1240,)


def test_settings_and_names() -> None:
    assert payload(0x106C, 2) == bytes.fromhex("00000010")
    assert payload(0x1108, 2) == bytes.fromhex("00000002")
    assert payload(0x1400, 8).rstrip(b"\0") == b"JK_PB2A16S15P"
    assert payload(0x14B2, 1)[0] == 1


@pytest.mark.parametrize(
    ("start", "count"),
    [(0x1201, 1), (0x1200, 123), (0x1300, 3), (0x1114, 2), (0x14D4, 2), (0x0FFE, 1), (0x0000, 1), (0x1600, 1)],
)
def test_odd_long_and_outside_reads_are_exception_2(start: int, count: int) -> None:
    assert device().read(3, start, count) is ExcCodes.ILLEGAL_ADDRESS


def test_the_longest_read_is_122_registers() -> None:
    assert len(payload(0x1200, 122)) == 244


@pytest.mark.parametrize("function", [1, 2, 4])
def test_only_function_3_reads(function: int) -> None:
    assert device().read(function, 0x1200, 1) is ExcCodes.ILLEGAL_FUNCTION


def test_a_request_covers_twice_as_many_addresses_as_registers() -> None:
    assert 0x1290 in device().span(0x1280, 9)
    assert 0x1290 not in device().span(0x1280, 8)
