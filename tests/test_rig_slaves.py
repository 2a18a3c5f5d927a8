"""The gate before the stand-ins, with a clock that the test moves."""

from typing import ClassVar

import pytest
from pymodbus.constants import ExcCodes

from hil_tests.frame import is_frame, with_crc
from hil_tests.model import Moment
from hil_tests.slaves import Slaves


def nothing_is_measured() -> Moment:
    raise AssertionError("the gate measures nothing")


class Deaf:
    """A device that needs 30 ms after each reply."""

    model = "deaf"
    address = reply_address = 2
    turnaround = 0.030
    resolution: ClassVar[dict[str, float]] = {}
    words: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        self.now = nothing_is_measured

    def span(self, start: int, count: int) -> range:
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        raise AssertionError(f"the gate reads nothing: {function} {start} {count}")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


READ = with_crc(bytes.fromhex("020312000004"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slaves(clock: Clock) -> Slaves:
    return Slaves([Deaf()], clock)


def test_a_read_goes_through_and_is_counted(slaves: Slaves) -> None:
    assert slaves.gate(READ) is None
    assert slaves.by_address[2].counters["requests"] == 1


@pytest.mark.parametrize(("later", "heard"), [(0.002, False), (0.029, False), (0.030, True), (1.0, True)])
def test_a_device_hears_nothing_while_it_turns_around(slaves: Slaves, clock: Clock, later: float, heard: bool) -> None:
    slaves.reply_ended(2)
    clock.now += later + 1e-9
    assert (slaves.gate(READ) is None) == heard
    assert slaves.by_address[2].counters["unheard"] == (0 if heard else 1)


def test_a_stranger_and_a_vanished_device_are_silent(slaves: Slaves) -> None:
    assert slaves.gate(with_crc(bytes.fromhex("030312000004"))) == b""
    slaves.by_model("deaf").present = False
    assert slaves.gate(READ) == b""


def test_what_is_no_read_is_exception_1_and_a_write_is_loud(slaves: Slaves, capsys: pytest.CaptureFixture[str]) -> None:
    assert slaves.gate(with_crc(bytes.fromhex("020612000001"))) == with_crc(bytes.fromhex("028601"))
    assert slaves.gate(with_crc(bytes.fromhex("0211"))) == with_crc(bytes.fromhex("029101"))
    assert slaves.by_address[2].counters["write_attempts"] == 1
    assert "WRITE ATTEMPT on deaf: 020612000001" in capsys.readouterr().err


def test_a_failing_address_refuses_every_read_that_covers_it(slaves: Slaves) -> None:
    slaves.by_model("deaf").failing[0x1203] = 4
    assert slaves.gate(READ) == with_crc(bytes.fromhex("028304"))
    assert slaves.gate(with_crc(bytes.fromhex("020312000003"))) is None


def test_an_unknown_model_is_named(slaves: Slaves) -> None:
    with pytest.raises(ValueError, match="no device 'daly' on this bus; there is deaf"):
        slaves.by_model("daly")


def test_frames_are_told_by_their_crc() -> None:
    captured = bytes.fromhex("010312000010417e")  # JK PB, rs485-bms-probe
    assert is_frame(captured)
    assert with_crc(captured[:-2]) == captured
    assert not is_frame(captured[:-1])
    assert not is_frame(b"\x00" + captured)
    assert not is_frame(b"")
