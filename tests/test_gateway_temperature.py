from pathlib import Path

import pytest

from gateway.temperature import cpu_temperature


def test_it_is_in_degrees(tmp_path: Path) -> None:
    sensor = tmp_path / "temp"
    sensor.write_text("48312\n", "ascii")
    assert cpu_temperature(sensor) == 48.312


@pytest.mark.parametrize("text", ["", "n/a"])
def test_one_that_says_nothing_has_no_temperature(tmp_path: Path, text: str) -> None:
    sensor = tmp_path / "temp"
    sensor.write_text(text, "ascii")
    assert cpu_temperature(sensor) is None


def test_where_there_is_no_sensor_there_is_no_temperature(tmp_path: Path) -> None:
    assert cpu_temperature(tmp_path / "none") is None
