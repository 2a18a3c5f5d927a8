"""The stand-ins of the further devices against their register maps: addresses and numbers are written out by hand."""

import random
from dataclasses import replace

import pytest
from pymodbus.constants import ExcCodes

from hil_tests.battery import Battery
from hil_tests.daly_device import Daly, DalyP81
from hil_tests.frame import with_crc
from hil_tests.model import Moment, PowerUnit
from hil_tests.pace_device import Pace, PaceExtended
from hil_tests.renogy_device import RenogyRover
from hil_tests.seplos_device import SeplosV3
from hil_tests.slaves import Device, Slaves
from hil_tests.tristar_device import TristarMppt

NOON = 1_764_565_200.0
REFUSED = ExcCodes.ILLEGAL_ADDRESS


def moment(**controller: object) -> Moment:
    now = PowerUnit(1, NOON).at(NOON)
    bms = replace(
        Battery(1).read(random.Random(1)),
        cells=tuple(3.300 + cell / 1000 for cell in range(16)),
        current=-2.5,
        soc=0.64,
        soh=0.7,
        temperatures=(25.0, -3.2, 26.0, 24.4),
        mosfet_temperature=31.5,
        remaining_capacity=64.5,
        full_capacity=100.25,
        cycles=1240,
    )
    return Moment(NOON, bms, replace(now.controller, **controller))  # type: ignore[arg-type]


def read(device: Device, function: int, start: int, count: int) -> list[int]:
    answer = device.read(function, start, count)
    assert isinstance(answer, list)
    return answer


def test_a_seplos_has_hundredths_kelvins_and_bits() -> None:
    seplos = SeplosV3(moment)
    assert read(seplos, 4, 0x1000, 4) == [5292, 0x10000 - 250, 6450, 10025]
    assert read(seplos, 4, 0x1005, 3) == [640, 700, 1240]
    assert read(seplos, 4, 0x110E, 7) == [3314, 3315, 2981, 2699, 2991, 2975, 2731]
    assert read(seplos, 4, 0x1118, 2) == [3026, 3046]
    assert read(seplos, 1, 0x1240, 8) == [1, 0, 0, 0, 0, 0, 0, 0]  # discharge
    assert read(seplos, 1, 0x1278, 8) == [1, 1, 0, 0, 0, 0, 1, 0]  # both MOSFETs, and the reserved bit
    assert seplos.read(1, 0x1200, 145) is seplos.read(4, 0x1000, 19) is seplos.read(3, 0x1000, 1) is REFUSED


def test_a_pace_has_two_layouts() -> None:
    old, new = Pace(moment), PaceExtended(moment)
    assert read(old, 3, 0, 8) == [0x10000 - 250, 5292, 64, 70, 6450, 10025, 14000, 1240]
    assert read(old, 3, 11, 1) == [1 << 9 | 1 << 10 | 1 << 11]
    assert read(old, 3, 15, 2) == [3300, 3301]
    assert read(old, 3, 31, 6) == [250, 0x10000 - 32, 260, 244, 315, 295]
    assert old.read(3, 0, 49) is REFUSED
    assert read(new, 3, 15, 3) == [16, 3300, 3301]
    assert read(new, 3, 46, 4) == [2, 250, 0x10000 - 32, 0]
    assert read(new, 3, 57, 2) == [315, 0xFFFF]


def test_a_daly_has_offsets_and_two_maps() -> None:
    d2, p81 = Daly(moment), DalyP81(moment)
    assert read(d2, 3, 0x20, 5) == [65, 37, 66, 64, 40]
    assert read(d2, 3, 0x28, 3) == [529, 29975, 640]
    assert read(d2, 3, 0x2F, 5) == [2, 645, 16, 4, 1240]
    assert read(d2, 3, 0x39, 2) == [132, 0]
    assert read(d2, 3, 0x42, 1) == [72]
    assert d2.read(3, 0, 81) is REFUSED
    assert Daly(moment, newer=False).read(3, 0x3E, 9) is REFUSED
    assert read(p81, 3, 0x38, 3) == [529, 29975, 640]
    assert read(p81, 3, 0x3C, 2) == [16, 4]
    assert read(p81, 3, 0x4B, 4) == [645, 1240, 0xFFFF, 0xFFFF]
    assert (p81.address, p81.reply_address) == (0x81, 0x51)


def test_a_renogy_has_signed_bytes_and_refuses_a_span_whole() -> None:
    def cold() -> Moment:
        return moment(
            temperature=41.2, battery_temperature=-9.7, battery_voltage=53.44, charge_current=20.5, stage="float"
        )

    renogy = RenogyRover(cold)
    assert read(renogy, 3, 0x0101, 3) == [534, 2050, 41 << 8 | 0x8A]
    assert read(renogy, 3, 0x0120, 1)[0] & 0xFF == 5
    assert read(renogy, 3, 0x011C, 2) == [round(cold().controller.pv_energy.total) >> 16, 1_480_000 & 0xFFFF]
    assert len(read(renogy, 3, 0x0100, 35)) == 35
    assert renogy.read(3, 0x0100, 36) is REFUSED
    assert renogy.read(4, 0x0100, 1) is ExcCodes.ILLEGAL_FUNCTION


def test_a_tristar_scales_by_its_first_words() -> None:
    tristar = TristarMppt(lambda: moment(battery_voltage=55.008, charge_current=9.523, stage="absorption"))
    assert read(tristar, 3, 0, 4) == [180, 16384, 78, 934]
    assert read(tristar, 3, 0x18, 1) == read(tristar, 4, 0x18, 1) == [10000]
    assert read(tristar, 3, 0x1C, 1) == [4000]
    assert read(tristar, 3, 0x32, 1) == [6]
    assert read(tristar, 3, 0x39, 1) == [1480]
    assert tristar.read(3, 0, 0x5D) is REFUSED


@pytest.mark.parametrize(
    ("device", "question", "answer"),
    [
        (SeplosV3(moment), "000410000002", "00040414acff06"),
        (SeplosV3(moment), "000112780008", "00010143"),
        (SeplosV3(moment), "000410000063", "008402"),
        (DalyP81(moment), "810300380002", "510304021175 17"),
        (DalyP81(moment), "8103004000 02", "518302"),
    ],
)
def test_the_gate_answers_for_address_0_and_from_another_address(device: Device, question: str, answer: str) -> None:
    slaves = Slaves([device], lambda: 0.0)
    assert slaves.gate(with_crc(bytes.fromhex(question))) == with_crc(bytes.fromhex(answer))
