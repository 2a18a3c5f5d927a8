"""Hours and days of the real gateway, in seconds: its clock is set forward. Broker and InfluxDB are real, the board is
scripted; what is summed up is compared with a sum of its own, made here of what the database holds.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hil_tests.scripted_board import DEADLINE, POLL_MS, POLLS_BEFORE, UNIT, ScriptedBoard, utc_ms
from hil_tests.services import InfluxDB, Mosquitto, wait_until
from hil_tests.skipping_gateway import SkippingGateway
from hil_tests.test_gateway import DATABASE_PASSWORD, PASSWORDS, broker, database

__all__ = ["broker", "database"]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SETTLED = 11 * MINUTE
"""After so long an hour is over, and no reading has fallen into it for long enough."""

LONGEST_GAP = 300_000
STEPS = 200


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto, database: InfluxDB) -> Iterator[SkippingGateway]:
    gateway = SkippingGateway(
        tmp_path,
        broker,
        database.url,
        broker_password=PASSWORDS["gateway"],
        database_password=DATABASE_PASSWORD,
    )
    yield gateway
    gateway.stop()


def store(board: ScriptedBoard, *stretches: range) -> None:
    for seqs in stretches:
        board.take(seqs)
    for seqs in stretches:
        board.wait_acknowledged(seqs)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, DEADLINE, what)


def count(database: InfluxDB, measurement: str) -> int:
    return len(database.query(f'SELECT * FROM "{measurement}"'))


def integral(
    rows: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float], start: int
) -> tuple[float, float]:
    """What is above zero and what is below in the hour from `start`, in value times hours: by many small steps."""
    above = below = 0.0
    for first, second in pairwise(sorted(rows, key=lambda row: int(row["time"]))):
        span = second["time"] - first["time"]
        if span > LONGEST_GAP:
            continue
        for step in range(STEPS):
            share = (step + 0.5) / STEPS
            if start <= first["time"] + share * span < start + HOUR:
                area = (value(first) + share * (value(second) - value(first))) * span / STEPS / HOUR
                above, below = above + max(area, 0.0), below + max(-area, 0.0)
    return above, below


def two_devices(seq: int) -> dict[str, Any]:
    """The battery at every even seq, discharged and charged in turns, and the controller at every odd one."""
    if seq % 2:
        power = 400 + 300 * math.sin(seq / 50)
        signals = {"pv_power": power, "charge_power": power - 20, "load_power": 100.0, "pv_voltage": 90.0}
        return {"device": "mppt1", "model": "epever_tracer", "measurement": "charge_controller", "signals": signals}
    return {"signals": {"pack_voltage": 52 + seq % 7 / 10, "current": 20 * math.sin(seq / 40), "cycles": seq}}


def check_hour(database: InfluxDB, start: int) -> None:
    """Both devices' points of the hour, against the readings in the database."""
    [battery] = database.query(f"SELECT * FROM bms_1h WHERE time = {start}ms")
    rows = database.query(f"SELECT * FROM bms WHERE time >= {start - HOUR}ms AND time < {start + 2 * HOUR}ms")
    charge_in, charge_out = integral(rows, lambda row: row["current"], start)
    energy_in, energy_out = integral(rows, lambda row: row["current"] * row["pack_voltage"], start)
    inside = [row for row in rows if start <= row["time"] < start + HOUR]
    assert battery["bms_readings"] == len(inside)
    assert battery["battery_charge_in"] == pytest.approx(charge_in, rel=1e-3)
    assert battery["battery_charge_out"] == pytest.approx(charge_out, rel=1e-3)
    assert battery["battery_energy_in"] == pytest.approx(energy_in, rel=1e-3)
    assert battery["battery_energy_out"] == pytest.approx(energy_out, rel=1e-3)
    [controller] = database.query(f"SELECT * FROM charge_controller_1h WHERE time = {start}ms")
    rows = database.query(
        f"SELECT * FROM charge_controller WHERE time >= {start - HOUR}ms AND time < {start + 2 * HOUR}ms"
    )
    inside = [row for row in rows if start <= row["time"] < start + HOUR]
    assert controller["charge_controller_readings"] == len(inside)
    assert controller["pv_energy"] == pytest.approx(integral(rows, lambda row: row["pv_power"], start)[0], rel=1e-3)
    known = 3600 * integral(rows, lambda _row: 1.0, start)[0]
    assert controller["charge_controller_covered"] == pytest.approx(known, rel=1e-3)


