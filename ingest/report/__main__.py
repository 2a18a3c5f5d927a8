"""`python -m ingest.report --settings FILE --unit UNIT --month YYYY-MM`: a month of one unit, as HTML and PDF.

It only reads. Exit code 0 when both are written, 2 for what a person has to mend: settings, unit, month, database, a
folder, or no Chromium to print with.
"""

import argparse
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from ingest.reader import Reader, ReadError
from ingest.report import report
from ingest.report.history import fetch
from ingest.report.page import render
from ingest.report.pdf import PrintError, browser, print_pdf
from ingest.report.period import MonthError, period
from ingest.report.settings import EXAMPLE, load
from ingest.settings_file import SettingsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ingest.report", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help=f"TOML file, see {EXAMPLE}")
    parser.add_argument("--unit", required=True, help="as the database knows it, for example raft-01")
    parser.add_argument("--site", help="needed only where two sites have a unit of that name")
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="in the village's local time")
    parser.add_argument("--output", type=Path, default=Path("build/report"), metavar="DIR")
    arguments = parser.parse_args()
    try:
        written = write(arguments, time.time())
    except (SettingsError, MonthError, ReadError, PrintError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}; name a folder that you may write to", file=sys.stderr)
        return 2
    print(*written, sep="\n")
    return 0


def write(asked: argparse.Namespace, now: float) -> tuple[Path, Path]:
    """The page and the PDF, at `now` in UTC seconds. Raises what a person has to mend, before anything is written."""
    settings = load(asked.settings)
    month = period(asked.month, settings.zone, now)
    printer = browser()
    with closing(Reader(settings.database)) as reader:
        _progress(f"reading {asked.month} of {asked.unit} from {settings.database.url}")
        history = fetch(reader, asked.unit, asked.site, month)
    told = report.make(history, month, settings.baseline)
    html = render(told, settings.database.url, datetime.fromtimestamp(now, settings.zone))
    asked.output.mkdir(parents=True, exist_ok=True)
    page = asked.output / f"{_file_name(asked.unit)}-{asked.month}.html"
    page.write_text(html, "utf-8")
    _progress("printing")
    pdf = page.with_suffix(".pdf")
    print_pdf(printer, page, pdf)
    return page, pdf


def _file_name(unit: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in unit)


def _progress(doing: str) -> None:
    print(f"{doing} …", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
