"""Writing line protocol over urllib3: to `/write` of InfluxDB 1.x, and to `/api/v2/write` of InfluxDB 2.x, 3 and Cloud,
VictoriaMetrics and what speaks like them. docs/decisions/040 says why without influxdb-client.

The API v2: https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite
"""

import base64
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.util import SKIP_HEADER

from ingest.answer import Answer
from ingest.body import TIGHT, pack
from ingest.connection import CONNECT_TIMEOUT, Meter
from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.judge import Judge, judge_answer, judge_failure, judge_ping


class InfluxdbWriter:
    """One kept-alive connection. `timeout` in seconds bounds the wait for an answer.

    Promised: one request per call, no retry, no redirect followed, no secret in a URL. Not for two threads at once.
    """

    def __init__(self, settings: DatabaseSettings, timeout: float) -> None:
        """Connects at the first request."""
        self._pool = urllib3.connection_from_url(settings.url, maxsize=1, retries=False)
        self._meter = Meter(self._pool)
        self._timeout = timeout
        self._path = urlsplit(settings.url).path.rstrip("/")
        self._target = _target(settings)
        unneeded = dict.fromkeys(("Accept-Encoding", "User-Agent"), SKIP_HEADER)
        self._headers = unneeded | _authorization(settings)

    @property
    def wire_bytes(self) -> int:
        """What all requests have cost until now."""
        return self._meter.wire_bytes

    def write(self, lines: list[str], timeout: float | None = None, level: int = TIGHT) -> Answer:
        """Sends `lines` in one request."""
        body, encoding = pack(lines, level)
        return self._request(
            judge_answer, "POST", self._target, body=body, headers={"Content-Encoding": encoding}, timeout=timeout
        )

    def ping(self, timeout: float | None = None) -> Answer:
        """Asks `/ping`, which touches no data."""
        return self._request(judge_ping, "GET", "/ping", body=b"", headers={}, timeout=timeout)

    def close(self) -> None:
        """Closes the connection."""
        self._pool.close()

    def _request(
        self, judge: Judge, method: str, target: str, *, body: bytes, headers: dict[str, str], timeout: float | None
    ) -> Answer:
        wait = timeout or self._timeout
        try:
            response = self._pool.urlopen(
                method,
                self._path + target,
                body or None,
                self._headers | headers,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, wait), read=wait),
            )
        except urllib3.exceptions.HTTPError as error:
            return judge_failure(error, len(body))
        return judge(response.status, response.headers, response.data.decode("utf-8", "replace"), len(body))


def _target(settings: DatabaseSettings) -> str:
    match settings:
        case Influxdb1Settings(database=database):
            return "/write?" + urlencode({"db": database, "precision": "ms"})
        case Influxdb2Settings(org=org, bucket=bucket):
            return "/api/v2/write?" + urlencode({"org": org, "bucket": bucket, "precision": "ms"})


def _authorization(settings: DatabaseSettings) -> dict[str, str]:
    match settings:
        case Influxdb1Settings(user=None):
            return {}
        case Influxdb1Settings(user=user, password=password):
            return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
        case Influxdb2Settings(token=token):
            return {"Authorization": f"Token {token}"}
