"""`python -m hil_tests.preview`: each dashboard in one picture, and the head of the report, as the docs show them.

The data are a month of the rig's model in a real InfluxDB, always the same month, so a picture changes with its
dashboard only. Exit code 2 when a server is not installed, or a panel has what the preview cannot draw.
"""

import base64
import sys
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hil_tests.browser import chromium, resize
from hil_tests.grafana_stand_in import DASHBOARDS
from hil_tests.month import Month, write_month
from hil_tests.preview.board import page
from hil_tests.preview.frames import PreviewError
from hil_tests.services import InfluxDB, ServiceError
from ingest.report.__main__ import write

END = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
REPORT_MONTH, REPORT_SIZE = "2026-11", (760, 1075)
"""Its first page, as large as an A4 one is."""

REPORT_SETTINGS = """
time_zone = "Asia/Ho_Chi_Minh"
[database]
kind = "influxdb1"
url = "{url}"
database = "{database}"
[baseline]
name = "grid of Viet Nam, 2023"
factor = 0.6592
source = "Viet Nam, Department of Climate Change"
"""
PICTURES = Path("docs")


def take(month: Month, pictures: Path, folder: Path) -> Iterator[Path]:
    """One picture after the other; `folder` takes what is only needed meanwhile."""
    with chromium(folder / "browser") as browser:
        for name in DASHBOARDS:
            text, size = page(name, month)
            file = folder / f"{name}.html"
            file.write_text(text, "utf-8")
            resize(browser, size)
            browser.get(file.as_uri())
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            picture = pictures / f"dashboard-{name.removesuffix('.json')}.png"
            picture.write_bytes(base64.b64decode(taken["data"]))
            yield picture


def take_report(month: Month, pictures: Path, folder: Path) -> Path:
    """The head of the report of the month's first unit."""
    settings = folder / "report.toml"
    settings.write_text(REPORT_SETTINGS.format(url=month.database.url, database=month.database.database), "utf-8")
    asked = Namespace(settings=settings, unit=month.units[0], site=None, month=REPORT_MONTH, output=folder)
    page_file, _ = write(asked, END)
    picture = pictures / "report.png"
    with chromium(folder / "report-browser") as browser:
        resize(browser, REPORT_SIZE)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.get(page_file.as_uri())
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    picture.write_bytes(base64.b64decode(taken["data"]))
    return picture


def main() -> int:
    try:
        with TemporaryDirectory() as name, InfluxDB(Path(name)) as database:
            print("writing a month, some 30 s …", file=sys.stderr)
            month = write_month(database, end=END)
            for picture in (*take(month, PICTURES, Path(name)), take_report(month, PICTURES, Path(name))):
                print(f"{picture}: {picture.stat().st_size // 1000} kB")
    except (ServiceError, PreviewError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
