"""`python -m ingest.setup --settings FILE` prepares the InfluxDB that the file names: 1.x, 2.x or 3 Core.

Exit code 1 when `--check` finds something to change, 2 for what a person has to mend. What was changed until then stays
changed, and the same command goes on.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from ingest.settings_file import SettingsError
from ingest.setup.influxdb1 import prepare1
from ingest.setup.influxdb2 import prepare2
from ingest.setup.influxdb3 import prepare3
from ingest.setup.report import Report
from ingest.setup.server import Server
from ingest.setup.settings import SetupSettings, load


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ingest.setup", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="TOML file, see deploy/influx-setup.example.toml")
    parser.add_argument("--check", action="store_true", help="say what would be changed, and change nothing")
    given = parser.parse_args(arguments)
    report = Report(print, check=given.check)
    try:
        prepare(load(given.settings), report)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    report.end()
    return 1 if given.check and report.changes else 0


def prepare(settings: SetupSettings, report: Report) -> None:
    """Raises SettingsError."""
    with closing(Server(settings.url)) as server:
        version = server.version(settings.admin.secret.read())
        report.found(f"InfluxDB {version} at {settings.url}")
        match version[0]:
            case "1":
                prepare1(server, settings, report)
            case "2":
                prepare2(settings, report)
            case _:
                prepare3(server, settings, report)


if __name__ == "__main__":
    sys.exit(main())
