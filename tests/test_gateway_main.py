"""The command line, as a process: every mistake of a person ends in one line and exit code 2."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.disk import FolderDisk

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def settings(tmp_path: Path, taken_port: int) -> Path:
    """Right settings, but that the page's port is in use."""
    (tmp_path / "password").write_text("hush\n", "utf-8")
    path = tmp_path / "gateway.toml"
    path.write_text(
        'site = "rig"\n'
        '[broker]\nhost = "127.0.0.1"\nport = 1\nuser = "gateway"\n'
        f'password_file = "{tmp_path}/password"\n'
        f'[journal]\nfolder = "{tmp_path}/journal"\n[forward]\ninterval = 30\n'
        '[database]\nkind = "influxdb1"\nurl = "http://127.0.0.1:1"\ndatabase = "powerunit"\n'
        f'[page]\nhost = "127.0.0.1"\nport = {taken_port}\n',
        "utf-8",
    )
    return path


def run(*arguments: str, python: tuple[str, ...] = (sys.executable,)) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-m", "gateway", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *told: str) -> None:
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    for text in told:
        assert text in done.stderr


def test_check_says_that_the_settings_are_right(settings: Path) -> None:
    done = run("--settings", str(settings), "--check")
    assert (done.returncode, done.stdout) == (0, f"{settings}: all settings are right\n")


def test_a_wrong_setting(settings: Path) -> None:
    settings.write_text(settings.read_text("utf-8").replace("interval = 30", 'interval = "soon"'), "utf-8")
    assert_one_line(run("--settings", str(settings), "--check"), str(settings), "forward.interval", "'soon'")


def test_a_port_in_use(settings: Path, taken_port: int) -> None:
    assert_one_line(run("--settings", str(settings)), f"127.0.0.1:{taken_port}", "in use", "page.port")


def test_a_second_gateway_on_the_same_journal(settings: Path, tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path / "journal")
    assert_one_line(run("--settings", str(settings)), str(tmp_path / "journal"), "another gateway")
    disk.close()


def test_a_journal_folder_that_cannot_be_made(settings: Path, tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file in its place", "utf-8")
    assert_one_line(run("--settings", str(settings)), str(tmp_path / "journal"), "journal.folder")


def test_a_python_without_the_packages(settings: Path) -> None:
    bare = (sys.executable, "-S")
    done = run("--settings", str(settings), python=bare)
    assert_one_line(done, "Python package uvicorn is missing", "run make .venv/ready, then .venv/bin/python -m gateway")
