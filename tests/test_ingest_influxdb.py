import base64
import gzip
import socket
from collections.abc import Callable

import pytest

from ingest.answer import Answer, Verdict
from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.influxdb import InfluxdbWriter
from tests.stub_server import StubServer, http_answer

LINES = [f"bms,device=bms1,unit=raft-01 soc={soc}.0 1764000000{soc}" for soc in range(100, 150)]
NO_CONTENT = http_answer("204 No Content")
DATE = "Date: Tue, 24 Nov 2026 23:21:22 GMT"
DATE_MS = 1_795_562_482_000

Settings = Callable[[str], DatabaseSettings]


def v1(url: str) -> DatabaseSettings:
    return Influxdb1Settings(url, "power unit", "gateway", "pä:ss")


def v2(url: str) -> DatabaseSettings:
    return Influxdb2Settings(url, "trial org", "powerunit", "secret-token")


@pytest.fixture(params=[v1, v2])
def settings(request: pytest.FixtureRequest) -> Settings:
    made: Settings = request.param
    return made


def write_to(settings: DatabaseSettings) -> Answer:
    writer = InfluxdbWriter(settings, timeout=5.0)
    try:
        return writer.write(LINES)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("settings", "target", "authorization"),
    [
        (
            v1,
            "/write?db=power+unit&precision=ms",
            f"Basic {base64.b64encode('gateway:pä:ss'.encode()).decode()}",
        ),
        (v2, "/api/v2/write?org=trial+org&bucket=powerunit&precision=ms", "Token secret-token"),
    ],
)
def test_lines_go_out_once_packed_with_the_secret_in_a_header_and_nothing_else(
    settings: Settings, target: str, authorization: str
) -> None:
    with StubServer([http_answer("204 No Content", "", DATE)]) as server:
        host = server.url.removeprefix("http://")
        answer = write_to(settings(server.url))
    [(head, body)] = server.requests
    assert answer == Answer(Verdict.WRITTEN, "", DATE_MS, None, len(body))
    assert gzip.decompress(body).decode() == "\n".join(LINES)
    request_line, *headers = head.strip().split("\r\n")
    assert request_line == f"POST {target} HTTP/1.1"
    assert sorted(headers) == [
        f"Authorization: {authorization}",
        "Content-Encoding: gzip",
        f"Content-Length: {len(body)}",
        f"Host: {host}",
    ]


@pytest.mark.parametrize(
    ("settings", "target"),
    [
        (lambda url: Influxdb1Settings(url, "db"), "/write?db=db&precision=ms"),
        (lambda url: Influxdb2Settings(url, "o", "b", "t"), "/api/v2/write?org=o&bucket=b&precision=ms"),
    ],
)
def test_one_connection_serves_all_requests_to_a_server_below_a_path(settings: Settings, target: str) -> None:
    with StubServer([NO_CONTENT] * 3) as server:
        writer = InfluxdbWriter(settings(f"{server.url}/influx/"), timeout=5.0)
        answers = [writer.ping(), writer.write(["m f=1"]), writer.ping()]
        writer.close()
    assert {answer.verdict for answer in answers} == {Verdict.WRITTEN}
    assert server.connections == 1
    assert [head.split("\r\n")[0] for head, _ in server.requests] == [
        "GET /influx/ping HTTP/1.1",
        f"POST /influx{target} HTTP/1.1",
        "GET /influx/ping HTTP/1.1",
    ]


def test_without_a_user_nobody_is_named() -> None:
    with StubServer([NO_CONTENT]) as server:
        write_to(Influxdb1Settings(server.url, "db"))
    [(head, _)] = server.requests
    assert "authorization" not in head.lower()


def test_an_error_keeps_its_reason_its_clock_and_the_time_to_wait(settings: Settings) -> None:
    body = '{"code":"too many requests","message":"write quota of the organization"}'
    with StubServer([http_answer("429 Too Many Requests", body, DATE, "Retry-After: 30")]) as server:
        answer = write_to(settings(server.url))
    assert answer.verdict is Verdict.BUSY
    assert answer.reason == "HTTP 429: write quota of the organization"
    assert (answer.retry_after, answer.server_utc_ms) == (30.0, DATE_MS)


def test_a_captive_portal_stores_nothing_and_is_not_followed(settings: Settings) -> None:
    moved = http_answer("302 Found", "", "Location: http://portal.example/login")
    page = http_answer("200 OK", "<html>Log in</html>", "Content-Type: text/html")
    with StubServer([moved, page]) as server:
        first, second = write_to(settings(server.url)), write_to(settings(server.url))
    assert first.verdict is second.verdict is Verdict.UNREACHABLE
    assert second.reason == "answered by something else, HTTP 200: <html>Log in</html>"
    assert len(server.requests) == 2


def test_a_refusal_in_raw_bytes_is_still_a_refusal(settings: Settings) -> None:
    raw = b'{"error":"unable to parse \'\xb5\x2f\xfd\'"}'
    head = b"HTTP/1.1 400 Bad Request\r\nX-Influxdb-Error: \xb5\x2f\xfd\r\nContent-Length: %d\r\n\r\n" % len(raw)
    with StubServer([head + raw]) as server:
        assert write_to(settings(server.url)).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    "broken",
    [b"", b"\xb5\x2f\xfd\r\n\r\n", b"HTTP/1.1 20", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{"],
)
def test_an_answer_that_breaks_off_is_none_and_is_asked_for_once(settings: Settings, broken: bytes) -> None:
    with StubServer([broken]) as server:
        answer = write_to(settings(server.url))
    [(_, body)] = server.requests
    assert answer.verdict is Verdict.UNREACHABLE
    assert answer.sent_bytes == len(body)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_there_costs_no_bytes(settings: Settings, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = write_to(settings(f"{scheme}://127.0.0.1:{port}"))
    assert (answer.verdict, answer.sent_bytes) == (Verdict.UNREACHABLE, 0)
    assert answer.reason == "no connection: Connection refused"


def test_a_name_without_an_address_is_told_as_such(settings: Settings) -> None:
    answer = write_to(settings("http://influx.invalid:8086"))
    assert (answer.verdict, answer.reason) == (Verdict.UNREACHABLE, "no address for influx.invalid")
