"""Carried by hand past a link that is gone: the real gateway exports while it runs, a real InfluxDB takes it, and then
the link brings the same once more. Only the board is scripted.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.deadletters import DeadLetters
from gateway.disk import FolderDisk, ReadOnlyDisk
from gateway.export import export
from gateway.journal import Journal
from gateway.lines import LineMaker
from hil_tests.gateway_process import Gateway
from hil_tests.scripted_board import DEADLINE, ScriptedBoard
from hil_tests.services import REPOSITORY, InfluxDB, Mosquitto, wait_until
from hil_tests.test_gateway import DATABASE_PASSWORD, broker, cycles_in, database, make_gateway
from hil_tests.village_link import VillageLink
from ingest.answer import Verdict
from ingest.carried import packages, read_lines, read_slip
from ingest.database import Influxdb1Settings
from ingest.writer import open_writer
from tests.gateway_stand_ins import UTC_2026, RecordingDisk, entry
from tests.test_ingest_carried import package

__all__ = ["broker", "database"]

READINGS = range(300)
CYCLES = re.compile(r"[ ,]cycles=(\d+)i")


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def link(database: InfluxDB) -> Iterator[VillageLink]:
    with VillageLink(database.port) as link:
        yield link


@pytest.fixture
def gateway(tmp_path: Path, broker: Mosquitto, link: VillageLink) -> Iterator[Gateway]:
    gateway = make_gateway(tmp_path, broker, link.url)
    yield gateway
    gateway.stop()


@pytest.fixture
def import_settings(tmp_path: Path, database: InfluxDB) -> Path:
    path = tmp_path / "import.toml"
    (tmp_path / "database.secret").write_text(DATABASE_PASSWORD, "utf-8")
    path.write_text(
        f'[database]\nkind = "influxdb1"\nurl = "{database.url}"\ndatabase = "powerunit"\n'
        'user = "gateway"\npassword_file = "database.secret"\n',
        "utf-8",
    )
    return path


def test_what_was_carried_and_then_comes_by_the_link_is_there_once(
    gateway: Gateway, broker: Mosquitto, database: InfluxDB, link: VillageLink, import_settings: Path
) -> None:
    stick = import_settings.with_name("stick")
    link.cut()
    gateway.start()
    with ScriptedBoard(broker, knows_utc=True) as board:
        board.take(READINGS)
        board.wait_acknowledged(READINGS)
    exported = run("gateway.export", stick, "--settings", gateway.settings)
    assert (exported.returncode, exported.stderr) == (0, "")
    assert f"{len(READINGS)} readings in 1 new packages; 0 were there before" in exported.stdout
    imported = run("ingest.import", stick, "--settings", import_settings)
    assert (imported.returncode, imported.stderr) == (0, "")
    assert cycles_in(database) == list(READINGS)
    again = run("ingest.import", stick, "--settings", import_settings)
    assert "0 readings of 0 packages written; 1 packages were imported before" in again.stdout
    link.restore()
    wait_until(lambda: gateway.state()["journal"]["backlog_readings"] == 0, DEADLINE, "an empty backlog")
    rows = database.query("SELECT * FROM bms")
    assert sorted(row["cycles"] for row in rows) == list(READINGS)
    assert [row["time"] for row in rows] == [board.taken(seq) for seq in READINGS]
    assert run("gateway.export", stick, "--settings", gateway.settings).stdout.startswith(
        f"{stick}: 0 readings in 0 new"
    )


def test_an_export_while_the_journal_thins_and_forwards_carries_whole_packages_and_what_the_link_brings(
    tmp_path: Path, database: InfluxDB, import_settings: Path
) -> None:
    """The journal is so small that it thins all the time; three threads are at it, as in the gateway."""
    disk = FolderDisk(tmp_path / "journal")
    journal = Journal(disk, segment_bytes=4_000, limit_bytes=40_000)
    lines = LineMaker("rig", journal.origin, DeadLetters(RecordingDisk()))
    writer = open_writer(Influxdb1Settings(database.url, "powerunit", "gateway", DATABASE_PASSWORD))
    stick, exporting, brought = tmp_path / "stick", threading.Event(), list[str]()

    def store() -> None:
        for first in range(0, 6000, 20):
            if first == 3000:
                exporting.wait(DEADLINE)
            journal.commit([entry(seq, (UTC_2026 + 10_000 * seq, "device")) for seq in range(first, first + 20)])

    def forward(most: int) -> None:
        while frames := journal.take(
            newest=False, below=journal.next_frame, readings=200, busy=(), datable=lines.datable
        ):
            made = [line for frame in frames for line in lines.of(frame)]
            assert writer.write(made).verdict is Verdict.WRITTEN
            journal.forwarded([frame.mark for frame in frames])
            brought.extend(made)
            if len(brought) >= most:
                return

    with ThreadPoolExecutor() as pool:
        storing = pool.submit(store)
        wait_until(lambda: journal.given_up > 0, DEADLINE, "thinning")
        forwarding = pool.submit(forward, 200)
        exporting.set()
        tries = 0
        while not storing.done():
            tries += 1
            with suppress(FileNotFoundError):  # a file gave way under it; the same command goes on where it ended
                export(stick, "rig", Journal(ReadOnlyDisk(tmp_path / "journal")).past.stored(forwarded=False), lines)
        assert tries > 1
        storing.result()
        forwarding.result()
    carried = [line for package in packages(stick) for line in read_lines(package, read_slip(package))]
    assert carried
    imported = run("ingest.import", stick, "--settings", import_settings)
    assert (imported.returncode, imported.stderr) == (0, "")
    forward(10**9)
    writer.close()
    disk.close()
    expected = {line for line in carried + brought if line.startswith("bms,")}
    rows = database.query("SELECT cycles, pack_voltage FROM bms")
    assert sorted(row["cycles"] for row in rows) == sorted(int(CYCLES.findall(line)[0]) for line in expected)
    assert all(row["time"] == UTC_2026 + 10_000 * row["cycles"] for row in rows)
    told = database.query("SELECT readings, last_seq FROM loss WHERE device = 'gateway'")
    assert len(rows) + sum(row["readings"] for row in told) >= 6000


def test_a_mistake_is_told_in_one_line(gateway: Gateway, import_settings: Path, tmp_path: Path) -> None:
    missing = run("gateway.export", tmp_path / "stick", "--settings", gateway.settings)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "journal.folder" in missing.stderr
    (tmp_path / "stick").write_text("a file in its place", "utf-8")
    gateway.journal.mkdir()
    no_folder = run("gateway.export", tmp_path / "stick", "--settings", gateway.settings)
    assert (no_folder.returncode, no_folder.stderr.count("\n")) == (2, 1)
    assert "run the same command again, or with another stick" in no_folder.stderr
    wrong = run("ingest.import", tmp_path, "--settings", import_settings)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "no package" in wrong.stderr


@pytest.mark.parametrize(
    ("setting", "wrong", "told"),
    [('database = "powerunit"', 'database = "nowhere"', "nowhere"), ('user = "gateway"', 'user = "nobody"', "401")],
)
def test_an_unknown_database_and_a_wrong_user_are_told_and_nothing_counts_as_done(
    import_settings: Path, tmp_path: Path, setting: str, wrong: str, told: str
) -> None:
    package(tmp_path)
    right = import_settings.read_text("utf-8")
    import_settings.write_text(right.replace(setting, wrong), "utf-8")
    refused = run("ingest.import", tmp_path, "--settings", import_settings)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert told in refused.stderr
    import_settings.write_text(right, "utf-8")
    assert "2 readings of 1 packages written" in run("ingest.import", tmp_path, "--settings", import_settings).stdout
