"""What an HTTP answer to a write, or its absence, means for the lines that were sent.

Promised: lines are called written, or refused for good, only when the database itself has said so. A captive portal's
page, a proxy's error and a broken answer are none of the database's words, whatever their status, and set no clock:
only 204 and an answer with the database's reason do. A proxy may still ask to wait, or for smaller portions.
The statuses were measured on InfluxDB 1.6.7; for 2.x and 3 they are as documented:
https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite
"""

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from urllib3 import exceptions

from ingest.answer import Answer, Verdict

LONGEST_REASON = 300

Judge = Callable[[int, Mapping[str, str], str, int], Answer]
"""Of an answer that arrived whole: status, headers, body, and how many bytes the request had sent."""


def judge_answer(status: int, headers: Mapping[str, str], body: str, sent_bytes: int) -> Answer:
    """Judges an answer that arrived whole. `headers` are looked up without regard to case, as urllib3's are."""
    verdict = _verdict(status, headers, body)
    if verdict is Verdict.UNREACHABLE:
        return Answer(verdict, f"answered by something else, HTTP {status}: {_one_line(body)}", sent_bytes=sent_bytes)
    date_ms = _http_date_ms(headers.get("Date", ""))
    told_reason = _told_reason(body)
    return Answer(
        verdict,
        "" if verdict is Verdict.WRITTEN else f"HTTP {status}: {_one_line(told_reason or body)}",
        date_ms if verdict is Verdict.WRITTEN or told_reason else None,
        _seconds_to_wait(headers.get("Retry-After", ""), date_ms),
        sent_bytes,
    )


def judge_ping(status: int, headers: Mapping[str, str], body: str, sent_bytes: int) -> Answer:
    """Judges the answer to a ping: WRITTEN says that the database is there. InfluxDB 3 does so by 200 and its version:
    https://docs.influxdata.com/influxdb3/core/api/server-information/
    """
    there = status == 200 and bool(headers.get("X-Influxdb-Version")) and not _is_page(headers, body)
    return judge_answer(204 if there else status, headers, body, sent_bytes)


def judge_failure(error: exceptions.HTTPError, sent_bytes: int) -> Answer:
    """Judges a request that ended without a whole answer; `sent_bytes` is what would have gone out."""
    match error:
        case exceptions.NameResolutionError():
            return Answer(Verdict.UNREACHABLE, f"no address for {error.conn.host}")
        case exceptions.ConnectTimeoutError() | exceptions.NewConnectionError():
            return Answer(Verdict.UNREACHABLE, f"no connection: {_cause(error)}")
        case exceptions.SSLError():
            return Answer(Verdict.UNREACHABLE, f"no TLS connection: {_one_line(str(error))}")
    return Answer(Verdict.UNREACHABLE, f"no whole answer: {_one_line(str(error))}", sent_bytes=sent_bytes)


def _cause(error: exceptions.HTTPError) -> str:
    """What the operating system said, which is all that a person needs; urllib3's own text wraps it in its objects."""
    cause = error.__cause__
    return str(cause.strerror or cause) if isinstance(cause, OSError) else _one_line(str(error))


def _verdict(status: int, headers: Mapping[str, str], body: str) -> Verdict:
    match status:
        case 204:
            return Verdict.WRITTEN
        case 413:
            return Verdict.TOO_LARGE
        case 429 | 503:
            return Verdict.BUSY
        case 400 | 422 if _told_reason(body):
            return Verdict.REFUSED
        case 401 | 403 | 404 if not _is_page(headers, body):
            return Verdict.UNAUTHORIZED
        case 500 if "retention policy not found" in body:  # 1.x answers so where 404 would be the word
            return Verdict.UNAUTHORIZED
        case 500 | 501 | 502 | 504 if _told_reason(body):
            return Verdict.FAILED
    return Verdict.UNREACHABLE


def _told_reason(body: str) -> str:
    """The reason in the JSON of InfluxDB 1.x and 3 (`error`) or 2.x (`message`), empty when the body is neither."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    reason = answer.get("error") or answer.get("message")
    return reason if isinstance(reason, str) else ""


def _is_page(headers: Mapping[str, str], body: str) -> bool:
    return headers.get("Content-Type", "").startswith("text/html") or body.lstrip().startswith("<")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _http_date_ms(value: str) -> int | None:
    try:
        return int(parsedate_to_datetime(value).timestamp()) * 1000
    except (ValueError, OverflowError):
        return None


def _seconds_to_wait(retry_after: str, date_ms: int | None) -> float | None:
    """A date is measured against the same answer's `Date`, because our clock may be wrong."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    until_ms = _http_date_ms(retry_after)
    if until_ms is None or date_ms is None:
        return None
    return max(0.0, (until_ms - date_ms) / 1000)
