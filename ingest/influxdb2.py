"""Writing through the API v2: InfluxDB 2.x and 3, InfluxDB Cloud and what speaks like them, with influxdb-client.

Its WriteApi is for programs that keep nothing: it hides the answer's headers and drops what was refused. The service
below it sends one request and gives status, headers and body, which is all that a store-and-forward needs.
"""

from collections.abc import Callable, Mapping

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.ping_service import PingService
from influxdb_client.service.write_service import WriteService
from urllib3.util import SKIP_HEADER

from ingest.answer import Answer
from ingest.body import TIGHT, pack
from ingest.connection import CONNECT_TIMEOUT, Meter
from ingest.database import Influxdb2Settings
from ingest.judge import Judge, judge_answer, judge_failure, judge_ping


class Influxdb2Writer:
    """One kept-alive connection. `timeout` in seconds bounds the wait for an answer.

    Promised: one request per call, no retry, no redirect followed, no secret in a URL. Not for two threads at once.
    """

    def __init__(self, settings: Influxdb2Settings, timeout: float) -> None:
        """Connects at the first request."""
        self._client = InfluxDBClient(settings.url, settings.token, retries=False, connection_pool_maxsize=1)
        api = self._client.api_client
        for unneeded in ("Accept-Encoding", "User-Agent"):
            api.set_default_header(unneeded, SKIP_HEADER)
        self._meter = Meter(api.rest_client.pool_manager.connection_from_url(settings.url))
        self._timeout = timeout
        self._settings = settings

    @property
    def wire_bytes(self) -> int:
        """What all requests have cost until now."""
        return self._meter.wire_bytes

    def write(self, lines: list[str], timeout: float | None = None, level: int = TIGHT) -> Answer:
        """Sends `lines` in one request."""
        body, encoding = pack(lines, level)
        service = WriteService(self._client.api_client)
        return self._judged(
            judge_answer,
            lambda: service.post_write_with_http_info(
                self._settings.org,
                self._settings.bucket,
                body,
                precision=WritePrecision.MS,
                content_encoding=encoding,
                _request_timeout=_timeouts(timeout or self._timeout),
            ),
            len(body),
        )

    def ping(self, timeout: float | None = None) -> Answer:
        """Asks `/ping`, which touches no data."""
        service = PingService(self._client.api_client)
        timeouts = _timeouts(timeout or self._timeout)
        return self._judged(judge_ping, lambda: service.get_ping_with_http_info(_request_timeout=timeouts), 0)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _judged(
        self, judge: Judge, request: Callable[[], tuple[None, int, Mapping[str, str]]], sent_bytes: int
    ) -> Answer:
        try:
            _, status, headers = request()
        except ApiException as error:
            if error.headers is None:  # the client's way to say that TLS failed
                return judge_failure(urllib3.exceptions.SSLError(error.reason), sent_bytes)
            return judge(error.status, error.headers, error.body, sent_bytes)
        except (urllib3.exceptions.HTTPError, UnicodeDecodeError) as error:
            return judge_failure(error, sent_bytes)
        return judge(status, headers, self._client.api_client.last_response.data, sent_bytes)


def _timeouts(answer: float) -> tuple[int, int]:
    """As influxdb-client wants them: ms for connecting and for the answer."""
    return round(1000 * min(CONNECT_TIMEOUT, answer)), round(1000 * answer)
