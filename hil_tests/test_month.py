"""The month that other tests look at is what it says it is."""

from gateway.summary import HOUR_MS
from hil_tests.month import Month


def test_the_month_has_its_readings_roll_ups_and_what_is_not_well(month: Month) -> None:
    query = month.database.query
    hours = (month.end - month.start) // HOUR_MS
    for unit in month.units:
        [readings] = query(f"SELECT COUNT(soc) FROM bms WHERE unit = '{unit}'")
        assert 0.95 < readings["count"] / (hours * 60) < 1
        [rolled_up] = query(f"SELECT COUNT(soc_mean) FROM bms_1h WHERE unit = '{unit}'")
        assert hours - 9 <= rolled_up["count"] <= hours
        assert len(query(f"SELECT pv_energy FROM unit_1d WHERE unit = '{unit}'")) >= 30
    assert query(
        f"SELECT * FROM bms WHERE time >= {month.night[0]}ms AND time < {month.night[1]}ms AND unit = 'raft-01'"
    )
    assert not query(
        f"SELECT * FROM bms WHERE time >= {month.night[0]}ms AND time < {month.night[1]}ms AND unit = 'raft-02'"
    )
    assert {row["reason"] for row in query("SELECT * FROM loss")} == set(month.losses.values())
    assert {row["time"] for row in query("SELECT * FROM bms WHERE time_quality = 'late'")} == {month.late}
    begun, ended = (
        query(f"SELECT * FROM event WHERE unit = 'raft-02' AND state = {state}") for state in ("true", "false")
    )
    assert len(begun) == len(ended) + 1


def test_an_hours_roll_up_is_what_the_database_finds_in_its_readings(month: Month) -> None:
    start = month.start + 48 * HOUR_MS
    hour = f"unit = 'raft-01' AND time >= {start}ms AND time < {start + HOUR_MS}ms"
    [found] = month.database.query(f"SELECT COUNT(soc) AS n, MEAN(pack_voltage) AS v FROM bms WHERE {hour}")
    [told] = month.database.query(f"SELECT soc_count, pack_voltage_mean FROM bms_1h WHERE {hour}")
    assert told["soc_count"] == found["n"]
    assert abs(told["pack_voltage_mean"] - found["v"]) < 1e-3
