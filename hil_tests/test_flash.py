"""A board made from a kit: real esptool against esp32-mock-bootloader, real mpremote against the rig's board."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.host.bundle import CACHE
from firmware.host.bundle import build as build_bundle
from firmware.host.kit import build
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.chip import MICROPYTHON, Chip
from hil_tests.micropython_image import stand_in
from hil_tests.services import REPOSITORY

DEADLINE = 30.0
EXAMPLE = REPOSITORY / "firmware" / "unit.example.toml"
IMAGE = stand_in()


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit") / "kit"
    build(folder, IMAGE, "stand-in", source(CACHE))
    return folder


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with Bus(tmp_path) as bus, Board(tmp_path / "board", bus.port) as board:
        yield board


@pytest.fixture
def chip(tmp_path: Path, board: Board) -> Iterator[Chip]:
    with Chip(tmp_path, board) as chip:
        yield chip


def flash(chip: Chip, kit: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "firmware.host.flash", "--kit", str(kit), "--port", str(chip.port)]
    return subprocess.run(
        [*command, "--label", str(chip.port.parent / "labels"), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that ended with exit code 2; esptool warns that the pseudo terminal has no RTS."""
    assert done.returncode == 2, done.stdout + done.stderr
    *warnings, line = done.stderr.splitlines()
    assert all(warning.startswith("WARNING: Chip was NOT reset. ") for warning in warnings), warnings
    return line


