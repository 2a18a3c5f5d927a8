"""A technician's bundle, put onto the rig's board with the real mpremote."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.host.bundle import CACHE, build
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.services import REPOSITORY

DEADLINE = 30.0


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with Bus(tmp_path) as bus, Board(tmp_path / "board", bus.port) as board:
        yield board


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    build(REPOSITORY / "firmware" / "unit.example.toml", tmp_path / "bundle", lambda: source(CACHE))
    return tmp_path / "bundle"


def deploy(port: Path, bundle: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firmware.host.deploy", "--port", str(port), "--bundle", str(bundle)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_board_with_empty_flash_starts_the_unit_after_deploying(board: Board, bundle: Path) -> None:
    board.power_on()
    done = deploy(board.port, bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("is on the board, and the board restarts\n")
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)


def test_deploying_to_a_running_unit_takes_over_the_new_settings(board: Board, bundle: Path) -> None:
    board.install(bundle)
    board.power_on()
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    settings = bundle / "unit.json"
    settings.write_text(settings.read_text().replace("raft-01", "raft-02"))
    done = deploy(board.port, bundle)
    assert done.returncode == 0, done.stderr
    board.console.wait_for("unit: raft-02, firmware ", DEADLINE)


def test_a_source_that_would_be_taken_before_its_bytecode_goes(board: Board, bundle: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "unit.py").write_text("def run(): print('the old unit')\n")
    board.install(bundle)
    board.install(old)
    board.power_on()
    board.console.wait_for("the old unit", DEADLINE)
    done = deploy(board.port, bundle)
    assert done.returncode == 0, done.stderr
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)


def test_a_port_that_is_not_there_gives_one_line(bundle: Path, tmp_path: Path) -> None:
    done = deploy(tmp_path / "ttyUSB0", bundle)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{tmp_path}/ttyUSB0: ")
