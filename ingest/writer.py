"""The way into the database: its settings, and the one shape that every kind of database is written through."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ingest.answer import Answer
from ingest.influxdb1 import Influxdb1Settings, Influxdb1Writer
from ingest.influxdb2 import Influxdb2Settings, Influxdb2Writer

DatabaseSettings = Influxdb1Settings | Influxdb2Settings

TIMEOUT = 30.0
"""Seconds for connecting, for sending a body and for waiting on its answer: a satellite link needs some of them."""

_KEYS = {
    "influxdb1": ("kind", "url", "database", "user", "password_file"),
    "influxdb2": ("kind", "url", "org", "bucket", "token_file"),
}


class SettingsError(ValueError):
    """A setting that a person has to mend, in one line: the thing, its value, the way out."""


class Writer(Protocol):
    """Writes lines and says what became of them. It keeps nothing, retries nothing, raises nothing for a bad link."""

    def write(self, lines: list[str]) -> Answer:
        """Sends the lines in one request, with times in milliseconds."""

    def ping(self) -> Answer:
        """Asks whether the database is there, and for its clock. WRITTEN says yes; nothing is written."""

    def close(self) -> None:
        """Ends the connection."""


def open_writer(settings: DatabaseSettings, timeout: float = TIMEOUT) -> Writer:
    """Connects at the first request, so an absent database is no error here."""
    match settings:
        case Influxdb1Settings():
            return Influxdb1Writer(settings, timeout)
        case Influxdb2Settings():
            return Influxdb2Writer(settings, timeout)


def database_settings(table: Mapping[str, Any], where: str) -> DatabaseSettings:
    """Checks the `[database]` table; `where` names its file for people. Raises SettingsError."""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise SettingsError(f"{where}: database.kind is {kind!r}; set it to {' or '.join(_KEYS)}")
    for key in table:
        if key not in _KEYS[kind]:
            raise SettingsError(f"{where}: database.{key} is no setting of {kind}; it has {', '.join(_KEYS[kind])}")
    url = _url(table, where)
    if kind == "influxdb2":
        token = _secret(table, "token_file", where)
        return Influxdb2Settings(url, _text(table, "org", where), _text(table, "bucket", where), token)
    database = _text(table, "database", where)
    if "user" not in table and "password_file" not in table:
        return Influxdb1Settings(url, database)
    user = _text(table, "user", where)
    if ":" in user:
        raise SettingsError(f"{where}: database.user is {user!r}; HTTP cannot send a user name with a colon")
    return Influxdb1Settings(url, database, user, _secret(table, "password_file", where))


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        told = "missing" if value is None else repr(value)
        raise SettingsError(f"{where}: database.{key} is {told}; give a text that is not empty")
    return value


def _url(table: Mapping[str, Any], where: str) -> str:
    url = _text(table, "url", where)
    wrong = SettingsError(f"{where}: database.url is {url!r}; write it like https://influx.example.org:8086")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not usable or parts.query or parts.fragment:
        raise wrong
    if parts.username is not None:
        raise SettingsError(f"{where}: database.url holds a user name; take it out, and the password into a file")
    return url


def _secret(table: Mapping[str, Any], key: str, where: str) -> str:
    path = Path(_text(table, key, where))
    try:
        secret = path.read_text("ascii").strip()
    except OSError as error:
        raise SettingsError(
            f"{where}: database.{key} is {str(path)!r}: {error.strerror}; put the secret there"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: database.{key} is {str(path)!r}, which holds more than plain ASCII") from None
    if not secret or not secret.isprintable():
        raise SettingsError(f"{where}: database.{key} is {str(path)!r}; that file must hold the secret in one line")
    return secret
