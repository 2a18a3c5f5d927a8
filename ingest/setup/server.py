"""One request to an InfluxDB that is being prepared, and which InfluxDB it is."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from ingest.settings_file import SettingsError

TIMEOUT = 10.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Any answer: whether it is the wanted one is for the caller to say."""

    status: int
    headers: Mapping[str, str]
    text: str

    def document(self) -> Any:
        """Raises SettingsError when it is no JSON: then something else answers there."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise SettingsError(f"url: no JSON but {self.text[:60]!r}; give the address of an InfluxDB") from None

    def failure(self, what: str) -> SettingsError:
        """The error for an answer that nobody can go on with."""
        return SettingsError(f"{what}: the database answers {self.status} {' '.join(self.text.split())[:200]}")


class Server:
    """Not for two threads at once. No redirect is followed, so no secret goes elsewhere."""

    def __init__(self, url: str) -> None:
        """Connects at the first request."""
        self.url = url
        self._path = urlsplit(url).path.rstrip("/")
        self._pool = urllib3.connection_from_url(url, maxsize=1, retries=False, timeout=TIMEOUT)

    def close(self) -> None:
        """Closes the connection."""
        self._pool.close()

    def get(self, target: str, headers: Mapping[str, str]) -> Answer:
        """Raises SettingsError when nobody answers."""
        return self._request("GET", target, None, headers)

    def post_form(self, target: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Likewise."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._request("POST", target, urlencode(form).encode(), kind | dict(headers))

    def post_json(self, target: str, document: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
        """Likewise; without a document the body is empty."""
        if document is None:
            return self._request("POST", target, None, headers)
        kind = {"Content-Type": "application/json"}
        return self._request("POST", target, json.dumps(document).encode(), kind | dict(headers))

    def version(self, token: str | None) -> str:
        """Such as `1.6.7~rc0`. InfluxDB 3 tells it only to who has a `token`; without one it is `3`. Raises
        SettingsError when it is no InfluxDB.
        """
        answer = self.get("/ping", {})
        told = answer.headers.get("X-Influxdb-Version", "")
        if not told and answer.status == 401:
            answer = self.get("/ping", {} if token is None else {"Authorization": f"Bearer {token}"})
            told = answer.headers.get("X-Influxdb-Version", "" if answer.status != 401 else "3")
        if found := re.fullmatch(r"v?([123](\.\S+)?)", told):
            return found[1]
        raise SettingsError(f"url: {self.url} does not say which InfluxDB it is; give the address of an InfluxDB")

    def _request(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            answer = self._pool.urlopen(method, self._path + target, body, dict(headers), redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise SettingsError(f"url: {self.url}: {error}; start the database, or mend the address") from None
        return Answer(answer.status, answer.headers, answer.data.decode("utf-8", "replace"))
