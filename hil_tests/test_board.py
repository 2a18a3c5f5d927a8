"""The rig's board, with programs of a few lines in place of the firmware, and the real mpremote at its console."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.board import Board

DEADLINE = 15.0


@pytest.fixture
def uart() -> Iterator[tuple[int, Path]]:
    """Both ends of the bus: our descriptor and the board's port."""
    ours, theirs = pty.openpty()
    yield ours, Path(os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def board(tmp_path: Path, uart: tuple[int, Path]) -> Iterator[Board]:
    with Board(tmp_path / "board", uart[1]) as made:
        yield made


def install(board: Board, folder: Path, program: str) -> None:
    bundle = folder / "bundle"
    (bundle / "lib").mkdir(parents=True, exist_ok=True)
    (bundle / "lib" / "greeting.py").write_text("text = 'hello from lib'\n")
    (bundle / "main.py").write_text(program)
    board.install(bundle)


def mpremote(board: Board, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", str(board.port), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_boots_from_flash_after_power_on_and_power_cut(board: Board, tmp_path: Path) -> None:
    install(
        board, tmp_path, "import machine, greeting\nprint(greeting.text, machine.reset_cause())\nwhile True: pass\n"
    )
    for _ in range(3):
        board.power_on()
        board.console.wait_for("hello from lib 1", DEADLINE)
        board.power_cut()


def test_files_are_in_flash_when_the_power_goes(board: Board, tmp_path: Path) -> None:
    install(
        board, tmp_path, "with open('count', 'a') as file: file.write('x')\nprint('starts', open('count').read())\n"
    )
    for starts in ("starts x\n", "starts xx\n", "starts xxx\n"):
        board.power_on()
        board.console.wait_for(starts, DEADLINE)
        board.power_cut()


def test_a_damaged_file_system_is_not_formatted_over(board: Board, tmp_path: Path) -> None:
    install(board, tmp_path, "print('starts')\n")
    image = board.port.parent / "flash.img"
    content = bytearray(image.read_bytes())
    content[0:16] = content[4096:4112] = bytes(16)
    image.write_bytes(content)
    board.power_on()
    board.console.wait_for("OSError", DEADLINE)
    board.power_cut()
    assert image.read_bytes() == content


def test_mpremote_works_at_the_console_of_a_busy_program(board: Board, tmp_path: Path) -> None:
    install(board, tmp_path, "import machine, time\nprint('cause', machine.reset_cause())\nwhile True: time.sleep(1)\n")
    board.power_on()
    board.console.wait_for("cause 1", DEADLINE)
    assert "main.py" in mpremote(board, "fs", "ls")
    sent = tmp_path / "sent.txt"
    sent.write_text("a line\n" * 200)
    mpremote(board, "fs", "cp", str(sent), ":got.txt")
    assert mpremote(board, "fs", "cat", ":got.txt") == sent.read_text()
    assert mpremote(board, "exec", "import machine; print(machine.reset_cause())").strip() == "5"
    mpremote(board, "reset")
    board.console.wait_for("cause 2", DEADLINE)


def test_a_watchdog_that_nobody_feeds_starts_the_board_again(board: Board, tmp_path: Path) -> None:
    program = "import machine, time\nprint('cause', machine.reset_cause())\n{}\nwhile True: {}\n"
    install(board, tmp_path, program.format("machine.WDT(timeout=300)", "time.sleep(1)"))
    board.power_on()
    board.console.wait_for("cause 1", DEADLINE)
    board.console.wait_for("cause 3", DEADLINE)


def test_a_watchdog_that_is_fed_stays_quiet(board: Board, tmp_path: Path) -> None:
    install(
        board,
        tmp_path,
        "import machine, time\nprint('cause', machine.reset_cause())\ndog = machine.WDT(timeout=1500)\n"
        "for _ in range(20): dog.feed(); time.sleep(0.1)\nprint('fed')\nmachine.reset()\n",
    )
    board.power_on()
    board.console.wait_for("fed", DEADLINE)
    board.console.wait_for("cause 2", DEADLINE)
    assert "cause 3" not in board.console.text()


def test_the_uart_carries_bytes_both_ways(board: Board, tmp_path: Path, uart: tuple[int, Path]) -> None:
    install(
        board,
        tmp_path,
        "import machine, time\nuart = machine.UART(1, 115200, tx=17, rx=16)\nuart.write(b'\\x00\\x03\\r\\n\\xff')\n"
        "uart.flush()\nwhile not uart.any(): time.sleep_ms(5)\nprint('got', uart.read(), uart.read())\n",
    )
    board.power_on()
    assert os.read(uart[0], 100) == b"\x00\x03\r\n\xff"
    os.write(uart[0], b"\x11\x13\x04\x0a")
    board.console.wait_for(r"got b'\x11\x13\x04\n' None", DEADLINE)


def test_wifi_comes_and_goes(board: Board, tmp_path: Path) -> None:
    install(
        board,
        tmp_path,
        "import network, time\nstation = network.WLAN(network.STA_IF)\nstation.active(True)\n"
        "station.connect('a', 'b')\n"
        "seen = None\nwhile True:\n  if station.isconnected() != seen:\n    seen = station.isconnected()\n"
        "    print('wifi', seen)\n  time.sleep_ms(10)\n",
    )
    board.power_on()
    board.console.wait_for("wifi True", DEADLINE)
    board.set_wifi(reachable=False)
    board.console.wait_for("wifi False", DEADLINE)
    board.set_wifi(reachable=True)
    board.console.wait_for("wifi True", DEADLINE)


def test_the_heap_is_bounded(board: Board, tmp_path: Path) -> None:
    install(board, tmp_path, "held = []\nwhile True: held.append(bytearray(1000))\n")
    board.power_on()
    board.console.wait_for("MemoryError", DEADLINE)


def test_stop_ends_every_process(tmp_path: Path, uart: tuple[int, Path]) -> None:
    board = Board(tmp_path / "board", uart[1])
    install(board, tmp_path, "print('running')\nwhile True: pass\n")
    board.power_on()
    board.console.wait_for("running", DEADLINE)
    board.stop()
    commands = [entry.read_bytes() for entry in Path("/proc").glob("[0-9]*/cmdline") if entry.exists()]
    assert not [command for command in commands if str(tmp_path).encode() in command]
