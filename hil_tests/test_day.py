"""A day of the deployed firmware on the real MicroPython, with a heap of 128 kB and a clock that jumps.

Objects have 64 bits here, so this heap is worth about 64 kB on the ESP32. The firmware begins with as much of it free
as an interpreter with `-X heapsize=128k` has: what the stand-ins hold at that time comes on top, what they take later
does not.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firmware.host.bundle import CACHE, build
from firmware.host.bytecode import compiled
from firmware.host.umqtt import source
from hil_tests.board import MICROPYTHON, SHIM, flash_image
from hil_tests.frame import with_crc
from hil_tests.raft import READS, UNIT_FILE

STAND_INS = Path(__file__).parent.parent / "tests" / "board_suite" / "day"
HEAP = "-X", "heapsize=128k"
NOISE = 1024
"""Bytes. A list keeps the room that it once needed, such as for segments, and the collector takes some numbers on the
stack for objects, so that the same state differs by some hundred bytes from one hour to the next."""


def replies() -> dict[str, str]:
    """By request: what the devices answer, both in hex. Each register holds a number of its own; there are 16 cells."""
    answers = {}
    for address, reads in READS.items():
        for function, start, count in reads:
            request = with_crc(bytes([address, function]) + start.to_bytes(2, "big") + count.to_bytes(2, "big"))
            data = (
                bytes(count + 7 >> 3)
                if function < 3
                else b"".join(_register(n).to_bytes(2, "big") for n in range(count))
            )
            answers[request.hex()] = with_crc(bytes([address, function, len(data)]) + data).hex()
    return answers


def _register(number: int) -> int:
    return 3000 + number if number < 16 else 0


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MICROPYTHON, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("day")
    unit_file = folder / "unit.toml"
    settings = {"port": 1883, "password": "secret", "broker": "", "more": "led = 2", "wifi_password": "village-secret"}
    unit_file.write_text(UNIT_FILE.format(**settings).replace("period = 1\n", "period = 10\n"))
    bundle = folder / "bundle"
    build(unit_file, bundle, lambda: source(CACHE))
    for path in STAND_INS.glob("*.py"):
        (bundle / f"{path.stem}.mpy").write_bytes(compiled(path.name, path.read_bytes()))
    (bundle / "replies.json").write_text(json.dumps(replies()))
    image = flash_image(folder)
    subprocess.run([MICROPYTHON, SHIM / "install.py", image, bundle], check=True, timeout=60)
    free = run(*HEAP, "-c", "import gc; gc.collect(); print(gc.mem_free())").stdout.strip()
    ran = run("-X", "heapsize=192k", STAND_INS / "start.py", SHIM, image, free)
    said = ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.startswith("DAY ")]
    assert told, said
    result: dict[str, Any] = json.loads(told[-1][4:])
    return result | {"console": said}


def test_a_day_goes_by_without_an_exception_or_a_restart(day: dict[str, Any]) -> None:
    assert day["end"] == "the day is over", day["console"]
    assert day["hours"] >= 24
    assert "Traceback" not in day["console"]
    assert day["console"].count("start 1, ") == 1


def test_every_reading_of_the_day_is_acknowledged_and_none_is_given_up(day: dict[str, Any]) -> None:
    [[first, last]] = day["acknowledged"]
    assert first == 0
    assert last + 1 >= 2 * 24 * 360 + 24 * 60 - 10, "two devices every 10 s, and the board every minute"
    assert day["lost"] == 0


def test_the_outages_really_happened(day: dict[str, Any]) -> None:
    for said in ("no answer", "answers again", "ECONNREFUSED", "does not answer", "Wi-Fi is gone"):
        assert said in day["console"]


def test_the_heap_does_not_grow(day: dict[str, Any]) -> None:
    at_first, at_last = day["free"]
    assert at_last >= at_first - NOISE, day["free"]
