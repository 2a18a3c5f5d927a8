"""The gateway's settings, from one TOML file. Every error is one line: file, key, value, way out."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ingest.writer import DatabaseSettings, SettingsError, database_settings

T = TypeVar("T")

COMMIT_INTERVAL = 2.0
"""Seconds. Longer costs the card fewer bytes; the board sends again after 20 s without an acknowledgement."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the boards publish."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """`commit_interval` and `forward_interval` are in seconds."""

    site: str
    broker: BrokerSettings
    journal_folder: Path
    commit_interval: float
    forward_interval: float
    database: DatabaseSettings
    page_host: str
    page_port: int


def load(path: Path) -> Settings:
    """Raises SettingsError for whatever a person has to mend."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; deploy/gateway.example.toml shows what belongs there") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}; TOML writes texts in double quotes and tables in [brackets]") from None
    top = _Table(str(path), "", document)
    broker = top.table("broker")
    journal = top.table("journal")
    forward = top.table("forward")
    page = top.table("page")
    database = top.take("database", dict, "a table [database]")
    settings = Settings(
        site=top.text("site"),
        broker=BrokerSettings(
            broker.text("host"), broker.port("port"), broker.text("user"), broker.secret("password_file")
        ),
        journal_folder=Path(journal.text("folder")),
        commit_interval=journal.seconds("commit_interval", 0.1, 10, COMMIT_INTERVAL),
        forward_interval=forward.seconds("interval", 1, 3600),
        database=database_settings(database, str(path)),
        page_host=page.text("host"),
        page_port=page.port("port"),
    )
    for table in (top, broker, journal, forward, page):
        table.refuse_unknown()
    return settings


class _Table:
    """A table of the file, which remembers what was asked of it."""

    def __init__(self, where: str, name: str, values: dict[str, Any]) -> None:
        self._where = where
        self._prefix = f"{name}." if name else ""
        self._values = values
        self._known: list[str] = []

    def take(self, key: str, kind: type[T] | tuple[type[T], ...], what: str) -> T:
        self._known.append(key)
        if key not in self._values:
            raise SettingsError(f"{self._where}: {self._prefix}{key} is missing; give {what}")
        value = self._values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(key, what)
        return value

    def table(self, key: str) -> "_Table":
        return _Table(self._where, key, self.take(key, dict, f"a table [{key}]"))

    def text(self, key: str) -> str:
        what = "a text that is not empty, in one line"
        value = self.take(key, str, what)
        if not value or not value.isprintable():
            raise self._wrong(key, what)
        return value

    def port(self, key: str) -> int:
        what = "a port number from 1 to 65535"
        value = self.take(key, int, what)
        if not 1 <= value <= 65535:
            raise self._wrong(key, what)
        return value

    def seconds(self, key: str, lowest: float, highest: float, default: float | None = None) -> float:
        what = f"seconds from {lowest:g} to {highest:g}"
        if default is not None and key not in self._values:
            self._known.append(key)
            return default
        value: float = self.take(key, (int, float), what)
        if not lowest <= value <= highest:
            raise self._wrong(key, what)
        return float(value)

    def secret(self, key: str) -> str:
        path = Path(self.text(key))
        where = f"{self._where}: {self._prefix}{key} is {str(path)!r}"
        try:
            lines = path.read_text("utf-8").splitlines()
        except OSError as error:
            raise SettingsError(f"{where}: {error.strerror}; put the password alone into that file") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{where}, which is not UTF-8; put the password alone into that file") from None
        if len(lines) != 1 or not lines[0].strip():
            raise SettingsError(f"{where}, which holds {len(lines)} lines; put the password alone, in one line, there")
        return lines[0].strip()

    def refuse_unknown(self) -> None:
        for key in self._values:
            if key not in self._known:
                raise SettingsError(
                    f"{self._where}: {self._prefix}{key} is no setting; known here are {', '.join(self._known)}"
                )

    def _wrong(self, key: str, what: str) -> SettingsError:
        return SettingsError(f"{self._where}: {self._prefix}{key} is {self._values[key]!r}; give {what}")
