import gzip
import socket

import pytest

from ingest.answer import Answer, Verdict
from ingest.database import Influxdb2Settings
from ingest.influxdb2 import Influxdb2Writer
from tests.stub_server import StubServer, http_answer

LINES = [f"bms,device=bms1,unit=raft-01 soc={soc}.0 1764000000{soc}" for soc in range(100, 150)]
DATE = "Date: Tue, 24 Nov 2026 23:21:22 GMT"
DATE_MS = 1_795_562_482_000


def write_to(url: str, lines: list[str]) -> Answer:
    writer = Influxdb2Writer(Influxdb2Settings(url, "trial org", "powerunit", "secret-token"), timeout=5.0)
    try:
        return writer.write(lines)
    finally:
        writer.close()


def test_lines_go_out_once_packed_and_with_the_token_only_in_a_header() -> None:
    with StubServer([http_answer("204 No Content", "", DATE)]) as server:
        answer = write_to(server.url, LINES)
    [(head, body)] = server.requests
    assert answer == Answer(Verdict.WRITTEN, "", DATE_MS, None, len(body))
    assert gzip.decompress(body).decode() == "\n".join(LINES)
    request_line, *headers = head.split("\r\n")
    assert request_line == "POST /api/v2/write?org=trial+org&bucket=powerunit&precision=ms HTTP/1.1"
    assert "Content-Encoding: gzip" in headers
    assert "Authorization: Token secret-token" in headers


def test_one_connection_serves_all_requests() -> None:
    with StubServer([http_answer("204 No Content")] * 3) as server:
        writer = Influxdb2Writer(Influxdb2Settings(f"{server.url}/influx/", "o", "b", "t"), timeout=5.0)
        answers = [writer.ping(), writer.write(["m f=1"]), writer.ping()]
        writer.close()
    assert {answer.verdict for answer in answers} == {Verdict.WRITTEN}
    assert server.connections == 1
    assert [head.split()[1].partition("?")[0] for head, _ in server.requests] == [
        "/influx/ping",
        "/influx/api/v2/write",
        "/influx/ping",
    ]


def test_an_error_keeps_its_reason_its_clock_and_the_time_to_wait() -> None:
    body = '{"code":"too many requests","message":"write quota of the organization"}'
    with StubServer([http_answer("429 Too Many Requests", body, DATE, "Retry-After: 30")]) as server:
        answer = write_to(server.url, LINES)
    assert answer.verdict is Verdict.BUSY
    assert answer.reason == "HTTP 429: write quota of the organization"
    assert (answer.retry_after, answer.server_utc_ms) == (30.0, DATE_MS)


def test_a_captive_portal_stores_nothing_and_is_not_followed() -> None:
    moved = http_answer("302 Found", "", "Location: http://portal.example/login")
    page = http_answer("200 OK", "<html>Log in</html>", "Content-Type: text/html")
    with StubServer([moved]) as server:
        assert write_to(server.url, LINES).verdict is Verdict.UNREACHABLE
    with StubServer([page]) as server:
        answer = write_to(server.url, LINES)
    assert answer.verdict is Verdict.UNREACHABLE
    assert answer.reason == "answered by something else, HTTP 200: <html>Log in</html>"


def test_an_answer_that_is_no_text_looks_like_a_broken_one_but_counts_as_sent() -> None:
    raw = b'{"message":"unable to parse \'\xb5\x2f\xfd\'"}'
    with StubServer([b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw]) as server:
        answer = write_to(server.url, LINES)
    [(_, body)] = server.requests
    assert (answer.verdict, answer.sent_bytes) == (Verdict.UNREACHABLE, len(body))


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 20", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{"])
def test_an_answer_that_breaks_off_is_none_and_is_asked_for_once(broken: bytes) -> None:
    with StubServer([broken]) as server:
        answer = write_to(server.url, LINES)
    [(_, body)] = server.requests
    assert (answer.verdict, answer.sent_bytes) == (Verdict.UNREACHABLE, len(body))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_there_costs_no_bytes(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = write_to(f"{scheme}://127.0.0.1:{port}", LINES)
    assert (answer.verdict, answer.sent_bytes) == (Verdict.UNREACHABLE, 0)
