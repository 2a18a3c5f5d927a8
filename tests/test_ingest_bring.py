from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.answer import Answer, Verdict
from ingest.bring import TRIES, Bringer, Imported, StopError
from ingest.database import Influxdb1Settings
from ingest.settings_file import SettingsError
from tests.gateway_stand_ins import ScriptedDatabase
from tests.test_ingest_carried import LINES, package

Judge = Callable[[list[str]], Answer]


class Office:
    """A machine with a database, to which sticks are carried; its waits take no time."""

    def __init__(self, folder: Path) -> None:
        self.memory = folder / "import.imported"
        self.database = ScriptedDatabase()
        self.url = "http://127.0.0.1:1"
        self.told: list[str] = []
        self.waits: list[float] = []

    def bring(self, path: Path) -> Imported:
        settings = Influxdb1Settings(self.url, "powerunit", "gateway", "secret-of-it")
        return Bringer(self.database, settings, self.memory, self.told.append, self.waits.append).bring(path)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    package(folder)
    return folder


def second_package(stick: Path) -> Path:
    """The first one under another number."""
    first = stick / "readings-00001.lp.gz"
    for path in (first, first.with_name("readings-00001.json")):
        copy = path.with_name(path.name.replace("00001", "00002"))
        copy.write_bytes(path.read_bytes().replace(b"readings-00001", b"readings-00002"))
    return stick / "readings-00002.lp.gz"


def test_all_lines_of_a_folder_are_written(office: Office, stick: Path) -> None:
    assert office.bring(stick) == Imported(packages=1, lines=2)
    assert office.database.written == LINES


def test_a_package_alone_can_be_brought(office: Office, stick: Path) -> None:
    assert office.bring(stick / "readings-00001.lp.gz") == Imported(packages=1, lines=2)


def test_what_is_done_is_remembered_for_that_database(office: Office, stick: Path) -> None:
    office.bring(stick)
    assert office.bring(stick) == Imported(done_before=1)
    office.url = "http://127.0.0.1:2"
    assert office.bring(stick) == Imported(packages=1, lines=2)
    assert "secret-of-it" not in office.memory.read_text("utf-8")


def test_a_damaged_package_is_named_and_the_others_go_on(office: Office, stick: Path) -> None:
    second = second_package(stick)
    (stick / "readings-00001.lp.gz").write_bytes(b"rust")
    assert office.bring(stick) == Imported(packages=1, lines=2, damaged=1)
    assert "readings-00001.lp.gz: damaged, nothing of it was sent" in office.told[0]
    assert second.exists()


def test_a_line_that_the_database_refuses_is_found_and_the_others_are_written(office: Office, stick: Path) -> None:
    office.database.judge = lambda lines: Answer(
        Verdict.REFUSED if LINES[0] in lines else Verdict.WRITTEN, "field type conflict"
    )
    assert office.bring(stick) == Imported(packages=1, lines=1, refused=1)
    assert office.database.written == [LINES[1]]
    assert "field type conflict" in office.told[0]


def test_a_busy_database_is_waited_for_as_long_as_it_asks(office: Office, stick: Path) -> None:
    answers = [Answer(Verdict.BUSY, "busy", retry_after=7.0), Answer(Verdict.WRITTEN)]
    office.database.judge = lambda _lines: answers.pop(0)
    assert office.bring(stick).lines == 2
    assert office.waits == [7.0]


@pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.FAILED, Verdict.BUSY])
def test_an_import_that_breaks_off_goes_on_where_it_ended(office: Office, stick: Path, verdict: Verdict) -> None:
    office.bring(stick)
    second_package(stick)
    (stick / "readings-00001.json").write_text("{}", "utf-8")
    office.memory.unlink()
    office.database.judge = lambda _lines: Answer(verdict, "no connection")
    with pytest.raises(StopError, match="no connection; run the same command again"):
        office.bring(stick)
    assert len(office.waits) == TRIES - 1
    assert not office.memory.exists()
    office.database.judge = lambda _lines: Answer(Verdict.WRITTEN)
    assert office.bring(stick) == Imported(packages=1, lines=2, damaged=1)


def test_a_wrong_password_or_an_unknown_database_stops_at_once(office: Office, stick: Path) -> None:
    office.database.judge = lambda _lines: Answer(Verdict.UNAUTHORIZED, "HTTP 404: database not found")
    with pytest.raises(SettingsError, match=r"HTTP 404: database not found; mend \[database\]"):
        office.bring(stick)
    assert office.waits == []


@pytest.mark.parametrize("name", ["empty", "notes.txt", "gone"])
def test_a_path_without_packages_is_refused(office: Office, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no package readings-"):
        office.bring(tmp_path / name)


def test_a_memory_that_cannot_be_written_is_named(office: Office, stick: Path, tmp_path: Path) -> None:
    office.memory = tmp_path / "gone" / "memory"
    with pytest.raises(SettingsError, match="memory: No such file"):
        office.bring(stick)
