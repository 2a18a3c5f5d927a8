"""What an InfluxDB is to be prepared for, from one TOML file, and the files that hold the secrets."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.settings_file import SettingsError, Table
from ingest.writer import database_url

LONGEST_DAYS = 36_500
SHORTEST_DAYS = 30
"""A reading that is older than the retention is refused for ever, and a gateway may be without link for weeks."""

NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_NAME_WAY_OUT = "give letters, digits and hyphens, a letter or digit first and last"


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A password or token, alone in a file. It is shown nowhere."""

    path: Path

    def read(self) -> str | None:
        """None when there is no such file. Raises SettingsError for one that is no use."""
        way_out = "put the password or token alone into that file, as one line of ASCII, or remove it"
        try:
            secret = self.path.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(f"{self.path}: {error.strerror}; {way_out}") from None
        except UnicodeDecodeError:
            secret = ""
        if not secret.isprintable() or not secret:
            raise SettingsError(f"{self.path}: not shown; {way_out}")
        return secret

    def write(self, secret: str) -> None:
        """Durable on return, and only its owner reads it. Raises SettingsError."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            with suppress(FileNotFoundError):
                new.unlink()
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secret + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise SettingsError(f"{self.path}: {error.strerror}; name a file that can be written") from None

    def read_or_make(self) -> str:
        """A new password, in the file already, where there was none."""
        secret = self.read()
        if secret is None:
            secret = secrets.token_urlsafe(24)
            self.write(secret)
        return secret


@dataclass(frozen=True, slots=True)
class Account:
    """`name` is a user of InfluxDB 1.x, and in 2.x and 3 what its token is called."""

    name: str
    secret: SecretFile


@dataclass(frozen=True, slots=True)
class SetupSettings:
    """`database` is a bucket of InfluxDB 2.x, too. `retention_days` is None for ever; `org` is of 2.x only."""

    url: str
    database: str
    retention_days: int | None
    org: str | None
    admin: Account
    gateway: Account
    grafana: Account


def load(path: Path) -> SetupSettings:
    """Raises SettingsError for whatever a person has to mend. Secret files without a folder are beside the file."""
    file = Table.of_file(path, "deploy/influx-setup.example.toml")
    settings = SetupSettings(
        url=database_url(file),
        database=file.text("database", NAME, _NAME_WAY_OUT),
        retention_days=_retention(file),
        org=file.text("org", default=None),
        admin=_account(file.table("admin"), path),
        gateway=_account(file.table("gateway"), path),
        grafana=_account(file.table("grafana"), path),
    )
    file.refuse_unknown()
    names = [settings.admin.name, settings.gateway.name, settings.grafana.name]
    if len(set(names)) < len(names):
        raise file.wrong("grafana", names, "give admin, gateway and grafana a name each: they may do different things")
    return settings


def _retention(file: Table) -> int | None:
    days = file.integer("retention_days", 0, LONGEST_DAYS)
    if 0 < days < SHORTEST_DAYS:
        way_out = f"give 0 for ever, or at least {SHORTEST_DAYS}: what is older when it arrives is refused"
        raise file.wrong("retention_days", days, way_out)
    return days or None


def _account(table: Table, settings: Path) -> Account:
    return Account(table.text("name", NAME, _NAME_WAY_OUT), SecretFile(settings.parent / table.text("secret_file")))
