import json
import math
import re

import pytest

from ingest.points import health_line, reading_line
from ingest.reading import Reading, Value
from ingest.signals import catalogue

TIME = 1_764_000_000_123


def reading(signals: dict[str, Value], measurement: str = "bms", **other: str | None) -> Reading:
    identity = {"unit": "raft-01", "boot": "0a1b2c3d", "device": "bms1", "model": "jk_pb", "error": None} | other
    return Reading(seq=7, measurement=measurement, up=5_000, t=TIME, signals=signals, **identity)  # type: ignore[arg-type]


def test_a_reading_is_one_line_in_the_catalogues_order_and_types() -> None:
    signals: dict[str, Value] = {"cycles": 12, "charge_mosfet": True, "soc": 61, "pack_voltage": 52.287}
    assert reading_line("lan-ha-bay", reading(signals), TIME, "device") == (
        "bms,device=bms1,model=jk_pb,site=lan-ha-bay,unit=raft-01 "
        'pack_voltage=52.287,soc=61.0,cycles=12i,charge_mosfet=true,time_quality="device" 1764000000123',
        [],
    )


def test_a_reading_without_signals_still_tells_that_nothing_answered() -> None:
    line, set_aside = reading_line("s", reading({}, error='no "answer" in 350 ms'), TIME, "late")
    assert line.endswith(r'unit=raft-01 time_quality="late",bus_error="no \"answer\" in 350 ms" 1764000000123')
    assert set_aside == []


def test_the_order_in_which_signals_arrived_does_not_matter() -> None:
    signals: dict[str, Value] = {"soc": 50.5, "current": -3.25, "pack_voltage": 51.9}
    backwards = dict(reversed(signals.items()))
    assert reading_line("s", reading(signals), TIME, "device") == reading_line("s", reading(backwards), TIME, "device")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("flux_capacity", 1.21, "flux_capacity: not in ingest/signals.toml for bms"),
        ("soc", "61", "soc: '61' is not of type float"),
        ("soc", True, "soc: True is not of type float"),
        ("soc", math.nan, "soc: nan is no finite number"),
        ("soc", -math.inf, "soc: -inf is no finite number"),
        ("cycles", 12.0, "cycles: 12.0 is not of type int"),
        ("cycles", True, "cycles: True is not of type int"),
        ("cycles", 2**63, "cycles: 9223372036854775808 does not fit into 64 bits"),
        ("charge_mosfet", 1, "charge_mosfet: 1 is not of type bool"),
    ],
)
def test_a_signal_that_does_not_fit_is_set_aside_and_the_rest_goes_on(name: str, value: Value, reason: str) -> None:
    line, set_aside = reading_line("s", reading({name: value, "current": 1.5}), TIME, "device")
    assert set_aside == [reason]
    assert line.endswith(' current=1.5,time_quality="device" 1764000000123')


def test_an_integer_beyond_every_float_is_set_aside() -> None:
    _, set_aside = reading_line("s", reading({"soc": 10**400}), TIME, "device")
    assert len(set_aside) == 1


@pytest.mark.parametrize("stage", ["bu\nlk", "bu\x00lk", json.loads(r'"\ud800"')])
def test_a_string_that_would_break_the_line_is_set_aside(stage: str) -> None:
    line, set_aside = reading_line("s", reading({"stage": stage}, "charge_controller"), TIME, "device")
    assert set_aside == [f"stage: {stage!r} holds a character that line protocol cannot carry"]
    assert "stage" not in line


def test_a_unit_cannot_speak_for_the_gateway() -> None:
    line, _ = reading_line("s", reading({"time_quality": "device"}), TIME, "estimated")
    assert line.endswith(' time_quality="estimated" 1764000000123')


@pytest.mark.parametrize("unit", ["", "raft\\", "raft\n01"])
def test_a_name_that_no_tag_can_hold_is_an_error(unit: str) -> None:
    with pytest.raises(ValueError, match=r"^unit .*: a tag is not empty"):
        reading_line("s", reading({}, unit=unit), TIME, "device")


@pytest.mark.parametrize("measurement", ["inverter", "gateway"])
def test_a_measurement_that_is_none_of_a_device_is_an_error(measurement: str) -> None:
    with pytest.raises(ValueError, match=f"measurement '{measurement}' is none of bms, charge_controller, unit, loss"):
        reading_line("s", reading({}, measurement), TIME, "device")


def test_a_loss_is_a_point_of_the_unit_at_the_first_reading_that_is_lost() -> None:
    signals: dict[str, Value] = {"readings": 92, "last_seq": 99, "duration": 540, "reason": "spool_thinned"}
    lost = reading(signals, "loss", device="board", model="esp32")
    assert reading_line("s", lost, TIME, "device") == (
        "loss,device=board,model=esp32,site=s,unit=raft-01 "
        f'readings=92i,last_seq=99i,duration=540.0,reason="spool_thinned",time_quality="device" {TIME}',
        [],
    )


def test_the_gateways_health_is_a_point_of_the_site() -> None:
    line = health_line("Lan Ha Bay", {"backlog_age": 12, "backlog_readings": 3}, TIME)
    assert line == r"gateway,site=Lan\ Ha\ Bay backlog_readings=3i,backlog_age=12.0 1764000000123"


@pytest.mark.parametrize("fields", [{"backlog": 3}, {"backlog_readings": 3.0}])
def test_a_wrong_health_field_is_an_error(fields: dict[str, Value]) -> None:
    with pytest.raises(ValueError, match=r"^gateway health: backlog"):
        health_line("s", fields, TIME)


def test_names_of_the_catalogue_need_no_escaping() -> None:
    names = [*catalogue(), *(name for table in catalogue().values() for name in table)]
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)] == []