def mpremote(chip: Chip, *arguments: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", str(chip.port), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_bare_board_becomes_a_unit(chip: Chip, board: Board, kit: Path) -> None:
    done = flash(chip, kit, "--unit", str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert chip.flash.read(MICROPYTHON, len(IMAGE)) == IMAGE
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    label = (chip.port.parent / "labels" / "raft-01.svg").read_text()
    assert "| raft-01 " in done.stdout
    assert ">raft-01<" in label
    for secret in ("change-me-wifi", "change-me-unit"):
        assert secret not in done.stdout + done.stderr + label


@pytest.fixture
def unit(chip: Chip, board: Board, tmp_path: Path) -> Chip:
    """A board that was made the unit raft-01, past the bootloader and the console."""
    build_bundle(EXAMPLE, tmp_path / "bundle", lambda: source(CACHE))
    board.install(tmp_path / "bundle")
    chip.flash.data[MICROPYTHON : MICROPYTHON + len(IMAGE)] = IMAGE
    board.power_on()
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    return chip


def first_readings(chip: Chip) -> str:
    """The oldest file of readings in flash. Nobody acknowledges them, and stopping the firmware writes them there."""
    read = "import os; name = 'readings/' + sorted(os.listdir('readings'))[0]; print(name, open(name, 'rb').read())"
    return mpremote(chip, "exec", read)


def test_a_reflash_keeps_settings_and_readings(unit: Chip, board: Board, kit: Path) -> None:
    readings = first_readings(unit)
    done = flash(unit, kit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its readings and settings stay" in done.stdout
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) == readings
    assert "change-me-wifi" in mpremote(unit, "fs", "cat", ":unit.json")


def test_what_the_firmware_holds_in_ram_outlives_a_reflash(unit: Chip, board: Board, kit: Path) -> None:
    """It runs for less than what makes it write by itself: the reflash begins with the first reading's request."""
    done = flash(unit, kit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its firmware is stopped, so that no reading is in RAM only" in done.stdout
    assert re.search(r"self-test passed; [1-9]\d* readings wait", done.stdout), done.stdout
    board.console.wait_for("readings of earlier boots are in flash", DEADLINE)


def test_settings_that_are_given_win(unit: Chip, board: Board, kit: Path, tmp_path: Path) -> None:
    readings = first_readings(unit)
    other = tmp_path / "slower.toml"
    other.write_text(EXAMPLE.read_text().replace("period = 10", "period = 11"))
    done = flash(unit, kit, "--unit", str(other))
    assert done.returncode == 0, done.stdout + done.stderr
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) == readings
    assert '"period": 11' in mpremote(unit, "fs", "cat", ":unit.json")


def test_readings_of_one_unit_are_never_sent_as_those_of_another(
    unit: Chip, board: Board, kit: Path, tmp_path: Path
) -> None:
    readings = first_readings(unit)
    other = tmp_path / "raft-02.toml"
    other.write_text(EXAMPLE.read_text().replace("raft-01", "raft-02"))
    line = complaint(flash(unit, kit, "--unit", str(other)))
    assert re.fullmatch(
        rf"{unit.port}: this is raft-01, and [1-9]\d* readings of it wait, which would be sent as those of raft-02; "
        "let raft-01 run until its gateway has them, or give them up with FORCE=yes",
        line,
    )
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) == readings
    done = flash(unit, kit, "--unit", str(other), "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    board.console.wait_for("unit: raft-02, firmware ", DEADLINE)


def test_a_unit_without_waiting_readings_may_become_another(
    unit: Chip, board: Board, kit: Path, tmp_path: Path
) -> None:
    mpremote(unit, "exec", "import os\nfor name in os.listdir('readings'): os.remove('readings/' + name)")
    other = tmp_path / "raft-02.toml"
    other.write_text(EXAMPLE.read_text().replace("raft-01", "raft-02"))
    done = flash(unit, kit, "--unit", str(other))
    assert done.returncode == 0, done.stdout + done.stderr
    board.console.wait_for("unit: raft-02, firmware ", DEADLINE)
    board.console.wait_for("unit: 0 readings of earlier boots are in flash", DEADLINE)


def test_ctrl_c_at_any_step_is_one_line_and_the_next_run_goes_through(unit: Chip, board: Board, kit: Path) -> None:
    readings = first_readings(unit)
    for step in ("its readings and settings stay", "cp "):
        command = [sys.executable, "-u", "-m", "firmware.host.flash", "--kit", str(kit), "--port", str(unit.port)]
        with subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            while step not in process.stdout.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert said.endswith("interrupted; run it again\n")
    done = flash(unit, kit)
    assert done.returncode == 0, done.stdout + done.stderr
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) == readings


def test_a_pulled_plug_while_writing_costs_nothing(unit: Chip, board: Board, kit: Path) -> None:
    readings = first_readings(unit)
    unit.pull_the_plug_when = lambda: unit.flash.read(MICROPYTHON + len(IMAGE) // 2, 1) == b"\xff"
    done = flash(unit, kit)
    assert complaint(done).endswith("and run this again")
    assert unit.flash.read(MICROPYTHON, len(IMAGE)) != IMAGE
    unit.pull_the_plug_when = lambda: False
    again = flash(unit, kit)
    assert again.returncode == 0, again.stdout + again.stderr
    assert unit.flash.read(MICROPYTHON, len(IMAGE)) == IMAGE
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) == readings


def test_only_force_erases_readings(unit: Chip, board: Board, kit: Path) -> None:
    readings = first_readings(unit)
    done = flash(unit, kit, "--force")
    assert complaint(done) == f"{unit.port}: the board holds no settings; name its unit with UNIT=…"
    assert "Hard resetting via RTS pin" in done.stdout
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    done = flash(unit, kit, "--force", "--unit", str(EXAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert first_readings(unit) != readings


def test_a_bare_board_needs_settings(chip: Chip, kit: Path) -> None:
    done = flash(chip, kit)
    assert complaint(done) == f"{chip.port}: the board holds no settings; name its unit with UNIT=…"
    assert chip.flash.read(0, 4 << 20) == b"\xff" * (4 << 20)


def test_another_chip_is_left_alone(tmp_path: Path, board: Board, kit: Path) -> None:
    with Chip(tmp_path, board, "esp32c3") as chip:
        done = flash(chip, kit, "--unit", str(EXAMPLE))
        assert complaint(done) == f"{chip.port}: a chip ESP32-C3, and the kit is for ESP32; take another board"
        assert chip.flash.read(0, 4 << 20) == b"\xff" * (4 << 20)
