"""What the gateway does with readings that the database gets as they are, and with those that it will never take."""

import json
from pathlib import Path

import pytest

from gateway import framelog
from hil_tests.gateway_process import Gateway
from hil_tests.scripted_board import DEADLINE, PASSWORD, POLL_MS, UNIT, ScriptedBoard
from hil_tests.services import InfluxDB, InfluxUser, Mosquitto, wait_until

DAY_MS = 86_400_000
PASSWORDS = {"gateway": "broker-secret", UNIT: PASSWORD}


@pytest.mark.parametrize(
    ("measurement", "model", "good", "bad"),
    [
        ("bms", "jk_pb", {"soc": 61.0}, {"soc": 6553.5}),
        ("charge_controller", "epever_tracer", {"stage": "bulk"}, {"stage": "turbo"}),
    ],
    ids=["a number outside its range", "a text that the catalogue does not know"],
)
def test_an_implausible_value_is_written_as_it_is_and_an_event_says_so(
    tmp_path: Path, measurement: str, model: str, good: dict[str, object], bad: dict[str, object]
) -> None:
    [name] = good
    with (
        InfluxDB(tmp_path, users=[InfluxUser("gateway", "database-secret", "WRITE")]) as database,
        Mosquitto(tmp_path, PASSWORDS) as broker,
        Gateway(tmp_path, broker, database.url, broker_password="broker-secret", database_password="database-secret"),
        ScriptedBoard(broker, knows_utc=True) as board,
    ):
        board.take(range(1))
        board.wait_acknowledged(range(1))
        for seq, signals in ((1, good), (2, bad), (3, good)):
            board.publish_raw(
                json.dumps(
                    {
                        "boot": "0123456789abcdef",
                        "seq": seq,
                        "device": "dev1",
                        "model": model,
                        "measurement": measurement,
                        "up": POLL_MS * seq,
                        "t": board.taken(seq),
                        "signals": signals,
                        "sent": board.up(),
                        "oldest": 0,
                    }
                ).encode()
            )
        about = f"SELECT * FROM event WHERE \"name\" = '{name} implausible'"
        wait_until(lambda: len(database.query(about)) == 2, DEADLINE, "both events")
        begins, ends = database.query(about)
        assert [(one["time"], one["state"], one["device"]) for one in (begins, ends)] == [
            (board.taken(2), True, "dev1"),
            (board.taken(3), False, "dev1"),
        ]
        assert str(bad[name]) in begins["text"]
        written = f"SELECT {name} FROM {measurement} WHERE device = 'dev1'"
        wait_until(lambda: len(database.query(written)) == 3, DEADLINE, "all three readings")
        assert [row[name] for row in database.query(written)] == [good[name], bad[name], good[name]]


def test_a_reading_beyond_the_retention_is_set_aside_with_the_servers_reason_and_blocks_nothing(tmp_path: Path) -> None:
    with (
        InfluxDB(tmp_path, users=[InfluxUser("gateway", "database-secret", "WRITE")]) as database,
        Mosquitto(tmp_path, PASSWORDS) as broker,
        Gateway(
            tmp_path, broker, database.url, broker_password="broker-secret", database_password="database-secret"
        ) as gateway,
        ScriptedBoard(broker, knows_utc=True) as board,
    ):
        database.query('ALTER RETENTION POLICY autogen ON "powerunit" DURATION 30d')
        board.let_pass(60 * DAY_MS)
        board.take(range(2))
        board.wait_acknowledged(range(2))
        board.let_pass(-60 * DAY_MS)
        board.take(range(2, 5))
        board.wait_acknowledged(range(2, 5))
        kept = "SELECT cycles FROM bms"
        wait_until(lambda: len(database.query(kept)) == 3, DEADLINE, "the readings of today")
        wait_until(lambda: gateway.state()["journal"]["backlog_readings"] == 0, DEADLINE, "an empty backlog")
        assert [row["cycles"] for row in database.query(kept)] == [2, 3, 4]
        letters = [
            str(frame.document())
            for file in gateway.journal.glob("dead-letters-*.frames")
            for frame in framelog.scan(file.read_bytes())[0]
        ]
        assert sum("points beyond retention policy" in letter for letter in letters) >= 1, letters
        assert gateway.state()["set_aside"]["dead_letters"] >= 2


def test_the_gateways_health_tells_what_was_sent_of_which_budget_and_how_many_alarms_stand(tmp_path: Path) -> None:
    with (
        InfluxDB(tmp_path, users=[InfluxUser("gateway", "database-secret", "WRITE")]) as database,
        Mosquitto(tmp_path, PASSWORDS) as broker,
    ):
        gateway = Gateway(
            tmp_path, broker, database.url, broker_password="broker-secret", database_password="database-secret"
        )
        with gateway.settings.open("a", encoding="utf-8") as settings:
            settings.write("[budget]\nday_kb = 25000\n")
        with gateway:
            wait_until(lambda: bool(database.query("SELECT * FROM gateway")), DEADLINE, "the gateway's health")
        [health] = database.query("SELECT * FROM gateway")
        assert (health["budget_day_bytes"], health["alarms_open"]) == (25_000_000, 0)
        assert health["bytes_sent_month"] >= health["bytes_sent_today"]
        assert "budget_month_bytes" not in health
