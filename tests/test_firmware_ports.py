import pytest
import serial

from firmware.host.ports import choose, unusable
from ingest.settings_file import SettingsError


def test_the_port_that_is_named_is_taken_whatever_is_plugged_in() -> None:
    assert choose("/dev/ttyUSB1", {"/dev/ttyUSB0": "CP2102"}) == "/dev/ttyUSB1"


def test_the_only_one_need_not_be_named() -> None:
    assert choose("", {"/dev/ttyUSB0": "CP2102"}) == "/dev/ttyUSB0"


def test_none_and_several_are_one_line() -> None:
    with pytest.raises(SettingsError, match="no board or adapter is plugged in; use a cable that carries data"):
        choose("", {})
    with pytest.raises(
        SettingsError, match=r"port: /dev/ttyUSB0 \(CP2102\), /dev/ttyUSB1 \(USB Serial\); name the one"
    ):
        choose("", {"/dev/ttyUSB0": "CP2102", "/dev/ttyUSB1": "USB Serial"})


def test_a_port_that_is_not_there_is_named_once() -> None:
    with pytest.raises(serial.SerialException) as caught:
        serial.Serial("/dev/not-there")
    told = "/dev/not-there: No such file or directory; check cable and port, and that nothing else uses it"
    assert str(unusable("/dev/not-there", caught.value)) == told
