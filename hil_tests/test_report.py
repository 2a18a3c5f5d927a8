"""The trial's report of the seeded month, by its command, on the real database and printed by the real Chromium.

What it says is held against the rig's model, gone through once more here and summed up without the product's code.
"""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from hil_tests.model import PowerUnit
from hil_tests.month import Month
from hil_tests.services import HOST, InfluxDB, InfluxUser, find_program, free_port, http_request

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FACTOR = 0.6592
SETTINGS = """
time_zone = "Asia/Ho_Chi_Minh"
[database]
kind = "influxdb1"
url = "{url}"
database = "powerunit"
{user}
[baseline]
name = "grid of Viet Nam, 2023"
factor = 0.6592
lowest = 0.6
source = "a ministry"
"""


@dataclass
class Truth:
    """Of one local day: Wh and seconds that lie between readings at most 300 s apart."""

    energy: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    known: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True, slots=True)
class Written:
    """The command's page and PDF of the last unit, which was away for a night."""

    month: str
    page: str
    pdf: Path
    truth: dict[date, Truth]

    @property
    def text(self) -> str:
        return words(self.page)

    def table(self, after: str) -> list[list[str]]:
        """The cells of the first table behind those words."""
        found = re.search(r"<table>.*?</table>", self.page[self.page.index(after) :], re.DOTALL)
        assert found
        rows = ET.fromstring(found[0]).findall(".//tr")  # noqa: S314  our own
        return [["".join(cell.itertext()) for cell in row] for row in rows[1:]]


