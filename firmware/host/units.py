"""Which settings file a technician means."""

from pathlib import Path

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
