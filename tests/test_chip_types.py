"""Board code agrees with the ESP32's stubs, and the check sees it when code does not."""

import re
from pathlib import Path

import pytest

from ingest.settings_file import SettingsError
from tools.chip_types import BOARD, LOCK, ROOT, check, stubs

RIGHT = """
import asyncio
import machine
import network

def start(pin):
    machine.UART(1, baudrate=9600, tx=17, rx=16)
    machine.WDT(timeout=1000)
    machine.Pin(pin, machine.Pin.OUT, value=0)
    network.WLAN(network.STA_IF).isconnected()

async def wait():
    await asyncio.sleep(1)
"""
WRONG = """
import asyncio, gc, machine, network, os, time
def start(pin):
    machine.UART(1, baud=9600)
    machine.WDT(timeout_ms=1)
    machine.WDT(0, 1000)
    machine.Pin(pin, machine.Pin.OUTPUT)
    machine.Pin()
    machine.restart()
    network.WLAN().isconnected(1)
    network.WLAN(network.STATION)
    network.WLAN(0).connect(key="secret")
    time.sleep_ms("1")
    time.perf_counter()
    gc.freeze()
    os.path.exists("unit.json")
    machine.UART(1).any().decode()
async def wait(reader):
    asyncio.StreamReader(machine.UART(1)).read_all()
    await asyncio.wait_for(reader.read(1), timeout="1")
    import dataclasses
"""


def test_board_code_agrees_with_the_stubs() -> None:
    assert check(sorted(BOARD.glob("*.py"))) == []


def test_what_the_chip_takes_is_no_complaint(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    assert check([tmp_path / "right.py"]) == []


def test_every_wrong_call_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    complaints = "\n".join(check([tmp_path / "wrong.py"]))
    found = {int(line) for line in re.findall(r"wrong\.py:(\d+): error", complaints)}
    lines = WRONG.splitlines()
    missed = [lines[number - 1] for number in range(4, len(lines) + 1) if number not in found]
    assert missed == ["async def wait(reader):"]


def test_stubs_that_are_not_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.lock").write_text("micropython-esp32-stubs==1.29.0.post1 --hash=sha256:" + 64 * "0" + "\n")
    with pytest.raises(SettingsError, match=r"other\.lock: stubs cannot be installed: .*run again$"):
        stubs(tmp_path / "other.lock", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.lock"]


def test_the_stubs_stay_out_of_the_virtual_environment() -> None:
    assert "-stubs==" in LOCK.read_text("utf-8")
    assert "micropython-stdlib-stubs" not in (ROOT / "requirements.lock").read_text("utf-8")
