"""Writing to InfluxDB 1.x through its own `/write`. docs/decisions/040 says why over urllib3."""

import base64
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.util import SKIP_HEADER

from ingest.answer import Answer
from ingest.body import TIGHT, pack
from ingest.connection import CONNECT_TIMEOUT, Meter
from ingest.database import Influxdb1Settings
from ingest.judge import Judge, judge_answer, judge_failure, judge_ping


class Influxdb1Writer:
    """One kept-alive connection. `timeout` in seconds bounds the wait for an answer.

    Promised: one request per call, no retry, no redirect followed, no secret in a URL. Not for two threads at once.
    """

    def __init__(self, settings: Influxdb1Settings, timeout: float) -> None:
        """Connects at the first request."""
        self._pool = urllib3.connection_from_url(settings.url, maxsize=1, retries=False)
        self._meter = Meter(self._pool)
        self._timeout = timeout
        self._path = urlsplit(settings.url).path.rstrip("/")
        self._query = urlencode({"db": settings.database, "precision": "ms"})
        self._headers = {"Accept-Encoding": SKIP_HEADER, "User-Agent": SKIP_HEADER}
        if settings.user is not None:
            credentials = f"{settings.user}:{settings.password}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"

    @property
    def wire_bytes(self) -> int:
        """What all requests have cost until now."""
        return self._meter.wire_bytes

    def write(self, lines: list[str], timeout: float | None = None, level: int = TIGHT) -> Answer:
        """Sends `lines` in one request."""
        body, encoding = pack(lines, level)
        headers = {"Content-Encoding": encoding}
        return self._request(
            judge_answer,
            "POST",
            f"/write?{self._query}",
            body=body,
            headers=headers,
            timeout=timeout or self._timeout,
        )

    def ping(self, timeout: float | None = None) -> Answer:
        """Asks `/ping`, which needs no password and touches no data."""
        return self._request(judge_ping, "GET", "/ping", body=b"", headers={}, timeout=timeout or self._timeout)

    def close(self) -> None:
        """Closes the connection."""
        self._pool.close()

    def _request(
        self, judge: Judge, method: str, target: str, *, body: bytes, headers: dict[str, str], timeout: float
    ) -> Answer:
        try:
            response = self._pool.urlopen(
                method,
                self._path + target,
                body or None,
                self._headers | headers,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            return judge_failure(error, len(body))
        return judge(response.status, response.headers, response.data.decode("utf-8", "replace"), len(body))
