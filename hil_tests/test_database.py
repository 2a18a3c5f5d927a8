"""The writers against real servers: InfluxDB 1.6.7 by its own API, and by the API v2 VictoriaMetrics and InfluxDB 1.6.7
behind an nginx rewrite. Neither of those two is InfluxDB 2: they show that the requests are right, not its answers.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hil_tests.services import InfluxDB, InfluxUser, NginxV2Shim, VictoriaMetrics
from hil_tests.village_link import VillageLink
from ingest.answer import Verdict
from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.points import reading_line
from ingest.reading import Reading, Value
from ingest.writer import Writer, open_writer

TIME = 1_764_000_000_000
GATEWAY = InfluxUser("gateway", "secret-of-the-gateway", "WRITE")
GRAFANA = InfluxUser("grafana", "secret-of-grafana", "READ")

SIGNALS: dict[str, Value] = {
    "pack_voltage": 52.287,
    "current": -3.25,
    "soc": 61,
    "cycles": 12,
    "charge_mosfet": True,
    "discharge_mosfet": False,
    "cell_01_voltage": 3.268,
}


def line(time_ms: int, signals: dict[str, Value], error: str | None = None) -> str:
    reading = Reading("raft-01", "0a1b2c3d", 0, "bms1", "jk_pb", "bms", 0, None, signals, error)
    return reading_line("Lan Ha Bay", reading, time_ms, "late")[0]


def v1(influxdb: InfluxDB, user: InfluxUser = GATEWAY) -> Influxdb1Settings:
    return Influxdb1Settings(influxdb.url, influxdb.database, user.name, user.password)


def v2(url: str, token: str = f"{GATEWAY.name}:{GATEWAY.password}", bucket: str = "powerunit") -> Influxdb2Settings:
    return Influxdb2Settings(url, "no-organisation", bucket, token)


@pytest.fixture
def opened() -> Iterator[Callable[..., Writer]]:
    with ExitStack() as stack:
        yield lambda settings, timeout=5.0: stack.enter_context(closing(open_writer(settings, timeout)))


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb"), users=[GATEWAY, GRAFANA]) as server:
        yield server


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory, influxdb: InfluxDB) -> Iterator[NginxV2Shim]:
    with NginxV2Shim(tmp_path_factory.mktemp("shim"), influxdb) as server:
        yield server


@pytest.fixture(params=["influxdb 1.6.7, own API", "influxdb 1.6.7 behind nginx as API v2"])
def settings(request: pytest.FixtureRequest, influxdb: InfluxDB, shim: NginxV2Shim) -> Iterator[DatabaseSettings]:
    yield v1(influxdb) if request.param.endswith("own API") else v2(shim.url)
    influxdb.query("DROP SERIES FROM bms")


def test_what_is_written_is_read_back_equal(
    settings: DatabaseSettings, influxdb: InfluxDB, opened: Callable[..., Writer]
) -> None:
    error = 'cells 17-32: "no answer", C:\\bus\\1, 350 ms'
    answer = opened(settings).write([line(TIME, SIGNALS, error), line(TIME + 10_000, {})])
    assert answer.verdict is Verdict.WRITTEN
    assert answer.server_utc_ms is not None
    full, empty = influxdb.query("SELECT * FROM bms")
    tags = {"site": "Lan Ha Bay", "unit": "raft-01", "device": "bms1", "model": "jk_pb"}
    assert full == {"time": TIME, "time_quality": "late", "bus_error": error} | SIGNALS | tags
    assert {name for name, value in empty.items() if value is not None} == {"time", "time_quality", *tags}


@pytest.mark.parametrize("value", [5e-324, -2.2250738585072014e-308, 1.7976931348623157e308])
def test_the_smallest_and_the_largest_floats_are_read_back_equal(
    settings: DatabaseSettings, influxdb: InfluxDB, opened: Callable[..., Writer], value: float
) -> None:
    assert opened(settings).write([line(TIME, {"current": value})]).verdict is Verdict.WRITTEN
    assert [row["current"] for row in influxdb.query("SELECT current FROM bms")] == [value]


def test_a_resend_overwrites(settings: DatabaseSettings, influxdb: InfluxDB, opened: Callable[..., Writer]) -> None:
    lines = [line(TIME + number, SIGNALS) for number in range(100)]
    writer = opened(settings)
    assert [writer.write(lines).verdict for _ in range(3)] == [Verdict.WRITTEN] * 3
    assert influxdb.query("SELECT COUNT(soc) FROM bms") == [{"time": 0, "count": 100}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("bms,unit=raft-01 soc", "partial write: unable to parse 'bms,unit=raft-01 soc'"),
        (f'bms,unit=raft-01 soc="61" {TIME}', "partial write: field type conflict"),
    ],
)
def test_one_bad_line_is_refused_with_its_reason_and_the_rest_is_stored(
    settings: DatabaseSettings, influxdb: InfluxDB, opened: Callable[..., Writer], bad: str, reason: str
) -> None:
    writer = opened(settings)
    writer.write([line(TIME, SIGNALS)])
    answer = writer.write([line(TIME + 1, SIGNALS), bad, line(TIME + 2, SIGNALS)])
    assert answer.verdict is Verdict.REFUSED
    assert reason in answer.reason
    assert [row["time"] for row in influxdb.query("SELECT soc FROM bms")] == [TIME, TIME + 1, TIME + 2]


def test_a_point_beyond_the_retention_period_is_refused_and_the_rest_is_stored(
    tmp_path: Path, opened: Callable[..., Writer]
) -> None:
    with InfluxDB(tmp_path, users=[GATEWAY]) as influxdb:
        influxdb.query('ALTER RETENTION POLICY autogen ON "powerunit" DURATION 1h SHARD DURATION 1h')
        now = time.time_ns() // 1_000_000
        answer = opened(v1(influxdb)).write([line(now - 86_400_000, SIGNALS), line(now, SIGNALS)])
        assert answer.verdict is Verdict.REFUSED
        assert "points beyond retention policy" in answer.reason
        assert [row["time"] for row in influxdb.query("SELECT soc FROM bms")] == [now]


def test_a_wrong_password_stops_until_a_person_mends_it(
    influxdb: InfluxDB, shim: NginxV2Shim, opened: Callable[..., Writer]
) -> None:
    wrong = InfluxUser(GATEWAY.name, "wrong", "WRITE")
    may_only_read = v1(influxdb, GRAFANA)
    for settings in (v1(influxdb, wrong), v2(shim.url, token="gateway:wrong"), may_only_read):
        writer = opened(settings)
        assert writer.write([line(TIME, SIGNALS)]).verdict is Verdict.UNAUTHORIZED
        assert writer.ping().verdict is Verdict.WRITTEN


def test_an_unknown_database_is_no_fault_of_the_lines(
    influxdb: InfluxDB, shim: NginxV2Shim, opened: Callable[..., Writer]
) -> None:
    missing = Influxdb1Settings(influxdb.url, "nowhere", GATEWAY.name, GATEWAY.password)
    for settings in (missing, v2(shim.url, bucket="nowhere")):
        answer = opened(settings).write([line(TIME, SIGNALS)])
        assert answer.verdict is Verdict.UNAUTHORIZED
        assert 'database not found: "nowhere"' in answer.reason


def test_a_server_without_the_api_v2_is_told_as_such(influxdb: InfluxDB, opened: Callable[..., Writer]) -> None:
    answer = opened(v2(influxdb.url)).write([line(TIME, SIGNALS)])
    assert (answer.verdict, answer.reason) == (Verdict.UNAUTHORIZED, "HTTP 404: 404 page not found")


def test_a_body_of_control_characters_is_refused(influxdb: InfluxDB, opened: Callable[..., Writer]) -> None:
    noise = bytes(range(1, 32)).decode() + "\x7f ÿ\x00"
    assert opened(v1(influxdb)).write([noise]).verdict is Verdict.REFUSED


def test_what_was_written_outlives_a_killed_server(tmp_path: Path, opened: Callable[..., Writer]) -> None:
    with InfluxDB(tmp_path, users=[GATEWAY]) as influxdb:
        writer = opened(v1(influxdb))
        assert writer.write([line(TIME, SIGNALS)]).verdict is Verdict.WRITTEN
        influxdb.kill()
        gone = writer.write([line(TIME + 1, SIGNALS)])
        assert (gone.verdict, gone.sent_bytes) == (Verdict.UNREACHABLE, 0)
        influxdb.start()
        assert writer.write([line(TIME + 2, SIGNALS)]).verdict is Verdict.WRITTEN
        assert [row["time"] for row in influxdb.query("SELECT soc FROM bms")] == [TIME, TIME + 2]


def test_a_frozen_server_costs_one_timeout(influxdb: InfluxDB, opened: Callable[..., Writer]) -> None:
    writer = opened(v1(influxdb), timeout=1.0)
    assert writer.write([line(TIME, SIGNALS)]).verdict is Verdict.WRITTEN
    influxdb.freeze()
    try:
        silent = writer.write([line(TIME, SIGNALS)])
    finally:
        influxdb.thaw()
    assert silent.verdict is Verdict.UNREACHABLE
    assert silent.sent_bytes > 0
    assert writer.write([line(TIME, SIGNALS)]).verdict is Verdict.WRITTEN


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_link_that_is_cut_and_restored(
    influxdb: InfluxDB, shim: NginxV2Shim, opened: Callable[..., Writer], kind: str
) -> None:
    lines = [line(TIME + number, SIGNALS) for number in range(100)]
    with VillageLink(influxdb.port if kind == "v1" else shim.port) as link:
        v1_settings = Influxdb1Settings(link.url, influxdb.database, GATEWAY.name, GATEWAY.password)
        writer = opened(v1_settings if kind == "v1" else v2(link.url), timeout=1.0)
        answer = writer.write(lines)
        assert answer.verdict is Verdict.WRITTEN
        assert answer.sent_bytes < link.bytes_up < answer.sent_bytes + 700  # the request's head comes on top
        link.cut()
        assert writer.write(lines).verdict is Verdict.UNREACHABLE
        assert writer.ping().verdict is Verdict.UNREACHABLE
        link.restore()
        assert writer.write(lines).verdict is Verdict.WRITTEN
        link.cut("silence")
        assert writer.write(lines).verdict is Verdict.UNREACHABLE
        link.restore()
        assert writer.write(lines).verdict is Verdict.WRITTEN


def test_victoriametrics_takes_the_api_v2s_write(tmp_path: Path, opened: Callable[..., Writer]) -> None:
    with VictoriaMetrics(tmp_path) as victoria:
        writer = opened(v2(victoria.url))
        lines = [line(TIME, SIGNALS), line(TIME + 10_000, SIGNALS | {"soc": 60.5})]
        assert [writer.write(lines).verdict for _ in range(2)] == [Verdict.WRITTEN] * 2
        [series] = victoria.export('{__name__="bms_soc",unit="raft-01"}', end_ms=TIME + 20_000)
        assert dict(zip(series["timestamps"], series["values"], strict=True)) == {TIME: 61, TIME + 10_000: 60.5}
