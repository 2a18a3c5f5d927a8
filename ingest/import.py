"""`python -m ingest.import PATH --settings FILE`: packages that were carried by hand, into the database.

PATH is a package or a folder of them. The settings hold the `[database]` table as the gateway's do. Exit code 0 when
all is in the database, 1 when something is damaged, was refused or could not be sent, 2 for what a person has to mend.
"""

import argparse
import sys
from pathlib import Path

from ingest.bring import Bringer, Imported, StopError
from ingest.settings_file import SettingsError, Table
from ingest.writer import database_settings, open_writer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ingest.import", description=__doc__)
    parser.add_argument("path", type=Path, metavar="PATH", help="a package readings-….lp.gz, or a folder of them")
    parser.add_argument("--settings", type=Path, required=True, help="TOML file, see deploy/import.example.toml")
    arguments = parser.parse_args()
    try:
        imported = _bring(arguments.path, arguments.settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except StopError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{arguments.path}: {imported.lines} readings of {imported.packages} packages written; "
        f"{imported.done_before} packages were imported before, {imported.damaged} are damaged, "
        f"{imported.refused} readings were refused"
    )
    return 1 if imported.damaged or imported.refused else 0


def _bring(path: Path, settings: Path) -> Imported:
    file = Table.of_file(settings, "deploy/import.example.toml")
    database = database_settings(file.table("database"))
    file.refuse_unknown()
    writer = open_writer(database)
    try:
        return Bringer(writer, database, settings.with_suffix(".imported"), tell).bring(path)
    finally:
        writer.close()


def tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
