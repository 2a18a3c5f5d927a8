"""Which settings file a technician means."""

from pathlib import Path
from typing import Any

from firmware.host import unit_settings
from ingest.settings_file import SettingsError

UNITS = Path("units")


def settings_file(unit: str, units: Path = UNITS) -> Path:
    """The file at a path that ends in .toml, or that of a unit's name in `units`. Raises SettingsError without it."""
    path = Path(unit) if unit.endswith(".toml") else units / f"{unit}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in units.glob("*.toml"))) or "none"
        hint = f"copy firmware/unit.example.toml there, or name one of {units}/: {known}"
        raise SettingsError(f"{path}: no such settings; {hint}")
    return path


def settings(unit: str, units: Path = UNITS) -> dict[str, Any]:
    """What is in that file. Raises SettingsError, also for a file in `units` that makes another unit than its name."""
    path = settings_file(unit, units)
    read = unit_settings.read(path)
    if path.parent == units and read["unit"] != path.stem:
        raise SettingsError(
            f"{path}: unit: {read['unit']!r} in a file named after {path.stem}; give both the same name"
        )
    return read
