"""The way into the database: its settings, and the one shape that every kind of database is written through."""

from typing import Protocol
from urllib.parse import urlsplit

from ingest.answer import Answer
from ingest.body import TIGHT
from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.influxdb1 import Influxdb1Writer
from ingest.settings_file import Table, is_host

TIMEOUT = 30.0
"""Seconds that an answer is waited for at most: a busy database needs some of them."""


class Writer(Protocol):
    """Writes lines and says what became of them. It keeps nothing, retries nothing, raises nothing for a bad link."""

    @property
    def wire_bytes(self) -> int:
        """What all requests have cost until now, both directions, TLS and packets' headers included."""

    def write(self, lines: list[str], timeout: float = TIMEOUT, level: int = TIGHT) -> Answer:
        """Sends the lines in one request, with times in milliseconds, packed at that level. `timeout` in seconds bounds
        the wait for the answer.
        """

    def ping(self, timeout: float = TIMEOUT) -> Answer:
        """Asks whether the database is there, and for its clock. WRITTEN says yes; nothing is written."""

    def close(self) -> None:
        """Ends the connection."""


def open_writer(settings: DatabaseSettings, timeout: float = TIMEOUT) -> Writer:
    """Connects at the first request, so an absent database is no error here."""
    match settings:
        case Influxdb1Settings():
            return Influxdb1Writer(settings, timeout)
        case Influxdb2Settings():
            # Only who writes through it pays the 14 MB of memory that influxdb-client takes.
            from ingest.influxdb2 import Influxdb2Writer  # noqa: PLC0415

            return Influxdb2Writer(settings, timeout)


def database_settings(table: Table) -> DatabaseSettings:
    """Reads the `[database]` table. Raises SettingsError; refusing unknown keys is left to who has the whole file."""
    kind = table.choice("kind", ("influxdb1", "influxdb2"))
    url = database_url(table)
    if kind == "influxdb2":
        # A token goes into an HTTP header as it is, a user and a password in Base64.
        return Influxdb2Settings(url, table.text("org"), table.text("bucket"), table.secret("token_file", "ASCII"))
    database = table.text("database")
    if not (table.has("user") or table.has("password_file")):
        return Influxdb1Settings(url, database)
    user = table.text("user")
    if ":" in user:
        raise table.wrong("user", user, "give one without a colon, which HTTP cannot send")
    return Influxdb1Settings(url, database, user, table.secret("password_file"))


def database_url(table: Table) -> str:
    """The table's `url`. Raises SettingsError."""
    way_out = "write it like https://influx.example.org:8086, with user and password under keys of their own"
    url = table.text("url", r"((?![@?#])[!-~])+", way_out, secret=True)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise table.wrong("url", url, way_out)
    return url