def test_an_hour_and_a_day_are_what_the_database_holds_and_a_late_reading_overwrites_them(
    gateway: SkippingGateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    hour = utc_ms() // HOUR * HOUR - HOUR
    with ScriptedBoard(broker, knows_utc=True, measure=two_devices) as board:
        late = (hour + HOUR // 2 - board.taken(0)) // POLL_MS // 2 * 2
        store(board, range(late), range(late + 1, POLLS_BEFORE))
        wait_for(lambda: count(database, "bms") == POLLS_BEFORE // 2 - 1, "the readings")
        gateway.skip(SETTLED)
        points = f"SELECT * FROM bms_1h WHERE time = {hour}ms"
        wait_for(lambda: bool(database.query(points)), "the hour")
        wait_for(lambda: bool(database.query(points.replace("bms", "charge_controller"))), "the controller's hour")
        check_hour(database, hour)
        [before] = database.query(points)
        store(board, range(late, late + 1))
        gateway.skip(SETTLED)
        wait_for(lambda: database.query(points)[0]["bms_readings"] == before["bms_readings"] + 1, "the hour made again")
        check_hour(database, hour)
        gateway.skip(DAY + HOUR)
        wait_for(
            lambda: sum(row["bms_readings"] for row in database.query("SELECT * FROM unit_1d")) == POLLS_BEFORE // 2,
            "the days, whole",
        )
    days, hours = (database.query(f"SELECT * FROM {name}") for name in ("unit_1d", "bms_1h"))
    assert {(row["unit"], row["device"]) for row in days} == {(UNIT, "unit")}
    assert len({row["time"] for row in days}) == len(days)
    for figure in ("battery_charge_in", "battery_charge_out", "battery_energy_in", "battery_energy_out"):
        assert sum(row[figure] for row in days) == pytest.approx(sum(row[figure] for row in hours), abs=1e-3)


@pytest.mark.parametrize("knows_utc", [True, False])
def test_readings_that_come_three_days_late_have_their_time_their_hours_and_no_alarm_of_today(
    gateway: SkippingGateway, broker: Mosquitto, database: InfluxDB, *, knows_utc: bool
) -> None:
    """The board was out of reach and kept them; what it measures now comes first."""
    first = 1000
    on = range(first + 100, first + 110)

    def measure(seq: int) -> dict[str, Any]:
        old = seq < first + POLLS_BEFORE
        signals = {"soc": 5.0 if old else 60.0, "protections": (1 << 4) * (seq in on), "cycles": seq}
        return {"signals": signals}

    gateway.start()
    with ScriptedBoard(broker, knows_utc=knows_utc, measure=measure) as board:
        board.let_pass(3 * DAY)
        now = board.up() // POLL_MS
        old = range(first, first + POLLS_BEFORE)
        board.keep(old)
        board.keep(range(now - 60, now))
        board.publish(range(now - 60, now))
        wait_for(lambda: count(database, "bms") == 60, "the readings of now")
        events = count(database, "event")
        board.publish(old[::2])
        wait_for(lambda: count(database, "bms") == 60 + len(old) // 2, "half of the old ones")
        gateway.skip(SETTLED)
        counted = f"SELECT bms_readings FROM bms_1h WHERE time < {board.taken(now - 60) - HOUR}ms"

        def old_readings() -> int:
            return sum(row["bms_readings"] for row in database.query(counted))

        wait_for(lambda: old_readings() == POLLS_BEFORE // 2, "the old hours")
        hours = len(database.query(counted))
        board.wait_acknowledged(old)
        gateway.skip(SETTLED)
        wait_for(lambda: old_readings() == POLLS_BEFORE, "the old hours made again")
        assert len(database.query(counted)) == hours
        rows = database.query("SELECT cycles, time_quality FROM bms")
        assert max(abs(row["time"] - board.taken(row["cycles"])) for row in rows) < 1000
        assert {row["time_quality"] for row in rows} == {"device" if knows_utc else "gateway"}
        told = database.query("SELECT * FROM event")[: count(database, "event") - events]
        assert {row["name"] for row in told} <= {"cell over-voltage", "silent"}
        [begins] = [row["time"] for row in told if row["name"] == "cell over-voltage" and row["state"]][:1]
        assert abs(begins - board.taken(on.start)) < 1000
    assert {alarm["name"] for alarm in gateway.state()["alarms"]} <= {"silent"}


NOISY = 700


def noisy(seq: int) -> dict[str, Any]:
    """What packs badly, so that a budget is soon spent."""
    dice = random.Random(seq)
    cells = {f"cell_{number:02}_voltage": dice.randrange(3000, 3600) / 1000 for number in range(1, 17)}
    return {"signals": cells | {"cycles": seq, "protections": (1 << 4) * (seq == NOISY)}}


def test_with_a_spent_budget_only_what_matters_is_sent_and_the_next_day_brings_the_rest(
    gateway: SkippingGateway, broker: Mosquitto, database: InfluxDB
) -> None:
    limit = 40_000
    gateway.settings.write_text(gateway.settings.read_text("utf-8") + f"[budget]\nday_kb = {limit // 1000}\n", "utf-8")
    late_in_the_day = (gateway.utc_ms() // DAY + 2) * DAY - HOUR  # by then the backlog may have nearly all of it
    gateway.skip(late_in_the_day - gateway.utc_ms())
    gateway.start()
    with ScriptedBoard(broker, knows_utc=True, measure=noisy) as board:
        store(board, range(NOISY))
        wait_for(lambda: spent(gateway) > 0.9 * limit, "a spent budget")
        store(board, range(NOISY, NOISY + 1))
        wait_for(lambda: bool(database.query("SELECT * FROM event WHERE device = 'bms1'")), "the event")
        gateway.skip(SETTLED)
        wait_for(lambda: count(database, "bms_1h") >= 2, "the roll-ups")
        gateway.kill()
        health = count(database, "gateway")
        gateway.start()
        wait_for(lambda: count(database, "gateway") > health, "the health")
        there = count(database, "bms")
        assert 0 < there < NOISY
        assert gateway.state()["journal"]["backlog_readings"] >= NOISY + 1 - there
        store(board, range(NOISY + 1, NOISY + 2))
        wait_for(
            lambda: any(not row["state"] for row in database.query('SELECT "name", state FROM event')), "the next event"
        )
        assert count(database, "bms") == there
        [latest] = database.query("SELECT budget_day_bytes, bytes_sent_today, alarms_open FROM gateway")[-1:]
        assert latest["budget_day_bytes"] == limit
        assert latest["bytes_sent_today"] > 0.9 * limit
        assert latest["alarms_open"] >= 1
        gateway.skip(DAY)
        wait_for(lambda: count(database, "bms") == NOISY + 2, "all readings on the next day")
    rows = database.query("SELECT cycles FROM bms")
    assert sorted(row["cycles"] for row in rows) == list(range(NOISY + 2))
    assert spent(gateway) < limit


def spent(gateway: SkippingGateway) -> int:
    bytes_today: int = gateway.state()["database"]["budget"]["day"]["spent"]
    return bytes_today
