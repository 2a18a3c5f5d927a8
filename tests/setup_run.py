"""`python -m ingest.setup` as a person would run it, on a settings file of its own."""

from pathlib import Path

import pytest

from ingest.setup.__main__ import main


def set_up(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    url: str,
    *flags: str,
    days: int = 0,
    database: str = "powerunit",
    more: str = "",
) -> tuple[int, str]:
    """The exit code, and all that was told. Secrets are files in `folder`; `more` are further lines of settings."""
    file = folder / "influx-setup.toml"
    file.write_text(
        f'url = "{url}"\ndatabase = "{database}"\nretention_days = {days}\n{more}'
        '[admin]\nname = "admin"\nsecret_file = "admin.secret"\n'
        '[gateway]\nname = "gateway"\nsecret_file = "gateway.secret"\n'
        '[grafana]\nname = "grafana"\nsecret_file = "grafana.secret"\n',
        "utf-8",
    )
    code = main(["--settings", str(file), *flags])
    told = capsys.readouterr()
    return code, told.out + told.err
