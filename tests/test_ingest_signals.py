import pytest

from gateway import alarm_rules
from ingest.signals import DEVICE_MEASUREMENTS, catalogue, expand, signal


def test_a_numbered_name_stands_for_all_its_signals() -> None:
    assert expand("cell_{08..11}_voltage") == [
        "cell_08_voltage",
        "cell_09_voltage",
        "cell_10_voltage",
        "cell_11_voltage",
    ]
    assert expand("temperature_{1..3}") == ["temperature_1", "temperature_2", "temperature_3"]
    assert expand("soc") == ["soc"]


def test_a_signal_knows_its_unit_range_and_type() -> None:
    soc = signal("bms", "soc")
    assert (soc.measurement, soc.name, soc.type, soc.unit, soc.minimum, soc.maximum) == (
        "bms",
        "soc",
        "float",
        "%",
        0,
        100,
    )
    assert "float" in signal("charge_controller", "stage").values


def test_every_device_measurement_tells_who_dated_it_and_what_failed() -> None:
    for measurement in DEVICE_MEASUREMENTS:
        assert {"time_quality", "bus_error"} <= catalogue()[measurement].keys()
    assert "time_quality" not in catalogue()["gateway"]


def test_every_number_has_a_range_and_no_range_is_upside_down() -> None:
    for table in catalogue().values():
        for entry in table.values():
            if entry.type in ("float", "int"):
                assert entry.minimum is not None, entry.name
                assert entry.maximum is not None, entry.name
                assert entry.minimum < entry.maximum, entry.name
            else:
                assert (entry.minimum, entry.maximum, entry.unit) == (None, None, ""), entry.name


def test_what_is_healthy_is_plausible_and_ends_where_an_alarm_does() -> None:
    for table in catalogue().values():
        for entry in table.values():
            low = entry.minimum if entry.healthy_min is None else entry.healthy_min
            high = entry.maximum if entry.healthy_max is None else entry.healthy_max
            if low is not None and high is not None and entry.minimum is not None and entry.maximum is not None:
                assert entry.minimum <= low <= high <= entry.maximum, entry.name
    for rule in alarm_rules.load(alarm_rules.DEFAULT).limits:
        for name in rule.signals:
            entry = signal(rule.measurement, name)
            healthy = entry.healthy_max if rule.limit.sign == 1 else entry.healthy_min
            assert healthy is not None, name
            assert rule.limit.beyond(healthy) is False, name


def test_a_figure_is_healthy_where_its_signal_is_and_a_count_never_says() -> None:
    lowest, count = signal("bms_1h", "soc_min"), signal("unit_1d", "soc_count")
    assert (lowest.healthy_min, lowest.healthy_max) == (signal("bms", "soc").healthy_min, None)
    assert (count.healthy_min, count.healthy_max) == (None, None)


@pytest.mark.parametrize(("measurement", "name"), [("bms", "flux_capacity"), ("inverter", "soc")])
def test_an_unknown_signal_is_told_in_a_sentence(measurement: str, name: str) -> None:
    with pytest.raises(KeyError, match=f"signal {name!r} of {measurement!r} is not in ingest/signals.toml"):
        signal(measurement, name)
