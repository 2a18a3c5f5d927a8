"""Roll-ups and events in a real InfluxDB."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.deadletters import DeadLetters
from gateway.lines import LineMaker
from gateway.summary import HOUR_MS
from hil_tests.gateway_process import Gateway
from hil_tests.scripted_board import DEADLINE, PASSWORD, UNIT, ScriptedBoard
from hil_tests.services import InfluxDB, InfluxUser, Mosquitto, wait_until
from ingest.answer import Verdict
from ingest.database import Influxdb1Settings
from ingest.writer import Writer, open_writer
from tests import gateway_derived_bench as derived
from tests.gateway_stand_ins import RecordingDisk


@pytest.fixture
def database(tmp_path: Path) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path, users=[InfluxUser("gateway", "secret", "WRITE")]) as server:
        yield server


def send(gateway: derived.Gateway, writer: Writer) -> None:
    """All that waits, in one request."""
    lines = LineMaker("bay", gateway.journal.origin, DeadLetters(RecordingDisk()))
    frames = gateway.journal.take(newest=False, below=10**9, readings=10**9, busy=(), datable=lines.datable)
    answer = writer.write([line for frame in frames for line in lines.of(frame)])
    assert answer.verdict is Verdict.WRITTEN, answer.reason
    gateway.journal.forwarded([frame.mark for frame in frames])


def test_a_late_reading_overwrites_the_points_of_its_hour_and_day(database: InfluxDB) -> None:
    writer = open_writer(Influxdb1Settings(database.url, "powerunit", "gateway", "secret"))
    gateway = derived.Gateway(RecordingDisk(), derived.at(0))
    gateway.commit([derived.reading(seq) for seq in range(360) if seq != 7])
    gateway.settle(50 * HOUR_MS)
    send(gateway, writer)
    hour, day = (database.query(f"SELECT * FROM {measurement}") for measurement in ("bms_1h", "unit_1d"))
    assert len(hour) == 24
    assert (hour[0]["bms_readings"], hour[0]["bms_covered"]) == (14, 3120)
    gateway.commit([derived.reading(7)])
    gateway.settle(HOUR_MS)
    send(gateway, writer)
    again, day_again = (database.query(f"SELECT * FROM {measurement}") for measurement in ("bms_1h", "unit_1d"))
    assert len(again) == 24
    assert len(day_again) == len(day)
    assert (again[0]["bms_readings"], again[0]["bms_covered"], again[0]["unit"]) == (15, 3600, UNIT)
    assert sum(row["bms_readings"] for row in day_again) == 360
    assert sum(row["bms_readings"] for row in day) == 359
    writer.close()


def test_a_protection_is_an_event_in_the_database(tmp_path: Path, database: InfluxDB) -> None:
    with Mosquitto(tmp_path, {"gateway": "broker-secret", UNIT: PASSWORD}) as broker:
        gateway = Gateway(tmp_path, broker, database.url, broker_password="broker-secret", database_password="secret")
        gateway.start()
        try:
            with ScriptedBoard(broker, knows_utc=True) as board:
                board.take(range(1))
                reading = board.held(0) | {"seq": 1, "sent": board.up(), "oldest": 0}
                reading["signals"] = {"protections": 1 << 4}
                board.publish_raw(json.dumps(reading).encode())
                wait_until(lambda: bool(database.query("SELECT * FROM event")), DEADLINE, "the event")
                [row] = database.query("SELECT * FROM event")
                assert (row["name"], row["state"], row["unit"]) == ("cell over-voltage", True, UNIT)
                assert (row["device"], row["model"]) == ("bms1", "jk_pb")
                assert abs(row["time"] - board.taken(0)) < 1000
        finally:
            gateway.stop()
