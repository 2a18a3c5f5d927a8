"""Reading from the database, in InfluxQL over its `/query`: the one way that InfluxDB 1.x, 2.x and 3 share.

On 2.x a DBRP mapping gives the bucket its name as a database (docs/decisions/042). Promised: one request per question,
no retry, no secret in a URL. Not promised: that the answer is small; whoever asks bounds the time.
Answers: https://docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import urllib3

from ingest.connection import CONNECT_TIMEOUT
from ingest.database import DatabaseSettings, Influxdb1Settings

TIMEOUT = 60.0
"""Seconds that an answer is waited for: a month of readings by the minute takes a small server some of them."""

Row = dict[str, Any]
"""Columns and tags by name; `time` is UTC in ms."""


class ReadError(Exception):
    """What a person has to mend, or wait for, in one line."""


class Reader:
    """One kept-alive connection, not for two threads at once."""

    def __init__(self, settings: DatabaseSettings, timeout: float = TIMEOUT) -> None:
        """Connects at the first question. `timeout` in seconds."""
        self._url = settings.url.rstrip("/")
        self._timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout)
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        self._headers = {"Accept": "application/json"}
        if isinstance(settings, Influxdb1Settings):
            self._database = settings.database
            if settings.user is not None:
                credentials = f"{settings.user}:{settings.password}".encode()
                self._headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
        else:
            self._database = settings.bucket
            self._headers["Authorization"] = f"Token {settings.token}"

    def query(self, influxql: str) -> list[Row]:
        """The rows of one statement, in the database's order. Raises ReadError."""
        fields = {"db": self._database, "epoch": "ms", "q": influxql}
        try:
            answer = self._pool.request(
                "GET",
                f"{self._url}/query",
                fields=fields,
                headers=self._headers,
                redirect=False,
                timeout=self._timeout,
            )
        except urllib3.exceptions.HTTPError as error:
            reason = str(error).rpartition(": ")[2]
            raise ReadError(f"{self._url}: no answer ({reason}); check url and network") from None
        if answer.status in (401, 403):
            raise ReadError(
                f"{self._url}: {answer.status}, it does not let us read {self._database!r}; "
                "check the user or token in [database], it needs no more than to read"
            )
        return list(self._rows(answer.status, answer.data.decode("utf-8", "replace")))

    def close(self) -> None:
        """Closes the connection."""
        self._pool.clear()

    def _rows(self, status: int, body: str) -> Iterator[Row]:
        try:
            document = json.loads(body)
            result = document["results"][0] if status == 200 else document
            refused = result.get("error") or result.get("message")
            found = [
                dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
                for series in result.get("series", ())
                for values in series.get("values", ())
            ]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise ReadError(
                f"{self._url}: {status}, not an answer of InfluxDB's /query; check url, and a proxy before it"
            ) from None
        if refused or status != 200:
            raise ReadError(f"{self._url}: {status}, {refused}; check database or bucket in [database]")
        yield from found


def text(value: str) -> str:
    """A string literal of InfluxQL, for a tag's value."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
