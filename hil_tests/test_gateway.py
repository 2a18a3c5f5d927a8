"""The real gateway between a real broker and a real InfluxDB; only the board is scripted."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hil_tests.gateway_process import Gateway
from hil_tests.scripted_board import DEADLINE, PASSWORD, POLL_MS, POLLS_BEFORE, UNIT, ScriptedBoard
from hil_tests.services import HOST, REPOSITORY, InfluxDB, InfluxUser, Mosquitto, NginxV2Shim, http_request, wait_until
from hil_tests.village_link import VillageLink

PASSWORDS = {"gateway": "broker-secret", UNIT: PASSWORD}
DATABASE_PASSWORD = "database-secret"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path, users=[InfluxUser("gateway", DATABASE_PASSWORD, "WRITE")]) as server:
        yield server


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, PASSWORDS) as server:
        yield server


def make_gateway(
    folder: Path, broker: Mosquitto, database_url: str, kind: Literal["influxdb1", "influxdb2"] = "influxdb1"
) -> Gateway:
    return Gateway(
        folder,
        broker,
        database_url,
        broker_password=PASSWORDS["gateway"],
        database_password=DATABASE_PASSWORD,
        kind=kind,
    )


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto, database: InfluxDB) -> Iterator[Gateway]:
    gateway = make_gateway(tmp_path, broker, database.url)
    yield gateway
    gateway.stop()


def wait_connected(gateway: Gateway) -> None:
    wait_until(lambda: gateway.state()["broker"]["trouble"] is None, DEADLINE, "gateway connected to the broker")


def cycles_in(database: InfluxDB) -> list[int]:
    return sorted(row["cycles"] for row in database.query("SELECT cycles FROM bms"))


def test_every_acknowledged_reading_reaches_the_database_once_through_kills(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.take(range(50))
        board.wait_acknowledged(range(50))
        gateway.kill()
        board.take(range(50, 300))
        gateway.start()
        board.wait_acknowledged(range(300))
        gateway.kill()
        gateway.start()
        wait_until(lambda: len(cycles_in(database)) >= 300, DEADLINE, "300 readings in the database")
        assert cycles_in(database) == list(range(300))
    wait_until(lambda: gateway.state()["journal"]["backlog_readings"] == 0, DEADLINE, "an empty backlog")


def test_readings_without_a_time_get_one_when_the_database_is_reached(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    database.stop()
    gateway.start()
    with ScriptedBoard(broker, knows_utc=False) as board:
        board.take(range(10))
        board.wait_acknowledged(range(10))
        assert {ack["utc"] for ack in board.acks} == {None}
        assert gateway.state()["journal"]["undated_readings"] == 10
        gateway.kill()
        gateway.start()
        database.start()
        wait_until(lambda: len(cycles_in(database)) >= 10, DEADLINE, "late readings in the database")
        rows = database.query("SELECT cycles, time_quality FROM bms")
        assert {row["time_quality"] for row in rows} == {"late"}
        assert [row["cycles"] for row in rows] == list(range(10))
        assert all(abs(row["time"] - board.taken(row["cycles"])) < 1000 for row in rows)


def test_what_a_board_without_a_clock_published_while_the_gateway_was_away_gets_its_true_time(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    """It waits at the broker, and is stored as soon as the gateway is back, though the board is away by then."""
    gateway.start()
    wait_connected(gateway)
    wait_until(lambda: gateway.state()["database"]["last_forwarded"] is not None, DEADLINE, "a trusted clock")
    gateway.stop()
    with ScriptedBoard(broker, knows_utc=False) as board:
        for published in board.take(range(300)):
            published.wait_for_publish(DEADLINE)
        board.away()
        board.let_pass(60_000)
        gateway.start()
        wait_until(lambda: gateway.state()["journal"]["undated_readings"] == 300, DEADLINE, "what lay in the queue")
        board.back()
        board.take(range(300, 330))
        board.wait_acknowledged(range(330))
        wait_until(lambda: len(cycles_in(database)) >= 330, DEADLINE, "330 readings in the database")
        rows = database.query("SELECT cycles FROM bms")
        assert sorted(row["cycles"] for row in rows) == list(range(330))
        assert max(abs(row["time"] - board.taken(row["cycles"])) for row in rows) < 1000


def test_a_queue_that_is_full_when_the_gateway_comes_back_dates_nothing_wrongly(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    """As many are under way as may be, and the broker drops what goes beyond its queue."""
    gateway.start()
    wait_connected(gateway)
    os.kill(gateway.pid, signal.SIGSTOP)
    most = range(1500)
    with ScriptedBoard(broker, knows_utc=False) as board:
        board.let_pass(POLL_MS * len(most))
        for published in board.take(most):
            published.wait_for_publish(DEADLINE)
        gateway.kill()
        board.let_pass(60_000)
        gateway.start()
        board.wait_acknowledged(most)
        wait_until(lambda: len(cycles_in(database)) >= len(most), DEADLINE, "all readings in the database")
        rows = database.query("SELECT cycles FROM bms")
        assert sorted(row["cycles"] for row in rows) == list(most)
        assert max(abs(row["time"] - board.taken(row["cycles"])) for row in rows) < 1000


def test_a_broker_that_dies_with_what_it_acknowledged_costs_nothing(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    wait_connected(gateway)
    gateway.kill()
    with ScriptedBoard(broker, knows_utc=True) as board:
        for published in board.take(range(100)):
            published.wait_for_publish(DEADLINE)
        broker.kill()
        broker.start()
        gateway.start()
        wait_connected(gateway)
        assert board.acknowledged == set()
        board.wait_acknowledged(range(100))
        wait_until(lambda: len(cycles_in(database)) >= 100, DEADLINE, "100 readings in the database")
        assert cycles_in(database) == list(range(100))


def test_an_outage_of_the_link_and_of_the_broker_costs_and_doubles_nothing(
    tmp_path: Path, broker: Mosquitto, database: InfluxDB
) -> None:
    with VillageLink(database.port) as link, make_gateway(tmp_path, broker, link.url) as gateway:
        with ScriptedBoard(broker, knows_utc=True) as board:
            board.take(range(20))
            board.wait_acknowledged(range(20))
            wait_until(lambda: len(cycles_in(database)) == 20, DEADLINE, "the first readings")
            wait_until(lambda: gateway.state()["journal"]["backlog_readings"] == 0, DEADLINE, "the answer to the last")
            link.cut()
            board.take(range(20, 40))
            board.wait_acknowledged(range(40))
            broker.kill()
            broker.start()
            wait_connected(gateway)
            board.take(range(40, 60))
            board.wait_acknowledged(range(60))
        wait_until(lambda: gateway.state()["database"]["trouble"] is not None, DEADLINE, "the outage on the page")
        assert gateway.state()["journal"]["backlog_readings"] == 40
        link.restore()
        wait_until(lambda: len(cycles_in(database)) >= 60, DEADLINE, "the backlog in the database")
        assert cycles_in(database) == list(range(60))


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_over_a_thin_link_the_newest_readings_pass_the_backlog_and_every_byte_is_counted(
    tmp_path: Path, broker: Mosquitto, database: InfluxDB, how: Literal["reset", "silence"]
) -> None:
    with VillageLink(database.port) as link, make_gateway(tmp_path, broker, link.url) as gateway:
        with ScriptedBoard(broker, knows_utc=True) as board:
            board.take(range(1))
            board.wait_acknowledged(range(1))
            wait_until(lambda: cycles_in(database) == [0], DEADLINE, "the first reading")
            link.cut(how)
            board.take(range(1, 500))
            board.wait_acknowledged(range(500))
        link.bytes_per_second = 1000
        link.restore()
        wait_until(lambda: 499 in cycles_in(database), DEADLINE, "the newest reading")
        assert gateway.state()["journal"]["backlog_readings"] > 0
        link.bytes_per_second = None
        wait_until(lambda: len(cycles_in(database)) >= 500, DEADLINE, "the backlog in the database")
        assert cycles_in(database) == list(range(500))
        wait_until(lambda: gateway.state()["journal"]["backlog_readings"] == 0, DEADLINE, "an empty backlog")
        carried = link.bytes_up + link.bytes_down
        assert carried < gateway.state()["database"]["bytes_sent_today"] < 3 * carried


def test_readings_reach_influxdb_1_6_7_behind_nginx_through_the_api_v2(
    tmp_path: Path, broker: Mosquitto, database: InfluxDB
) -> None:
    with (
        NginxV2Shim(tmp_path, database) as shim,
        make_gateway(tmp_path, broker, shim.url, "influxdb2"),
        ScriptedBoard(broker, knows_utc=True) as board,
    ):
        board.take(range(50))
        board.wait_acknowledged(range(50))
        wait_until(lambda: len(cycles_in(database)) >= 50, DEADLINE, "50 readings in the database")
        assert cycles_in(database) == list(range(50))


def test_a_bad_message_blocks_nothing_and_is_counted(gateway: Gateway, broker: Mosquitto, database: InfluxDB) -> None:
    gateway.start()
    wait_connected(gateway)
    with ScriptedBoard(broker, knows_utc=True) as board:
        for payload in (b"", b"\xff\xfe", b"{}", b'{"seq": NaN}', b"[" * 50_000):
            board.publish_raw(payload)
        board.take(range(3))
        board.wait_acknowledged(range(3))
    wait_until(lambda: cycles_in(database) == [0, 1, 2], DEADLINE, "the good readings")
    wait_until(lambda: gateway.state()["set_aside"]["dead_letters"] == 5, DEADLINE, "5 dead letters")


def test_a_message_of_a_megabyte_is_dropped_and_its_board_goes_on(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    wait_connected(gateway)
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.publish_raw(b'{"boot": "' + b"a" * 1_000_000 + b'"}').wait_for_publish(DEADLINE)
        board.publish_raw(b"[" + b"1," * 30_000 + b"1]").wait_for_publish(DEADLINE)
        board.take(range(3))
        board.wait_acknowledged(range(3))
    wait_until(lambda: cycles_in(database) == [0, 1, 2], DEADLINE, "the good readings")
    assert gateway.state()["set_aside"]["dead_letters"] == 1


def test_a_timestamp_in_2106_is_set_aside_and_blocks_nothing(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    wait_connected(gateway)
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.take(range(2))
        reading = board.held(1) | {"seq": 2, "t": 4_294_967_296_000, "sent": board.up(), "oldest": 0}
        board.publish_raw(json.dumps(reading).encode())
        board.take(range(3, 5))
        board.wait_acknowledged(range(2))
        board.wait_acknowledged(range(3, 5))
        wait_until(lambda: any(ack["seq"] == 4 for ack in board.acks), DEADLINE, "an ack over the refused reading too")
    wait_until(lambda: cycles_in(database) == [0, 1, 3, 4], DEADLINE, "the good readings")
    assert gateway.state()["set_aside"]["dead_letters"] == 1


def test_a_unit_that_the_broker_does_not_know_comes_no_further_than_the_broker(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB
) -> None:
    gateway.start()
    wait_connected(gateway)
    stranger = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="raft-99")
    stranger.username_pw_set("raft-99", PASSWORDS[UNIT])
    answers = queue.Queue[str]()
    stranger.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(str(reason))
    stranger.connect(HOST, broker.port)
    stranger.loop_start()
    assert answers.get(timeout=DEADLINE) == "Not authorized"
    stranger.loop_stop()
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.take(range(2))
        board.publish_raw(json.dumps(board.held(1) | {"sent": board.up(), "oldest": 0}).encode(), unit="raft-99")
        board.take(range(2, 4))
        board.wait_acknowledged(range(4))
    wait_until(lambda: len(cycles_in(database)) == 4, DEADLINE, "the unit's own readings")
    state = gateway.state()
    assert [unit["name"] for unit in state["units"]] == [UNIT]
    assert state["set_aside"]["dead_letters"] == 0


def test_a_gap_that_no_board_explains_becomes_a_loss(gateway: Gateway, broker: Mosquitto, database: InfluxDB) -> None:
    gateway.start()
    wait_connected(gateway)
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.take(range(5))
        board.wait_acknowledged(range(5))
        board.take(range(9, 11))
        board.wait_acknowledged(range(9, 11))
        gateway.kill()
        gateway.start()
        board.take(range(11, 12))
        board.wait_acknowledged(range(11, 12))
        wait_until(lambda: len(cycles_in(database)) == 8, DEADLINE, "8 readings in the database")
        [row] = database.query("SELECT * FROM loss")
    assert (row["readings"], row["last_seq"], row["reason"]) == (4, 8, "never_received")
    assert (row["device"], row["unit"], row["time_quality"]) == ("gateway", UNIT, "estimated")
    assert abs(row["time"] - board.taken(5)) < 1000


def test_the_page_tells_what_is_wired_stored_and_sent(gateway: Gateway, broker: Mosquitto) -> None:
    gateway.start()
    with ScriptedBoard(broker, knows_utc=True) as board:
        latest = range(POLLS_BEFORE, POLLS_BEFORE + 1)
        board.take(latest)
        board.wait_acknowledged(latest)
        wait_until(lambda: gateway.state()["database"]["last_forwarded"] is not None, DEADLINE, "forwarding")
    unit = gateway.state()["units"][0]
    assert (unit["name"], unit["wired"]) == (UNIT, True)
    assert unit["acknowledged"] is not None
    assert unit["devices"][0]["values"]["pack_voltage"] == 52.5
    for path in ("/", "/page.css", "/page.js", "/healthz"):
        assert http_request(gateway.port, "GET", path)[0] == 200


def test_a_refused_password_ends_in_one_line_with_exit_code_2(gateway: Gateway) -> None:
    (gateway.folder / "broker.password").write_text("not the password\n", "utf-8")
    done = subprocess.run(
        [sys.executable, *gateway.arguments()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 2
    assert "refused user 'gateway'" in done.stderr.splitlines()[-1]
    assert "not the password" not in done.stderr
    assert "Traceback" not in done.stderr


def test_sigterm_ends_it_cleanly(gateway: Gateway) -> None:
    gateway.start()
    wait_connected(gateway)
    os.kill(gateway.pid, signal.SIGTERM)
    assert gateway.ended_with() == 0
    assert "Traceback" not in gateway.log.read_text("utf-8")
