import pytest

from gateway.page.pin import LONGEST_WAIT_MS, Pin


class Clock:
    """Stands in for the boottime."""

    def __init__(self) -> None:
        self.now = 5_000_000

    def __call__(self) -> int:
        return self.now


def test_the_pin_fits_and_another_does_not() -> None:
    pin = Pin("471108", Clock())
    assert not pin.fits("471109")
    assert not pin.fits("")
    assert pin.fits("471108")


def test_characters_beyond_ascii_are_compared_too() -> None:
    assert Pin("vịnh-lan-hạ", Clock()).fits("vịnh-lan-hạ")
    assert not Pin("471108", Clock()).fits("٤٧١١٠٨")


def test_from_the_third_wrong_one_on_everybody_waits_longer_and_longer() -> None:
    clock = Clock()
    pin = Pin("471108", clock)
    waits = []
    for _ in range(12):
        assert not pin.fits("000000")
        waits.append(pin.wait_seconds())
        clock.now += round(pin.wait_seconds() * 1000)
    assert waits[:6] == [0, 0, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_WAIT_MS / 1000


def test_while_there_is_a_wait_even_the_pin_is_not_heard() -> None:
    clock = Clock()
    pin = Pin("471108", clock)
    for _ in range(3):
        pin.fits("000000")
    clock.now += 1999
    assert not pin.fits("471108")
    clock.now += 1
    assert pin.fits("471108")
    assert not pin.fits("000000")
    assert pin.wait_seconds() == 0


def test_the_pin_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    pin = Pin("471108", Clock())
    for _ in range(4):
        pin.fits("471107")
    assert "wrong PINs" in caplog.text
    assert "47110" not in caplog.text