def words(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", page, flags=re.DOTALL).split())


def settings(folder: Path, url: str, password: str | None = None) -> Path:
    file = folder / "report.toml"
    user = ""
    if password is not None:
        (folder / "reader.password").write_text(password, "utf-8")
        user = 'user = "reader"\npassword_file = "reader.password"'
    file.write_text(SETTINGS.format(url=url, user=user), "utf-8")
    return file


def run(file: Path, month: str, unit: str = "raft-02") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ingest.report", "--settings", str(file), "--unit", unit, "--month", month]
    command += ["--output", str(file.parent / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def day_of(t: float) -> date:
    return datetime.fromtimestamp(t, ZONE).date()


def truth_of(month: Month) -> dict[date, Truth]:
    """The last unit, minute by minute; every thousandth minute its devices did not answer, and at night it was away."""
    model = PowerUnit(len(month.units), month.start / 1000, step=60.0)
    taken: list[tuple[float, dict[str, float]]] = []
    for number, time in enumerate(range(month.start, month.end, 60_000)):
        controller = model.at(time / 1000).controller
        if number % 1000 != 7 and not month.night[0] <= time < month.night[1]:
            taken.append((time / 1000, {"made": controller.pv_power, "used": controller.load_power}))
    days: dict[date, Truth] = defaultdict(Truth)
    for (t, powers), (later, later_powers) in pairwise(taken):
        if later - t <= 300:
            day = days[day_of(t)]
            day.known["mppt1"] += later - t
            for name, power in powers.items():
                day.energy[name] += (power + later_powers[name]) / 2 * (later - t) / 3600
    return days


@pytest.fixture(scope="module")
def written(month: Month, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("report")
    name = f"{day_of(month.night[0] / 1000):%Y-%m}"
    ended = run(settings(folder, month.database.url), name)
    assert ended.returncode == 0, ended.stderr
    page, pdf = map(Path, ended.stdout.split())
    return Written(name, page.read_text("utf-8"), pdf, truth_of(month))


def shown_days(written: Written) -> dict[date, list[str]]:
    rows = written.table("Day by day")[:-1]
    year, month = map(int, written.month.split("-"))
    return {date(year, month, number): row for number, row in enumerate(rows, 1)}


def test_each_days_energy_is_that_of_the_model(written: Written) -> None:
    days = shown_days(written)
    assert len(days) > 14
    for day, row in days.items():
        truth = written.truth.get(day)
        for name, cell in (("made", row[1]), ("used", row[3])):
            if truth is None:
                assert cell == "not known"
            else:
                assert float(cell.removesuffix(" kWh")) == pytest.approx(truth.energy[name] / 1000, abs=0.006)


def test_the_months_energy_is_the_sum_of_what_is_known(written: Written) -> None:
    month = [truth for day, truth in written.truth.items() if f"{day:%Y-%m}" == written.month]
    for name, place in (("made", 1), ("used", 3)):
        told = float(written.table("Day by day")[-1][place].removesuffix(" kWh"))
        assert told == pytest.approx(sum(truth.energy[name] for truth in month) / 1000, rel=1e-3)
    used = sum(truth.energy["used"] for truth in month) / 1000
    carbon = re.search(r"([\d.]+) kg = ([\d.]+) kWh × 0.6 kg", written.text)
    assert carbon
    assert float(carbon[1]) == pytest.approx(used * 0.6, rel=2e-3)
    assert float(carbon[2]) == pytest.approx(used, rel=1e-3)


def test_the_day_of_the_night_away_says_how_much_of_it_is_known(written: Written, month: Month) -> None:
    for day in {day_of(month.night[0] / 1000), day_of(month.night[1] / 1000)}:
        known = written.truth[day].known["mppt1"] / 86400
        row = shown_days(written)[day]
        assert float(row[2].removesuffix(" %")) == pytest.approx(100 * known, abs=0.2)
        assert row[2] == row[4]
        assert float(row[5].removesuffix(" h")) == pytest.approx(24 * known, abs=0.2)
        assert row[6] == "0.0 h"
        assert float(row[7].removesuffix(" h")) == pytest.approx(24 * (1 - known), abs=0.2)


def test_the_night_away_is_a_gap_with_its_reason(written: Written, month: Month) -> None:
    first, last = (datetime.fromtimestamp(t / 1000, ZONE) for t in month.night)
    rows = [row for row in written.table("Every gap") if row[0] == f"{first:%-d %b %H:%M}"]
    assert rows == [
        [
            f"{first:%-d %b %H:%M}",
            f"{last:%-d %b %H:%M}",
            "9 h",
            "bms1, mppt1",
            "the board was not heard either, while the gateway was: its power or its Wi-Fi was off",
        ]
    ]


def test_a_day_that_is_not_known_as_a_whole_is_hatched(written: Written) -> None:
    picture = re.search(r"<svg[^>]*><title>Energy made.*?</svg>", written.page)
    assert picture
    bars = ET.fromstring(picture[0]).findall("{*}rect")  # noqa: S314  our own
    hatched = {"url(#" in bar.attrib.get("style", "") for bar in bars if "from 100 %" in (bar[0].text or "")}
    assert hatched == {False}
    assert any("url(#made)" in bar.attrib.get("style", "") for bar in bars)
    assert len(bars) == 2 * sum(row[1] != "not known" for row in shown_days(written).values())


def test_cells_are_those_of_the_hourly_points(written: Written, month: Month) -> None:
    start = int(datetime.fromisoformat(f"{written.month}-01").replace(tzinfo=ZONE).timestamp())
    lows = month.database.query(
        "SELECT "
        + ", ".join(f'MIN("cell_{cell:02}_voltage") AS cell_{cell}' for cell in range(1, 17))
        + f" FROM bms WHERE unit = 'raft-02' AND time >= {start}s AND time < {start + 30 * 86400}s"
    )[0]
    lowest = min(range(1, 17), key=lambda cell: float(lows[f"cell_{cell}"]))
    assert f"the weakest, number {lowest}, which fell lowest ({lows[f'cell_{lowest}']:.3f} V)" in written.text


def test_the_alarm_that_stands_is_told(written: Written, month: Month) -> None:
    begun = month.database.query("SELECT state, time FROM event WHERE unit = 'raft-02' AND state = true")
    begun = [row for row in begun if f"{day_of(row['time'] / 1000):%Y-%m}" == written.month]
    [row] = written.table("Alarms and protections")
    assert row[:3] == ["bms1", month.open_alarm, f"{len(begun)} ×"]


def test_the_page_is_well_formed_and_refers_to_nothing_outside(written: Written) -> None:
    page = ET.fromstring(written.page)  # noqa: S314  our own
    referring = {name for node in page.iter() for name in node.attrib} & {"src", "href", "srcset", "data", "action"}
    assert referring == set()
    assert not re.search(r"url\((?!#)|@import", written.page)


def test_the_pdf_is_a4_and_has_the_same_words(written: Written) -> None:
    told = subprocess.run(
        [find_program("pdftotext", "poppler-utils"), "-layout", str(written.pdf), "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for heading in ("Energy made and used", "Every gap", "CO₂ avoided", "Day by day", "How it was made"):
        assert heading in told
    assert written.table("Day by day")[-1][1] in told
    pages = told.count("\f")
    assert re.search(rf"{pages} ?/ ?{pages}\s*$", told)
    assert 3 <= pages <= 7
    about = subprocess.run(
        [find_program("pdfinfo", "poppler-utils"), str(written.pdf)], capture_output=True, text=True, check=True
    ).stdout
    assert "(A4)" in about


def test_a_month_without_data_is_a_page_that_says_so(month: Month, tmp_path: Path) -> None:
    ended = run(settings(tmp_path, month.database.url), "2024-02")
    assert ended.returncode == 0, ended.stderr
    page = words((tmp_path / "out" / "raft-02-2024-02.html").read_text("utf-8"))
    assert "No data of this unit in this month." in page
    assert "There was no full cycle in this month" in page


@pytest.mark.parametrize(
    ("unit", "name", "told"),
    [
        ("raft-09", "2026-11", "unit 'raft-09': the database has nothing of it; it has raft-01, raft-02"),
        ("raft'; DROP", "2026-11", 'unit "raft\'; DROP": the database has nothing of it; it has raft-01, raft-02'),
        ("raft-02", "2026-13", "month '2026-13': write it as YYYY-MM, for example 2026-11"),
        ("raft-02", "2098-01", "month '2098-01': it has not begun; take one that has"),
    ],
)
def test_what_a_person_has_to_mend_is_one_line(month: Month, tmp_path: Path, unit: str, name: str, told: str) -> None:
    ended = run(settings(tmp_path, month.database.url), name, unit)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] == told
    assert not (tmp_path / "out").exists()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[InfluxDB]:
    with InfluxDB(
        tmp_path, users=[InfluxUser("reader", "secret", "READ"), InfluxUser("gateway", "other", "WRITE")]
    ) as server:
        yield server


def test_a_user_who_may_only_read_is_enough(guarded: InfluxDB, tmp_path: Path) -> None:
    capacity = "unit_1d,site=cat-ba,unit=raft-02,device=unit,model=unit"
    lines = [
        f"{capacity} capacity_estimate={90 - day / 10},capacity_uncertainty=2.5,capacity_depth=80,"
        f"capacity_to_empty=true {int(datetime(2026, 10, day, tzinfo=ZONE).timestamp())}"
        for day in (2, 9, 16, 23)
    ]
    head = {"Authorization": "Basic Z2F0ZXdheTpvdGhlcg=="}
    assert http_request(guarded.port, "POST", "/write?db=powerunit&precision=s", "\n".join(lines), head)[0] == 204
    ended = run(settings(tmp_path, guarded.url, "secret"), "2026-10")
    assert ended.returncode == 0, ended.stderr
    page = words((tmp_path / "out" / "raft-02-2026-10.html").read_text("utf-8"))
    assert "87.7 ± 2.5 Ah, from a discharge 80 % deep. Over 4 estimates the capacity changed by -3.00 ± 0.00 Ah" in page


def test_a_wrong_password_an_unknown_database_and_none_at_all_are_told(guarded: InfluxDB, tmp_path: Path) -> None:
    ended = run(settings(tmp_path, guarded.url, "wrong"), "2026-10")
    assert (ended.returncode, ended.stderr.count("Traceback")) == (2, 0)
    assert ended.stderr.splitlines()[-1].startswith(f"{guarded.url}: 401, it does not let us read 'powerunit'")
    file = settings(tmp_path, guarded.url, "secret")
    file.write_text(file.read_text("utf-8").replace('"powerunit"', '"other"'), "utf-8")
    ended = run(file, "2026-10")
    assert ended.returncode == 2
    assert "'other'" in ended.stderr.splitlines()[-1]
    ended = run(settings(tmp_path, f"http://{HOST}:{free_port()}"), "2026-10")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith("Connection refused); check url and network")
