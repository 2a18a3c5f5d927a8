from pathlib import Path

import pytest

from ingest.report import settings
from ingest.settings_file import SettingsError

GIVEN = """
time_zone = "Asia/Ho_Chi_Minh"
[database]
kind = "influxdb1"
url = "http://127.0.0.1:8086"
database = "powerunit"
[baseline]
name = "grid"
factor = 0.66
source = "a ministry"
"""


def loaded(folder: Path, text: str) -> settings.ReportSettings:
    file = folder / "report.toml"
    file.write_text(text, "utf-8")
    return settings.load(file)


def test_the_example_is_complete(tmp_path: Path) -> None:
    text = Path(settings.EXAMPLE).read_text("utf-8")
    (tmp_path / "reader.password").write_text("secret", "utf-8")
    found = loaded(tmp_path, text)
    assert found.zone.key == "Asia/Ho_Chi_Minh"
    assert found.baseline.factor == found.baseline.lowest == 0.6592
    assert "https://" in found.baseline.source


def test_the_examples_diesel_factors_are_those_of_its_formula() -> None:
    text = Path(settings.EXAMPLE).read_text("utf-8")
    for name, per_gigajoule, efficiency in (("factor", 74.1, 0.25), ("lowest", 72.6, 0.49), ("highest", 74.8, 0.25)):
        assert f"# {name} = {per_gigajoule * 3.6 / 1000 / efficiency:.3f}" in text


def test_without_a_range_the_factor_stands_at_both_ends(tmp_path: Path) -> None:
    found = loaded(tmp_path, GIVEN).baseline
    assert (found.lowest, found.factor, found.highest) == (0.66, 0.66, 0.66)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "a ministry"', "", "baseline.source: missing"),
        ("factor = 0.66", "", "baseline.factor: missing"),
        ("factor = 0.66", "factor = 0", "baseline.factor: 0; give kg CO2 per kWh"),
        ("factor = 0.66", "factor = 66", "baseline.factor: 66; give kg CO2 per kWh"),
        ("factor = 0.66", "factor = 0.66\nlowest = 0.7", "baseline.lowest: 0.7; give at most the factor"),
        ("factor = 0.66", "factor = 0.66\nhighest = 0.6", "baseline.highest: 0.6; give at least the factor"),
        ("factor = 0.66", "factor = 0.66\nfaktor = 1", "baseline.faktor: no such key"),
        ("Asia/Ho_Chi_Minh", "Asia/Hanoy", "time_zone: 'Asia/Hanoy'; give a name such as"),
        ("Asia/Ho_Chi_Minh", "Asia/Kolkata", "time_zone: 'Asia/Kolkata'; give one that is whole hours"),
        ('time_zone = "Asia/Ho_Chi_Minh"', 'timezone = "UTC"', "timezone: no such key"),
        ('database = "powerunit"', 'database = "powerunit"\nbucket = "b"', "database.bucket: no such key"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GIVEN
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, GIVEN.replace(old, new))
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/report.toml:")
    assert "\n" not in str(caught.value)
