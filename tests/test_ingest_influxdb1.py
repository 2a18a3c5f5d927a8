import base64
import gzip
import socket

import pytest

from ingest.answer import Answer, Verdict
from ingest.database import Influxdb1Settings
from ingest.influxdb1 import Influxdb1Writer
from tests.stub_server import StubServer, http_answer

LINES = [f"bms,device=bms1,unit=raft-01 soc={soc}.0 1764000000{soc}" for soc in range(100, 150)]
NO_CONTENT = http_answer("204 No Content")


def write_to(url: str, lines: list[str]) -> Answer:
    writer = Influxdb1Writer(Influxdb1Settings(url, "power unit", "gateway", "pä:ss"), timeout=5.0)
    try:
        return writer.write(lines)
    finally:
        writer.close()


def test_lines_go_out_once_packed_and_with_the_password_only_in_a_header() -> None:
    with StubServer([NO_CONTENT]) as server:
        answer = write_to(server.url, LINES)
    [(head, body)] = server.requests
    assert answer == Answer(Verdict.WRITTEN, sent_bytes=len(body))
    assert gzip.decompress(body).decode() == "\n".join(LINES)
    request_line, *headers = head.split("\r\n")
    assert request_line == "POST /write?db=power+unit&precision=ms HTTP/1.1"
    assert "Content-Encoding: gzip" in headers
    assert f"Authorization: Basic {base64.b64encode('gateway:pä:ss'.encode()).decode()}" in headers


def test_a_server_below_a_path_and_without_passwords() -> None:
    with StubServer([NO_CONTENT, NO_CONTENT]) as server:
        writer = Influxdb1Writer(Influxdb1Settings(f"{server.url}/influx/", "db"), timeout=5.0)
        writer.write(["m f=1"])
        writer.ping()
        writer.close()
    heads = [head for head, _ in server.requests]
    assert [head.split("\r\n")[0] for head in heads] == [
        "POST /influx/write?db=db&precision=ms HTTP/1.1",
        "GET /influx/ping HTTP/1.1",
    ]
    assert "authorization" not in "".join(heads).lower()
    assert server.connections == 1


def test_a_captive_portal_stores_nothing_and_is_not_followed() -> None:
    moved = http_answer("302 Found", "", "Location: http://portal.example/login")
    page = http_answer("200 OK", "<html>Log in</html>", "Content-Type: text/html")
    with StubServer([moved, page]) as server:
        assert write_to(server.url, LINES).verdict is Verdict.UNREACHABLE
        assert write_to(server.url, LINES).verdict is Verdict.UNREACHABLE
    assert len(server.requests) == 2


def test_a_refusal_in_raw_bytes_is_still_a_refusal() -> None:
    raw = b'{"error":"unable to parse \'\xb5\x2f\xfd\'"}'
    head = b"HTTP/1.1 400 Bad Request\r\nX-Influxdb-Error: \xb5\x2f\xfd\r\nContent-Length: %d\r\n\r\n" % len(raw)
    with StubServer([head + raw]) as server:
        assert write_to(server.url, LINES).verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    "broken",
    [b"", b"\xb5\x2f\xfd\r\n\r\n", b"HTTP/1.1 20", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{"],
)
def test_an_answer_that_breaks_off_is_none_and_is_asked_for_once(broken: bytes) -> None:
    with StubServer([broken]) as server:
        answer = write_to(server.url, LINES)
    [(_, body)] = server.requests
    assert answer.verdict is Verdict.UNREACHABLE
    assert answer.sent_bytes == len(body)


def test_nobody_there_costs_no_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = write_to(f"http://127.0.0.1:{port}", LINES)
    assert answer.verdict is Verdict.UNREACHABLE
    assert answer.sent_bytes == 0
    assert answer.reason == "no connection: Connection refused"


def test_a_name_without_an_address_is_told_as_such() -> None:
    answer = write_to("http://influx.invalid:8086", LINES)
    assert (answer.verdict, answer.reason) == (Verdict.UNREACHABLE, "no address for influx.invalid")
