import pytest

from gateway.priority import Priority, priority, slowest


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        ("event", Priority.EVENT),
        ("loss", Priority.SUMMARY),
        ("unit", Priority.SUMMARY),
        ("gateway", Priority.SUMMARY),
        ("bms_1h", Priority.SUMMARY),
        ("unit_1d", Priority.SUMMARY),
        ("bms", Priority.READING),
        ("charge_controller", Priority.READING),
        ("something_new", Priority.READING),
    ],
)
def test_each_measurement_has_its_class(measurement: str, expected: Priority) -> None:
    assert priority(measurement) is expected


def test_what_is_sent_together_waits_for_the_slowest() -> None:
    assert slowest(["event", "unit", "event"]) is Priority.SUMMARY
    assert slowest(["event", "bms"]) is Priority.READING
