"""The gateway's settings, from one TOML file. Every error is one line."""

from dataclasses import dataclass, field
from pathlib import Path

from gateway import alarm_rules
from gateway.alarm_rules import Rules
from gateway.budget import UNLIMITED, Limits
from ingest.database import DatabaseSettings
from ingest.points import is_tag
from ingest.settings_file import Table
from ingest.writer import database_settings

COMMIT_INTERVAL = 5.0
"""Seconds. Longer costs the card fewer bytes; the board sends again after 20 s without an acknowledgement."""

LIMIT_MB = 4000
"""Two months at four readings a second, and the half of what a system leaves free on a card of 16 GB."""

DAY_BEGINS = 17
"""Hour of UTC: midnight in Vietnam. A day that begins at midnight UTC would end there an hour after sunrise."""


PIN_CHARACTERS = 6
"""With the page's waits after wrong ones, guessing six digits takes years."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where it is served. `pin` opens the actions, `export_folder` is on the stick; without them there are none."""

    host: str
    port: int
    pin: str | None = field(default=None, repr=False)
    export_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the boards publish."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """`commit_interval` and `forward_interval` are in seconds, `journal_limit` is in bytes, `day_begins` is an hour of
    UTC.
    """

    site: str
    broker: BrokerSettings
    journal_folder: Path
    journal_limit: int
    commit_interval: float
    forward_interval: float
    database: DatabaseSettings
    page: PageSettings
    rules: Rules
    ignore_ntp: bool = False
    budget: Limits = UNLIMITED
    day_begins: int = DAY_BEGINS


def load(path: Path, credentials: Path | None = None) -> Settings:
    """Raises SettingsError for whatever a person has to mend. `credentials` is the folder in which a service manager
    gives the secrets; without one they are beside the file.
    """
    file = Table.of_file(path, "deploy/gateway.example.toml", credentials)
    broker = file.table("broker")
    journal = file.table("journal")
    settings = Settings(
        site=_site(file),
        broker=BrokerSettings(
            broker.host("host"), broker.integer("port", 1, 65535), broker.text("user"), broker.secret("password_file")
        ),
        journal_folder=Path(journal.text("folder")),
        journal_limit=journal.integer("limit_mb", 16, 1_000_000, LIMIT_MB) * 1_000_000,
        commit_interval=journal.seconds("commit_interval", 0.1, 10, COMMIT_INTERVAL),
        forward_interval=file.table("forward").seconds("interval", 1, 3600),
        budget=_budget(file),
        database=database_settings(file.table("database")),
        page=_page(file.table("page")),
        ignore_ntp=file.table("clock", {}).flag("ignore_ntp"),
        day_begins=file.table("rollups", {}).integer("day_begins", 0, 23, DAY_BEGINS),
        rules=_rules(file, path),
    )
    file.refuse_unknown()
    return settings


def _rules(file: Table, path: Path) -> Rules:
    alarms = file.table("alarms", {})
    return alarm_rules.load(path.parent / alarms.text("rules") if alarms.has("rules") else alarm_rules.DEFAULT)


def _budget(file: Table) -> Limits:
    if not file.has("budget"):
        return UNLIMITED
    budget = file.table("budget")
    day, month = budget.integer("day_kb", 10, 1_000_000_000, None), budget.integer("month_mb", 1, 1_000_000, None)
    return Limits(None if day is None else day * 1000, None if month is None else month * 1_000_000)


def _page(page: Table) -> PageSettings:
    host, port, pin = page.host("host"), page.integer("port", 1, 65535), None
    if page.has("pin_file"):
        pin = page.secret("pin_file")
        if len(pin) < PIN_CHARACTERS:
            way_out = f"put at least {PIN_CHARACTERS} digits or letters into that file"
            raise page.wrong("pin_file", page.text("pin_file"), way_out)
    folder = page.text("export_folder", default=None)
    if folder is not None and pin is None:
        raise page.wrong("export_folder", folder, "give pin_file, too: whoever exports has to know the PIN")
    return PageSettings(host, port, pin, None if folder is None else Path(folder))


def _site(file: Table) -> str:
    site = file.text("site")
    if not is_tag(site):
        raise file.wrong("site", site, "give a text without a backslash, which no tag of the database can hold")
    return site
