"""The scan of the emulated bus both ways: through the rig's board with the real mpremote, and as with an adapter."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.host.bridge import adapter
from firmware.host.bundle import CACHE, build
from firmware.host.profile import known_models, load
from firmware.host.scan import Scan, steps
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.services import REPOSITORY, wait_until

DEADLINE = 40.0
MODELS = ("--model", "jk_pb", "--model", "epever_tracer", "--model", "seplos_v3")
ADDRESSES = ("--address", "1", "--address", "2")
JK = "address 2 at 115200 baud 8N1: jk_pb"
TRACER = "address 1 at 115200 baud 8N1: epever_tracer"
READING = {1, 2, 3, 4, 0x2B}
"""The function codes that a scan may use."""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path, minds_baudrate=True) as bus:
        yield bus


@pytest.fixture
def board(tmp_path: Path, bus: Bus) -> Iterator[Board]:
    """The unit raft-01 at work, with nobody who hears its readings."""
    build(REPOSITORY / "firmware" / "unit.example.toml", tmp_path / "bundle", lambda: source(CACHE))
    with Board(tmp_path / "board", bus.port) as board:
        board.install(tmp_path / "bundle")
        board.power_on()
        board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
        yield board


def command(port: Path) -> list[str]:
    return [sys.executable, "-m", "firmware.host.scan", "--port", str(port), *MODELS, *ADDRESSES]


def scan(port: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(port, *options), cwd=REPOSITORY, capture_output=True, text=True, timeout=160, check=False
    )


def functions_asked(bus: Bus) -> set[int]:
    return {exchange.request[1] for exchange in bus.ledger.exchanges() if exchange.fault != "not a frame"}


def test_through_an_adapter(bus: Bus) -> None:
    done = scan(bus.port)
    assert done.returncode == 0, done.stderr
    title, *found, count = map(str.rstrip, done.stdout.splitlines())
    assert title == f"scanning through an adapter (no board answers there) at {bus.port}"
    assert found == [TRACER, JK]
    assert count.startswith("2 found in ")
    assert functions_asked(bus) <= READING
    assert not bus.ledger.write_attempts()


def test_through_a_board_which_works_on_afterwards(bus: Bus, board: Board) -> None:
    done = scan(board.port)
    assert done.returncode == 0, done.stderr
    title, *found, _ = map(str.rstrip, done.stdout.splitlines())
    assert title == f"scanning through the board at {board.port}"
    assert found == [TRACER, JK]
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)
    assert functions_asked(bus) <= READING


EVERY_MODEL = {
    115200: {"epever_tracer": TRACER, "jk_pb": JK},
    19200: {"seplos_v3": "address 0 at 19200 baud 8N1: seplos_v3"},
    9600: {
        "pace": "address 3 at 9600 baud 8N1: pace",
        "pace_extended": "address 4 at 9600 baud 8N1: pace",
        "renogy_rover": "address 5 at 9600 baud 8N1: renogy_rover",
        "morningstar_tristar": "address 6 at 9600 baud 8N2: morningstar_tristar",
        "daly_p81": "address 129 at 9600 baud 8N1: daly",
        "daly": "address 210 at 9600 baud 8N1: daly or morningstar_tristar: fits more than one; its name plate decides",
    },
}
"""Baud rate → stand-in → what the scan says of it."""


@pytest.mark.parametrize("baudrate", EVERY_MODEL)
def test_every_model_is_recognised_and_none_taken_for_another(tmp_path: Path, baudrate: int) -> None:
    """Each is asked as a device of every model that has its baud rate and can have its address."""
    expected = EVERY_MODEL[baudrate]
    profiles = [profile for profile in map(load, known_models()) if profile.baudrate == baudrate]
    addresses = [int(line.split()[1]) for line in expected.values()]
    with (
        Bus(tmp_path, devices=",".join(expected), baudrate=baudrate, minds_baudrate=True) as bus,
        adapter(str(bus.port)) as over,
    ):
        scan = Scan(over)
        found = [str(each) for each in scan.run(steps(profiles, every_address=False, only=addresses))]
    assert found == list(expected.values())
    assert scan.noisy == 0


def test_no_model_is_left_out() -> None:
    told = {line.split()[6] for found in EVERY_MODEL.values() for line in found.values()}
    assert told == set(known_models())


def test_ctrl_c_before_the_first_question_is_one_line(bus: Bus) -> None:
    with subprocess.Popen(
        command(bus.port), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(bus.ledger.exchanges()), DEADLINE, "what asks whether a board is there")
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaint.strip()) == (130, "interrupted; run it again")


def test_an_interrupted_scan_shows_what_it_found_and_the_board_works_on(board: Board) -> None:
    with subprocess.Popen(
        command(board.port), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        while TRACER not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=DEADLINE)
    assert (process.returncode, complaint) == (0, "")
    assert "interrupted" in said
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)


def test_a_board_that_loses_its_power_is_one_line(board: Board) -> None:
    with subprocess.Popen(
        command(board.port), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        while TRACER not in process.stdout.readline():
            assert process.poll() is None
        board.power_cut()
        _, complaint = process.communicate(timeout=2 * DEADLINE)
    assert process.returncode == 2
    assert complaint.count("\n") == 1
    assert "no answer from MicroPython" in complaint


def test_a_board_without_firmware_is_one_line(tmp_path: Path, bus: Bus) -> None:
    with Board(tmp_path / "bare", bus.port) as bare:
        bare.power_on()
        bare.console.wait_for(">>> ", DEADLINE)
        done = scan(bare.port)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "make the board a unit first, with make flash" in done.stderr


def test_another_master_on_the_bus_is_noise(bus: Bus) -> None:
    bus.do("fault", kind="wrong_address", times=None)
    done = scan(bus.port)
    assert done.returncode == 1, done.stdout
    assert re.search(
        r"^0 found in \d+ questions; have the devices power, is A on A and B on B\?", done.stdout, re.MULTILINE
    )
    assert "noise: after " in done.stdout
    assert "such as a running board" in done.stdout


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = scan(tmp_path / "ttyUSB9")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "check cable and port" in done.stderr
