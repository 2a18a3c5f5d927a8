"""The report's settings, from one TOML file. Every error is one line."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.database import DatabaseSettings
from ingest.report.period import is_whole_hours
from ingest.settings_file import Table
from ingest.writer import database_settings

EXAMPLE = "deploy/report.example.toml"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the village would have used without the unit. Factors in kg CO₂ per kWh; `lowest` is the conservative one,
    and the factor itself where the source gives no range.
    """

    name: str
    factor: float
    lowest: float
    highest: float
    source: str


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """`zone` is the village's."""

    zone: ZoneInfo
    database: DatabaseSettings
    baseline: Baseline


def load(path: Path) -> ReportSettings:
    """Raises SettingsError for whatever a person has to mend."""
    file = Table.of_file(path, EXAMPLE)
    file.only("time_zone", "database", "baseline")
    settings = ReportSettings(_zone(file), database_settings(file.table("database")), _baseline(file.table("baseline")))
    file.refuse_unknown()
    return settings


def _zone(file: Table) -> ZoneInfo:
    name = file.text("time_zone")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise file.wrong("time_zone", name, "give a name such as Asia/Ho_Chi_Minh") from None
    if not is_whole_hours(zone):
        raise file.wrong("time_zone", name, "give one that is whole hours from UTC, as the hourly figures are")
    return zone


def _baseline(table: Table) -> Baseline:
    table.only("name", "factor", "lowest", "highest", "source")
    name, source = table.text("name"), table.text("source")
    factor = _factor(table, "factor")
    lowest = _factor(table, "lowest") if table.has("lowest") else factor
    highest = _factor(table, "highest") if table.has("highest") else factor
    if lowest > factor:
        raise table.wrong("lowest", lowest, f"give at most the factor, {factor:g}")
    if highest < factor:
        raise table.wrong("highest", highest, f"give at least the factor, {factor:g}")
    return Baseline(name, factor, lowest, highest, source)


def _factor(table: Table, key: str) -> float:
    value = table.number(key)
    if not 0 < value <= 5:
        raise table.wrong(key, value, "give kg CO2 per kWh, above 0 and at most 5")
    return value
