"""Statuses and bodies are as InfluxDB 1.6.7 sent them; those marked 2.x or 3 are from their documentation."""

import pytest
from urllib3 import HTTPHeaderDict, exceptions

from ingest.answer import Answer, Verdict
from ingest.judge import Judge, judge_answer, judge_failure, judge_ping

DATE = "Tue, 24 Nov 2026 23:21:22 GMT"
DATE_MS = 1_795_562_482_000
PORTAL = "<!DOCTYPE html>\n<html><title>Welcome to Floating Hotel Wi-Fi</title>"
PARTIAL = '{"error":"partial write: field type conflict: input field \\"soc\\" on measurement \\"bms\\" dropped=1"}'


def judged(status: int, body: str = "", judge: Judge = judge_answer, **headers: str) -> Answer:
    named = HTTPHeaderDict({name.replace("_", "-"): value for name, value in headers.items()})
    return judge(status, named, body, 123)


def test_written_brings_the_servers_clock_and_the_bytes() -> None:
    assert judged(204, date=DATE) == Answer(Verdict.WRITTEN, "", DATE_MS, None, 123)


def test_a_ping_is_answered_by_each_kind_of_database_in_its_way() -> None:
    there = Answer(Verdict.WRITTEN, "", DATE_MS, None, 123)
    assert judged(204, judge=judge_ping, date=DATE) == there
    version = '{"version":"3.8.0","revision":"0","process_id":"0"}'
    assert judged(200, version, judge_ping, date=DATE, x_influxdb_version="3.8.0") == there  # 3
    assert judged(200, version, date=DATE, x_influxdb_version="3.8.0").verdict is Verdict.UNREACHABLE
    assert judged(200, PORTAL, judge_ping, date=DATE, x_influxdb_version="3.8.0").verdict is Verdict.UNREACHABLE
    assert judged(200, "OK", judge_ping, date=DATE).verdict is Verdict.UNREACHABLE


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "Tue, 99 Nov 2026 23:21:22 GMT", f"Tue, 24 Nov 2026 23:21:22 +{'9' * 17}"],
)
def test_a_date_that_is_none_is_no_clock(date: str) -> None:
    assert judged(204, date=date).server_utc_ms is None


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (400, PARTIAL, Verdict.REFUSED),
        (400, '{"error":"unable to parse \'bms x 3\': missing fields"}', Verdict.REFUSED),
        (400, '{"code":"invalid","message":"unable to parse"}', Verdict.REFUSED),  # 2.x
        (400, '{"error":"partial write of line protocol occurred","data":[]}', Verdict.REFUSED),  # 3
        (422, '{"code":"unprocessable entity","message":"points outside retention"}', Verdict.REFUSED),  # 2.x
        (401, '{"error":"authorization failed"}', Verdict.UNAUTHORIZED),
        (401, '{"code":"unauthorized","message":"unauthorized access"}', Verdict.UNAUTHORIZED),  # 2.x
        (403, '{"error":"\\"grafana\\" user is not authorized to write to database"}', Verdict.UNAUTHORIZED),
        (404, '{"error":"database not found: \\"nodb\\""}', Verdict.UNAUTHORIZED),
        (404, '{"code":"not found","message":"bucket \\"nope\\" not found"}', Verdict.UNAUTHORIZED),  # 2.x
        (500, '{"error":"retention policy not found: raw"}', Verdict.UNAUTHORIZED),
        (500, '{"error":"timeout"}', Verdict.FAILED),
        (413, '{"error":"Request Entity Too Large"}', Verdict.TOO_LARGE),
        (429, '{"code":"too many requests","message":"quota"}', Verdict.BUSY),  # 2.x
        (503, '{"error":"timeout"}', Verdict.BUSY),
    ],
)
def test_each_answer_of_a_database_has_its_verdict(status: int, body: str, verdict: Verdict) -> None:
    answer = judged(status, body, date=DATE)
    assert answer.verdict is verdict
    assert answer.server_utc_ms == DATE_MS


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (404, "404 page not found\n", Verdict.UNAUTHORIZED),  # the API v2 asked of 1.6.7
        (413, "<html><title>413 Request Entity Too Large</title>", Verdict.TOO_LARGE),  # nginx
        (429, PORTAL, Verdict.BUSY),
        (503, "<html><title>503 Service Temporarily Unavailable</title>", Verdict.BUSY),  # nginx
    ],
)
def test_what_others_may_have_said_in_the_databases_stead_is_heeded_but_sets_no_clock(
    status: int, body: str, verdict: Verdict
) -> None:
    answer = judged(status, body, date=DATE, retry_after="Tue, 24 Nov 2026 23:22:22 GMT")
    assert (answer.verdict, answer.server_utc_ms, answer.retry_after) == (verdict, None, 60.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PORTAL),
        (200, ""),
        (200, '{"results":[]}'),
        (302, ""),
        (400, PORTAL),
        (400, "400 Bad Request: malformed Host header"),
        (400, "[]"),
        (400, '{"error": 7}'),
        (401, PORTAL),
        (403, PORTAL),
        (404, PORTAL),
        (502, "<html><title>502 Bad Gateway</title>"),
        (500, "Internal Server Error"),
        (511, PORTAL),
    ],
)
def test_what_the_database_did_not_say_decides_nothing_about_the_lines_nor_about_time(status: int, body: str) -> None:
    answer = judged(status, body, date=DATE)
    assert answer.verdict is Verdict.UNREACHABLE
    assert answer.server_utc_ms is None
    assert answer.sent_bytes == 123


def test_html_is_known_by_its_type_too() -> None:
    assert judged(403, "Forbidden", content_type="text/html; charset=utf-8").verdict is Verdict.UNREACHABLE


def test_the_reason_is_one_line_of_bearable_length() -> None:
    assert judged(400, PARTIAL).reason.startswith("HTTP 400: partial write: field type conflict: input field")
    assert judged(200, PORTAL).reason == f"answered by something else, HTTP 200: {PORTAL.replace(chr(10), ' ')}"
    assert len(judged(502, "x" * 100_000).reason) < 400


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120.0),
        ("Tue, 24 Nov 2026 23:22:22 GMT", 60.0),
        ("Tue, 24 Nov 2026 23:20:22 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date_on_the_servers_clock(retry_after: str, seconds: float | None) -> None:
    assert judged(429, date=DATE, retry_after=retry_after).retry_after == seconds


def test_a_retry_date_without_the_servers_clock_says_nothing() -> None:
    assert judged(503, retry_after=DATE).retry_after is None


def test_a_failure_after_sending_counts_the_bytes_and_one_before_does_not() -> None:
    broken = judge_failure(exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")), 123)
    assert (broken.verdict, broken.sent_bytes) == (Verdict.UNREACHABLE, 123)
    no_tls = judge_failure(exceptions.SSLError("certificate verify failed: certificate is not yet valid"), 123)
    assert (no_tls.verdict, no_tls.sent_bytes) == (Verdict.UNREACHABLE, 0)
    assert "not yet valid" in no_tls.reason
