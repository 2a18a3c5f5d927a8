"""The doctor at the console of the rig's board, which runs the real firmware; the gateway is scripted."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.host.bundle import CACHE, build
from firmware.host.umqtt import source
from hil_tests.board import Board
from hil_tests.bus import Bus
from hil_tests.raft import HEAP
from hil_tests.scripted_gateway import ScriptedGateway
from hil_tests.services import REPOSITORY, Mosquitto, wait_until

DEADLINE = 40.0
EXAMPLE = REPOSITORY / "firmware" / "unit.example.toml"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path) as bus:
        yield bus


@pytest.fixture
def board(tmp_path: Path, bus: Bus) -> Iterator[Board]:
    with Board(tmp_path / "board", bus.port, heap=HEAP) as board:
        yield board


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, {"gateway": "gateway-secret", "raft-01": "unit-secret"}) as broker:
        yield broker


def start(board: Board, folder: Path, port: int = 1) -> None:
    """The unit raft-01 polls every second, and its broker is at that port."""
    text = EXAMPLE.read_text().replace("192.168.4.1", "127.0.0.1").replace("port = 1883", f"port = {port}")
    text = text.replace("period = 10", "period = 1").replace("change-me-unit", "unit-secret")
    (folder / "unit.toml").write_text(text)
    build(folder / "unit.toml", folder / "bundle", lambda: source(CACHE))
    board.install(folder / "bundle")
    board.power_on()
    board.console.wait_for("unit: raft-01, firmware ", DEADLINE)


def doctor(port: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firmware.host.doctor", "--port", str(port)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(board: Board, *codes: str) -> Callable[[], bool]:
    """Whether the doctor finds all of these now."""

    def met() -> bool:
        lines = doctor(board.port).stdout.splitlines()
        return set(codes) <= {code for line in lines[1:] for code in line.split()[1:2]}

    return met


def test_a_unit_that_works_is_well_and_works_on(board: Board, broker: Mosquitto, tmp_path: Path) -> None:
    with ScriptedGateway(broker.port, "gateway-secret", "raft-01") as gateway:
        start(board, tmp_path, broker.port)
        gateway.wait_for(lambda gateway: len(gateway.stored()) >= 6, DEADLINE, "readings")
        done = doctor(board.port)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        title, *lines = done.stdout.splitlines()
        assert title.startswith("raft-01, firmware ")
        things = [line.split()[2].rstrip(":") for line in lines]
        wanted = ["supply", "bus", "bus", "wifi", "broker", "acknowledgements", "clock", "spool", "heap"]
        assert things == wanted
        assert not [line for line in lines if line.startswith("error")]
        assert "not_known" not in done.stdout
        stored = len(gateway.stored())
        gateway.wait_for(lambda gateway: len(gateway.stored()) >= stored + 4, DEADLINE, "readings after the question")
    assert board.console.text().count("unit: raft-01, firmware ") == 1


def test_a_broken_cable_and_a_gateway_that_is_gone_are_errors(board: Board, bus: Bus, tmp_path: Path) -> None:
    bus.do("cut")
    start(board, tmp_path)
    wait_until(told(board, "broker_away", "unacknowledged", "clock_unset"), DEADLINE, "the gateway's findings")
    device_is_missed = (told(board, "device_offline"), told(board, "device_suspect"))
    wait_until(lambda: any(met() for met in device_is_missed), DEADLINE, "the devices' findings")
    assert doctor(board.port).returncode == 1


def test_no_wifi_is_an_error(board: Board, tmp_path: Path) -> None:
    board.set_wifi(reachable=False)
    start(board, tmp_path)
    wait_until(told(board, "wifi_lost"), DEADLINE, "the finding")


def test_a_board_at_its_prompt_says_so(board: Board) -> None:
    board.power_on()
    board.console.wait_for(">>> ", DEADLINE)
    done = doctor(board.port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{board.port}: the firmware does not run, the board waits at its prompt; unplug it and plug it in again\n"
    )


def test_a_board_with_damaged_settings_says_so(board: Board, tmp_path: Path) -> None:
    build(EXAMPLE, tmp_path / "bundle", lambda: source(CACHE))
    (tmp_path / "bundle" / "unit.json").write_text("{")
    board.install(tmp_path / "bundle")
    board.power_on()
    board.console.wait_for("unit.json is not JSON", DEADLINE)
    done = doctor(board.port)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no report, but the board says 'unit.json is not JSON" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = doctor(tmp_path / "ttyUSB9")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "check cable and port" in done.stderr
