"""Answers as InfluxDB gives them, byte for byte from a stub; hil_tests/test_report.py asks the real one."""

import json

import pytest

from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.reader import Reader, ReadError, text
from tests.stub_server import StubServer, http_answer

SERIES = {"name": "bms", "tags": {"device": "bms1"}, "columns": ["time", "soc"], "values": [[1000, 50.0], [2000, None]]}


def answered(answer: bytes, settings: DatabaseSettings | None = None) -> tuple[list[dict[str, object]], str]:
    """The rows, and the head of the request."""
    with StubServer([answer]) as server:
        reader = Reader(settings or Influxdb1Settings(server.url, "powerunit", "reader", "secret"))
        try:
            return reader.query('SELECT "soc" FROM "bms"'), server.requests[0][0]
        finally:
            reader.close()


def json_answer(document: object, status: str = "200 OK") -> bytes:
    return http_answer(status, json.dumps(document), "Content-Type: application/json")


def test_rows_carry_their_columns_and_tags() -> None:
    rows, head = answered(json_answer({"results": [{"series": [SERIES]}]}))
    assert rows == [{"time": 1000, "soc": 50.0, "device": "bms1"}, {"time": 2000, "soc": None, "device": "bms1"}]
    assert "epoch=ms" in head
    assert "db=powerunit" in head
    assert "Authorization: Basic cmVhZGVyOnNlY3JldA==" in head
    assert "secret" not in head


def test_no_series_are_no_rows() -> None:
    assert answered(json_answer({"results": [{}]}))[0] == []


def test_an_influxdb_2_is_asked_with_its_token_for_the_bucket() -> None:
    with StubServer([json_answer({"results": [{}]})]) as server:
        reader = Reader(Influxdb2Settings(server.url, "trial", "powerunit", "a-token"))
        reader.query("SHOW MEASUREMENTS")
        reader.close()
        [(head, _)] = server.requests
    assert "Authorization: Token a-token" in head
    assert "db=powerunit" in head


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            json_answer({"error": "authorization failed"}, "401 Unauthorized"),
            "401, it does not let us read 'powerunit'",
        ),
        (json_answer({"error": "forbidden"}, "403 Forbidden"), "403, it does not let us read 'powerunit'"),
        (json_answer({"results": [{"error": "database not found: x"}]}), "200, database not found: x; check database"),
        (json_answer({"message": "bucket is gone"}, "404 Not Found"), "404, bucket is gone; check database"),
        (json_answer({"error": "error parsing query"}, "400 Bad Request"), "400, error parsing query"),
        (http_answer("502 Bad Gateway", "<html>"), "502, not an answer of InfluxDB's /query; check url"),
        (http_answer("200 OK", "welcome to the hotel"), "200, not an answer of InfluxDB's /query"),
        (json_answer([]), "200, not an answer of InfluxDB's /query"),
        (b"garbage\r\n\r\n", "no answer"),
        (http_answer("302 Found", "", "Location: http://portal/"), "302, not an answer"),
    ],
)
def test_what_is_no_answer_is_told_in_one_line(answer: bytes, told: str) -> None:
    with pytest.raises(ReadError) as caught:
        answered(answer)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there_is_named() -> None:
    with StubServer([]) as server:
        url = server.url
    with pytest.raises(ReadError, match=r"no answer \(.*Connection refused\); check url and network"):
        Reader(Influxdb1Settings(url, "powerunit")).query("SHOW DATABASES")


def test_a_text_cannot_end_itself() -> None:
    assert text(r"a'b\c") == r"'a\'b\\c'"
